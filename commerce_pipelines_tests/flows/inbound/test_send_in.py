"""A transfer to Amazon's warehouse becomes a plan there: made once, shown to a person, confirmed, labelled, cancelled;
from the stand-in of Odoo, and from a real Odoo 19 where ODOO_URL is set.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from commerce_pipelines.flows.inbound.receive import receive
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.everywhere import SECRETS, Lanes, open_lanes
from commerce_pipelines_tests.doubles.lean import administrator_or_skip, login_of
from commerce_pipelines_tests.doubles.sendings import MUG, NAME, PAPER, Sending


@pytest.fixture(params=[
    "stand-in", pytest.param("jsonrpc", marks=pytest.mark.odoo), pytest.param("json2", marks=pytest.mark.odoo),
])  # fmt: skip
def lanes(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Lanes]:
    since = (datetime.now(UTC).date() - timedelta(days=6)).isoformat()
    plans = {"enabled": True, "marketplace": "DE"}
    inbound = {"inbound": {"enabled": True, "since": since, "receive": True, "plans": plans}}
    real: dict[str, Any] = {}
    if request.param != "stand-in":
        administrator_or_skip()
        login, password = login_of(request.param)
        places = {name: os.environ[f"ODOO_{name.upper()}"] for name in ("url", "database")}
        real = {
            "odoo": {**places, "username": login, "transport": request.param},
            "secrets": {**SECRETS, "DEMO_ODOO_PASSWORD": password},
        }
    with open_lanes(warehouse, monkeypatch, tmp_path, amazon_eu=inbound, **real) as opened:
        yield opened


@pytest.fixture
def sending(lanes: Lanes) -> Sending:
    return Sending(lanes)


def test_a_transfer_is_planned_shown_confirmed_and_labelled(sending: Sending) -> None:
    picking = sending.transfer({MUG: 10, PAPER: 4})
    assert sending.advance().new == 0  # nobody has picked it yet
    sending.pack(picking)
    done = sending.advance()
    assert (done.new, done.waiting) == (1, {})
    plan = sending.plan()
    assert plan.state == "waits for consent"
    shown = sending.shown()
    assert (shown.name, shown.placement, len(shown.name) <= 40) == (plan.name, "", True)
    assert {msku: item["quantity"] for msku, item in shown.items.items()} == {MUG: 10, PAPER: 4}
    assert shown.boxes[0]["dimensions"] == {"unitOfMeasurement": "CM", "length": 40, "width": 30, "height": 20.5}
    assert shown.source["city"] == "Hamburg"
    assert sending.advance().outcomes == {}  # it still waits
    sending.release()
    assert sending.advance().labels == 1
    plan, shipment = sending.plan(), next(iter(shown.shipments.values()))
    assert (plan.state, shown.transported) == ("made", True)
    arrival = sending.arrival(picking)
    assert sending.origin(arrival) == sending.origin(picking) == shipment.number
    assert sending.files(picking) == [f"{shipment.number} boxes 1-1.pdf"]
    assert sending.waiting() == {}
    assert sending.advance().plans == []


def test_what_a_plan_sent_is_received_as_amazon_counts_it(sending: Sending) -> None:
    picking = sending.transfer({MUG: 10, PAPER: 4})
    sending.pack(picking)
    sending.advance()
    sending.release()
    sending.advance()
    sending.validate(picking)
    number = sending.origin(picking)
    shipment = sending.lanes.world.channels[NAME].inbound.shipments[number]
    shipment.status = "CLOSED"
    for sku, counted in ((MUG, 8), (PAPER, 4)):
        shipment.items[sku][1] = counted
    done = receive(sending.connections, NAME)
    assert (done.units, [(row.code, row.count.missing) for row in done.discrepancies]) == (12, [(MUG, 2)])


def test_a_transfer_without_packages_is_planned_without_boxes(sending: Sending) -> None:
    picking = sending.transfer({MUG: 10})
    sending.pick(picking)
    sending.advance()
    sending.release()
    assert sending.advance().labels == 0
    assert sending.plan().state == "made"
    assert sending.shown().boxes == []
    assert sending.origin(picking).startswith("FBA15")
