"""Orders as rows: what of an `Order` is staged in clear, in `orders` and `order_lines`. Nothing personal is.

What belongs here: the columns, built column by column because this is the hot path, and the replacing of some days'
rows. What does not: reading payloads (channels/), the bridge to the database (frames.py). Import it inside functions:
it loads pandas and pyarrow.
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

_TEXT, _MONEY, _COUNT, _FLAG, _DAY = pa.string(), pa.int64(), pa.int32(), pa.bool_(), pa.date32()
_INSTANT = pa.timestamp("us", "UTC")
Column = tuple[str, pa.DataType, str]

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


def order_tables(
    orders: Sequence[tuple[Snapshot, Order]],
    territory: Callable[[str, str], str] = lambda country, postcode: "",
) -> tuple[pa.Table, pa.Table]:
    """The rows of `orders` and of `order_lines`; position counts from 1.

    territory: names the special VAT territory of a country and postcode, '' for none (domain/territories.py).
    """
    read = [order for _, order in orders]
    lines = [line for order in read for line in order.lines]
    places = [order.destination for order in read]
    whole = _columns(_OF_SNAPSHOT, [snapshot for snapshot, _ in orders]) | _columns(_OF_ORDER, read)
    whole["tax"] = pa.array([sum([line.tax for line in order.lines]) for order in read], _MONEY)
    whole["line_count"] = pa.array([len(order.lines) for order in read], _COUNT)
    whole["destination_country"] = _array(_TEXT, [place.country for place in places])
    whole["destination_territory"] = _array(_TEXT, [territory(place.country, place.postcode) for place in places])
    of_order = pa.array([at for at, order in enumerate(read) for _ in order.lines], _COUNT)
    parts = {name: whole[name].take(of_order) for name in ("channel", "order_id", "day")} | _columns(_OF_LINE, lines)
    parts["position"] = pa.array([at for order in read for at in range(1, len(order.lines) + 1)], _COUNT)
    return pa.table(whole), pa.table(parts)


class Writer:
    """Writes the staged rows of some days, chunk by chunk, in the caller's transaction."""

    def __init__(self, connection: Connection, channel: str) -> None:
        self._connection, self._channel = connection, channel

    def write(self, orders: pa.Table, lines: pa.Table) -> None:
        """Store one chunk; an order that lay on another day before moves here."""
        ids = orders["order_id"].to_pylist()
        if clear_orders(self._connection, "orders", self._channel, ids):  # else none of them has lines
            clear_orders(self._connection, "order_lines", self._channel, ids)
        write_table(self._connection, "orders", orders)
        write_table(self._connection, "order_lines", lines)


@contextmanager
def writer(connection: Connection, channel: str, start: date, end: date) -> Iterator[Writer]:
    """Clear the staged rows of the days `[start, end)` and give back the writer of the new ones."""
    days = [start + timedelta(days=offset) for offset in range((end - start).days)]
    for table in ("orders", "order_lines"):
        clear_days(connection, table, channel, days)
    yield Writer(connection, channel)


def _columns(columns: Sequence[Column], records: Sequence[Any]) -> dict[str, pa.Array]:
    return {name: _array(kind, list(map(attrgetter(path), records))) for name, kind, path in columns}


def _array(kind: pa.DataType, values: list[Any]) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # lone surrogates
        return pa.array(list(map(storable, values)), kind)
