"""The exceptions desk, as a person uses it: the list in Dagster, its jobs, the same from a terminal, and the audit."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from commerce_pipelines.assets.desk import KEY
from commerce_pipelines.cli.main import main
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.core.local_time import local_time
from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse import audit, exceptions
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.doors import doors

SETTINGS = """
odoo: {url: "https://odoo.example.com", database: demo, username: admin, password: {env: ODOO_PASSWORD}}
docs_url: https://wiki.example.com/docs/
channels:
  - {name: shop_de, kind: shopify, shop: de.myshopify.com, credentials: {access_token: {env: TOKEN}}}
  - {name: ebay_de, kind: ebay, marketplace: EBAY_DE, credentials: {client_id: {env: A}, client_secret: {env: A},
     refresh_token: {env: A}}}
  - {name: amazon_eu, kind: amazon, credentials: {client_id: {env: A}, client_secret: {env: A},
     refresh_token: {env: A}}}
"""
SEEN = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
NOTE = """INSERT INTO commerce.credit_notes (channel, refund_id, order_id, day, digest, action, odoo_id, name, state,
    payment_state, currency, total, amount_total, amount_tax, code, message, loaded_at)
    VALUES ('shop_de', 'R/7', '9001', now(), '', 'created', 44, '', '', '', 'EUR', 0, 0, 0, '', '', now())"""
REFUND = """INSERT INTO commerce.refunds (channel, refund_id, order_id, day, digest, subject_id, created_at, updated_at,
    state, currency, total, collected, return_id, reason, line_count)
    VALUES ('shop_de', 'R/7', '9001', now(), '', '', now(), now(), 'done', 'EUR', 1, 0, '', '', 1)"""


class Desk:
    """Exceptions of three channels, in a list that is made anew when it is looked at."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse, self.time = warehouse, datetime.now(UTC)
        settings = parse(SETTINGS)
        self.connections: Connections = doors(settings, warehouse, instruments=replace(REAL, now=lambda: self.time))
        self.defs = build_defs(settings, self.connections)
        self.instance = dg.DagsterInstance.ephemeral()

    def add(self, channel: str, topic: str, record_id: str, code: str, days: int = 0) -> None:
        failure = exceptions.Failure(
            record_id=record_id, day=date(2026, 11, 20), reason=Reason(code, f"Why {record_id} waits.", "Do this.")
        )
        with self.warehouse.transaction() as connection:
            exceptions.record(connection, channel, topic, "load", [failure], "run", SEEN + timedelta(days=days))

    def run(self, name: str, **config: Any) -> dg.ExecuteInProcessResult:
        """The job of this name, its op configured as in the launchpad."""
        op = "take_care" if name == "exceptions_care" else "replay"
        return self.defs.get_job_def(name).execute_in_process(
            instance=self.instance, run_config={"ops": {op: {"config": config}}}, raise_on_error=False
        )

    def look(self) -> tuple[dict[str, Any], list[dict[str, str]]]:
        """Metadata, and the rows."""
        job = self.defs.resolve_implicit_global_asset_job_def()
        [event] = job.execute_in_process(
            instance=self.instance, asset_selection=[KEY]
        ).get_asset_materialization_events()
        metadata = event.materialization.metadata
        table = metadata["exceptions"]
        assert isinstance(table, dg.TableMetadataValue)
        rows = [{key: str(value) for key, value in record.data.items()} for record in table.records]
        return {key: value.value for key, value in metadata.items()}, rows

    def events(self) -> list[tuple[str, str, str, Any]]:
        """(action, channel, record, details) of what was taken care of."""
        with self.warehouse.transaction() as connection:
            return [
                (row.action, row.account, row.record, row.details) for row in audit.read(connection, SEEN)
                if row.action in ("assigned", "ignored", "heeded", "replayed") and row.record.startswith(self.token)
            ]  # fmt: skip

    token = ""


@pytest.fixture
def desk(warehouse: Warehouse) -> Desk:
    return Desk(warehouse)


def test_one_list_shows_all_channels_with_links(desk: Desk) -> None:
    desk.add("shop_de", "refunds", "R/7", "not_invoiced", days=1)
    desk.add("ebay_de", "orders", "12-1", "unknown_sku", days=2)
    desk.add("amazon_eu", "orders", "302-1", "oversold")
    desk.add("amazon_eu", "inventory", "listing", "bad_payload", days=3)
    with desk.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(NOTE)
        cursor.execute(REFUND)
    metadata, rows = desk.look()
    assert [(row["channel"], row["flow"], row["record"]) for row in rows] == [
        ("shop_de", "refunds", "R/7"), ("ebay_de", "orders", "12-1"), ("amazon_eu", "inventory", "listing"),
        ("amazon_eu", "orders", "302-1"),
    ]  # fmt: skip
    refund, order, listing, note = rows
    assert refund["order in the marketplace"] == "https://de.myshopify.com/admin/orders/9001"
    assert refund["record in Odoo"] == "https://odoo.example.com/odoo/account.move/44"
    assert refund["page of the reason"] == "https://wiki.example.com/docs/exceptions.md#not_invoiced"
    assert refund["waits since"] == local_time(SEEN + timedelta(days=1))
    assert order["order in the marketplace"] == "https://www.ebay.de/mesh/ord/details?orderid=12-1"
    assert (listing["order in the marketplace"], listing["record in Odoo"]) == ("", "")
    assert note["order in the marketplace"] == "https://sellercentral-europe.amazon.com/orders-v3/order/302-1"
    assert note["reason"] == "oversold (in Odoo)"
    assert (metadata["waiting"], metadata["notes"], metadata["with nobody"], metadata["not shown"]) == (3, 1, 4, 0)
    assert "[order](https://de.myshopify.com/admin/orders/9001)" in metadata["links"]
    assert "[story](/orders/ebay_de/12-1)" in metadata["links"]


def test_without_links_of_a_channel_on_this_machine_or_of_no_channel(desk: Desk) -> None:
    shop = desk.connections.settings.channel("shop_de")
    for endpoint, page in (("http://127.0.0.1:8801", ""), ("https://proxy.example.com/shopify", "de.myshopify.com")):
        local = parse(SETTINGS.replace("shop: de.", f'endpoint: "{endpoint}", shop: de.')).channel("shop_de")
        assert page in local.order_page("1", "")
        assert bool(local.order_page("1", "")) is bool(page)
    assert shop.order_page("a/b?c", "").endswith("/orders/a%2Fb%3Fc")
    desk.add("gone", "orders", "1", "unknown_sku")
    [row] = desk.look()[1]
    assert (row["channel"], row["order in the marketplace"]) == ("gone", "")


def test_a_record_is_assigned_and_ignored_until_a_day_and_is_counted_all_the_same(desk: Desk) -> None:
    desk.token = "D-1"
    desk.add("shop_de", "orders", "D-1", "unknown_sku")
    desk.add("shop_de", "orders", "D-2", "unknown_sku", days=1)
    day = (desk.time + timedelta(days=3)).date()
    begins = datetime(day.year, day.month, day.day, tzinfo=desk.connections.settings.channel("shop_de").zone)
    assert desk.run(
        "exceptions_care", channel="shop_de", records=["D-1"], person=" Ada  Byron ", ignore_until=str(day)
    ).success
    metadata, rows = desk.look()
    assert [row["record"] for row in rows] == ["D-2", "D-1"]
    assert (rows[1]["person"], rows[1]["ignored until"]) == ("Ada Byron", str(day))
    assert (metadata["waiting"], metadata["ignored for now"], metadata["with nobody"]) == (2, 1, 1)
    desk.add("shop_de", "orders", "D-1", "unknown_sku")  # tried again, and refused again
    assert desk.look()[0]["ignored for now"] == 1
    desk.add("shop_de", "orders", "D-1", "oversold")  # another reason is not ignored
    assert desk.look()[0]["ignored for now"] == 1
    desk.time = begins
    metadata, rows = desk.look()
    assert ([row["record"] for row in rows], metadata["ignored for now"]) == (["D-1", "D-2", "D-1"], 0)
    assert [(action, details["code"]) for action, _, _, details in desk.events()] == [
        ("assigned", "unknown_sku"), ("ignored", "unknown_sku"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [
        {"channel": "shop_de", "records": ["D-9"]}, {"channel": "shop_de", "records": ["none"], "person": "Ada"},
        {"channel": "shop_xx", "records": ["D-9"], "person": "Ada"},
        {"channel": "shop_de", "records": ["D-9"], "ignore_until": "tomorrow"},
        {"channel": "shop_de", "records": ["D-9"], "ignore_until": "2020-01-01"},
        {"channel": "shop_de", "records": ["D-9"], "person": "A" * 61},
    ],
)  # fmt: skip
def test_what_cannot_be_done_fails_in_a_sentence(desk: Desk, config: dict[str, Any]) -> None:
    desk.token = "D-9"
    desk.add("shop_de", "orders", "D-9", "unknown_sku")
    result = desk.run("exceptions_care", **config)
    assert not result.success
    assert desk.events() == []


def test_records_are_tried_again_by_a_job_of_the_channel_for_a_chosen_reason(desk: Desk) -> None:
    desk.add("shop_de", "orders", "E-1", "unknown_sku")
    desk.add("shop_de", "orders", "E-2", "untaxed")
    desk.add("ebay_de", "orders", "E-3", "unknown_sku")
    desk.token = "E-"

    def due() -> list[str]:
        return [row["record"] for row in desk.look()[1] if row["tried again"]]

    assert desk.run("shop_de_replay", reason="unknown_sku").success
    assert due() == ["E-1"]
    assert desk.run("ebay_de_replay", reason="untaxed").success
    assert due() == ["E-1"]
    assert desk.run("shop_de_replay", records=["E-2"]).success
    assert due() == ["E-1", "E-2"]
    with pytest.raises(dg.DagsterInvalidConfigError):
        desk.run("shop_de_replay", reason="no_such_reason")
    job = dg.materialize(
        [desk.defs.get_assets_def(["ebay_de", "exceptions"])], resources={"connections": desk.connections},
        instance=desk.instance, run_config={"ops": {"ebay_de__exceptions": {"config": {"replay": "all"}}}},
    )  # fmt: skip
    assert job.success
    assert desk.events() == [
        ("replayed", "shop_de", "E-1", {"code": "unknown_sku", "by": "job shop_de_replay"}),
        ("replayed", "shop_de", "E-2", {"code": "untaxed", "by": "job shop_de_replay"}),
        ("replayed", "ebay_de", "E-3", {"code": "unknown_sku", "by": "asset ebay_de/exceptions"}),
    ]  # fmt: skip


def test_the_same_from_a_terminal(
    desk: Desk, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    desk.token = "F-1"
    desk.add("shop_de", "orders", "F-1", "unknown_sku")
    (tmp_path / "commerce.yaml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("COMMERCE_DATABASE_URL", warehouse.url), ("COLUMNS", "400"), ("ODOO_PASSWORD", "x"), ("TOKEN", "x"),
        ("A", "x"),
        ("COMMERCE_MASTER_KEY", base64.urlsafe_b64encode(MASTER_KEY).decode()),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)

    def shell(*words: str) -> str:
        result = CliRunner().invoke(main, ["exceptions", *words])
        return f"{result.exit_code} {result.output}"

    day = str((desk.time + timedelta(days=3)).date())
    assert "0 Ada looks after F-1" in shell("assign", "shop_de", "F-1", "--to", "Ada")
    assert f"is ignored until {day}" in shell("ignore", "shop_de", "F-1", "--until", day)
    listed = shell("list")
    assert [word in listed for word in ("Ada", day, "1 of them are ignored")] == [True] * 3
    shown = shell("show", "shop_de", "F-1")
    assert "Ada looks after it" in shown
    assert f"ignored until {day}" in shown
    assert "https://de.myshopify.com/admin/orders/F-1" in shown
    assert "is back" in shell("ignore", "shop_de", "F-1", "--no-longer")
    assert "Nobody looks after" in shell("assign", "shop_de", "F-1", "--to", "")
    assert shell("ignore", "shop_de", "F-1").startswith("2 ")
    assert "No such record" in shell("assign", "shop_de", "none", "--to", "Ada")
    assert [(action, details.get("to")) for action, _, _, details in desk.events()] == [
        ("assigned", "Ada"), ("ignored", None), ("heeded", None), ("assigned", ""),
    ]  # fmt: skip
