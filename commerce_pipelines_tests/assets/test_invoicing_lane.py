"""The lane of invoices in Dagster, beside that of the orders: a shop whose orders are invoiced as soon as they are in
Odoo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from commerce_pipelines.assets.common import ASKED_AGAIN, RANGE_END, RANGE_START
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.resources.connections import open_connections
from commerce_pipelines.sensors.orders import TABLES as OF_ORDERS
from commerce_pipelines.settings.file import load
from commerce_pipelines_tests.cli.test_main import Shell, shell  # noqa: F401 - a fixture
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.shopify import demo_orders

NAME = "shop_de"


class Shop:
    """A Shopify with orders of two days; runs of its lanes in this process."""

    def __init__(self, shell: Shell) -> None:  # noqa: F811
        now = datetime.now(UTC)
        shell.write(
            time_zone="UTC", invoicing={"trigger": "order", "since": "2026-01-01", "journals": {"other": "Bank"}}
        )
        for order in demo_orders(1, 1, now, CATALOGUE):
            shell.shop.add(order)
        self.connections = open_connections(load())
        self.definitions = build_defs(self.connections.settings, self.connections)
        self.days = ((now - timedelta(days=2)).date().isoformat(), now.date().isoformat())

    def run(self, instance: dg.DagsterInstance, tables: Any, tags: dict[str, str]) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey([NAME, table]) for table in tables], tags=tags,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}, raise_on_error=False,
        )  # fmt: skip

    def tick(self, instance: dg.DagsterInstance) -> Any:
        """What the schedule requests: a run, or why not."""
        schedule = self.definitions.resolve_schedule_def(f"{NAME}_invoicing")
        with dg.build_schedule_context(instance, resources={"connections": self.connections}) as context:
            return schedule(context)


@pytest.fixture
def shop(shell: Shell) -> Shop:  # noqa: F811
    return Shop(shell)


def test_orders_are_invoiced_and_paid_and_the_ui_shows_it(shop: Shop) -> None:
    with dg.instance_for_test() as instance:  # a schedule needs one that it can reopen
        assert isinstance(shop.tick(instance), dg.SkipReason)
        span = {RANGE_START: shop.days[0], RANGE_END: shop.days[1]}
        assert shop.run(instance, OF_ORDERS, {**span, **run_tags(NAME, "orders")}).success
        request = shop.tick(instance)
        assert request.tags == run_tags(NAME, "invoicing") | ASKED_AGAIN
        result = shop.run(instance, ["invoices"], dict(request.tags))
        assert isinstance(shop.tick(instance), dg.SkipReason)
    assert result.success
    [event] = result.get_asset_materialization_events()
    figures: dict[str, Any] = {
        name: value.value for name, value in event.step_materialization_data.materialization.metadata.items()
    }
    assert figures["invoices made"] == figures["invoices posted"] == figures["orders/paid"] > 0
    assert figures["payments registered"] > 0
    assert figures["paid/EUR"] == figures["money/EUR"] != "0.00"
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks == {"invoiced_in_time": True, "money_agrees": True}
