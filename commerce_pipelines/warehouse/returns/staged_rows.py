"""Returns and refunds as rows: the parts of their answers that are stored unencrypted. No personal data.

What belongs here: the columns of both topics, and replacing the rows of some days. What does not: reading payloads
(channels/), the bridge to the database (tables/frames.py). Import it inside functions: it loads pandas and pyarrow.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from ...core.topics import Topic
from ...domain.returns.records import Refund, Return
from ..landing.expired import expired_on
from ..landing.kept_rows import drop, drop_stale
from ..landing.landing import Snapshot
from ..tables.database import AMONG, block_writers, listed
from ..tables.frames import write_difference

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

RECORDS_A_WRITE = 1_000  # records that are written together


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The two tables of a topic. own, line: columns whose values are attributes of a record and of its lines."""

    table: str
    lines: str
    key: str
    own: tuple[str, ...]
    line: tuple[str, ...]


SHAPES = {
    Topic.RETURNS: Shape(
        table="returns", lines="return_lines", key="return_id",
        own=("order_id", "created_at", "updated_at", "state", "rma", "fulfilled_by"),
        line=("line_id", "order_line_id", "sku", "quantity", "received", "disposition", "reason", "unit"),
    ),
    Topic.REFUNDS: Shape(
        table="refunds", lines="refund_lines", key="refund_id",
        own=(
            *("order_id", "created_at", "updated_at", "state", "currency", "total", "collected", "set_off"),
            *("return_id", "reason"),
        ),
        line=("line_id", "kind", "amount", "tax", "order_line_id", "sku", "quantity", "is_returned"),
    ),
}  # fmt: skip


def record_row(topic: Topic, snapshot: Snapshot, record: Return | Refund) -> dict[str, Any]:
    """The record's row. Its day and its id come from the landing, so that the row belongs to the day whose partition
    read it."""
    shape = SHAPES[topic]
    row = dict(zip(shape.own, attrgetter(*shape.own)(record), strict=True))
    row |= {
        "channel": record.channel, shape.key: snapshot.record_id, "day": snapshot.day, "digest": snapshot.digest,
        "subject_id": snapshot.subject_id, "line_count": len(record.lines),
    }  # fmt: skip
    if isinstance(record, Return):
        row |= {"units": sum(line.quantity for line in record.lines),
                "received": sum(line.received for line in record.lines)}  # fmt: skip
    return row


def line_rows(topic: Topic, snapshot: Snapshot, record: Return | Refund) -> list[tuple[Any, ...]]:
    """The rows of its lines; position counts from 1."""
    read = attrgetter(*SHAPES[topic].line)
    head = (record.channel, snapshot.record_id, record.order_id, snapshot.day)
    return [(*head, position, *read(line)) for position, line in enumerate(record.lines, 1)]


class Writer:
    """Writes the staged rows of some days of one topic in the caller's transaction, many at a time, and of them what
    differs."""

    def __init__(self, connection: Connection, channel: str, topic: Topic, days: Collection[date]) -> None:
        self._connection, self._channel, self._topic, self._days = connection, channel, topic, days
        self._records: list[dict[str, Any]] = []
        self._lines: list[tuple[Any, ...]] = []
        self._gone: list[str] = []

    def add(self, snapshot: Snapshot, record: Return | Refund) -> None:
        self._records.append(record_row(self._topic, snapshot, record))
        self._lines += line_rows(self._topic, snapshot, record)
        if len(self._records) >= RECORDS_A_WRITE:
            self.flush()

    def leave_out(self, snapshot: Snapshot) -> None:
        """The record has no row on these days: its answer cannot be read, or must not. Where it was destroyed at its
        age limit, the row stays."""
        if not snapshot.expired:
            self._gone.append(snapshot.record_id)
        if len(self._gone) >= RECORDS_A_WRITE:
            self.flush()

    def flush(self) -> None:
        """Write what was added; a record that was on another day before leaves it."""
        drop(self._connection, self._channel, self._topic, self._days, self._gone)
        records, lines, shape = self._records, self._lines, SHAPES[self._topic]
        self._records, self._lines, self._gone = [], [], []
        if not records:
            return
        where = f"channel = %s AND {shape.key} {AMONG}"
        params = [self._channel, listed([row[shape.key] for row in records])]
        names, of_lines = list(records[0]), ("channel", shape.key, "order_id", "day", "position", *shape.line)
        rows = [tuple(row[name] for name in names) for row in records]
        write_difference(self._connection, shape.table, names, rows, (shape.key,), where, params)
        write_difference(self._connection, shape.lines, of_lines, lines, (shape.key, "line_id"), where, params)


@contextmanager
def writer(connection: Connection, channel: str, topic: Topic, start: date, end: date) -> Iterator[Writer]:
    """Delete the topic's staged rows of the days `[start, end)` that are not of the newest answers, and return the
    writer of the others. Rows that cannot be made again, because their answers were destroyed at their age limit,
    stay."""
    days = [start + timedelta(days=offset) for offset in range((end - start).days)]
    for table in (SHAPES[topic].table, SHAPES[topic].lines):
        block_writers(connection, table, channel)
    drop_stale(connection, channel, topic, days, expired_on(connection, channel, topic, days))
    writer = Writer(connection, channel, topic, days)
    yield writer
    writer.flush()


def figures(
    connection: Connection, channel: str, topic: Topic, start: date, end: date
) -> list[tuple[date, str, str, int, int, int]]:
    """What is staged for the days `[start, end)`, without records whose answers were destroyed at their age limit:
    (day, state, currency, records, lines, minor units)."""
    shape = SHAPES[topic]
    days = [start + timedelta(days=offset) for offset in range((end - start).days)]
    money = ("currency", "sum(total)::bigint") if "total" in shape.own else ("''", "0")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT day, state, {money[0]}, count(*), sum(line_count)::bigint, {money[1]} FROM commerce.{shape.table}"
            f" WHERE channel = %s AND day = ANY(%s::date[]) AND {shape.key} <> ALL(%s) GROUP BY 1, 2, 3 ORDER BY 1",
            (channel, days, expired_on(connection, channel, topic, days)),
        )
        return cursor.fetchall()


class Staged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One staged record as its ledger needs it. currency, total: '' and 0 for a return."""

    record_id: str
    order_id: str
    day: date
    digest: str
    state: str
    currency: str = ""
    total: int = 0


def read_days(connection: Connection, channel: str, topic: Topic, start: date, end: date) -> list[Staged]:
    """The staged records of the days `[start, end)`."""
    return _read(connection, topic, "channel = %s AND day >= %s AND day < %s", (channel, start, end))


def read_of_orders(connection: Connection, channel: str, topic: Topic, order_ids: list[str]) -> list[Staged]:
    """The staged records of these orders, of any day."""
    return _read(connection, topic, "channel = %s AND order_id = ANY(%s)", (channel, order_ids))


def _read(connection: Connection, topic: Topic, where: str, params: tuple[Any, ...]) -> list[Staged]:
    shape = SHAPES[topic]
    money = "currency, total" if "total" in shape.own else "'', 0"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {shape.key}, order_id, day, digest, state, {money} FROM commerce.{shape.table} WHERE {where}"
            f" ORDER BY day, {shape.key}",
            params,
        )
        return [Staged(**dict(zip(Staged.__struct_fields__, row, strict=True))) for row in cursor]


def rebuild(connection: Connection, channel: str, topic: str, record_ids: list[str]) -> dict[str, Return | Refund]:
    """Records from their staged rows, for those whose answers were destroyed: all but tracking numbers and exchanges,
    which matter only while goods are on their way."""
    if not record_ids:
        return {}
    shape = SHAPES[Topic(topic)]
    where = (f"WHERE channel = %s AND {shape.key} = ANY(%s)", (channel, record_ids))
    lines: dict[str, list[dict[str, Any]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {shape.key}, {', '.join(shape.line)} FROM commerce.{shape.lines} {where[0]} ORDER BY position",
            where[1],
        )
        for record_id, *values in cursor:
            lines.setdefault(record_id, []).append(dict(zip(shape.line, values, strict=True)))
        cursor.execute(f"SELECT {shape.key}, {', '.join(shape.own)} FROM commerce.{shape.table} {where[0]}", where[1])
        made = {}
        for record_id, *values in cursor:
            row = {**dict(zip(shape.own, values, strict=True)), shape.key: record_id, "channel": channel}
            kind: type[Return] | type[Refund] = Return if topic == Topic.RETURNS else Refund
            made[record_id] = msgspec.convert({**row, "lines": tuple(lines.get(record_id, ()))}, kind)
        return made
