"""Reading Amazon's ledger: what is done with it at once."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_pipelines.flows.inbound import ledger_days
from commerce_pipelines_tests.doubles.everywhere import Lanes
from commerce_pipelines_tests.doubles.sendings import NAME


@pytest.mark.parametrize(("inbound", "asked"), [({}, [NAME]), ({"departures": False}, [])])
def test_every_reading_asks_again_where_orders_left_from(
    lanes: Lanes, inbound: dict[str, Any], asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def ask_again(connections: Any, name: str, run_id: str) -> int:
        calls.append(name)
        return 3

    monkeypatch.setattr(ledger_days, "ask_again", ask_again)
    done = ledger_days.read(lanes.connections, NAME)
    assert (done.contradicted, calls) == (3 * len(asked), asked)
