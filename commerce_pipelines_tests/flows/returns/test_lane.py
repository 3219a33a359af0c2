"""Returns and refunds through their lane: each credit note once, none lost, and no record holds up another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import dagster as dg
import msgspec
import pytest

from commerce_pipelines.assets.credited import complete
from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.returns.records import RefundKind, RefundLine, RefundState, ReturnLine, ReturnState
from commerce_pipelines.flows import alerts
from commerce_pipelines.flows.explain import explain
from commerce_pipelines.flows.intake.changes import Cursor, poll
from commerce_pipelines.flows.returns.heal import heal, replay
from commerce_pipelines.flows.returns.prove import find_open, verdict
from commerce_pipelines.flows.returns.stage import read_landed
from commerce_pipelines.flows.returns.trace import order_of, trace
from commerce_pipelines_tests.doubles.lane import NAME
from commerce_pipelines_tests.doubles.returns import make_refund, make_return
from commerce_pipelines_tests.flows.returns.conftest import ReturnsLane

NO = Reason("bad_amount", "No.", "Yes.")


def test_a_refund_becomes_one_credit_note_and_is_proved(returns: ReturnsLane) -> None:
    returns.orders.put(returns.orders.order("A1"))
    returns.orders.run()
    returns.put(make_refund("R1", "A1", returns.noon))
    loaded = returns.run()
    assert loaded.actions == {"refunds created": 1}
    assert loaded.by_currency == {"EUR": 1690}
    proof = returns.prove()
    assert (proof.whole.orders_in_channel, proof.whole.sale_orders_in_odoo) == (1, 1)
    assert proof.whole.complete
    assert returns.run().actions == {"refunds unchanged": 1}
    assert returns.documents.made == ["R1"]


def test_the_same_refund_by_poll_pull_and_backfill_is_one_credit_note(returns: ReturnsLane) -> None:
    """G69: the refund is delivered twice, and a poll sees it too."""
    returns.orders.put(returns.orders.order("A1"))
    returns.orders.run()
    returns.put(make_refund("R1", "A1", returns.noon))
    cursor = Cursor(watermark=returns.noon - timedelta(hours=1))
    for _ in range(2):
        poll(returns.connections, NAME, cursor, topic=Topic.REFUNDS)
        returns.run(again=False, pulled=False)
    returns.run()
    returns.run()
    assert returns.documents.made == ["R1"]
    assert returns.prove().whole.complete


def test_a_refund_before_its_order_waits_and_is_applied_once(returns: ReturnsLane) -> None:
    """G72: the refund comes first, its order a minute later."""
    returns.put(make_refund("R1", "A1", returns.noon))
    assert returns.run(again=False).actions == {"refunds waiting": 1}
    assert [row.code for row in returns.waiting(Topic.REFUNDS)] == ["order_not_in_odoo"]
    assert returns.prove().whole.exceptions == 1
    landing = returns.connections.landing(NAME, Topic.REFUNDS)
    assert landing.pending(*returns.span) == {}
    assert heal(returns.connections, NAME) == 0

    returns.orders.put(returns.orders.order("A1"))
    returns.orders.run()
    assert heal(returns.connections, NAME) == 1
    assert list(landing.pending(*returns.span)) == [returns.day]
    assert returns.run(again=False, pulled=False).actions == {"refunds created": 1}
    assert landing.pending(*returns.span) == {}
    assert heal(returns.connections, NAME) == 0
    assert (returns.documents.made, returns.waiting(Topic.REFUNDS)) == (["R1"], [])


def test_a_run_of_the_sensor_asks_odoo_for_nothing_that_is_settled(returns: ReturnsLane) -> None:
    returns.orders.put(returns.orders.order("A1"))
    returns.orders.run()
    returns.put(make_refund("R1", "A1", returns.noon))
    returns.run(again=False)
    asked = returns.documents.asked
    assert returns.run(again=False).actions == {}
    assert returns.documents.asked == asked


def test_one_failing_refund_silences_neither_the_others_nor_its_order(returns: ReturnsLane) -> None:
    returns.orders.put(returns.orders.order("A1"), returns.orders.order("A2"))
    returns.documents.refuse["R1"] = NO
    returns.put(make_refund("R1", "A1", returns.noon), make_refund("R2", "A2", returns.noon))
    returns.channel.refunds.broken.add("R3")
    returns.put(make_refund("R3", "A2", returns.noon), make_return("T1", "A1", returns.noon))
    returns.orders.run()
    loaded = returns.run()
    assert loaded.actions == {"refunds refused": 1, "refunds created": 1, "returns opened": 1}
    waiting = {row.record_id: (row.stage, row.code) for row in returns.waiting(Topic.REFUNDS)}
    assert waiting == {"R1": ("load", "bad_amount"), "R3": ("transform", "bad_payload")}
    assert returns.orders.prove().whole.complete
    assert returns.prove().whole.exceptions == 1
    assert not verdict(returns.connections, NAME, returns.connections.instruments.now()).settled

    del returns.documents.refuse["R1"]
    assert returns.run(again=False).actions == {}
    assert replay(returns.connections, NAME, record_ids=["R1"]) == 1
    assert returns.run(again=False).actions["refunds created"] == 1
    assert sorted(returns.documents.made) == ["R1", "R2"]


def test_a_failing_order_silences_no_refund_of_another(returns: ReturnsLane) -> None:
    broken = returns.orders.order("X1")
    unknown = tuple(msgspec.structs.replace(line, sku="X-404") for line in broken.lines)
    returns.orders.put(msgspec.structs.replace(broken, lines=unknown), returns.orders.order("X2"))
    returns.orders.run()
    returns.put(make_refund("R1", "X1", returns.noon), make_refund("R2", "X2", returns.noon))
    assert returns.run().actions == {"refunds waiting": 1, "refunds created": 1}
    assert returns.documents.made == ["R2"]


def test_a_lost_answer_is_repeated_and_makes_no_second_note(returns: ReturnsLane) -> None:
    returns.orders.put(returns.orders.order("A1"))
    returns.orders.run()
    returns.put(make_refund("R1", "A1", returns.noon))
    returns.documents.lost = 1
    with pytest.raises(TransientError):
        returns.run()
    landing = returns.connections.landing(NAME, Topic.REFUNDS)
    assert list(landing.pending(*returns.span)) == [returns.day]
    assert returns.prove().whole.missing == ("R1",)
    assert returns.run(again=False).actions == {"refunds unchanged": 1}
    assert returns.prove().whole.complete
    assert returns.documents.made == ["R1"]


def test_a_pending_refund_is_not_booked_before_it_is_done(returns: ReturnsLane) -> None:
    returns.orders.put(returns.orders.order("A1"))
    returns.orders.run()
    refund = make_refund("R1", "A1", returns.noon, state=RefundState.PENDING)
    returns.put(refund)
    assert returns.run().actions == {"refunds not_done": 1}
    assert returns.prove().whole.orders_in_channel == 0
    later = refund.updated_at + timedelta(minutes=5)
    returns.put(msgspec.structs.replace(refund, state=RefundState.DONE, updated_at=later))
    assert returns.run(again=False).actions == {"refunds created": 1}


def test_a_refund_that_failed_after_its_note_is_surplus(returns: ReturnsLane) -> None:
    returns.orders.put(returns.orders.order("A1"))
    returns.orders.run()
    refund = make_refund("R1", "A1", returns.noon)
    returns.put(refund)
    returns.run()
    later = refund.updated_at + timedelta(minutes=5)
    returns.put(msgspec.structs.replace(refund, state=RefundState.FAILED, updated_at=later))
    assert returns.run(again=False).actions == {"refunds not_done": 1}
    proof = returns.prove().whole
    assert (proof.surplus, proof.complete) == (("R1",), False)


def test_a_test_order_and_another_channel_s_sale_take_no_credit_note(returns: ReturnsLane) -> None:
    returns.orders.put(
        returns.orders.order("A1", is_test=True), returns.orders.order("A2", is_other_channel=True)
    )  # fmt: skip
    returns.orders.run()
    returns.put(make_refund("R1", "A1", returns.noon), make_refund("R2", "A2", returns.noon))
    assert returns.run().actions == {"refunds not_a_sale": 2}
    assert returns.prove().whole.orders_in_channel == 0
    assert returns.waiting(Topic.REFUNDS) == []


def test_goods_and_money_that_do_not_meet_are_named(returns: ReturnsLane) -> None:
    old = returns.noon - timedelta(days=3)
    arrived = ReturnLine(line_id="1", quantity=1, received=1, order_line_id="1")
    back = RefundLine(line_id="1", kind=RefundKind.GOODS, amount=1690, quantity=1, is_returned=True)
    returns.put(
        make_return("T1", "A1", returns.noon, arrived, state=ReturnState.RECEIVED, updated_at=old),
        make_refund("R2", "A2", returns.noon, back),
    )
    returns.run()
    named = find_open(returns.connections, NAME, returns.connections.instruments.now())
    assert (named.unreceived, named.unrefunded, named.goodless) == (("T1",), ("T1",), ("R2",))


def test_no_row_of_the_lane_tells_who_bought(returns: ReturnsLane) -> None:
    """The tables hold ids and figures; a record whose data subject is erased has no row any more."""
    returns.orders.put(returns.orders.order("A1"))
    returns.channel.refunds.subject_of["A1"] = "email:a1@example.com"
    returns.put(make_refund("R1", "A1", returns.noon), make_return("T1", "A1", returns.noon))
    returns.run()
    assert (len(returns.rows("refunds")), len(returns.rows("returns"))) == (1, 1)
    vault = returns.connections.vault
    with returns.connections.warehouse.transaction() as connection:
        vault.destroy(connection, [vault.subject_id("email:a1@example.com")])
    returns.run()
    assert (returns.rows("refunds"), returns.rows("refund_lines"), len(returns.rows("returns"))) == ([], [], 1)


class Killed(BaseException):
    """Stands for a SIGKILL at a failpoint: nothing after it is done, and no open transaction commits."""


@pytest.mark.parametrize("point", ["landed", "staged_refunds", "returns_moved", "refunds_credited"])
def test_a_crash_at_any_step_loses_and_doubles_nothing(
    returns: ReturnsLane, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    returns.orders.put(returns.orders.order("A1"))
    returns.orders.run()
    returns.put(make_refund("R1", "A1", returns.noon), make_return("T1", "A1", returns.noon))

    def kill(name: str) -> None:
        if name == point:
            raise Killed

    with monkeypatch.context() as patch:
        for module in ("intake.pull", "returns.stage", "returns.load"):
            patch.setattr(f"commerce_pipelines.flows.{module}.failpoint", kill)
        with pytest.raises(Killed):
            returns.run()
    cursor = Cursor(watermark=returns.noon)
    for topic in (Topic.RETURNS, Topic.REFUNDS):
        poll(returns.connections, NAME, cursor, topic=topic)
        assert list(returns.connections.landing(NAME, topic).pending(*returns.span)) in ([returns.day], [])
    returns.run(again=False, pulled=False)
    assert (returns.documents.made, list(returns.documents.returns)) == (["R1"], ["T1"])
    assert returns.prove().whole.complete
    assert returns.waiting(Topic.REFUNDS) == []


def test_two_runs_at_once_write_one_after_another(returns: ReturnsLane) -> None:
    returns.orders.put(returns.orders.order("A1"))
    returns.orders.run()
    returns.put(make_refund("R1", "A1", returns.noon))
    with ThreadPoolExecutor(2) as pool:
        loaded = [run.result() for run in [pool.submit(returns.run) for _ in range(2)]]
    assert sorted(part for figures in loaded for part in figures.actions) == ["refunds created", "refunds unchanged"]
    assert (returns.documents.made, returns.documents.most_at_once) == (["R1"], 1)


def test_the_story_of_an_order_has_its_refunds_and_their_documents(returns: ReturnsLane) -> None:
    returns.orders.put(returns.orders.order("A1"))
    returns.orders.run()
    returns.put(make_refund("R1", "A1", returns.noon), make_return("T1", "A1", returns.noon))
    returns.run()
    assert order_of(returns.connections, NAME, "R1") == order_of(returns.connections, NAME, "T1") == "A1"
    story = {event.what: event.details for event in trace(returns.connections, NAME, "A1")}
    assert story["refund R1: decided and loaded"] == {"outcome": "created", "credit note": "RINV/1"}
    assert story["return T1: decided and loaded"]["transfer WH/RET/00007"] == "assigned (id 7)"
    assert story["credit note in Odoo now"]["total"] == "16.90 EUR"
    assert "return T1: answer received by pull" in story
    page = explain(returns.connections, NAME, "R1")
    assert (page.order_id, len(page.answers)) == ("A1", 1)
    assert page.events == explain(returns.connections, NAME, "A1").events


def test_a_refund_without_credit_note_is_told_to_people(returns: ReturnsLane) -> None:
    returns.orders.put(returns.orders.order("A1"))
    returns.orders.run()
    returns.put(make_refund("R1", "A1", returns.noon))
    returns.run()
    now = returns.connections.instruments.now()
    assert [condition.key for condition in alerts.find(returns.connections, now)] == []
    returns.documents.notes.clear()  # a person deleted it in Odoo
    returns.prove()
    (condition,) = alerts.find(returns.connections, now)
    assert condition.key == f"missing:{NAME}:refunds"
    assert "1 refunds have no credit note in Odoo, money differs" in condition.message
    check = complete(verdict(returns.connections, NAME, now), NAME, dg.AssetKey([NAME, "credit_notes"]))
    assert check.metadata["refunds without credit note"].value == f"[R1](/orders/{NAME}/R1)"


def test_what_was_destroyed_at_its_age_limit_counts_as_before(returns: ReturnsLane) -> None:
    """The answers of a return and a refund are gone: a further refund of the order still knows of them."""
    from commerce_pipelines.warehouse.privacy.expiry import destroy

    connections = returns.connections
    returns.orders.put(returns.orders.order("A1"))
    returns.orders.run()
    first = make_refund("R1", "A1", returns.noon)
    returns.put(first)
    returns.run()
    with connections.warehouse.transaction() as connection:
        done = destroy(connection, connections.vault, NAME, Topic.REFUNDS, ["R1"], connections.label)
    assert (done.answers, done.keys) == (1, 1)
    [(snapshot, rebuilt)] = read_landed(connections, NAME, Topic.REFUNDS, ["R1"])
    assert (snapshot.raw, rebuilt) == (None, first)
    returns.put(make_refund("R2", "A1", returns.noon))
    assert returns.run().actions == {"refunds created": 1, "refunds unchanged": 1}
    assert returns.documents.made == ["R1", "R2"]
    assert returns.prove().whole.complete
