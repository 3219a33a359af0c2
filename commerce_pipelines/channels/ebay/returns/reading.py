"""Reading eBay's refunds: they stand inside the orders, and change with them.

What belongs here: the operations of Source. What does not: lists of orders (handed in: orders/rest_reading.py), taking
an order apart (payloads.py), what a refund means (translate.py).

A record is one refund with the few fields of its order that it needs; the order itself is landed by its own source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from ....core.errors import RecordError
from ....core.topics import Topic
from ....domain.returns.records import Outline, Refund
from ...capabilities import AfterSale, Head, Page, Unchanged, Window
from ..personal import cut_order
from ..settings import Settings
from . import payloads
from .translate import outline, translate


class OrderLists(Protocol):
    """Lists of orders, as the Fulfillment API gives them."""

    def changed(
        self, window: Window, resume: str | None, unchanged: Unchanged | None, *, whole: bool = True
    ) -> Iterator[Page]: ...

    def fetch(self, order_id: str) -> bytes | None: ...


class EbayRefunds(AfterSale[Refund]):
    """Refunds of one seller account."""

    topic = Topic.REFUNDS

    def __init__(self, orders: OrderLists, settings: Settings, now: Callable[[], datetime]) -> None:
        self._orders, self._settings, self._now = orders, settings, now

    def changed(self, window: Window, resume: str | None = None, unchanged: Unchanged | None = None) -> Iterator[Page]:
        """Refunds of the orders modified in the window, up to some seconds ago."""
        for page in self._orders.changed(window, resume, None, whole=False):
            records = [record for raw in page.records for record in _take_apart(raw)]
            yield Page(records=tuple(records), resume=page.resume, watermark=page.watermark)

    def created(self, window: Window) -> Iterator[Page]:
        """Refunds of the window. Their orders were modified then or later, so all orders modified since are read."""
        for page in self.changed(Window(window.start, max(window.end, self._now()))):
            records = [raw for raw in page.records if _is_within(raw, window)]
            yield Page(records=tuple(records), resume=page.resume, watermark=page.watermark)

    def fetch(self, record_id: str) -> bytes | None:
        order_id, _, key = record_id.partition(":")
        raw = self._orders.fetch(order_id) if key else None
        records = payloads.split(raw) if raw else []
        return next((payloads.write_record(record) for record in records if record.key == key), None)

    def of_order(self, order_id: str) -> Sequence[bytes]:
        raw = self._orders.fetch(order_id)
        return _take_apart(raw) if raw else ()

    def head(self, raw: bytes) -> Head:
        return payloads.head(raw)

    def cut(self, raw: bytes) -> bytes:
        """A record holds no such field; an order that could not be taken apart does."""
        return cut_order(raw)

    def translate(self, raw: bytes) -> Refund:
        return translate(payloads.read_record(raw), self._settings.name)

    def outline(self, raw: bytes) -> Outline | None:
        try:
            return outline(payloads.read_record(raw))
        except RecordError:
            return None


def _take_apart(raw: bytes) -> list[bytes]:
    """The order's refunds. An order that cannot be read is landed as it is, so that somebody sees it."""
    try:
        return [payloads.write_record(record) for record in payloads.split(raw)]
    except RecordError:
        return [raw]


def _is_within(raw: bytes, window: Window) -> bool:
    try:
        return window.start <= payloads.head(raw).created_at < window.end
    except RecordError:
        return True
