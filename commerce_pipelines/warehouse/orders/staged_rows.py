"""Orders as rows: the parts of an `Order` that are stored unencrypted, in `orders` and `order_lines`. No personal data.

What belongs here: the columns, and replacing the rows of some days. What does not: reading payloads (channels/), the
bridge to the database (tables/frames.py). Import it inside functions: it loads pandas and pyarrow.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ...core.topics import Topic
from ...domain.orders.order import Order
from ..landing.expired import expired_on
from ..landing.kept_rows import drop, drop_stale, is_any_staged
from ..landing.landing import Snapshot
from ..tables.database import AMONG, block_writers, listed
from ..tables.frames import write_difference, write_rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

ORDERS_A_WRITE = 1_000  # orders that are written together
Territory = Callable[[str, str], str]

# `day` and the ids come from the landing, so that a row belongs to the day whose partition read it.
_OF_SNAPSHOT = ("order_id", "day", "digest", "subject_id")
_OF_ORDER = (
    *("channel", "number", "placed_at", "updated_at", "status", "fulfilled_by", "shipped", "currency", "total"),
    *("collected", "collected_as", "refunded", "prices_include_tax", "marketplace", "service", "departure_country"),
    *("is_business", "is_other_channel", "is_test"),
)
_OF_LINE = ("line_id", "kind", "sku", "title", "quantity", "amount", "tax", "rate", "of_line")
# Columns that have another name than their attribute.
_ELSEWHERE = {"order_id": "record_id", "is_business": "buyer.is_business", "of_line": "of"}
ORDERS = (*_OF_SNAPSHOT, *_OF_ORDER, "tax", "line_count", "destination_country", "destination_territory")
LINES = ("channel", "order_id", "day", "position", *_OF_LINE)
_of_snapshot, _of_order, _of_line = (
    attrgetter(*[_ELSEWHERE.get(name, name) for name in names]) for names in (_OF_SNAPSHOT, _OF_ORDER, _OF_LINE)
)


def order_row(snapshot: Snapshot, order: Order, territory: Territory) -> tuple[Any, ...]:
    """The order's row of `orders`, values in the order of ORDERS."""
    place = order.destination
    return (
        *_of_snapshot(snapshot),
        *_of_order(order),
        sum([line.tax for line in order.lines]),
        len(order.lines),
        place.country,
        territory(place.country, place.postcode),
    )


def line_rows(snapshot: Snapshot, order: Order) -> list[tuple[Any, ...]]:
    """The order's rows of `order_lines`, values in the order of LINES; position counts from 1."""
    head = (order.channel, snapshot.record_id, snapshot.day)
    return [(*head, at, *_of_line(line)) for at, line in enumerate(order.lines, 1)]


class Writer:
    """Writes the staged rows of some days in the caller's transaction, many at a time, and of them what differs. Until
    then it keeps rows only, no orders.

    territory: names the special VAT territory of a country and postcode, '' for none (domain/vat/territories.py).
    """

    def __init__(self, connection: Connection, channel: str, days: Collection[date], territory: Territory) -> None:
        self._connection, self._channel, self._days, self._territory = connection, channel, days, territory
        self._orders: list[tuple[Any, ...]] = []
        self._lines: list[tuple[Any, ...]] = []
        self._gone: list[str] = []

    def add(self, snapshot: Snapshot, order: Order) -> None:
        self._orders.append(order_row(snapshot, order, self._territory))
        self._lines += line_rows(snapshot, order)
        if len(self._orders) >= ORDERS_A_WRITE:
            self.flush()

    def leave_out(self, snapshot: Snapshot) -> None:
        """The order has no row on these days: its answer cannot be read, or must not. Where it was destroyed at its age
        limit, the row stays."""
        if not snapshot.expired:
            self._gone.append(snapshot.record_id)
        if len(self._gone) >= ORDERS_A_WRITE:
            self.flush()

    def flush(self) -> None:
        """Write what was added; an order that was on another day before leaves it."""
        drop(self._connection, self._channel, Topic.ORDERS, self._days, self._gone)
        orders, lines = self._orders, self._lines
        self._orders, self._lines, self._gone = [], [], []
        if not orders:
            return
        ids = [row[0] for row in orders]
        if not is_any_staged(self._connection, self._channel, Topic.ORDERS, ids):
            write_rows(self._connection, "orders", ORDERS, orders)
            write_rows(self._connection, "order_lines", LINES, lines)
            return
        where, params = f"channel = %s AND order_id {AMONG}", [self._channel, listed(ids)]
        for table, names, rows, key in (
            ("orders", ORDERS, orders, ("order_id",)), ("order_lines", LINES, lines, ("order_id", "line_id")),
        ):  # fmt: skip
            write_difference(self._connection, table, names, rows, key, where, params)


@contextmanager
def writer(
    connection: Connection, channel: str, start: date, end: date, territory: Territory = lambda country, postcode: ""
) -> Iterator[Writer]:
    """Delete the staged rows of the days `[start, end)` that are not of the newest answers, and return the writer of
    the others. Rows that cannot be made again, because their answers were destroyed at their age limit, stay."""
    days = [start + timedelta(days=offset) for offset in range((end - start).days)]
    for table in ("orders", "order_lines"):
        block_writers(connection, table, channel)
    drop_stale(connection, channel, Topic.ORDERS, days, expired_on(connection, channel, Topic.ORDERS, days))
    writer = Writer(connection, channel, days, territory)
    yield writer
    writer.flush()


def figures(connection: Connection, channel: str, start: date, end: date) -> list[tuple[date, str, str, int, int, int]]:
    """What is staged for the days `[start, end)`: (day, status, currency, orders, lines, minor units)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day, status, currency, count(*), sum(line_count), sum(total)::bigint FROM commerce.orders"
            " WHERE channel = %s AND day >= %s AND day < %s GROUP BY day, status, currency ORDER BY day",
            (channel, start, end),
        )
        return cursor.fetchall()
