"""A newcomer's path through the demo's pages: buys, sees the order in Odoo and less stock everywhere, breaks a login,
is told, heals it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from commerce_pipelines.assets import orders as orders_assets
from commerce_pipelines.assets.common import RANGE_END, RANGE_START
from commerce_pipelines.cli.main import main
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.core.section import Secret
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.resources.alerts import alert
from commerce_pipelines.resources.connections import open_connections
from commerce_pipelines.sensors.orders import TABLES
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.sandbox.test_pages import SKU, Visitor
from commerce_sandbox import preparing
from commerce_sandbox import world as sandbox
from commerce_sandbox.demo import whole_stock

SHOP, OTHER = "shopify_de", "ebay_de"


class Newcomer(Visitor):
    """Runs the lanes by hand as well."""

    job: dg.JobDefinition
    instance: dg.DagsterInstance
    span: dict[str, str]

    def run(self, assets: list[list[str]], tags: dict[str, str]) -> bool:
        return self.job.execute_in_process(
            instance=self.instance, asset_selection=[dg.AssetKey(key) for key in assets], tags=tags,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}, raise_on_error=False,
        ).success  # fmt: skip

    def bring_orders(self, shop: str) -> bool:
        return self.run([[shop, table] for table in TABLES], {**self.span, **run_tags(shop, "orders")})

    def push_stock(self, shop: str) -> bool:
        assets, tags = whole_stock(shop)
        return self.run(assets, tags)

    def count_for_sale(self, shop: str) -> int:
        """As the shop's page shows it."""
        row = re.search(rf'<tr id="{SKU}">.*?<td class="n">(\d+)</td>', self.see(f"/shop/{shop}"), re.DOTALL)
        assert row is not None
        return int(row[1])


@pytest.fixture
def newcomer(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Newcomer]:
    monkeypatch.setattr(sandbox, "DAYS", 1)
    monkeypatch.setattr(orders_assets, "RETRY", dg.RetryPolicy(max_retries=0))
    with ExitStack() as stack:
        world = stack.enter_context(sandbox.running())
        # Runs leave the last seconds to the next run: a marketplace may still add to them.
        stack.enter_context(preparing.shown(world, 0, now=lambda: datetime.now(UTC) - timedelta(minutes=5)))
        environ = {
            **world.environment(tmp_path), "COMMERCE_DATABASE_URL": warehouse.url,
            "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(),
        }  # fmt: skip
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        connections = open_connections(settings_file.parse(world.settings()))
        visitor = Newcomer(world, world.pages)
        visitor.job = build_defs(connections.settings, connections).resolve_implicit_global_asset_job_def()
        visitor.instance = stack.enter_context(dg.DagsterInstance.ephemeral())
        today = datetime.now(connections.settings.channel(SHOP).zone).date()
        visitor.span = {RANGE_START: (today - timedelta(days=1)).isoformat(), RANGE_END: today.isoformat()}
        yield visitor


def test_a_newcomer_buys_breaks_and_heals(newcomer: Newcomer) -> None:
    assert newcomer.press("/odoo/do/adjust", sku=SKU, units="100") == 303
    for shop in (SHOP, OTHER):
        assert newcomer.push_stock(shop)
    before = {shop: newcomer.count_for_sale(shop) for shop in (SHOP, OTHER)}
    order = newcomer.buy(SHOP, 20)
    assert newcomer.bring_orders(SHOP)
    (sale,) = re.findall(rf'<tr><td><a href="(/odoo/sales/\d+)">S\d+</a></td><td>{order.reference}</td>',
                         newcomer.see("/odoo"))  # fmt: skip
    assert "Sales order" in newcomer.see(sale)
    assert order.total in newcomer.see(sale)
    assert "delivery</td><td>WH/OUT/" in newcomer.see(sale)
    for shop in (SHOP, OTHER):
        assert newcomer.push_stock(shop)
        assert newcomer.count_for_sale(shop) <= before[shop] - 19  # 95 % of what is left, and other orders of the shop

    assert newcomer.press("/break/revoked", where=OTHER) == 303
    newcomer.buy(OTHER, 1)
    assert not newcomer.bring_orders(OTHER)
    assert newcomer.bring_orders(SHOP)  # the others go on
    assert newcomer.press("/break/heal") == 303
    assert newcomer.bring_orders(OTHER)
    rows = newcomer.world.odoo.database.rows["sale.order"].values()
    assert newcomer.world.counters[OTHER].list_orders(1)[0].reference in {row["client_order_ref"] for row in rows}


def test_half_of_the_stock_shown_as_none_trips_the_breaker(newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert newcomer.push_stock(OTHER)
    connections = open_connections(settings_file.parse(newcomer.world.settings(guarded=True)))
    newcomer.job = build_defs(connections.settings, connections).resolve_implicit_global_asset_job_def()
    before = newcomer.count_for_sale(OTHER)
    assert newcomer.press("/break/miscounted", where="odoo") == 303
    assert not newcomer.push_stock(OTHER)
    assert newcomer.count_for_sale(OTHER) == before
    assert newcomer.press("/break/heal") == 303
    assert newcomer.push_stock(OTHER)


def test_a_poisoned_order_waits_and_the_others_go_on(newcomer: Newcomer) -> None:
    for shop in (SHOP, OTHER):
        assert newcomer.press("/break/poison", where=shop) == 303
        poisoned = newcomer.world.counters[shop].list_orders(1)[0].reference
        sound = newcomer.buy(shop, 1).reference
        assert newcomer.bring_orders(shop)
        rows = newcomer.world.odoo.database.rows["sale.order"].values()
        assert {sound, poisoned} & {row["client_order_ref"] for row in rows} == {sound}


def test_what_is_sent_as_an_alert_stands_on_the_page(newcomer: Newcomer) -> None:
    assert alert([Secret(env="DEMO_ALERTS")], "orders of ebay_de failed", "ebay_de wants a new token.") == []
    assert "ebay_de wants a new token." in newcomer.see("/break")


def test_the_demo_s_folder_lets_every_command_work(newcomer: Newcomer, tmp_path: Path) -> None:
    """What commands need: the settings, and each variable that these name, readable by nobody else."""
    from dotenv import dotenv_values

    environment = newcomer.world.environment(tmp_path)
    preparing.write_env(tmp_path / ".env", environment)
    preparing.write_settings(newcomer.world, tmp_path)
    assert dotenv_values(tmp_path / ".env") == environment
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    settings = settings_file.load(tmp_path / "commerce.yaml", environment)
    assert [channel.name for channel in settings.channels] == list(sandbox.LANES)


def test_the_commands_work_on_the_demo(newcomer: Newcomer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a newcomer types in its folder; nothing is wrong there that is not wrong on purpose."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COMMERCE_CONFIG", raising=False)
    preparing.write_settings(newcomer.world, tmp_path)
    order = newcomer.buy(SHOP, 1)
    assert newcomer.bring_orders(SHOP)

    def type_in(line: str) -> str:
        result = CliRunner().invoke(main, line.split())
        assert result.exit_code == 0, (line, result.output)
        return result.output

    assert "✗" not in type_in("check")
    assert order.total in type_in(f"trace {SHOP} {order.reference}")  # as the shop's page calls it
    assert "on the way" in type_in(f"report {SHOP}")
    for line in ("exceptions list", "channels list", "limits", "audit", "drift", f"plan {SHOP}"):
        assert type_in(line)
    for part in ("inventory", "shipments", "refunds"):
        assert type_in(f"{part} plan {SHOP}")
