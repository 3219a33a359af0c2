"""A person's credit note stands for one refund, and is never paid back beside it, whatever dies on the way and whoever
else is at work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.returns.records import RefundKind, RefundLine
from commerce_pipelines_tests.doubles.lane import numbered
from commerce_pipelines_tests.doubles.outbox import later
from commerce_pipelines_tests.doubles.refunds_out import credit
from commerce_pipelines_tests.doubles.returns import make_refund

from .conftest import Desk

GOODWILL = RefundLine(line_id="1", kind=RefundKind.GOODWILL, amount=500)


class Killed(BaseException):
    """Stands for a SIGKILL at a failpoint: nothing after it is done, and no open transaction commits."""


def run_killed(refunds: Desk, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of the lane of returns that dies at a failpoint."""

    def kill(name: str) -> None:
        if name == point:
            raise Killed

    with monkeypatch.context() as patch:
        for module in ("load", "by_hand"):
            patch.setattr(f"commerce_pipelines.flows.returns.{module}.failpoint", kill)
        with pytest.raises(Killed):
            refunds.returns.run()


def run_together(refunds: Desk) -> None:
    """Two runs of the lane of returns and two of refunds out, all at the same time."""
    works: list[Callable[[], Any]] = [lambda: refunds.returns.run(pulled=False), refunds.issue] * 2
    with ThreadPoolExecutor(len(works)) as pool:
        for outcome in [pool.submit(work) for work in works]:
            outcome.result()


def list_standing(refunds: Desk) -> list[tuple[str, int]]:
    """(refund, credit note) of every refund that a credit note stands for."""
    with refunds.returns.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT refund_id, odoo_id FROM commerce.credit_notes WHERE odoo_id IS NOT NULL ORDER BY 1")
        return cursor.fetchall()


def count_notes(refunds: Desk, bill: int) -> int:
    return int(refunds.person.call("account.move", "search_count", domain=[["reversed_entry_id", "=", bill]]))


@pytest.mark.parametrize(("is_readable", "point"), [(True, "refunds_credited"), (False, "notes_matched")])
def test_of_two_refunds_of_one_amount_a_credit_note_stands_for_one(
    open_desk: Any, request: pytest.FixtureRequest, is_readable: bool, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both were made by hand in the channel. The other one is credited by us, or waits where it cannot be read."""
    refunds: Desk = open_desk()
    order_id = f"{numbered(request)[0]}-{point}"
    [bill] = refunds.sell(order_id)
    ids = [f"R1-{order_id}", f"R2-{order_id}"]
    refunds.returns.put(*(make_refund(refund_id, order_id, refunds.returns.noon, GOODWILL) for refund_id in ids))
    refunds.returns.channel.refunds.broken |= set() if is_readable else set(ids)
    refunds.desk.shown |= set(ids)
    note = credit(refunds.person, bill, 5.0)
    run_killed(refunds, point, monkeypatch)
    run_together(refunds)
    later(refunds.returns.connections.warehouse)
    refunds.returns.run()
    refunds.issue()
    standing = list_standing(refunds)
    assert len({odoo_id for _, odoo_id in standing}) == len(standing) == (2 if is_readable else 1)
    assert note in dict(map(reversed, standing))  # type: ignore[arg-type]
    assert count_notes(refunds, bill) == (2 if is_readable else 1)
    assert refunds.desk.paid == []
    waiting = [row.record_id for row in refunds.returns.waiting(Topic.REFUNDS) if row.record_id in ids]
    assert len(waiting) == (0 if is_readable else 1)


def test_what_was_paid_back_for_a_credit_note_is_recognised_once(
    open_desk: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of the channel is lost, the run that books its report dies, and then four work at once."""
    refunds: Desk = open_desk()
    [order_id] = numbered(request)
    [bill] = refunds.sell(order_id)
    note = credit(refunds.person, bill, 5.0)
    refunds.desk.lose = 1
    assert refunds.issue().outcomes == {"unknown": 1}
    assert refunds.issue().outcomes == {"accepted": 1}
    refunds.returns.put(*refunds.desk.report(refunds.returns))
    run_killed(refunds, "refunds_credited", monkeypatch)
    run_together(refunds)
    later(refunds.returns.connections.warehouse, timedelta(hours=1))
    refunds.issue()
    assert [sent.key for sent in refunds.desk.paid] == [str(note)]
    assert list_standing(refunds) == [(f"P-{note}", note)]
    assert (count_notes(refunds, bill), refunds.waits()) == (1, {})
    assert refunds.returns.prove().whole.complete
