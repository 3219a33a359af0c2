"""A source of returns or refunds in memory, whose payloads are the domain's own records as JSON, and documents of an
Odoo that exist in memory only."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
import pytest

from commerce_pipelines.channels.capabilities import AfterSale, Head, Page, Window
from commerce_pipelines.core.errors import RecordError, TransientError
from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.returns.outcomes import Books, CreditAction, CreditOutcome, ReturnAction, ReturnOutcome
from commerce_pipelines.domain.returns.records import (
    Outline,
    Refund,
    RefundKind,
    RefundLine,
    RefundState,
    Return,
    ReturnLine,
    ReturnState,
)
from commerce_pipelines.odoo.returns.totals import Note

R = TypeVar("R", Return, Refund)


class RecordSource(AfterSale[Any], Generic[R]):
    """One of the sources of a channel. `broken` holds ids whose answers cannot be translated, `vague` those of them
    whose amount is not certain."""

    def __init__(self, topic: Topic, channel: str = "shop_de") -> None:
        self.topic, self.channel = topic, channel
        self.known: dict[str, R] = {}
        self.broken: set[str] = set()
        self.vague: set[str] = set()
        self.error: Exception | None = None
        self.subject_of: dict[str, str] = {}  # by order id; default: the order itself

    def put(self, *records: R) -> None:
        for record in records:
            self.known[_read_id(record)] = record

    def changed(self, window: Window, resume: str | None = None, unchanged: Any = None) -> Iterator[Page]:
        yield self._list_page(window, "updated_at")

    def created(self, window: Window) -> Iterator[Page]:
        yield self._list_page(window, "created_at")

    def fetch(self, record_id: str) -> bytes | None:
        return msgspec.json.encode(self.known[record_id]) if record_id in self.known else None

    def of_order(self, order_id: str) -> list[bytes]:
        return [msgspec.json.encode(record) for record in self.known.values() if record.order_id == order_id]

    def head(self, raw: bytes) -> Head:
        record = msgspec.json.decode(raw, type=self._choose_shape)
        subject = self.subject_of.get(record.order_id, f"order:{record.order_id}")
        return Head(
            record_id=_read_id(record), created_at=record.created_at, updated_at=record.updated_at, subject=subject
        )

    def translate(self, raw: bytes) -> Any:
        record = msgspec.json.decode(raw, type=self._choose_shape)
        if _read_id(record) in self.broken:
            raise RecordError("bad_payload", "The answer has no total at $.total.", fix="Look at it.", subject="$")
        return record

    def outline(self, raw: bytes) -> Outline | None:
        record = msgspec.json.decode(raw, type=self._choose_shape)
        total = None if record.refund_id in self.vague else record.total
        return Outline(order_id=record.order_id, currency=record.currency, total=total)

    @property
    def _choose_shape(self) -> Any:
        return Return if self.topic == Topic.RETURNS else Refund

    def _list_page(self, window: Window, field: str) -> Page:
        if self.error is not None:
            raise self.error
        records = [record for record in self.known.values() if window.start <= getattr(record, field) < window.end]
        return Page(records=tuple(map(msgspec.json.encode, records)), resume=None, watermark=window.end)


def _read_id(record: Return | Refund) -> str:
    return record.return_id if isinstance(record, Return) else record.refund_id


def make_refund(refund_id: str, order_id: str, at: datetime, *lines: RefundLine, **more: Any) -> Refund:
    """A refund of one unit of the order's first line at 16.90, done, unless told otherwise."""
    lines = lines or (
        RefundLine(line_id="1", kind=RefundKind.GOODS, amount=1690, quantity=1, order_line_id="1", is_returned=False),
    )
    return Refund(**{
        "channel": "shop_de", "refund_id": refund_id, "order_id": order_id, "created_at": at, "updated_at": at,
        "state": RefundState.DONE, "currency": "EUR", "total": sum(line.amount for line in lines), "lines": lines,
        **more,
    })  # fmt: skip


def make_return(return_id: str, order_id: str, at: datetime, *lines: ReturnLine, **more: Any) -> Return:
    """A return of one unit of the order's first line, announced, unless told otherwise."""
    lines = lines or (ReturnLine(line_id="1", quantity=1, order_line_id="1", sku="MUG-STN-350-BL"),)
    return Return(**{
        "channel": "shop_de", "return_id": return_id, "order_id": order_id, "created_at": at, "updated_at": at,
        "state": ReturnState.ANNOUNCED, "lines": lines, "rma": f"RMA-{return_id}", **more,
    })  # fmt: skip


class Documents:
    """Stands for odoo/returns/documents.py: one credit note per refund, however often it is asked for. `refuse` holds
    reasons by record id; `lost` counts answers that get lost after Odoo wrote."""

    def __init__(self) -> None:
        self.notes: dict[str, CreditOutcome] = {}
        self.returns: dict[str, ReturnOutcome] = {}
        self.refuse: dict[str, Reason] = {}
        self.made: list[str] = []  # ids of refunds in the order in which their credit notes came into being
        self.asked = 0
        self.lost = 0
        self.inside = self.most_at_once = 0
        self.guard = threading.Lock()

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> Documents:
        from commerce_pipelines.odoo.returns import documents, totals

        monkeypatch.setattr(documents, "credit_refunds", self.credit_refunds)
        monkeypatch.setattr(documents, "move_returns", self.move_returns)
        monkeypatch.setattr(totals, "read_notes", self.read_notes)
        return self

    def credit_refunds(
        self, client: Any, books: Books, refunds: Sequence[Refund], packs: Any = None, dry: bool = False
    ) -> Iterator[CreditOutcome]:
        self.asked += 1
        self.inside += 1
        self.most_at_once = max(self.most_at_once, self.inside)
        outcomes = [self._make_note(refund) for refund in refunds]
        self.inside -= 1
        if self.lost:
            self.lost -= 1
            raise TransientError("The answer was lost.")
        yield from outcomes

    def move_returns(
        self, client: Any, books: Books, returns: Sequence[Return], packs: Any = None, dry: bool = False
    ) -> Iterator[ReturnOutcome]:
        for record in returns:
            if reason := self.refuse.get(record.return_id):
                yield ReturnOutcome(
                    return_id=record.return_id, order_id=record.order_id, action=ReturnAction.REFUSED, reason=reason
                )
                continue
            received = sum(line.received for line in record.lines)
            outcome = ReturnOutcome(
                return_id=record.return_id, order_id=record.order_id,
                action=ReturnAction.RECEIVED if received else ReturnAction.OPENED,
                pickings=((7, "WH/RET/00007", "done" if received else "assigned"),), received=received,
            )  # fmt: skip
            self.returns[record.return_id] = outcome
            yield outcome

    def read_notes(self, client: Any, odoo_ids: Iterable[int]) -> dict[int, Note]:
        by_id = {note.odoo_id: note for note in self.notes.values()}
        return {
            odoo_id: Note(
                odoo_id=odoo_id, name=by_id[odoo_id].name, state="posted", payment_state="not_paid", currency="EUR",
                total=by_id[odoo_id].amount_total, tax=0,
            )
            for odoo_id in odoo_ids
            if odoo_id in by_id
        }  # fmt: skip

    def _make_note(self, refund: Refund) -> CreditOutcome:
        common: dict[str, Any] = {"refund_id": refund.refund_id, "order_id": refund.order_id}
        if reason := self.refuse.get(refund.refund_id):
            return CreditOutcome(action=CreditAction.REFUSED, reason=reason, **common)
        if refund.state is not RefundState.DONE or not refund.total:
            return CreditOutcome(action=CreditAction.NOT_DONE, **common)
        with self.guard:
            if note := self.notes.get(refund.refund_id):
                return msgspec.structs.replace(note, action=CreditAction.UNCHANGED)
            self.made.append(refund.refund_id)
            outcome = CreditOutcome(
                action=CreditAction.CREATED, odoo_id=100 + len(self.made), name=f"RINV/{len(self.made)}",
                state="posted", payment_state="not_paid", amount_total=refund.total, **common,
            )  # fmt: skip
            self.notes[refund.refund_id] = outcome
            return outcome
