"""`commerce-pipelines erase | export`, as a person types them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from commerce_pipelines.cli.main import main
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.orders.stage import stage
from commerce_pipelines.resources.connections import open_connections
from commerce_pipelines.settings.file import load
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.shopify import ShopifyStandIn, demo_orders


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ShopifyStandIn]:
    """A folder with settings, and one shop whose orders are landed."""
    monkeypatch.chdir(tmp_path)
    for name in ("ODOO_PASSWORD", "ID", "SECRET"):
        monkeypatch.setenv(name, "admin")
    monkeypatch.setenv("COMMERCE_MASTER_KEY", base64.urlsafe_b64encode(MASTER_KEY).decode())
    monkeypatch.setenv("COMMERCE_DATABASE_URL", warehouse.url)
    with ExitStack() as stack:
        shop = stack.enter_context(ShopifyStandIn())
        odoo = stack.enter_context(OdooStandIn(demo_database(CATALOGUE)))
        settings = {
            "odoo": {"url": odoo.url, "database": "demo", "username": "admin", "password": {"env": "ODOO_PASSWORD"}},
            "channels": [
                {
                    "name": "shop_de", "kind": "shopify", "shop": "demo.myshopify.com", "endpoint": shop.url,
                    "credentials": {"client_id": {"env": "ID"}, "client_secret": {"env": "SECRET"}},
                    "start_date": "2025-01-01",
                }
            ],
        }  # fmt: skip
        (tmp_path / "commerce.yaml").write_text(yaml.safe_dump(settings))
        now = datetime.now(UTC)
        for order in demo_orders(3, 1, now, CATALOGUE):
            shop.add(order)
        days = (now.date() - timedelta(days=3), now.date() + timedelta(days=1))
        connections = open_connections(load())
        pull(connections, "shop_de", *days)
        stage(connections, "shop_de", *days)
        yield shop


def cancel_all(warehouse: Warehouse) -> None:
    """No order is to be brought to Odoo any more."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.orders SET status = 'cancelled'")


def run(*arguments: str, text: str = "") -> Result:
    result = CliRunner().invoke(main, list(arguments), input=text)
    assert "Traceback" not in result.output
    return result


def find_email(shop: ShopifyStandIn) -> str:
    return next(order["email"] for order in shop.orders.rows.values() if order.get("email"))


def test_nobody_is_erased_without_consent(shop: ShopifyStandIn) -> None:
    email = find_email(shop)
    result = run("erase", "--email", email, text="n\n")
    assert result.exit_code != 0
    assert "Orders: " in result.output
    assert run("export", "--email", email, "--output", "person.json").exit_code == 0


def test_an_order_on_its_way_lets_it_wait(shop: ShopifyStandIn) -> None:
    result = run("erase", "--email", find_email(shop), "--yes", "--json")
    assert result.exit_code == 0, result.output
    assert "is not in Odoo yet" in result.output
    assert json.loads(result.output.splitlines()[-1])["done"] is False


def test_a_person_is_exported_and_then_erased(shop: ShopifyStandIn, warehouse: Warehouse) -> None:
    cancel_all(warehouse)
    email = find_email(shop)
    assert run("export", "--email", email, "--output", "person.json").exit_code == 0
    path = Path("person.json")
    assert email in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    again = run("export", "--email", email, "--output", "person.json")
    assert (again.exit_code, "person.json" in again.output) == (1, True)

    result = run("erase", "--email", email, "--yes", "--json")
    assert result.exit_code == 0, result.output
    certificate = json.loads(result.output.splitlines()[-1])
    assert certificate["done"] is True
    assert email not in result.output
    run("export", "--email", email, "--output", "later.json")
    assert not Path("later.json").exists() or email not in Path("later.json").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--email", "a@example.com", "--order", "1"),
        ("--order", "1"),
        ("--email", "a@example.com", "--channel", "x"),
    ],
)
def test_one_person_is_named_in_one_way(shop: ShopifyStandIn, arguments: tuple[str, ...]) -> None:
    assert run("erase", *arguments).exit_code == 2


def test_a_stranger_is_told(shop: ShopifyStandIn) -> None:
    result = run("erase", "--email", "nobody@example.com")
    assert (result.exit_code, "Nothing is known of this person" in result.output) == (1, True)
    wrong = run("erase", "--email", "nobody")
    assert (wrong.exit_code, "no e-mail address" in wrong.output) == (1, True)
