"""An exchange from the shop to Odoo, through Dagster's lanes: a kettle comes back, and a grinder goes out for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from commerce_pipelines.assets.common import RANGE_END, RANGE_START
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.resources.connections import open_connections
from commerce_pipelines.sensors.orders import TABLES as OF_ORDERS
from commerce_pipelines.sensors.returns import TABLES as OF_RETURNS
from commerce_pipelines.settings.file import load
from commerce_pipelines.warehouse.exceptions import open_exceptions
from commerce_pipelines_tests.cli.test_main import Shell, shell  # noqa: F401 - a fixture
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.shopify import Line, make_order
from commerce_sandbox.shopify.returning import Back, add_exchange, dispose, make_refund, make_return, process_exchange
from commerce_sandbox.shopify.shop import instant

NAME = "shop_de"
LANES = {"orders": OF_ORDERS, "returns": OF_RETURNS}


class Exchanged:
    """A shop with one order, which is delivered and invoiced in Odoo; then the buyer exchanges it."""

    def __init__(self, shell: Shell) -> None:  # noqa: F811
        self.shell, self.now = shell, datetime.now(UTC)
        shell.write(time_zone="UTC", returns={"enabled": True})
        self.old, self.new = (article.sku for article in CATALOGUE[:2])
        order = make_order(
            [Line(self.old, "Old", 10_000)], number=11, created=instant(self.now - timedelta(hours=2)), shipping=0,
            email="ada@example.com", fulfilment="FULFILLED",
        )  # fmt: skip
        shell.shop.add(order)
        self.order = shell.shop.orders.rows[order["id"]]
        self.connections = open_connections(load())
        self.job = build_defs(self.connections.settings, self.connections).resolve_implicit_global_asset_job_def()

    def run(self, instance: dg.DagsterInstance, flow: str) -> None:
        days = [(self.now + timedelta(days=offset)).date().isoformat() for offset in (-2, 0)]
        assert self.job.execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey([NAME, table]) for table in LANES[flow]],
            tags={RANGE_START: days[0], RANGE_END: days[1], **run_tags(NAME, flow)},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        ).success  # fmt: skip

    def exchange(self) -> None:
        at = self.now - timedelta(minutes=5)
        record = make_return(self.order, [Back(0)], number=8, created=instant(at), status="OPEN")
        dispose(record, [(0, "RESTOCKED", 1)])
        item = add_exchange(record, self.new)
        self.shell.shop.orders.add_return("11", record, at)
        sold = make_order([Line(self.new, "New", 25_000)], number=12, created=instant(at), shipping=0)
        process_exchange(self.order, item, sold)
        refund = make_refund(self.order, [Back(0)], number=7, created=instant(at), return_id="8", set_off=10_000)
        refund["return"]["exchangeLineItems"] = record["exchangeLineItems"]
        self.shell.shop.orders.add_refund("11", refund, at)

    def read(self, model: str, **fields: Any) -> list[dict[str, Any]]:
        """Rows of Odoo in which these fields have these values."""
        rows = self.shell.odoo.database.rows[model].values()
        return [row for row in rows if all(row[name] == value for name, value in fields.items())]


@pytest.mark.parametrize("first", ["orders", "returns"])
def test_the_new_line_is_delivered_and_what_came_back_is_credited(shell: Shell, first: str) -> None:  # noqa: F811
    shop = Exchanged(shell)
    with dg.DagsterInstance.ephemeral() as instance:
        shop.run(instance, "orders")
        shell.odoo.ship([shop.order["name"]])
        shell.odoo.invoice([shop.order["name"]])
        shop.exchange()
        for flow in (first, *[flow for flow in LANES if flow != first], "orders", "returns"):
            shop.run(instance, flow)
    [sale] = shop.read("sale.order", client_order_ref=shop.order["name"])
    lines = shop.read("sale.order.line", order_id=next(
        key for key, row in shell.odoo.database.rows["sale.order"].items() if row is sale
    ))  # fmt: skip
    assert [(line["price_unit"], line["product_uom_qty"]) for line in lines] == [(100.0, 1.0), (250.0, 1.0)]
    [note] = shop.read("account.move", move_type="out_refund")
    assert note["state"] == "posted"
    with shop.connections.warehouse.transaction() as connection:
        assert open_exceptions(connection, NAME, None) == []
    story = shell("trace", NAME, "11").output
    assert "350.00" in story
