"""DataFrames in and out of tables by COPY, with Arrow types all the way: ints stay ints, ids stay text, times stay UTC.

What belongs here: the bridge for any table of the schema `commerce`. What does not: which rows an asset means
(resources/tables.py), how an order becomes rows (orders/staged_rows.py). Import it inside functions: it loads pandas
and pyarrow.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd
import pyarrow as pa
from psycopg2 import sql
from pyarrow import csv

from .database import AMONG, block_writers, listed, storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_TYPES = {
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "smallint": pa.int16(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "double precision": pa.float64(),
}
_json = msgspec.json.Encoder()
_JSON_ESCAPE = re.compile(rb"\\(u00..|.)")  # the encoder escapes control characters and nothing else
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"u0000": "\ufffd".encode()}
_BLOCK_BYTES = 16 << 20  # bytes: the longest row that can be read back


def write_frame(connection: Connection, table: str, frame: pd.DataFrame) -> int:
    """Append a frame's rows to `commerce.<table>`; returns their number.

    Columns that the frame lacks get their default. Values are cast to the table's types without loss: raises ValueError
    (a pyarrow error) where that is impossible, KeyError for a column that the table lacks. NUL becomes U+FFFD.
    """
    return _write_arrow(connection, table, _convert_to_types(table, frame, _read_columns(connection, table)))


def replace_rows(
    connection: Connection, table: str, frame: pd.DataFrame, key: Sequence[str], scope: Mapping[str, Any]
) -> int:
    """Make the rows of `commerce.<table>` with these values (column: value) those of the frame, and write only what
    differs, as `write_difference` does.

    Columns that the frame lacks get their default, and do not count. Values as in `write_frame`.
    """
    fresh = _convert_to_types(table, frame, _read_columns(connection, table))
    where = " AND ".join(f"{name} = %s" for name in scope)
    rows = _list_rows(fresh)
    return write_difference(connection, table, fresh.column_names, rows, key, where, list(scope.values()))


def write_difference(
    connection: Connection, table: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]], key: Sequence[str],
    where: str, params: Sequence[Any],
) -> int:  # fmt: skip
    """Make the rows of `commerce.<table>` for which the SQL condition `where` holds these rows, and write only what
    differs: a row that stays costs neither a version of it nor a place in the log. Returns how many rows were deleted
    or written.

    names, rows: as in `write_rows`. key: the columns that tell the rows apart. The caller keeps other writers of these
    rows away.
    """
    with connection.cursor() as cursor:
        columns = sql.SQL(", ").join(map(sql.Identifier, names))
        cursor.execute(
            sql.SQL("SELECT {} FROM {} WHERE {}").format(columns, _quote_name(table), sql.SQL(where)), params
        )
        before = cursor.fetchall()
    if not before:
        return write_rows(connection, table, names, rows)
    there, wanted = set(before), set(rows)
    new = [clean for row in rows if row not in there and (clean := _make_storable(row)) not in there]
    if any(row not in wanted for row in before):  # or what is stored of a text is not quite the text
        wanted |= set(map(_make_storable, rows))
    places = [list(names).index(name) for name in key]
    gone = [[row[place] for row in before if row not in wanted] for place in places]
    if gone[0]:
        statement = sql.SQL("DELETE FROM {} WHERE {} AND ({}) IN (SELECT * FROM unnest({}))").format(
            _quote_name(table), sql.SQL(where), sql.SQL(", ").join(map(sql.Identifier, key)),
            sql.SQL(", ").join([sql.Placeholder()] * len(key)),
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(statement, (*params, *gone))
    return len(gone[0]) + write_rows(connection, table, names, new)


def _make_storable(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([storable(cell) if isinstance(cell, str) else cell for cell in row])


def _list_rows(rows: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in rows.columns), strict=True))


def _convert_to_types(table: str, frame: pd.DataFrame, types: Mapping[str, pa.DataType]) -> pa.Table:
    """The frame with the table's types. Raises KeyError for a column that the table lacks."""
    rows = _convert_to_arrow(frame)
    _check(table, rows.column_names, types)
    return rows.cast(pa.schema([(name, types[name]) for name in rows.column_names]))


def _write_arrow(connection: Connection, table: str, rows: pa.Table) -> int:
    if len(rows):
        buffer = io.BytesIO()
        csv.write_csv(rows, buffer, csv.WriteOptions(include_header=False, quoting_style="all_valid"))
        _copy_in(connection, table, rows.column_names, buffer.getvalue(), "", '"')
    return len(rows)


def write_rows(connection: Connection, table: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> int:
    """Append rows, their values in the order of `names`, to `commerce.<table>`; returns their number.

    Used where speed counts: it costs a fifth of a frame. A value is text, a number, a bool, a time or None; PostgreSQL
    reads it as the column's type or refuses it. Columns that are left out get their default. Raises KeyError for a
    column that the table lacks, psycopg2.Error for None where a column takes none. NUL and lone surrogates become
    U+FFFD.
    """
    _check(table, names, _read_columns(connection, table))
    if not rows:
        return 0
    try:
        lines = _json.encode_lines(rows)
    except UnicodeEncodeError:  # lone surrogates
        lines = _json.encode_lines(
            [[storable(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
        )
    # A JSON array between its brackets is a row of CSV, and JSON escapes line feeds, so a line feed always ends a row.
    data = lines[1:-2].replace(b"]\n[", b"\n")
    if b"\\" in data:
        data = _JSON_ESCAPE.sub(_unescape, data)
    _copy_in(connection, table, names, data, "null", "\\")
    return len(rows)


def _unescape(escape: re.Match[bytes]) -> bytes:
    """The character that a JSON escape stands for. Escapes of the backslash and of the quote stay, because COPY reads
    them itself."""
    code = escape[1]
    return _CONTROLS.get(code) or (escape[0] if code in b'\\"' else bytes([int(code[1:], 16)]))


def _check(table: str, names: Sequence[str], types: Mapping[str, pa.DataType]) -> None:
    if unknown := [name for name in names if name not in types]:
        raise KeyError(f"commerce.{table} has no column {', '.join(map(str, unknown))}")


def _copy_in(connection: Connection, table: str, names: Sequence[str], data: bytes, null: str, escape: str) -> None:
    if b"\0" in data:
        data = data.replace(b"\0", "\ufffd".encode())
    with connection.cursor() as cursor:
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, NULL {}, ESCAPE {})").format(
            _quote_name(table), sql.SQL(", ").join(map(sql.Identifier, names)), sql.Literal(null), sql.Literal(escape)
        )
        cursor.copy_expert(statement, io.BytesIO(data))


def read_frame(
    connection: Connection,
    table: str,
    columns: Sequence[str] | None = None,
    where: str = "",
    params: Sequence[Any] | Mapping[str, Any] = (),
) -> pd.DataFrame:
    """Rows of `commerce.<table>` as a frame of Arrow-backed types. `where`: an SQL condition with placeholders."""
    types = _read_columns(connection, table)
    names = list(columns or types)
    _check(table, names, types)
    schema = pa.schema([(name, types[name]) for name in names])
    return _convert_to_frame(_read_arrow(connection, table, schema, where, params))


def _read_arrow(
    connection: Connection, table: str, schema: pa.Schema, where: str, params: Sequence[Any] | Mapping[str, Any]
) -> pa.Table:  # fmt: skip
    buffer = io.BytesIO()
    with connection.cursor() as cursor:
        columns = sql.SQL(", ").join(map(sql.Identifier, schema.names))
        text = sql.SQL("SELECT {} FROM {}").format(columns, _quote_name(table)).as_string(cursor)
        if where:
            text += " WHERE " + cursor.mogrify(where, params).decode()
        cursor.copy_expert(f"COPY ({text}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)", buffer)
    return _parse(buffer.getvalue(), schema)


def replace_days(
    connection: Connection,
    table: str,
    channel: str,
    days: Collection[date],
    frames: pd.DataFrame | Iterable[pd.DataFrame],
) -> int:
    """Make the rows of a channel's days those of the frames, in the caller's transaction, and write only what differs;
    returns the number of the frames' rows.

    A record that was on another day before moves: a row with the same order id is deleted there. Two runs that replace
    the same table of a channel at once wait for each other.
    """
    block_writers(connection, table, channel)
    types, key = _read_columns(connection, table), _read_key(connection, table)
    parts = [_convert_to_types(table, frame, types)
             for frame in ([frames] if isinstance(frames, pd.DataFrame) else frames)]  # fmt: skip
    fresh = pa.concat_tables(parts) if parts else pa.schema([(name, types[name]) for name in key]).empty_table()
    places: dict[date, list[int]] = {day: [] for day in days}
    for place, day in enumerate(fresh["day"].to_pylist() if parts else ()):
        places.setdefault(day, []).append(place)
    for day, of_day in places.items():  # day by day, so that not all rows are in memory as Python's objects
        part = fresh.take(pa.array(of_day, pa.int64()))
        where, params = "channel = %s AND (day = %s AND %s", [channel, day, day in days]
        if "order_id" in fresh.column_names:
            where, params = f"{where} OR order_id {AMONG}", [*params, listed(part["order_id"].to_pylist())]
        write_difference(connection, table, fresh.column_names, _list_rows(part), key, f"{where})", params)
    return len(fresh)


def clear_days(
    connection: Connection, table: str, channel: str, days: Collection[date], *, but: Collection[str] = (),
    key: str = "order_id",
) -> None:  # fmt: skip
    """Delete a channel's rows of some days, and block every other writer of that table and channel until the commit.
    but: ids of records whose rows stay; key: their column."""
    block_writers(connection, table, channel)
    with connection.cursor() as cursor:
        statement = sql.SQL("DELETE FROM {} WHERE channel = %s AND day = ANY(%s::date[])").format(_quote_name(table))
        if but:
            statement += sql.SQL(" AND {} <> ALL(%s)").format(sql.Identifier(key))
        cursor.execute(statement, (channel, list(days), *([list(but)] if but else [])))


def clear_orders(connection: Connection, table: str, channel: str, order_ids: list[str], key: str = "order_id") -> int:
    """Delete a channel's rows of some orders, whatever their day; returns their number. key: the column of the ids, of
    a table whose records are no orders."""
    if not order_ids:
        return 0
    with connection.cursor() as cursor:
        statement = sql.SQL("DELETE FROM {} WHERE channel = %s AND {} {}")
        where = (_quote_name(table), sql.Identifier(key), sql.SQL(AMONG))
        cursor.execute(statement.format(*where), (channel, listed(order_ids)))
        return cursor.rowcount


def _read_columns(connection: Connection, table: str) -> dict[str, pa.DataType]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = to_regclass(%s)"
            " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            (_quote_name(table).as_string(cursor),),
        )
        types = {name: _TYPES.get(kind, pa.string()) for name, kind in cursor}
    if not types:
        raise KeyError(f"there is no table commerce.{table}")
    return types


def _read_key(connection: Connection, table: str) -> list[str]:
    """The columns of the table's primary key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)"
            " WHERE indrelid = to_regclass(%s) AND indisprimary ORDER BY array_position(indkey, attnum)",
            (_quote_name(table).as_string(cursor),),
        )
        return [name for (name,) in cursor]


def _quote_name(table: str) -> sql.Identifier:
    return sql.Identifier("commerce", table)


def _convert_to_arrow(frame: pd.DataFrame) -> pa.Table:
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except UnicodeEncodeError:  # lone surrogates
        clean = frame.map(lambda value: storable(value) if isinstance(value, str) else value)
        return pa.Table.from_pandas(clean, preserve_index=False)


def _parse(data: bytes, schema: pa.Schema) -> pa.Table:
    if not data:
        return schema.empty_table()
    return csv.read_csv(
        io.BytesIO(data),
        csv.ReadOptions(
            column_names=schema.names, block_size=max(_BLOCK_BYTES, min(len(data), 1 << 30)), use_threads=False
        ),
        csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _convert_to_frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame
