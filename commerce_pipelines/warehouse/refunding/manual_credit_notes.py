"""Credit notes that people made of a channel's orders: one row each, due until nothing is left to pay back.

What belongs here: reading and writing these rows, and what the outbox and the returns lane know of their orders. What
does not: what follows (domain/refunding/, flows/refunding/).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ...domain.outbox.effects import Status
from ...domain.refunding.buyer_refunds import BuyerRefund
from ...domain.refunding.refund_plan import Recorded, ReportedRefund
from ...domain.returns.outcomes import CreditAction
from ...domain.returns.records import RefundState

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# What the returns lane says of a refund that it has not dealt with yet.
_UNSETTLED = (str(CreditAction.REFUSED), "waiting")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A credit note. odoo_id: its record id. sale_id: of its sale order. first_seen: None until it is kept."""

    odoo_id: int
    order_id: str
    sale_id: int
    name: str
    day: date
    written_at: str
    first_seen: datetime | None = None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a credit note. state: `waiting`, `under_way` or why nothing is paid back. settled: nothing is left
    to do until it is written to again."""

    odoo_id: int
    state: str
    code: str = ""
    currency: str = ""
    total: int = 0
    settled: bool = False


def read_cursor(connection: Connection, channel: str) -> datetime | None:
    """Until when Odoo was read for a channel."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT written_at FROM commerce.credit_note_readings WHERE channel = %s", (channel,))
        row = cursor.fetchone()
    return row[0] if row else None


def keep_cursor(connection: Connection, channel: str, written_at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.credit_note_readings AS r (channel, written_at) VALUES (%s, %s) ON CONFLICT (channel)"
            " DO UPDATE SET written_at = greatest(r.written_at, excluded.written_at)",
            (channel, written_at),
        )


def find_orders(connection: Connection, channel: str, sales: Iterable[int]) -> dict[int, str]:
    """The channel's orders with these sale orders, by the ledger; another Odoo's may be among them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT odoo_id, order_id FROM commerce.sale_orders WHERE channel = %s AND odoo_id = ANY(%s)",
            (channel, sorted(set(sales))),
        )
        return dict(cursor.fetchall())


def list_wizard_made(connection: Connection, channel: str) -> set[int]:
    """Documents that the flow of invoices had Odoo make: no person did."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT (document->>0)::integer FROM commerce.invoices,"
            " jsonb_array_elements(documents::jsonb) AS document WHERE channel = %s",
            (channel,),
        )
        return {odoo_id for (odoo_id,) in cursor}


def keep_rows(connection: Connection, channel: str, rows: Sequence[Row], now: datetime) -> None:
    """Keep what was read; a credit note that was written to since is due again."""
    from psycopg2.extras import execute_values

    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO commerce.manual_credit_notes AS n (channel, odoo_id, order_id, sale_id, name, day, written_at,"
            " first_seen, looked_at) VALUES %s ON CONFLICT (channel, odoo_id) DO UPDATE SET"
            " order_id = excluded.order_id, sale_id = excluded.sale_id, name = excluded.name, day = excluded.day,"
            " written_at = excluded.written_at,"
            " settled = n.settled AND n.written_at = excluded.written_at",
            [
                (channel, row.odoo_id, row.order_id, row.sale_id, row.name, row.day, row.written_at, now, now)
                for row in rows
            ],
            page_size=500,
        )


def list_due(connection: Connection, channel: str) -> list[Row]:
    """The credit notes that are not settled, the oldest first."""
    names = Row.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(names)} FROM commerce.manual_credit_notes WHERE channel = %s AND NOT settled"
            " ORDER BY day, odoo_id",
            (channel,),
        )
        return [Row(**dict(zip(names, row, strict=True))) for row in cursor]


def read_days(connection: Connection, channel: str, start: date, end: date) -> list[tuple[Row, Kept]]:
    """The credit notes dated `[start, end)`, settled or not, with what became of them so far."""
    of_row, of_kept = Row.__struct_fields__, Kept.__struct_fields__[1:]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join((*of_row, *of_kept))} FROM commerce.manual_credit_notes WHERE channel = %s"
            " AND day >= %s AND day < %s ORDER BY day, odoo_id",
            (channel, start, end),
        )
        pairs = []
        for values in cursor:
            row = Row(**dict(zip(of_row, values[: len(of_row)], strict=True)))
            kept = dict(zip(of_kept, values[len(of_row) :], strict=True))
            pairs.append((row, Kept(odoo_id=row.odoo_id, **kept)))
    return pairs


def keep(connection: Connection, channel: str, kept: Iterable[Kept], now: datetime) -> None:
    """Keep what became of credit notes."""
    from psycopg2.extras import execute_values

    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "UPDATE commerce.manual_credit_notes n SET state = v.state, code = v.code, currency = v.currency,"
            " total = v.total, settled = v.settled, looked_at = v.looked_at FROM (VALUES %s)"
            " AS v (channel, odoo_id, state, code, currency, total, settled, looked_at)"
            " WHERE n.channel = v.channel AND n.odoo_id = v.odoo_id",
            [(channel, row.odoo_id, row.state, row.code, row.currency, row.total, row.settled, now) for row in kept],
            page_size=500,
        )


def read_reported(connection: Connection, channel: str, order_ids: Sequence[str]) -> dict[str, list[ReportedRefund]]:
    """The refunds that the channel reports of these orders, those that cannot be read included, with the credit notes
    that stand for them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.order_id, r.refund_id, r.state, r.total, r.currency, coalesce(c.odoo_id, 0),"
            " coalesce(c.action, 'waiting')"
            " FROM commerce.refunds r LEFT JOIN commerce.credit_notes c USING (channel, refund_id)"
            " WHERE r.channel = %(channel)s AND r.order_id = ANY(%(orders)s)"
            " UNION ALL SELECT u.order_id, u.refund_id, 'done', coalesce(u.total, c.amount_total), u.currency,"
            " coalesce(c.odoo_id, 0), coalesce(c.action, 'waiting')"
            " FROM commerce.unread_refunds u LEFT JOIN commerce.credit_notes c USING (channel, refund_id)"
            " WHERE u.channel = %(channel)s AND u.order_id = ANY(%(orders)s) ORDER BY 2",
            {"channel": channel, "orders": list(order_ids)},
        )
        reported: dict[str, list[ReportedRefund]] = {}
        for order_id, refund_id, state, total, currency, note, action in cursor:
            state = RefundState(state)
            reported.setdefault(order_id, []).append(ReportedRefund(
                refund_id=refund_id, state=state, total=total, currency=currency,
                credit_note=note if state is RefundState.DONE else 0,
                is_settled=state is RefundState.FAILED or (total is not None and total <= 0)
                or (state is RefundState.DONE and action not in _UNSETTLED),
            ))  # fmt: skip
        return reported


def read_recorded(connection: Connection, channel: str, order_ids: Sequence[str]) -> dict[str, dict[int, Recorded]]:
    """The newest effect of each credit note of these orders, by order and record id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (e.key) e.key, e.body::text, e.status, e.attempt, e.reference, coalesce(a.code, '')"
            " FROM commerce.effects e LEFT JOIN commerce.attempts a ON a.effect = e.sequence AND a.number = e.attempt"
            " WHERE e.target = %s AND e.kind = 'refund' AND e.body->>'order_id' = ANY(%s)"
            " AND e.status <> 'superseded' ORDER BY e.key, e.sequence DESC",
            (channel, list(order_ids)),
        )
        recorded: dict[str, dict[int, Recorded]] = {}
        for key, body, status, attempt, reference, code in cursor:
            refund = msgspec.json.decode(body, type=BuyerRefund)
            recorded.setdefault(refund.order_id, {})[int(key)] = Recorded(
                key=key, refund=refund, status=Status(status), attempt=attempt, reference=reference, code=code
            )
        return recorded


def list_unsent(connection: Connection, channel: str) -> list[str]:
    """Keys of refunds that are on record and were never sent, those that wait for a person included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key FROM commerce.effects WHERE target = %s AND kind = 'refund' AND attempt = 0"
            " AND status IN ('planned', 'held', 'released')",
            (channel,),
        )
        return [key for (key,) in cursor]


def has_unsettled(connection: Connection, channel: str) -> bool:
    """Whether a refund is on its way, or may be sent."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM commerce.effects WHERE target = %s AND kind = 'refund'"
            " AND status IN ('planned', 'released', 'sent', 'pending', 'unknown'))",
            (channel,),
        )
        row = cursor.fetchone()
    return bool(row and row[0])


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """A credit note that was posted long ago and that the channel does not show as paid back."""

    name: str
    order_id: str
    state: str
    code: str
    first_seen: datetime


def list_late(connection: Connection, channel: str, before: datetime) -> list[Late]:
    """The credit notes first seen before that instant that are not settled, the oldest first."""
    names = Late.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(names)} FROM commerce.manual_credit_notes WHERE channel = %s AND NOT settled"
            " AND first_seen < %s ORDER BY first_seen, odoo_id",
            (channel, before),
        )
        return [Late(**dict(zip(names, row, strict=True))) for row in cursor]


def read_rows(connection: Connection, channel: str, order_id: str) -> list[Mapping[str, Any]]:
    """The credit notes of an order, with what became of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT odoo_id, name, day, state, code, currency, total, first_seen FROM commerce.manual_credit_notes"
            " WHERE channel = %s AND order_id = %s ORDER BY day, odoo_id",
            (channel, order_id),
        )
        columns = [column.name for column in cursor.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in cursor]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One call for a credit note. outcome: None while it is not known."""

    key: str
    status: str
    reference: str
    planned_at: datetime
    number: int | None
    started_at: datetime | None
    outcome: str | None
    code: str
    message: str
    run_id: str


def read_attempts(connection: Connection, channel: str, order_id: str) -> list[Attempt]:
    """Every effect of an order's credit notes with its calls, the oldest first; an effect without a call is one row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.key, e.status, e.reference, e.planned_at, a.number, a.started_at, a.outcome,"
            " coalesce(a.code, ''), coalesce(a.message, ''), coalesce(a.run_id, '') FROM commerce.effects e"
            " LEFT JOIN commerce.attempts a ON a.effect = e.sequence WHERE e.target = %s AND e.kind = 'refund'"
            " AND e.body->>'order_id' = %s ORDER BY e.sequence, a.number",
            (channel, order_id),
        )
        names = Attempt.__struct_fields__
        return [Attempt(**dict(zip(names, row, strict=True))) for row in cursor]
