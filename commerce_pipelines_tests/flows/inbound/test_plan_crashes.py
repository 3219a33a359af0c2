"""A run that dies at any point of an inbound plan, answers that are lost, and two runs beside each other: one plan."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from commerce_pipelines.domain.inbound.consignment import Step
from commerce_pipelines.domain.outbox import effects as shapes
from commerce_pipelines.flows.outbox import dispatch
from commerce_pipelines.odoo.inbound import plan_papers
from commerce_pipelines.warehouse.inbound import plan_rows
from commerce_pipelines.warehouse.outbox import effects as outbox
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.everywhere import Lanes
from commerce_pipelines_tests.doubles.sendings import MUG, NAME, PAPER, PLANS, Sending, open_away
from commerce_sandbox.server import Fault

STEPS = (
    Step.CREATE, Step.PACK, Step.CONFIRM_PACKING, Step.BOXES, Step.PLACE, Step.QUOTE, Step.CONFIRM_PLACEMENT,
    Step.WINDOWS, Step.CONFIRM_WINDOW, Step.CONFIRM_TRANSPORT,
)  # fmt: skip


@pytest.fixture
def lanes(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Lanes]:
    """A lost request cannot arrive late here, so that a second look need not wait five minutes for it."""
    monkeypatch.setattr(outbox, "LATE_ANSWER", timedelta(0))
    assert timedelta(minutes=5) == shapes.LATE_ANSWER
    with open_away(warehouse, monkeypatch, tmp_path, plans={**PLANS, "approve": False}) as opened:
        yield opened


@pytest.fixture
def sending(lanes: Lanes) -> Sending:
    sending = Sending(lanes)
    sending.pack(sending.transfer({MUG: 10, PAPER: 4}))
    return sending


def check_made_once(sending: Sending) -> None:
    assert sending.plan().state == "made", sending.waiting()
    [plan] = sending.amazon.plans.values()
    assert (plan.transported, len(plan.packings), len(plan.placements)) == (True, 1, 1)
    [number] = sending.lanes.world.channels[NAME].inbound.shipments
    picking = sending.plan().picking
    assert (sending.origin(picking), sending.files(picking)) == (number, [f"{number} boxes 1-1.pdf"])


@pytest.mark.parametrize("place", ["effect_recorded", "attempt_recorded", "effect_answered", "effect_settled"])
@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_run_that_dies_at_a_step_is_finished_by_the_next(
    sending: Sending, place: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = {"": 0}

    def die(name: str) -> None:
        if name == place:
            passed[""] += 1
            if passed[""] > step:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(dispatch, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            sending.advance()
    sending.advance()
    check_made_once(sending)


@pytest.mark.parametrize("place", ["fba_numbers_written", "fba_label_attached"])
def test_a_run_that_dies_while_it_writes_to_odoo(
    sending: Sending, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    def die(name: str) -> None:
        if name == place:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(plan_papers, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            sending.advance()
    sending.advance()
    check_made_once(sending)


@pytest.mark.parametrize("path", [
    "/inboundPlans", "/packingOptions", "/confirmation", "/packingInformation", "/placementOptions",
    "/transportationOptions", "/deliveryWindowOptions",
])  # fmt: skip
def test_a_lost_answer_makes_nothing_twice(sending: Sending, path: str) -> None:
    def is_step(call: Any) -> bool:
        return call.method == "POST" and "/inbound/fba/" in call.path and call.path.endswith(path)

    sending.lanes.world.channels[NAME].faults.append(Fault(match=is_step, drop=True, after=True))
    for _ in range(3):
        sending.advance()
    check_made_once(sending)


def test_two_runs_at_once_make_one_plan(sending: Sending) -> None:
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: sending.advance(), range(2)))
    assert sorted(run.new for run in done) == [0, 1]
    check_made_once(sending)


def test_what_amazon_fails_by_itself_is_tried_later_and_what_it_refuses_waits(sending: Sending) -> None:
    sending.amazon.fails["generatePlacementOptions"] = [("InternalServerError", "Please try again later.")]
    sending.advance()
    plan = sending.plan()
    assert (plan.code, plan.tries, "generatePlacement" in sending.waiting()["fba_plan_refused"]) == (
        "fba_plan_refused", 1, False,
    )  # fmt: skip
    assert "It is tried again at" in sending.waiting()["fba_plan_refused"]
    assert plan.retry_at is not None
    assert timedelta(minutes=50) < plan.retry_at - datetime.now(UTC) <= timedelta(hours=1)
    sending.advance()
    assert sending.plan().state == "waits"  # not before the hour is over
    sending.retry()
    sending.advance()
    check_made_once(sending)
    assert sending.waiting() == {}


def test_a_step_on_record_is_not_sent_once_the_transfer_is_cancelled(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run died after it had put the final step on record, and before it sent it."""

    def die(name: str) -> None:
        if name == "effect_recorded" and any(plan.placements for plan in sending.amazon.plans.values()):
            with sending.connections.warehouse.transaction() as connection:
                due = outbox.sendable(connection, NAME, shapes.Kind.INBOUND)
            if due and due[0].body["step"] == Step.CONFIRM_PLACEMENT:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(dispatch, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            sending.advance()
    with monkeypatch.context() as patch:  # the next run does not withdraw it first
        patch.setattr(plan_rows, "list_unsent", lambda *_: [])
        sending.odoo.call("stock.picking", "action_cancel", ids=[sending.plan().picking])
        sending.advance()
    [plan] = sending.amazon.plans.values()
    assert (plan.status, plan.placement, sending.plan().state) == ("VOIDED", "", "cancelled")
