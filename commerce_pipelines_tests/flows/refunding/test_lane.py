"""A person's credit note in Odoo, paid back by a channel once and recognised when it is reported: on the stand-in, and
on a real Odoo by both transports."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.core.errors import PermanentError
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.outbox.effects import Kind
from commerce_pipelines.domain.returns.records import RefundKind, RefundLine
from commerce_pipelines.flows.lineage import replay, trace
from commerce_pipelines.flows.refunding.issue import Stopped, answer, release
from commerce_pipelines.flows.refunding.prove import PaidBack
from commerce_pipelines.flows.returns.heal import heal
from commerce_pipelines_tests.doubles.lane import NAME, numbered
from commerce_pipelines_tests.doubles.outbox import later as much_later
from commerce_pipelines_tests.doubles.refunds_out import credit
from commerce_pipelines_tests.doubles.returns import make_refund

from .conftest import Desk


def test_a_persons_credit_note_is_paid_back_once_and_recognised_when_it_is_reported(
    open_desk: Any, request: pytest.FixtureRequest
) -> None:
    refunds: Desk = open_desk()
    first, second = numbered(request, 2)
    bills = refunds.sell(first, second)
    ours = RefundLine(line_id="1", kind=RefundKind.PRICE, amount=300, order_line_id="1")
    refunds.returns.put(make_refund(f"R-{second}", second, refunds.returns.noon, ours))
    assert refunds.returns.run().actions == {"refunds created": 1}
    assert not refunds.has_work()  # a credit note of ours is none of a person's
    note = credit(refunds.person, bills[0])
    credit(refunds.person, bills[1], 2.5, post=False)
    assert refunds.has_work()
    assert refunds.prove() == PaidBack(notes=1, credited=1690, under_way=1)
    done = refunds.issue(whole=False)
    assert (done.planned, dict(done.outcomes), done.settled) == (1, {"accepted": 1}, 0)
    (sent,) = refunds.desk.paid
    assert (sent.key, sent.refund.order_id, sent.refund.total) == (str(note), first, 1690)
    assert [(line.kind, line.order_line_id, line.quantity) for line in sent.refund.lines] == [
        (RefundKind.GOODS, "1", 1)
    ]
    assert refunds.report() == {"refunds recognised": 1, "refunds unchanged": 1}
    assert refunds.returns.prove().whole.complete
    assert refunds.prove() == PaidBack(notes=1, credited=1690, paid_back=1, refunded=1690)
    assert (refunds.issue().settled, refunds.waits(), len(refunds.desk.paid)) == (1, {}, 1)
    assert (refunds.issue().notes, refunds.has_work()) == (0, False)
    assert refunds.prove() == PaidBack(notes=1, credited=1690, paid_back=1, refunded=1690)
    story = [event.what for event in trace(refunds.returns.connections, NAME, first)]
    assert sum(": refund, attempt 1" in what for what in story) == 1


def test_a_refund_that_was_made_in_the_channel_is_not_paid_back_again(
    open_desk: Any, request: pytest.FixtureRequest
) -> None:
    refunds: Desk = open_desk()
    first, second = numbered(request, 2)
    bills = refunds.sell(first, second)
    for bill in bills:
        credit(refunds.person, bill, 5.0)
    goodwill = RefundLine(line_id="1", kind=RefundKind.GOODWILL, amount=500)
    refunds.returns.put(make_refund(f"R-{first}", first, refunds.returns.noon, goodwill))
    assert refunds.returns.run().actions == {"refunds recognised": 1}
    refunds.desk.shown = {f"R-{first}", f"R-{second}"}  # the other one is not reported yet
    done = refunds.issue()
    assert (done.settled, refunds.desk.paid, refunds.waits()) == (1, [], {second: "refund_unsettled"})
    refunds.returns.put(make_refund(f"R-{second}", second, refunds.returns.noon, goodwill))
    refunds.returns.run()
    assert (refunds.issue().settled, refunds.desk.paid, refunds.waits()) == (1, [], {})


def test_a_credit_note_for_a_refund_that_cannot_be_read_is_recognised_and_not_paid_back(
    open_desk: Any, request: pytest.FixtureRequest
) -> None:
    refunds: Desk = open_desk()
    first, second = numbered(request, 2)
    bills = refunds.sell(first, second)
    source, noon = refunds.returns.channel.refunds, refunds.returns.noon
    goodwill = RefundLine(line_id="1", kind=RefundKind.GOODWILL, amount=500)
    refunds.returns.put(*(make_refund(f"R-{order_id}", order_id, noon, goodwill) for order_id in (first, second)))
    source.broken |= {f"R-{first}", f"R-{second}"}
    source.vague.add(f"R-{second}")
    refunds.returns.run()
    for bill in bills:
        credit(refunds.person, bill, 5.0)
    other = credit(refunds.person, bills[0], 4.0)
    named = credit(refunds.person, bills[1], 4.5)
    refunds.issue()
    assert (refunds.desk.paid, refunds.waits()) == ([], dict.fromkeys((first, second), "refund_unsettled"))
    assert heal(refunds.returns.connections, NAME) == 2
    assert refunds.returns.run(again=False).actions == {"refunds credited by hand": 1}
    assert [row.record_id for row in refunds.returns.waiting(Topic.REFUNDS)] == [f"R-{second}"]
    refunds.issue()
    assert ([sent.key for sent in refunds.desk.paid], refunds.waits()) == ([str(other)], {second: "refund_unsettled"})
    refunds.person.call("account.move", "write", ids=[named], vals={"ref": f"Refund R-{second}, by hand"})
    assert refunds.returns.run(again=False).actions == {"refunds credited by hand": 1}
    refunds.issue()
    assert ([sent.refund.total for sent in refunds.desk.paid], refunds.waits()) == ([400, 500], {})
    assert refunds.returns.waiting(Topic.REFUNDS) == []
    source.broken.clear()
    source.put(make_refund(f"R-{first}", first, noon, goodwill, updated_at=noon + timedelta(minutes=1)))
    refunds.returns.run()
    proof = refunds.returns.prove().whole
    assert (proof.absent, proof.surplus, proof.difference) == ((), (), {"EUR": 50})  # as the person credited it
    assert (refunds.issue().planned, len(refunds.desk.paid)) == (0, 2)
    paid = refunds.prove()
    assert (paid.notes, paid.paid_back, paid.difference, len(paid.differing)) == (4, 2, 50, 1)


def test_what_a_channel_may_still_report_is_waited_for(open_desk: Any, request: pytest.FixtureRequest) -> None:
    refunds: Desk = open_desk()
    refunds.desk.late_by = timedelta(hours=48)
    (order_id,) = numbered(request)
    (bill,) = refunds.sell(order_id)
    credit(refunds.person, bill, 5.0)
    done = refunds.issue()
    assert (done.planned, done.postponed, refunds.desk.asked, refunds.waits()) == (0, 1, 0, {})
    assert not refunds.has_work()
    with refunds.returns.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.manual_credit_notes SET first_seen = first_seen - interval '48 hours'")
    assert refunds.has_work()
    with refunds.returns.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.manual_credit_notes SET first_seen = first_seen - interval '49 hours'")
    assert [note[:4] for note in refunds.prove().missing] == ["RINV"]  # overdue, and nobody waits for it
    assert refunds.issue().outcomes == {"accepted": 1}


def test_a_lost_answer_is_looked_for_and_what_nobody_can_tell_waits_for_a_person(
    open_desk: Any, request: pytest.FixtureRequest
) -> None:
    refunds: Desk = open_desk()
    order_ids = numbered(request, 2)
    bills = refunds.sell(*order_ids)
    warehouse = refunds.returns.connections.warehouse
    credit(refunds.person, bills[0], 5.0)
    refunds.desk.lose = 1
    assert refunds.issue().outcomes == {"unknown": 1}
    assert refunds.has_work()
    assert refunds.issue().outcomes == {"accepted": 1}
    note = credit(refunds.person, bills[1], 4.0)
    refunds.desk.lose, refunds.desk.tells = 1, False
    refunds.issue()
    much_later(warehouse)
    refunds.issue()
    assert refunds.waits() == {order_ids[1]: "refund_in_doubt"}
    assert len(refunds.desk.paid) == 2
    with pytest.raises(PermanentError, match="in doubt are"):
        answer(refunds.returns.connections, NAME, "1", happened=True)
    answer(refunds.returns.connections, NAME, str(note), happened=False)
    refunds.person.call("account.move", "button_cancel", ids=[note])  # meanwhile a person takes it back
    assert refunds.issue().outcomes == {"refused": 1}
    assert (len(refunds.desk.paid), refunds.waits()) == (2, {})
    credit(refunds.person, bills[1], 4.0)
    assert refunds.issue().outcomes == {"accepted": 1}
    assert [sent.refund.total for sent in refunds.desk.paid] == [500, 400, 400]


def test_many_and_high_refunds_wait_for_a_person(open_desk: Any, request: pytest.FixtureRequest) -> None:
    refunds: Desk = open_desk(", hold_above: 1, hold_amount: 10")
    first, second = numbered(request, 2)
    bills = refunds.sell(first, second)
    credit(refunds.person, bills[0], 11.0)
    with pytest.raises(Stopped, match=r"11\.00 EUR would leave for RINV.*, more than 10"):
        refunds.issue()
    assert not refunds.has_work()
    credit(refunds.person, bills[1], 1.0)
    planned = refunds.issue(dry_run=True)
    assert (planned.planned, planned.by_currency, planned.dry) == (2, {"EUR": 1200}, True)
    with pytest.raises(Stopped, match="2 refunds would leave, more than 1"):
        refunds.issue()
    assert refunds.desk.paid == []
    release(refunds.returns.connections, NAME, "Ada")
    assert refunds.has_work()
    assert refunds.issue().outcomes == {"accepted": 2}
    with pytest.raises(PermanentError, match="nothing to release"):
        release(refunds.returns.connections, NAME, "Ada")


def test_a_refusal_waits_with_its_reason_until_a_person_asks_again(
    open_desk: Any, request: pytest.FixtureRequest
) -> None:
    refunds: Desk = open_desk()
    (order_id,) = numbered(request)
    (bill,) = refunds.sell(order_id)
    credit(refunds.person, bill, 5.0)
    refunds.desk.refuse = 1
    refunds.issue()
    assert (refunds.waits(), refunds.has_work()) == ({order_id: "refund_refused"}, False)
    assert refunds.prove() == PaidBack(notes=1, credited=500, waiting=1)
    refunds.issue()
    assert refunds.desk.asked == 1
    assert replay(refunds.returns.connections, NAME, record_ids=[order_id]).paid_back == 1
    assert refunds.has_work()
    assert (refunds.issue().outcomes, refunds.waits()) == ({"accepted": 1}, {})
    credit(refunds.person, bill, 11.91)  # 16.90 were paid
    refunds.issue()
    assert refunds.waits() == {order_id: "exceeds_payment"}
    with refunds.returns.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM commerce.effects WHERE kind = %s", (Kind.REFUND,))
        assert cursor.fetchone() == (2,)
