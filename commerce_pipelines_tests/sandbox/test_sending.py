"""The demo's transfer to Amazon's warehouse: planned, agreed to, sent, counted in steps; two units never arrive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from commerce_pipelines.flows.inbound.ledger_days import read
from commerce_pipelines.flows.inbound.plan_consent import release
from commerce_pipelines.flows.inbound.receive import receive
from commerce_pipelines.flows.inbound.reconcile import reconcile
from commerce_pipelines.flows.inbound.send_in import advance
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.everywhere import open_lanes
from commerce_sandbox.sending import LOST, UNITS

NAME = "amazon_eu"


def test_what_is_sent_arrives_without_two_units_and_the_ledger_agrees(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    since = (datetime.now(UTC).date() - timedelta(days=5)).isoformat()
    plans = {"enabled": True, "marketplace": "DE"}
    inbound = {"inbound": {"enabled": True, "since": since, "receive": True, "plans": plans}}
    with open_lanes(warehouse, monkeypatch, tmp_path, amazon_eu=inbound) as lanes:
        sending, units = lanes.world.sending, []
        assert not sending.go_on()
        sending.pack()
        advance(lanes.connections, NAME)
        assert not sending.go_on()  # nobody has agreed yet
        release(lanes.connections, NAME, "a person")
        assert advance(lanes.connections, NAME).labels == 1
        while sending.go_on():
            done = receive(lanes.connections, NAME)
            units.append(done.units)
        assert units[0] == 0
        assert sum(units) == sum(UNITS.values()) - LOST
        [row] = done.discrepancies
        assert (row.count.missing, row.count.on_road, bool(row.last_day)) == (LOST, LOST, True)
        assert read(lanes.connections, NAME).flaws == {}
        result = reconcile(lanes.connections, NAME)
        assert (result.lines, result.waiting) == ([], {})
        assert result.odoo == result.marketplace > 0
