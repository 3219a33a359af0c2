"""What a person reads at the desk: what waits, with its order, its documents in Odoo, and who looks after it.

Care (`commerce.exception_care`) is about one record and one reason: it outlives another try, and says nothing of
another reason. It hides nothing: what is ignored until a day stays open, is counted, and is due again on that day.

What belongs here: reading, assigning, ignoring. What does not: the rows of the exceptions themselves (exceptions.py),
links (flows/desk.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from .exceptions import OpenException
from .tables.database import storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# The record is the order itself in these topics.
_OF_ORDERS = ["orders", "invoicing", "fulfilment", "refunding"]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One open row of the exceptions. person: who looks after it, '' for nobody. ignored_until: None where it is not
    ignored. order_id: the channel's order that it is about, '' where it is about none; marketplace: of that order.
    sale_id, note_id: the sale order and the credit note in Odoo, 0 for none."""

    row: OpenException
    person: str = ""
    ignored_until: datetime | None = None
    order_id: str = ""
    marketplace: str = ""
    sale_id: int = 0
    note_id: int = 0


def list_held(connection: Connection) -> list[Held]:
    """The open rows of all channels, also of one that the settings do not name any more, oldest first."""
    fields = OpenException.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT {", ".join(f"e.{field}" for field in fields)}, coalesce(c.person, ''), c.ignored_until,
            of.order_id, coalesce(o.marketplace, ''), coalesce(s.odoo_id, 0), coalesce(n.odoo_id, 0)
            FROM commerce.exceptions e
            LEFT JOIN commerce.exception_care c USING (channel, topic, record_id, code)
            LEFT JOIN commerce.returns b ON e.topic = 'returns' AND b.channel = e.channel AND b.return_id = e.record_id
            LEFT JOIN commerce.refunds r ON e.topic = 'refunds' AND r.channel = e.channel AND r.refund_id = e.record_id
            CROSS JOIN LATERAL (SELECT coalesce(b.order_id, r.order_id,
                CASE WHEN e.topic = ANY(%(of_orders)s) THEN e.record_id ELSE '' END) AS order_id) of
            LEFT JOIN commerce.orders o ON o.channel = e.channel AND o.order_id = of.order_id
            LEFT JOIN commerce.sale_orders s ON s.channel = e.channel AND s.order_id = of.order_id
            LEFT JOIN commerce.credit_notes n
                ON e.topic = 'refunds' AND n.channel = e.channel AND n.refund_id = e.record_id
            WHERE e.resolved_at IS NULL
            ORDER BY e.first_seen, e.channel, e.topic, e.record_id, e.stage, e.note""",
            {"of_orders": _OF_ORDERS},
        )
        names = Held.__struct_fields__[1:]
        return [
            Held(
                row=OpenException(**dict(zip(fields, values, strict=False))),
                **dict(zip(names, values[len(fields) :], strict=True)),
            )
            for values in cursor
        ]


def assign(connection: Connection, channel: str, record_id: str, code: str, person: str, now: datetime) -> int:
    """Name who looks after a record that waits, for one reason or ('') for all; '' for nobody. How many reasons."""
    return _take_care(connection, channel, record_id, code, "person", storable(person), now)


def ignore(
    connection: Connection, channel: str, record_id: str, code: str, until: datetime | None, now: datetime
) -> int:  # fmt: skip
    """Ignore a record that waits until then, for one reason or ('') for all; None: not any more. How many reasons."""
    return _take_care(connection, channel, record_id, code, "ignored_until", until, now)


def _take_care(
    connection: Connection, channel: str, record_id: str, code: str, column: str, value: object, now: datetime
) -> int:  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO commerce.exception_care AS known (channel, topic, record_id, code, {column}, at)
            SELECT DISTINCT channel, topic, record_id, code, %(value)s::{_TYPES[column]}, %(now)s::timestamptz
            FROM commerce.exceptions WHERE channel = %(channel)s AND record_id = %(record)s AND resolved_at IS NULL
            AND (%(code)s = '' OR code = %(code)s)
            ON CONFLICT (channel, topic, record_id, code) DO UPDATE SET {column} = excluded.{column}, at = excluded.at
            """,
            {"value": value, "now": now, "channel": channel, "record": storable(record_id), "code": code},
        )
        return cursor.rowcount


_TYPES = {"person": "text", "ignored_until": "timestamptz"}


def read_mark(connection: Connection, now: datetime) -> str:
    """A text that changes whenever the list does: with any row, and when the day comes until which one is ignored. ''
    for an empty list."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT CASE WHEN count(*) > 0 THEN concat_ws(' ', count(*), max(last_seen),
            (SELECT max(at) FROM commerce.exception_care),
            (SELECT count(*) FROM commerce.exception_care WHERE ignored_until > %s)) ELSE '' END
            FROM commerce.exceptions WHERE resolved_at IS NULL""",
            (now,),
        )
        [text] = cursor.fetchone() or ("",)
        return str(text)
