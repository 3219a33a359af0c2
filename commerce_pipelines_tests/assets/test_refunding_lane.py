"""The lane of refunds out in Dagster and in a terminal, beside those of orders, invoices and returns: a person credits
an order of a shop, the shop pays it back and reports it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from commerce_pipelines.assets.common import ASKED_AGAIN, RANGE_END, RANGE_START
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.resources.connections import open_connections
from commerce_pipelines.sensors.orders import TABLES as OF_ORDERS
from commerce_pipelines.sensors.returns import TABLES as OF_RETURNS
from commerce_pipelines.settings.file import load
from commerce_pipelines_tests.cli.test_main import Shell, shell  # noqa: F401 - a fixture
from commerce_pipelines_tests.doubles.refunds_out import credit
from commerce_sandbox.shopify import Line, make_order
from commerce_sandbox.shopify.shop import instant

NAME = "shop_de"
ORDER = "gid://shopify/Order/1001"


def test_a_credit_note_is_paid_back_by_the_shop_and_not_credited_twice(shell: Shell) -> None:  # noqa: F811
    now = datetime.now(UTC)
    shell.write(
        time_zone="UTC", invoicing={"trigger": "order", "since": "2026-01-01"}, returns={"enabled": True},
        refunding={"enabled": True, "since": "2026-01-01"},
    )  # fmt: skip
    lines = [Line("MUG-STN-350-BL", "Mug", 1690, 2)]
    shell.shop.add(make_order(lines, number=1001, created=instant(now - timedelta(hours=2))))
    connections = open_connections(load())
    definitions = build_defs(connections.settings, connections)
    span = {RANGE_START: (now - timedelta(days=1)).date().isoformat(), RANGE_END: now.date().isoformat()}

    def run(flow: str, tables: Any, **tags: str) -> dg.ExecuteInProcessResult:
        result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey([NAME, table]) for table in tables],
            tags=run_tags(NAME, flow) | tags, raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )  # fmt: skip
        assert result.success
        return result

    def tick() -> Any:
        schedule = definitions.resolve_schedule_def(f"{NAME}_refunding")
        with dg.build_schedule_context(instance, resources={"connections": connections}) as context:
            return schedule(context)

    with dg.instance_for_test() as instance:  # a schedule needs one that it can reopen
        run("orders", OF_ORDERS, **span)
        run("invoicing", ["invoices"])
        assert isinstance(tick(), dg.SkipReason)
        [bill] = connections.odoo.call("account.move", "search", domain=[["move_type", "=", "out_invoice"]])
        credit(connections.odoo, bill)
        assert "1 refunds, 16.90 EUR" in shell("refunds", "plan", NAME).output
        assert tick().tags == run_tags(NAME, "refunding") | ASKED_AGAIN
        result = run("refunding", ["issued_refunds"])
        assert isinstance(tick(), dg.SkipReason)
        run("returns", OF_RETURNS, **span)
        assert not isinstance(tick(), dg.SkipReason)  # it is settled now
        run("refunding", ["issued_refunds"])
        assert isinstance(tick(), dg.SkipReason)
    [event] = result.get_asset_materialization_events()
    figures = {name: value.value for name, value in event.step_materialization_data.materialization.metadata.items()}
    assert (figures["refunds to issue"], figures["money/EUR"], figures["issued/accepted"]) == (1, "16.90", 1)
    [refund] = shell.shop.orders.rows[ORDER]["refunds"]
    assert [part["amountSet"]["presentmentMoney"]["amount"] for part in refund["transactions"]] == ["16.90"]
    moves = connections.odoo.call("account.move", "search_count", domain=[["move_type", "=", "out_refund"]])
    assert moves == 1
    story = shell("trace", NAME, "1001").output
    assert "of a person seen in Odoo" in story
    assert "paying back: paid back" in story
