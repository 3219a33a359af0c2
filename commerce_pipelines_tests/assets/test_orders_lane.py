"""Every lane in Dagster against the stand-ins: a run end to end, its proof, and what it must never show."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import msgspec
import pytest
from dagster._serdes import serialize_value

from commerce_pipelines.assets import orders as orders_assets
from commerce_pipelines.assets.common import LANDED_TAG, RANGE_END, RANGE_START
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.flows.intake.changes import Cursor, poll
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.odoo.partners.addresses import address_key, partner_values
from commerce_pipelines.resources.connections import Connections, open_connections, open_odoo
from commerce_pipelines.sensors.orders import TABLES
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines.warehouse.shared import notifications
from commerce_pipelines.warehouse.shared.notifications import Row
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.doors import hurry
from commerce_sandbox import world as sandbox
from commerce_sandbox.amazon import AmazonStandIn
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.server import Call, Fault
from commerce_sandbox.shopify import ShopifyStandIn

SHOP = "shopify_de"
READS = {"search", "read", "search_read", "search_count", "fields_get", "default_get", "has_access",
         "formatted_read_group"}  # fmt: skip


class Lanes:
    """The demo's world with two days of orders, and runs of its lanes in this process."""

    def __init__(self, world: sandbox.World, connections: Connections, instance: dg.DagsterInstance) -> None:
        self.world, self.connections, self.instance = world, connections, instance
        defs = build_defs(connections.settings, connections)
        self.job = defs.resolve_implicit_global_asset_job_def()
        today = datetime.now(connections.settings.channel(SHOP).zone).date()
        self.days = (today - timedelta(days=2), today)

    def run(self, name: str, **tags: str) -> dg.ExecuteInProcessResult:
        first, last = (day.isoformat() for day in self.days)
        return self.job.execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey([name, table]) for table in TABLES],
            tags={RANGE_START: first, RANGE_END: last, **run_tags(name, "orders"), **tags},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )

    def writes(self, since: int) -> list[str]:
        """Calls of Odoo since then that may change something."""
        return [name for call in self.world.odoo.calls[since:] for name in _read_method(call) if name not in READS]


@pytest.fixture
def lanes(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Lanes]:
    monkeypatch.setattr(sandbox, "DAYS", 2)
    monkeypatch.setattr(orders_assets, "RETRY", dg.RetryPolicy(max_retries=1))  # as the real one, without its pauses
    with ExitStack() as stack:
        start = stack.enter_context
        odoo = start(OdooStandIn(demo_database(CATALOGUE)))
        world = sandbox.World(start(AmazonStandIn()), start(EbayStandIn()), start(ShopifyStandIn()), odoo)
        environ = {
            **world.environment(tmp_path),
            "COMMERCE_DATABASE_URL": warehouse.url,
            "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(),
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        settings = settings_file.parse(world.settings())
        hurried = hurry(monkeypatch)
        connections = open_connections(settings, odoo=lambda: open_odoo(settings, hurried), instruments=hurried)
        yield Lanes(world, connections, stack.enter_context(dg.DagsterInstance.ephemeral()))


def check_of(result: dg.ExecuteInProcessResult) -> Any:
    """The check `complete`. Whether the sensors look is no part of a lane."""
    (check,) = [check for check in result.get_asset_check_evaluations() if check.check_name == "complete"]
    return check


def metadata_of(result: dg.ExecuteInProcessResult, table: str) -> dict[str, Any]:
    """What the run as a whole says of an asset: it stands with the last of its days."""
    (*_, (_day, figures)) = sorted(days_of(result, table).items())
    return {key.removeprefix("run/"): value for key, value in figures.items() if key.startswith("run/")}


def days_of(result: dg.ExecuteInProcessResult, table: str) -> dict[str, dict[str, Any]]:
    """Metadata by partition."""
    return {
        str(event.partition): {key: value.value for key, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
        if event.asset_key and event.asset_key.path[-1] == table
    }


@pytest.mark.parametrize("name", sandbox.LANES)
def test_every_paid_order_reaches_odoo_and_a_second_run_writes_nothing(lanes: Lanes, name: str) -> None:
    first = lanes.run(name)
    assert first.success
    check = check_of(first)
    figures = {key: value.value for key, value in check.metadata.items()}
    assert figures["missing"] == figures["surplus"] == "none"
    assert figures["money difference"] == "0.00"
    assert figures["orders in channel"] == figures["sale orders in Odoo"] + figures["in exceptions"] > 10
    assert check.passed == (figures["in exceptions"] == 0)
    assert check.severity == dg.AssetCheckSeverity.WARN or check.passed
    raw, orders, sales = (metadata_of(first, table) for table in ("raw_orders", "orders", "sale_orders"))
    assert raw["orders"] == orders["orders"] == sales["rows stored"]
    assert "data:image/svg+xml;base64," in sales["what became of them"]
    assert any(key.startswith("money/") for key in sales)
    assert not any(key.startswith("seconds until Odoo") for key in sales)  # old orders were not waited for

    since = len(lanes.world.odoo.calls)
    second = lanes.run(name)
    assert second.success
    assert lanes.writes(since) == []
    assert metadata_of(second, "raw_orders")["answers new"] == 0
    assert check_of(second).metadata == check.metadata


def test_runs_of_three_channels_at_once_with_three_writers(lanes: Lanes) -> None:
    """They sell the same articles. Their runs are in no pool together; the door of Odoo lets in whom it can."""
    odoo = msgspec.structs.replace(lanes.connections.settings.odoo, writers=3)
    settings = msgspec.structs.replace(lanes.connections.settings, odoo=odoo)
    assert {pool for name in sandbox.LANES for pool in _read_pools(lanes, name)} == {"odoo"}

    def run(name: str) -> dg.ExecuteInProcessResult:
        hurried = lanes.connections.instruments
        own = open_connections(settings, odoo=lambda: open_odoo(settings, hurried), instruments=hurried)  # as a process
        with dg.DagsterInstance.ephemeral() as instance:
            beside = Lanes(lanes.world, own, instance)
            assert _read_pools(beside, name) == {f"{name}_odoo"}
            return beside.run(name)

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(run, sandbox.LANES))
    for result in results:
        assert result.success
        figures = {key: value.value for key, value in check_of(result).metadata.items()}
        assert figures["missing"] == figures["surplus"] == "none"
        assert figures["money difference"] == "0.00"
        assert figures["sale orders in Odoo"] > 10
    assert lanes.connections.odoo.who  # asked once by each process
    since = len(lanes.world.odoo.calls)
    assert all(lanes.run(name).success for name in sandbox.LANES)  # by one writer, as before
    assert lanes.writes(since) == []


def _read_pools(lanes: Lanes, name: str) -> set[str | None]:
    """The pools of the channel's step that writes to Odoo."""
    return {node.definition.pool for node in lanes.job.nodes if node.name == f"{name}__sale_orders"}  # type: ignore[attr-defined]


def test_a_run_of_landed_orders_says_how_long_they_took_since_the_first_word(
    lanes: Lanes, warehouse: Warehouse
) -> None:
    pull(lanes.connections, SHOP, lanes.days[0], lanes.days[1] + timedelta(days=1))
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.snapshots SET first_seen = first_seen - interval '300 s'")
        cursor.execute("SELECT DISTINCT record_id FROM commerce.snapshots ORDER BY record_id")
        rows = [
            Row(channel=SHOP, delivery_id=name, digest=name.encode(), event="e", topic="orders", record_id=name)
            for (name,) in cursor.fetchall()[::4]
        ]
        notifications.store(connection, rows)
        cursor.execute("UPDATE commerce.notifications SET received_at = received_at - interval '900 s'")
    sales = metadata_of(lanes.run(SHOP, **{LANDED_TAG: "true"}), "sale_orders")
    assert 300 <= sales["seconds until Odoo, median"] < 900 <= sales["seconds until Odoo, longest"]
    assert "data:image/svg+xml;base64," in sales["seconds until Odoo"]


def test_a_run_of_landed_orders_says_how_they_were_read_and_why(lanes: Lanes) -> None:
    now = lanes.connections.instruments.now()
    poll(lanes.connections, SHOP, Cursor(watermark=now - timedelta(days=2)), now=now)
    raw = metadata_of(lanes.run(SHOP, **{LANDED_TAG: "true"}), "raw_orders")
    assert raw["answers by polls"] > 10
    assert raw["polls were last read by"].startswith("pages of what changed, as large as the shop's points allow (20")
    assert "polls were last read by" not in metadata_of(lanes.run(SHOP), "raw_orders")  # it says how it asked itself


@pytest.mark.parametrize("name", sandbox.LANES)
def test_a_partitions_figures_are_that_days(lanes: Lanes, warehouse: Warehouse, name: str) -> None:
    """Dagster copies what a result says to every partition of its run; a plot would add the copies up."""
    result = lanes.run(name)
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        for table in ("orders", "order_lines", "sale_orders"):
            cursor.execute(f"SELECT day::text, count(*) FROM commerce.{table} GROUP BY day")
            counted = dict(cursor.fetchall())
            assert len(counted) > 1
            shown = days_of(result, table)
            assert len(shown) == 3
            assert {day: row["dagster/row_count"] for day, row in shown.items() if day in counted} == counted
            assert sum(row["dagster/row_count"] for row in shown.values()) == sum(counted.values())
    raw, orders, sales = (days_of(result, table) for table in ("raw_orders", "orders", "sale_orders"))
    assert {day: row["dagster/row_count"] for day, row in raw.items()} == {
        day: row["dagster/row_count"] for day, row in orders.items()
    }
    (*_, last) = sorted(sales)
    for of_days in (orders, sales):
        for currency in [key for key in of_days[last] if key.startswith("run/money/")]:
            days = [Decimal(row.get(currency.removeprefix("run/"), "0")) for row in of_days.values()]
            assert sum(days) == Decimal(of_days[last][currency])
            assert len(set(days)) > 1
    outcomes = [key for key in sales[last] if key.startswith("run/orders/")]
    assert outcomes
    for key in outcomes:
        assert sum(row.get(key.removeprefix("run/"), 0) for row in sales.values()) == sales[last][key]
    pictures = [day for day, row in sales.items() if "run/what became of them" in row]
    assert pictures == [last]


def test_nothing_personal_and_no_secret_is_in_dagsters_log(lanes: Lanes, warehouse: Warehouse) -> None:
    result = lanes.run(SHOP)
    records = lanes.instance.all_logs(result.run_id)
    shown = "\n".join([*(serialize_value(record) for record in records), *(record.user_message for record in records)])
    shown += serialize_value(lanes.instance.get_run_by_id(result.run_id))
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        for table in ("orders", "order_lines", "sale_orders", "exceptions", "completeness", "snapshots"):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, '\n'), '') FROM commerce.{table} t")
            shown += "".join(text for (text,) in cursor)
    persons = _list_persons(lanes.world.channels[SHOP])
    assert len(persons) > 20
    assert [person for person in persons if person in shown] == []
    assert [secret for secret in ("demo-secret", "demo-refresh", "shpat_") if secret in shown] == []
    assert "shopify_de/sale_orders" in shown.replace('", "', "/")  # what was looked through is the log indeed


def test_an_address_in_odoo_cannot_be_confirmed_by_a_guess(lanes: Lanes) -> None:
    """Its external id stays when the buyer is erased."""
    for order in lanes.world.channels[SHOP].orders.rows.values():
        if order["shippingAddress"]:
            order["shippingAddress"] = {**order["shippingAddress"], "address1": "Nebenweg 9"}
    lanes.run(SHOP)
    rows, secret = lanes.world.odoo.database.rows, lanes.connections.vault.address_secret
    kept = 0
    for data in rows["ir.model.data"].values():
        if data["model"] == "res.partner" and data["res_id"] in rows["res.partner"]:
            values = partner_values(rows["res.partner"][data["res_id"]])
            assert not str(data["name"]).endswith(address_key(values, ""))
            kept += str(data["name"]).endswith(address_key(values, secret))
    assert kept > 4


@pytest.fixture
def nothing_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """No note explains a difference: a sale that a person cancelled stands for one that is gone without a word."""
    monkeypatch.setattr("commerce_pipelines.flows.orders.prove.EXPLAINS", frozenset())


@pytest.mark.usefixtures("nothing_explained")
def test_a_sale_that_is_gone_from_odoo_makes_the_check_red_by_id(lanes: Lanes) -> None:
    lanes.run(SHOP)
    sales = lanes.world.odoo.database.rows["sale.order"]
    lost = next(row for row in sales.values() if row["state"] == "sale")
    lost["state"] = "cancel"
    check = check_of(lanes.run(SHOP, **{LANDED_TAG: "true"}))
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert f"](/orders/{SHOP}/" in check.metadata["missing"].value
    assert check.metadata["money difference"].value != "0.00"


@pytest.mark.usefixtures("nothing_explained")
def test_red_stays_red_whatever_days_the_next_run_is_about(lanes: Lanes) -> None:
    lanes.run(SHOP)
    sales = lanes.world.odoo.database.rows["sale.order"]
    first = min((row for row in sales.values() if row["state"] == "sale"), key=lambda row: row["date_order"])
    first["state"] = "cancel"
    assert check_of(lanes.run(SHOP, **{LANDED_TAG: "true"})).severity == dg.AssetCheckSeverity.ERROR
    today = lanes.days[1].isoformat()
    check = check_of(lanes.run(SHOP, **{RANGE_START: today, RANGE_END: today}))
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert check.metadata["missing"].value != "none"
    assert f"backfill {SHOP} --from" in check.metadata["to look again"].value
    first["state"] = "sale"
    assert check_of(lanes.run(SHOP)).severity == dg.AssetCheckSeverity.WARN


def test_an_empty_page_with_status_200_cannot_pass_for_no_orders(lanes: Lanes) -> None:
    """Silent loss at the source: the day's listing is empty, the proof asks otherwise and is red."""
    empty = {"data": {"orders": {"edges": [], "nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}}}
    listing = Fault(match=_is_order_list, body=json.dumps(empty).encode(), after=True)
    lanes.world.channels[SHOP].faults.append(listing)
    result = lanes.run(SHOP)
    assert listing.times == 0
    assert not result.success or check_of(result).severity == dg.AssetCheckSeverity.ERROR
    assert lanes.run(SHOP).success


def test_odoo_down_is_tried_again_and_nothing_is_lost(lanes: Lanes) -> None:
    """A refusal of every call: the step is retried by its policy and gives up loudly; the next run heals."""
    lanes.world.odoo.faults.append(Fault(match="/jsonrpc", status=502, times=10_000))
    result = lanes.run(SHOP)
    assert not result.success
    assert [event.event_type_value for event in result.all_events].count("STEP_RESTARTED") == 1
    lanes.world.odoo.faults.clear()
    assert check_of(lanes.run(SHOP)).metadata["missing"].value == "none"


def _read_method(call: Call) -> list[str]:
    if not call.body or "jsonrpc" not in call.path:
        return []
    arguments = call.json()["params"].get("args") or []
    return [arguments[4]] if len(arguments) > 4 else []


def _is_order_list(call: Call) -> bool:
    return call.path.endswith("graphql.json") and "pageInfo" in call.json()["query"] and b"lineItems" in call.body


def _list_persons(shop: ShopifyStandIn) -> set[str]:
    """E-mails, names and streets of all buyers."""
    persons: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key, element in value.items():
                if (
                    key in ("email", "address1", "firstName", "lastName")
                    and isinstance(element, str)
                    and len(element) > 4
                ):
                    persons.add(element)
                walk(element)
        elif isinstance(value, (list, tuple)):
            for element in value:
                walk(element)

    walk(list(shop.orders.__dict__.values()))
    return persons
