"""The lane of returns in Dagster and in a terminal, beside that of the orders: a shop that was paid back from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._serdes import serialize_value

from commerce_pipelines.assets.common import RANGE_END, RANGE_START
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.resources.connections import open_connections
from commerce_pipelines.sensors.orders import TABLES as OF_ORDERS
from commerce_pipelines.sensors.returns import TABLES as OF_RETURNS
from commerce_pipelines.settings.file import load
from commerce_pipelines_tests.cli.test_main import Shell, shell  # noqa: F401 - a fixture
from commerce_pipelines_tests.doubles.returns import Documents
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.shopify import demo_orders
from commerce_sandbox.shopify.returning import Back, make_refund, make_return
from commerce_sandbox.shopify.shop import instant

NAME = "shop_de"


def number_of(order: dict[str, Any]) -> str:
    return str(order["id"]).rpartition("/")[2]


class Shop:
    """A Shopify with orders of two days, of which two were refunded; runs of its lanes in this process."""

    def __init__(self, shell: Shell, documents: Documents) -> None:  # noqa: F811
        self.shell, self.documents, now = shell, documents, datetime.now(UTC)
        shell.write(time_zone="UTC", returns={"enabled": True})
        plain = []
        refunded_at = now - timedelta(hours=2)  # what is less than an hour old is on the way for `report`
        for order in demo_orders(3, 1, refunded_at, CATALOGUE):
            shell.shop.add(order)
            plain += [order] if order["displayFinancialStatus"] == "PAID" and not order["refunds"] else []
        self.refunded = [number_of(order) for order in plain[:2]]
        for number, order in enumerate(plain[:2], 1):
            refund = make_refund(order, [Back(0)], number=900 + number, created=instant(refunded_at))
            shell.shop.orders.add_refund(number_of(order), refund, refunded_at)
        back = make_return(plain[0], [Back(0)], number=801, created=instant(now - timedelta(minutes=8)), status="OPEN")
        shell.shop.orders.add_return(number_of(plain[0]), back, now - timedelta(minutes=8))
        self.connections = open_connections(load())
        self.job = build_defs(self.connections.settings, self.connections).resolve_implicit_global_asset_job_def()
        self.days = ((now - timedelta(days=2)).date().isoformat(), now.date().isoformat())

    def run(self, instance: dg.DagsterInstance, flow: str, tables: Any) -> dg.ExecuteInProcessResult:
        return self.job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey([NAME, table]) for table in tables],
            tags={RANGE_START: self.days[0], RANGE_END: self.days[1], **run_tags(NAME, flow)},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )


@pytest.fixture
def shop(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shop:  # noqa: F811
    return Shop(shell, Documents().patch(monkeypatch))


def metadata_of(result: dg.ExecuteInProcessResult, table: str) -> dict[str, Any]:
    """What the run says of an asset on its last day."""
    events = [
        event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key and event.asset_key.path[-1] == table
    ]
    return {name: value.value for figures in events for name, value in figures.items()}


def test_refunds_of_a_shop_reach_odoo_and_the_ui_shows_them_without_persons(shop: Shop) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        early = shop.run(instance, "returns", OF_RETURNS)
        assert early.success  # before any order is in Odoo
        assert metadata_of(early, "credit_notes")["run/reasons/order_not_in_odoo"] == 4
        assert shop.run(instance, "orders", OF_ORDERS).success
        result = shop.run(instance, "returns", OF_RETURNS)
        records = instance.all_logs(result.run_id)
        logged = "\n".join([*map(serialize_value, records), *(record.user_message for record in records)])
    assert result.success
    assert (metadata_of(result, "raw_returns")["run/refunds"], metadata_of(result, "raw_returns")["run/returns"])[
        1
    ] == 1
    notes = metadata_of(result, "credit_notes")
    assert (notes["run/records/refunds created"], notes["run/records/returns opened"]) == (2, 1)
    assert float(notes["run/money/EUR"]) > 0
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert checks["complete"].passed, checks["complete"].description
    assert checks["complete"].metadata["refunds in channel"].value == 2
    assert len(shop.documents.made) == 2
    customers = [order["customer"] for order in shop.shell.shop.orders.rows.values() if order.get("customer")]
    names = {str(value) for customer in customers for value in customer.values() if isinstance(value, str)}
    assert [name for name in names if len(name) > 5 and name in logged] == []


def test_the_proof_in_a_terminal_tells_refunds_and_their_advice_brings_them(shop: Shop) -> None:
    shop.shell("backfill", NAME, "--from", shop.days[0], "--days-per-run", "9")
    span = ("--from", shop.days[0], "--json")
    before = shop.shell("report", NAME, *span)
    figures = json.loads(before.output.splitlines()[-1])["channels"][NAME]
    assert before.exit_code == 1
    assert (figures["refunds_in_channel"], figures["credit_notes_in_odoo"], len(figures["refunds_missing"])) == (
        2,
        0,
        2,
    )
    done = shop.shell("backfill", NAME, "--flow", "returns", "--from", shop.days[0], "--days-per-run", "9")
    assert done.exit_code == 0, done.output
    assert "2 refunds in the channel, 2 in Odoo" in done.output
    after = json.loads(shop.shell("report", NAME, *span).output.splitlines()[-1])["channels"][NAME]
    assert (after["credit_notes_in_odoo"], after["refund_money_difference"]) == (2, "0.00")
    story = shop.shell("trace", NAME, shop.refunded[0]).output
    assert "credit note in Odoo now" in story
    assert "in Odoo now" in story


def test_a_refused_refund_is_listed_and_replayed_by_name(shop: Shop) -> None:
    for flow in ("orders", "returns"):
        shop.documents.refuse = {"gid://shopify/Refund/901": Reason("bad_amount", "No.", "Yes.")}
        shop.documents.refuse["901"] = shop.documents.refuse["gid://shopify/Refund/901"]
        shop.shell("backfill", NAME, "--flow", flow, "--from", shop.days[0], "--days-per-run", "9")
    listed = shop.shell("exceptions", "list", NAME).output
    assert "bad_amount" in listed
    with shop.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT record_id FROM commerce.exceptions WHERE topic = %s", (Topic.REFUNDS,))
        ((record_id,),) = cursor.fetchall()
    assert "1 returns and refunds are due" in shop.shell("exceptions", "replay", NAME, record_id).output
