"""The ledgers of returns and refunds: what became of each in Odoo, one row per record.

What belongs here: reading and writing the rows. What does not: what follows for a record (flows/returns/).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from ...core.topics import Topic

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

CREDIT_NOTES = (
    *("channel", "refund_id", "order_id", "day", "digest", "action", "odoo_id", "name", "state", "payment_state"),
    *("currency", "total", "amount_total", "amount_tax", "code", "message", "loaded_at"),
)
RETURN_PICKINGS = (
    *("channel", "return_id", "order_id", "day", "digest", "action", "pickings", "received", "code", "message"),
    "loaded_at",
)
_OF_DOCUMENT = ("odoo_id", "name", "state", "payment_state", "amount_total", "amount_tax")
# What a run did in Odoo: the audit tells of each time.
_DONE = "'created', 'changed', 'recognised', 'opened', 'received'"
TABLES = {Topic.REFUNDS: ("credit_notes", CREDIT_NOTES), Topic.RETURNS: ("return_pickings", RETURN_PICKINGS)}


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a ledger keeps of a record. odoo_id: its credit note, None for a return, or where there is none."""

    record_id: str
    order_id: str
    day: date
    digest: str
    action: str
    odoo_id: int | None = None


class SaleEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the ledger of sale orders says of a record's order."""

    order_id: str
    action: str
    odoo_id: int | None
    state: str


def keep(connection: Connection, topic: Topic, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write the ledger's rows, their values in the order of the table's columns; a row of the same record is replaced,
    if it says something else, or if Odoo was written to.

    A credit note stays in Odoo when its refund fails or is refused later, so its row goes on telling of it.
    """
    from psycopg2.extras import execute_values

    table, columns = TABLES[topic]
    kept = _OF_DOCUMENT if topic is Topic.REFUNDS else ()
    news = {
        column: f"CASE WHEN excluded.odoo_id IS NULL THEN before.{column} ELSE excluded.{column} END"
        if column in kept
        else f"excluded.{column}"
        for column in columns[2:]
    }
    changes = ", ".join(f"{column} = {new}" for column, new in news.items())
    del news["loaded_at"]
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            f"INSERT INTO commerce.{table} AS before ({', '.join(columns)}) VALUES %s"
            f" ON CONFLICT (channel, {columns[1]}) DO UPDATE SET {changes} WHERE excluded.action IN ({_DONE})"
            f" OR ({', '.join(f'before.{column}' for column in news)}) IS DISTINCT FROM ({', '.join(news.values())})",
            sorted(rows),
            page_size=500,
        )


def read_entries(connection: Connection, channel: str, topic: Topic, record_ids: Iterable[str]) -> dict[str, Entry]:
    """The ledger's rows of these records, by id."""
    return _read(connection, topic, f"channel = %s AND {TABLES[topic][1][1]} = ANY(%s)", (channel, list(record_ids)))


def read_days(connection: Connection, channel: str, topic: Topic, start: date, end: date) -> dict[str, Entry]:
    """The ledger's rows of the days `[start, end)`, by id."""
    return _read(connection, topic, "channel = %s AND day >= %s AND day < %s", (channel, start, end))


def read_sales(connection: Connection, channel: str, order_ids: Iterable[str]) -> dict[str, SaleEntry]:
    """What the ledger of sale orders says of these orders; orders that it does not know are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, action, odoo_id, state FROM commerce.sale_orders"
            " WHERE channel = %s AND order_id = ANY(%s)",
            (channel, list(order_ids)),
        )
        names = SaleEntry.__struct_fields__
        return {row[0]: SaleEntry(**dict(zip(names, row, strict=True))) for row in cursor}


def read_issued(connection: Connection, channel: str, order_ids: Sequence[str]) -> dict[str, int]:
    """The refunds of these orders that the channel pays for a person's credit note: its record id, by refund."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reference, key::integer FROM commerce.effects WHERE target = %s AND kind = 'refund'"
            " AND status = 'accepted' AND reference <> '' AND body->>'order_id' = ANY(%s)",
            (channel, list(order_ids)),
        )
        return dict(cursor.fetchall())


def read_recognised(connection: Connection, channel: str, order_ids: Sequence[str]) -> dict[str, int]:
    """The credit notes of people, or of Odoo's own, that stand for refunds of these orders: their record ids, by
    refund."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT refund_id, odoo_id FROM commerce.credit_notes WHERE channel = %s AND order_id = ANY(%s)"
            " AND action = 'recognised' AND odoo_id IS NOT NULL",
            (channel, list(order_ids)),
        )
        return dict(cursor.fetchall())


def read_standing(connection: Connection, channel: str, order_ids: Sequence[str]) -> dict[str, int]:
    """The credit notes that stand for refunds of these orders, ours among them: their record ids, by refund."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT refund_id, odoo_id FROM commerce.credit_notes WHERE channel = %s AND order_id = ANY(%s)"
            " AND odoo_id IS NOT NULL",
            (channel, list(order_ids)),
        )
        return dict(cursor.fetchall())


def read_begun(connection: Connection, channel: str, order_ids: Sequence[str]) -> list[int]:
    """The record ids of the credit notes of these orders that the channel pays back, or may have."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT key::integer FROM commerce.effects WHERE target = %s AND kind = 'refund' AND attempt > 0"
            " AND status NOT IN ('refused', 'superseded') AND body->>'order_id' = ANY(%s)",
            (channel, list(order_ids)),
        )
        return [key for (key,) in cursor]


def _read(connection: Connection, topic: Topic, where: str, params: tuple[Any, ...]) -> dict[str, Entry]:
    table, columns = TABLES[topic]
    odoo_id = "odoo_id" if topic is Topic.REFUNDS else "NULL"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns[1]}, order_id, day, digest, action, {odoo_id} FROM commerce.{table} WHERE {where}", params
        )
        names = Entry.__struct_fields__
        return {row[0]: Entry(**dict(zip(names, row, strict=True))) for row in cursor}
