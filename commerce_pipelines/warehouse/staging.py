"""Orders as rows: what of an `Order` is staged in clear, in `orders` and `order_lines`. Nothing personal is.

What belongs here: the columns, built column by column because this is the hot path, and the replacing of some days'
rows. What does not: reading payloads (channels/), the bridge to the database (frames.py). Import it inside functions:
it loads pandas and pyarrow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from ..domain.orders import Order, OrderLine
from .database import storable
from .frames import clear_days, clear_orders, write_frame
from .landing import Snapshot

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from psycopg2.extensions import connection as Connection

_TEXT, _MONEY, _COUNT, _FLAG, _DAY = pa.string(), pa.int64(), pa.int32(), pa.bool_(), pa.date32()
_INSTANT = pa.timestamp("us", "UTC")
Column = tuple[str, pa.DataType, Callable[..., Any]]

# `day` and the ids are the landing's, so that a row lies on the day whose partition read it.
_ORDERS: tuple[Column, ...] = (
    ("channel", _TEXT, lambda s, o: o.channel),
    ("order_id", _TEXT, lambda s, o: s.order_id),
    ("day", _DAY, lambda s, o: s.day),
    ("digest", _TEXT, lambda s, o: s.digest),
    ("number", _TEXT, lambda s, o: o.number),
    ("placed_at", _INSTANT, lambda s, o: o.placed_at),
    ("updated_at", _INSTANT, lambda s, o: o.updated_at),
    ("status", _TEXT, lambda s, o: o.status),
    ("fulfilled_by", _TEXT, lambda s, o: o.fulfilled_by),
    ("shipped", _TEXT, lambda s, o: o.shipped),
    ("currency", _TEXT, lambda s, o: o.currency),
    ("total", _MONEY, lambda s, o: o.total),
    ("tax", _MONEY, lambda s, o: sum([line.tax for line in o.lines])),
    ("collected", _MONEY, lambda s, o: o.collected),
    ("collected_as", _TEXT, lambda s, o: o.collected_as),
    ("refunded", _MONEY, lambda s, o: o.refunded),
    ("prices_include_tax", _FLAG, lambda s, o: o.prices_include_tax),
    ("line_count", _COUNT, lambda s, o: len(o.lines)),
    ("marketplace", _TEXT, lambda s, o: o.marketplace),
    ("service", _TEXT, lambda s, o: o.service),
    ("departure_country", _TEXT, lambda s, o: o.departure_country),
    ("destination_country", _TEXT, lambda s, o: o.destination.country),
    ("destination_territory", _TEXT, lambda s, o: ""),  # filled in by `order_frames`
    ("is_business", _FLAG, lambda s, o: o.buyer.is_business),
    ("is_other_channel", _FLAG, lambda s, o: o.is_other_channel),
    ("is_test", _FLAG, lambda s, o: o.is_test),
    ("subject_id", _TEXT, lambda s, o: s.subject_id),
)
_LINES: tuple[Column, ...] = (
    ("channel", _TEXT, lambda s, o, i, line: o.channel),
    ("order_id", _TEXT, lambda s, o, i, line: s.order_id),
    ("day", _DAY, lambda s, o, i, line: s.day),
    ("position", _COUNT, lambda s, o, i, line: i),
    ("line_id", _TEXT, lambda s, o, i, line: line.line_id),
    ("kind", _TEXT, lambda s, o, i, line: line.kind),
    ("sku", _TEXT, lambda s, o, i, line: line.sku),
    ("title", _TEXT, lambda s, o, i, line: line.title),
    ("quantity", _MONEY, lambda s, o, i, line: line.quantity),
    ("amount", _MONEY, lambda s, o, i, line: line.amount),
    ("tax", _MONEY, lambda s, o, i, line: line.tax),
    ("rate", _COUNT, lambda s, o, i, line: line.rate),
    ("of_line", _TEXT, lambda s, o, i, line: line.of),
)
ORDERS_SCHEMA = pa.schema([(name, kind) for name, kind, _ in _ORDERS])
LINES_SCHEMA = pa.schema([(name, kind) for name, kind, _ in _LINES])

Row = tuple[Snapshot, Order]
LineRow = tuple[Snapshot, Order, int, OrderLine]


def order_frames(
    orders: Sequence[Row],
    zone: ZoneInfo,
    territory: Callable[[str, str], str] = lambda country, postcode: "",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of `orders` and of `order_lines` (ORDERS_SCHEMA, LINES_SCHEMA), Arrow-backed; position counts from 1.

    territory: names the special VAT territory of a country and postcode, '' for none (domain/territories.py).
    """
    columns = [_array(kind, [value(s, o) for s, o in orders]) for _, kind, value in _ORDERS]
    places = [order.destination for _, order in orders]
    columns[ORDERS_SCHEMA.get_field_index("destination_territory")] = _array(
        _TEXT, [territory(place.country, place.postcode) for place in places]
    )
    lines: list[LineRow] = [(s, o, i, line) for s, o in orders for i, line in enumerate(o.lines, 1)]
    line_columns = [_array(kind, [value(*row) for row in lines]) for _, kind, value in _LINES]
    return (
        pa.Table.from_arrays(columns, schema=ORDERS_SCHEMA).to_pandas(types_mapper=pd.ArrowDtype),
        pa.Table.from_arrays(line_columns, schema=LINES_SCHEMA).to_pandas(types_mapper=pd.ArrowDtype),
    )


class Writer:
    """Writes the staged rows of some days, chunk by chunk, in the caller's transaction."""

    def __init__(self, connection: Connection, channel: str) -> None:
        self._connection, self._channel = connection, channel

    def write(self, orders: pd.DataFrame, lines: pd.DataFrame) -> None:
        """Store one chunk; an order that lay on another day before moves here."""
        ids = orders["order_id"].tolist()
        for table, frame in (("orders", orders), ("order_lines", lines)):
            clear_orders(self._connection, table, self._channel, ids)
            write_frame(self._connection, table, frame)


@contextmanager
def writer(connection: Connection, channel: str, start: date, end: date) -> Iterator[Writer]:
    """Clear the staged rows of the days `[start, end)` and give back the writer of the new ones."""
    days = [start + timedelta(days=offset) for offset in range((end - start).days)]
    for table in ("orders", "order_lines"):
        clear_days(connection, table, channel, days)
    yield Writer(connection, channel)


def _array(kind: pa.DataType, values: list[Any]) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # lone surrogates
        return pa.array(list(map(storable, values)), kind)
