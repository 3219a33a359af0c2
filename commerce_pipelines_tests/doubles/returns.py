"""A source of returns or refunds in memory: its payloads are the domain's own records as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from commerce_pipelines.channels.capabilities import Head, Page, Source, Window
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.returns.records import (
    Refund,
    RefundKind,
    RefundLine,
    RefundState,
    Return,
    ReturnLine,
    ReturnState,
)

R = TypeVar("R", Return, Refund)


class RecordSource(Source[Any], Generic[R]):
    """One of the sources of a channel. `broken` holds ids whose answers cannot be translated."""

    def __init__(self, topic: Topic, channel: str = "shop_de") -> None:
        self.topic, self.channel = topic, channel
        self.known: dict[str, R] = {}
        self.broken: set[str] = set()
        self.error: Exception | None = None
        self.subject_of: dict[str, str] = {}  # by order id; default: the order itself

    def put(self, *records: R) -> None:
        for record in records:
            self.known[_read_id(record)] = record

    def changed(self, window: Window, resume: str | None = None, unchanged: Any = None) -> Iterator[Page]:
        yield self._list_page(window, "updated_at")

    def created(self, window: Window) -> Iterator[Page]:
        yield self._list_page(window, "created_at")

    def one(self, record_id: str) -> bytes | None:
        return msgspec.json.encode(self.known[record_id]) if record_id in self.known else None

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

    @property
    def _choose_shape(self) -> Any:
        return Return if self.topic == Topic.RETURNS else Refund

    def _list_page(self, window: Window, field: str) -> Page:
        if self.error is not None:
            raise self.error
        found = [record for record in self.known.values() if window.start <= getattr(record, field) < window.end]
        return Page(records=tuple(map(msgspec.json.encode, found)), resume=None, watermark=window.end)


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
