"""Landing -> staged tables: the newest answer of each order, translated, without calls to a channel or Odoo.

What belongs here: running a channel's pure translation over the landed days, in chunks of constant memory. What does
not: the translation (channels/*/orders/translate.py), the tables (warehouse/orders/staged_rows.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ...channels.capabilities import Orders
from ...core.errors import RecordError
from ...core.failpoints import failpoint
from ...core.topics import Topic
from ...domain.orders.order import Order, OrderStatus, check, measure
from ...domain.vat.territories import territory
from ...resources.connections import Connections
from ..intake.answers import build_failure, misfiled, read_answer
from ..intake.reading import name_reading

if TYPE_CHECKING:
    from ...warehouse.landing.landing import Landing, Snapshot

STAGE = "transform"
_ORDERS_A_CHUNK = 500  # answers read at a time


class Staged(msgspec.Struct, kw_only=True):
    """Figures of one run: orders by status, and money by currency (minor units, of orders to be loaded); and the same
    for each of its days."""

    orders: int = 0
    lines: int = 0
    refused: int = 0
    forgotten: int = 0
    expired: int = 0
    by_status: Counter[str] = msgspec.field(default_factory=Counter)
    by_currency: Counter[str] = msgspec.field(default_factory=Counter)
    days: dict[date, Staged] = msgspec.field(default_factory=dict)

    def of(self, day: date) -> Staged:
        return self.days.setdefault(day, Staged())


def read_order(source: Orders, raw: bytes, order_id: str) -> Order:
    """Translate one answer and check the order. Raises RecordError; a waiting order without prices is fine.

    order_id: the id under which it was landed.
    """
    order = read_answer(source, raw, "order")
    if order.order_id != order_id:
        raise misfiled("order")
    measure(order)
    if order.status is OrderStatus.PAID:
        check(order)
    return order


def read_landed(source: Orders, landing: Landing, order_ids: Sequence[str]) -> Iterator[Order]:
    """These orders as their newest landed answers tell them, for who cannot wait until they are staged.

    An order whose data subject is erased is left out, and so is one that cannot be read: it waits in exceptions as soon
    as it is staged.
    """
    for start in range(0, len(order_ids), _ORDERS_A_CHUNK):
        for snapshot in landing.newest_of(order_ids[start : start + _ORDERS_A_CHUNK]).values():
            try:
                order = None if snapshot.raw is None else read_order(source, snapshot.raw, snapshot.record_id)
            except RecordError:
                continue
            if order is not None:
                yield order


def stage(
    connections: Connections, name: str, start: date, end: date, *, run_id: str = "", now: datetime | None = None,
    whole: bool = True,
) -> Staged:  # fmt: skip
    """Replace the staged rows of the days `[start, end)`, all in one transaction; what stays is not written. An answer
    that cannot be read goes to the exceptions, and the others go on. An order whose data subject is erased gets no row;
    one whose answers were destroyed at their age limit keeps the one that it has. whole: read all answers (runs by
    hand, backfills, the nightly run), and not only those that are not staged yet. The figures are always of all."""
    from ...warehouse import exceptions
    from ...warehouse.landing.kept_rows import list_read, note_read
    from ...warehouse.orders import staged_rows

    now = now or connections.instruments.now()
    source = connections.channel(name).orders
    staged, days = Staged(), [start + timedelta(days=offset) for offset in range((end - start).days)]
    reading = name_reading(connections.settings, name, Topic.ORDERS)
    refused: list[tuple[Snapshot, RecordError]] = []
    with connections.warehouse.transaction() as connection:
        with staged_rows.writer(connection, name, start, end, territory) as writer:
            read = () if whole else list_read(connection, name, Topic.ORDERS, days, reading)
            for snapshot in connections.landing(name, Topic.ORDERS).newest(start, end, but_staged=read):
                if snapshot.raw is None:
                    writer.leave_out(snapshot)
                    for part in (staged, staged.of(snapshot.day)):
                        part.expired += snapshot.expired
                        part.forgotten += not snapshot.expired
                    continue
                try:
                    order = read_order(source, snapshot.raw, snapshot.record_id)
                except RecordError as error:
                    refused.append((snapshot, error))
                    writer.leave_out(snapshot)
                    staged.of(snapshot.day).refused += 1
                    continue
                writer.add(snapshot, order)
        note_read(connection, name, Topic.ORDERS, days, reading)
        _add_figures(staged, staged_rows.figures(connection, name, start, end))
        failures = [build_failure(snapshot, error) for snapshot, error in refused]
        failing = [failure.record_id for failure in failures]
        exceptions.record(connection, name, Topic.ORDERS, STAGE, failures, run_id, now)
        exceptions.resolve_others(connection, name, Topic.ORDERS, STAGE, (start, end), failing, now)
    failpoint("staged")
    staged.refused = len(refused)
    return staged


def _add_figures(staged: Staged, figures: Iterable[tuple[date, str, str, int, int, int]]) -> None:
    for day, status, currency, orders, lines, total in figures:
        for part in (staged, staged.of(day)):
            part.orders += orders
            part.lines += lines
            part.by_status[status] += orders
            if status == OrderStatus.PAID:
                part.by_currency[currency] += total
