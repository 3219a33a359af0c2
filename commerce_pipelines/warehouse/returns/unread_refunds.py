"""Refunds that cannot be read: one row each with what is certain of it, until it can be read.

What belongs here: reading and writing these rows. What does not: why a refund cannot be read (the exceptions), which
credit note a person made for it (domain/returns/by_hand.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from ..tables.upserts import write_changed

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class UnreadRefund(msgspec.Struct, frozen=True, kw_only=True):
    """total: minor units of `currency`, None where that is not certain. code: why the refund cannot be read."""

    refund_id: str
    order_id: str
    day: date
    digest: str
    code: str
    currency: str
    total: int | None = None


_COLUMNS = UnreadRefund.__struct_fields__


def keep(connection: Connection, channel: str, rows: Sequence[UnreadRefund]) -> None:
    """A row of the same refund is replaced."""
    if rows:
        values = [(channel, *msgspec.structs.astuple(row)) for row in rows]
        write_changed(connection, "unread_refunds", ("channel", *_COLUMNS), ("channel", "refund_id"), values)


def drop(connection: Connection, channel: str, refund_ids: Iterable[str]) -> None:
    """These refunds can be read now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM commerce.unread_refunds WHERE channel = %s AND refund_id = ANY(%s)",
            (channel, sorted(refund_ids)),
        )


def list_waiting(connection: Connection, channel: str) -> list[UnreadRefund]:
    """Those that wait in the exceptions."""
    return _read(
        connection,
        "EXISTS (SELECT FROM commerce.exceptions e WHERE e.channel = u.channel AND e.topic = 'refunds'"
        " AND e.record_id = u.refund_id AND e.note = '' AND e.resolved_at IS NULL) AND channel = %s",
        (channel,),
    )


def list_credited(connection: Connection, channel: str, start: date, end: date) -> list[UnreadRefund]:
    """Those of the days `[start, end)` for which a person's credit note stands; its money, where theirs is not
    certain."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT u.refund_id, u.order_id, u.day, u.digest, u.code,"
            " CASE WHEN u.total IS NULL THEN c.currency ELSE u.currency END, coalesce(u.total, c.amount_total)"
            " FROM commerce.unread_refunds u JOIN commerce.credit_notes c USING (channel, refund_id)"
            " WHERE channel = %s AND u.day >= %s AND u.day < %s AND c.odoo_id IS NOT NULL ORDER BY u.day, refund_id",
            (channel, start, end),
        )
        return [UnreadRefund(**dict(zip(_COLUMNS, row, strict=True))) for row in cursor]


def _read(connection: Connection, where: str, params: tuple[Any, ...]) -> list[UnreadRefund]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(_COLUMNS)} FROM commerce.unread_refunds u WHERE {where} ORDER BY day, refund_id", params
        )
        return [UnreadRefund(**dict(zip(_COLUMNS, row, strict=True))) for row in cursor]
