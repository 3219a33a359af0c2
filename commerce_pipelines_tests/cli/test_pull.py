"""`commerce-pipelines pull`: one order by its number, from any marketplace into Odoo, by the lane of all orders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from commerce_pipelines.channels.capabilities import Window
from commerce_pipelines.cli.dev import dagster_home
from commerce_pipelines.cli.main import main
from commerce_pipelines.domain.orders.order import Order, OrderStatus
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.resources.run_here import open_instance
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_sandbox.after_sale import ShopifyDesk
from commerce_sandbox.world import World, running


class Place:
    """The demo's world, and a person at a terminal in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.connections: Connections = open_connections(settings_file.load())

    def __call__(self, *arguments: str) -> Result:
        result = CliRunner().invoke(main, list(arguments))
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def orders(self, name: str) -> list[Order]:
        """The channel's orders of the last days that can be read, oldest first."""
        source = self.connections.channel(name).orders
        window = Window(self.world.start - timedelta(days=6), self.world.start)
        raws = [raw for page in source.created(window) for raw in page.records]
        return sorted((source.translate(raw) for raw in raws), key=lambda order: order.placed_at)

    def sales(self) -> dict[str, str]:
        """Names of Odoo's orders by the channel's number."""
        rows = self.world.odoo.database.rows["sale.order"].values()
        return {row["client_order_ref"]: row["name"] for row in rows}

    def landed(self) -> int:
        with self.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(DISTINCT record_id) FROM commerce.snapshots")
            return int(cursor.fetchone()[0])  # type: ignore[index]


@pytest.fixture
def place(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.chdir(tmp_path)
    with running() as world:
        (tmp_path / "commerce.yaml").write_text(world.settings())
        for name, value in world.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("COMMERCE_DATABASE_URL", warehouse.url)
        with open_instance(dagster_home(Path.cwd())) as instance:
            instance.wipe()
            yield Place(world)


def simple(orders: list[Order]) -> Order:
    """A paid order that has nothing unusual about it."""
    return next(
        order for order in orders
        if order.status is OrderStatus.PAID and not order.is_test and not order.is_other_channel
        and order.destination.country == "DE" and all(line.sku or line.kind != "product" for line in order.lines)
    )  # fmt: skip


@pytest.mark.parametrize("name", ["amazon_eu", "ebay_de", "shopify_de"])
def test_one_order_comes_by_its_number_and_no_other(place: Place, name: str) -> None:
    order = simple(place.orders(name))
    pulled = place("pull", name, order.order_id)
    assert pulled.exit_code == 0, pulled.output
    sale = place.sales()[order.number]
    assert re.search(rf"{re.escape(order.order_id)} .*{sale} http\S+/odoo/sales/\d+", pulled.output)
    assert (len(place.sales()), place.landed()) == (1, 1)
    with open_instance(dagster_home(Path.cwd())) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]
    again = place("pull", name, order.order_id)
    assert (again.exit_code, sale in again.output, len(place.sales())) == (0, True, 1)
    unknown = place("pull", name, "404-0000000-0000000")
    assert unknown.exit_code == 1
    assert f"commerce-pipelines: {name} has no order 404-0000000-0000000" in unknown.output
    assert place.landed() == 1


def test_shopifys_name_of_an_order_is_its_number_too(place: Place) -> None:
    order = simple(place.orders("shopify_de"))
    assert order.number.startswith("#")
    for number in (order.number, order.number.removeprefix("#")):
        pulled = place("pull", "shopify_de", number)
        assert (pulled.exit_code, place.sales()[order.number] in pulled.output) == (0, True), pulled.output
    assert place("pull", "shopify_de", "#1").exit_code == 1
    assert place("pull", "shopify_de", "no' order").exit_code == 1
    assert place.landed() == 1


def test_its_returns_and_refunds_come_with_it(place: Place) -> None:
    desk = ShopifyDesk(place.world.channels["shopify_de"])
    order = next(order for order in place.orders("shopify_de") if order.number in set(desk.list_open()))
    desk.pay_back(order.number, 1, order.updated_at + timedelta(hours=1), goods=True)
    pulled = place("pull", "shopify_de", order.order_id)
    assert (pulled.exit_code, place.sales()[order.number] in pulled.output) == (0, True), pulled.output
    assert "Return 8000001 waits" in pulled.output  # nothing was delivered
    assert "(exceeds_delivery)" in pulled.output
    assert "Refund 8000001 waits" in pulled.output
    assert "(not_invoiced)" in pulled.output
    assert place.landed() == 3 - 1  # the return and the refund have the same number


def test_what_an_order_waits_for_is_said_and_a_second_pull_tries_again(place: Place) -> None:
    order = simple(place.orders("shopify_de"))
    sku = next(line.sku for line in order.lines if line.sku)
    products = place.world.odoo.database.rows["product.product"]
    product = next(row for row in products.values() if row["default_code"] == sku)
    product["sale_ok"] = False
    waits = place("pull", "shopify_de", order.order_id)
    assert "waits: " in waits.output
    assert "(unsellable_product)" in waits.output
    assert "Tick 'Sales'" in waits.output
    assert place.sales() == {}
    product["sale_ok"] = True
    assert place.connections.odoo  # the same answer again, and the cause is gone
    second = place("pull", "shopify_de", order.order_id)
    assert (second.exit_code, place.sales()[order.number] in second.output) == (0, True), second.output


def test_an_exception_that_is_not_there_is_an_error(place: Place) -> None:
    for command in (("show", "ebay_de", "1"), ("replay", "ebay_de", "1"), ("replay", "ebay_de", "--reason", "no_sku")):
        answer = place("exceptions", *command)
        assert (answer.exit_code, "exceptions list ebay_de" in answer.output) == (1, True), answer.output
    assert place("exceptions", "replay", "ebay_de").exit_code == 0


def test_a_channel_that_is_not_there_and_a_day_before_the_first(place: Place) -> None:
    assert "commerce.yaml" in place("pull", "nowhere", "1").output
    order = simple(place.orders("ebay_de"))
    path = Path("commerce.yaml")
    path.write_text(re.sub(r"start_date: '?[\d-]+'?", f"start_date: {place.world.start.date()}", path.read_text()))
    early = place("pull", "ebay_de", order.order_id)
    assert (early.exit_code, "channels[ebay_de].start_date" in early.output) == (1, True), early.output
