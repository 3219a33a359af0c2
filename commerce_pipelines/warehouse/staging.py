"""Orders as rows: what of an `Order` is staged in clear, in `orders` and `order_lines`. Nothing personal is.

What belongs here: the columns, and the replacing of some days' rows. What does not: reading payloads (channels/), the
bridge to the database (frames.py). Import it inside functions: it loads pandas and pyarrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ..domain.orders import Order
from .database import storable
from .frames import clear_days, clear_orders, write_table
from .landing import Snapshot

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

CHUNK = 1_000  # orders that are written at a time
_TEXT, _MONEY, _COUNT, _FLAG, _DAY = pa.string(), pa.int64(), pa.int32(), pa.bool_(), pa.date32()
_INSTANT = pa.timestamp("us", "UTC")
Column = tuple[str, pa.DataType, str]
Territory = Callable[[str, str], str]

# The third is the attribute that holds the value. `day` and the ids are the landing's, so that a row lies on the day
# whose partition read it.
_OF_SNAPSHOT: tuple[Column, ...] = (
    ("order_id", _TEXT, "order_id"),
    ("day", _DAY, "day"),
    ("digest", _TEXT, "digest"),
    ("subject_id", _TEXT, "subject_id"),
)
_OF_ORDER: tuple[Column, ...] = (
    ("channel", _TEXT, "channel"),
    ("number", _TEXT, "number"),
    ("placed_at", _INSTANT, "placed_at"),
    ("updated_at", _INSTANT, "updated_at"),
    ("status", _TEXT, "status"),
    ("fulfilled_by", _TEXT, "fulfilled_by"),
    ("shipped", _TEXT, "shipped"),
    ("currency", _TEXT, "currency"),
    ("total", _MONEY, "total"),
    ("collected", _MONEY, "collected"),
    ("collected_as", _TEXT, "collected_as"),
    ("refunded", _MONEY, "refunded"),
    ("prices_include_tax", _FLAG, "prices_include_tax"),
    ("marketplace", _TEXT, "marketplace"),
    ("service", _TEXT, "service"),
    ("departure_country", _TEXT, "departure_country"),
    ("is_business", _FLAG, "buyer.is_business"),
    ("is_other_channel", _FLAG, "is_other_channel"),
    ("is_test", _FLAG, "is_test"),
)
_OF_LINE: tuple[Column, ...] = (
    ("line_id", _TEXT, "line_id"),
    ("kind", _TEXT, "kind"),
    ("sku", _TEXT, "sku"),
    ("title", _TEXT, "title"),
    ("quantity", _MONEY, "quantity"),
    ("amount", _MONEY, "amount"),
    ("tax", _MONEY, "tax"),
    ("rate", _COUNT, "rate"),
    ("of_line", _TEXT, "of"),
)
ORDERS = (
    *_OF_SNAPSHOT,
    *_OF_ORDER,
    ("tax", _MONEY, ""),
    ("line_count", _COUNT, ""),
    ("destination_country", _TEXT, ""),
    ("destination_territory", _TEXT, ""),
)
LINES = (("channel", _TEXT, ""), ("order_id", _TEXT, ""), ("day", _DAY, ""), ("position", _COUNT, ""), *_OF_LINE)
_of_snapshot, _of_order, _of_line = (
    attrgetter(*[path for _, _, path in columns]) for columns in (_OF_SNAPSHOT, _OF_ORDER, _OF_LINE)
)


def order_row(snapshot: Snapshot, order: Order, territory: Territory) -> tuple[Any, ...]:
    """The order's row of `orders`, as ORDERS names its values."""
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
    """Its rows of `order_lines`, as LINES names their values; position counts from 1."""
    head = (order.channel, snapshot.order_id, snapshot.day)
    return [(*head, at, *_of_line(line)) for at, line in enumerate(order.lines, 1)]


class Writer:
    """Writes the staged rows of some days in the caller's transaction, many at a time: only rows are kept until then,
    no order.

    territory: names the special VAT territory of a country and postcode, '' for none (domain/territories.py).
    """

    def __init__(self, connection: Connection, channel: str, territory: Territory) -> None:
        self._connection, self._channel, self._territory = connection, channel, territory
        self._orders: list[tuple[Any, ...]] = []
        self._lines: list[tuple[Any, ...]] = []

    def add(self, snapshot: Snapshot, order: Order) -> None:
        self._orders.append(order_row(snapshot, order, self._territory))
        self._lines += line_rows(snapshot, order)
        if len(self._orders) >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write what was added; an order that lay on another day before moves here."""
        orders, lines = table(ORDERS, self._orders), table(LINES, self._lines)
        self._orders, self._lines = [], []
        ids = orders["order_id"].to_pylist()
        if clear_orders(self._connection, "orders", self._channel, ids):  # else none of them has lines
            clear_orders(self._connection, "order_lines", self._channel, ids)
        write_table(self._connection, "orders", orders)
        write_table(self._connection, "order_lines", lines)


@contextmanager
def writer(
    connection: Connection, channel: str, start: date, end: date, territory: Territory = lambda country, postcode: ""
) -> Iterator[Writer]:
    """Clear the staged rows of the days `[start, end)` and give back the writer of the new ones."""
    days = [start + timedelta(days=offset) for offset in range((end - start).days)]
    for table in ("orders", "order_lines"):
        clear_days(connection, table, channel, days)
    writer = Writer(connection, channel, territory)
    yield writer
    writer.flush()


def table(columns: Sequence[Column], rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Rows of ORDERS or LINES as a table of those columns. Raises a pyarrow error for a value that its column lacks."""
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    return pa.table({name: _array(kind, of) for (name, kind, _), of in zip(columns, values, strict=True)})


def _array(kind: pa.DataType, values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # lone surrogates
        return pa.array(list(map(storable, values)), kind)
