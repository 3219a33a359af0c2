"""The proofs of a channel's refunds, one row per business day and currency, so that any day can be read with SQL.

What belongs here: keeping them and reading them back. What does not: comparing (domain/sales/completeness.py), asking
Odoo (flows/returns/prove.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from ...core.topics import Topic
from ...domain.sales.completeness import Claim, Completeness
from ..shared import proof_history
from ..tables.upserts import write_changed

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

COLUMNS = (
    *("channel", "day", "currency", "refunds_in_channel", "credit_notes_in_odoo", "exceptions", "missing", "surplus"),
    *("channel_total", "odoo_total", "collected", "proved_at"),
)


def keep(
    connection: Connection,
    channel: str,
    span: tuple[date, date],
    days: Mapping[tuple[date, str], Completeness],
    now: datetime,
) -> None:
    """Replace the proofs of the days `[start, end)`; `proved_at` says when one last changed."""
    rows = [
        (
            channel, day, currency, proof.orders_in_channel, proof.sale_orders_in_odoo, proof.exceptions,
            msgspec.json.encode(proof.absent).decode(), msgspec.json.encode(proof.surplus).decode(),
            proof.channel_total.get(currency, 0), proof.odoo_total.get(currency, 0), proof.collected.get(currency, 0),
            now,
        )
        for (day, currency), proof in days.items()
    ]  # fmt: skip
    proof_history.drop_others(connection, "refund_proofs", channel, span, days)
    write_changed(connection, "refund_proofs", COLUMNS, COLUMNS[:3], rows, stamp="proved_at")
    proof_history.keep(connection, Topic.REFUNDS, channel, span, days, now)


def read(connection: Connection, channel: str) -> dict[tuple[date, str], Completeness]:
    """The newest proof of every day that was ever proved, by day and currency."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day, currency, refunds_in_channel, credit_notes_in_odoo, exceptions, missing, surplus,"
            " channel_total, odoo_total, collected FROM commerce.refund_proofs WHERE channel = %s"
            " ORDER BY day, currency",
            (channel,),
        )
        return {
            (day, currency): Completeness(
                orders_in_channel=refunds, sale_orders_in_odoo=notes, exceptions=waiting,
                absent=msgspec.json.decode(absent, type=tuple[Claim, ...]),
                surplus=msgspec.json.decode(surplus, type=tuple[str, ...]),
                channel_total={currency: in_channel}, odoo_total={currency: in_odoo},
                difference={currency: in_channel - in_odoo}, collected={currency: collected} if collected else {},
            )
            for day, currency, refunds, notes, waiting, absent, surplus, in_channel, in_odoo, collected in cursor
        }  # fmt: skip


class Wanting(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest proofs of a channel's incomplete days find: refunds without a credit note, credit notes without a
    refund, whether money differs, and between which days."""

    channel: str
    missing: int
    surplus: int
    differs: bool
    first: date
    last: date


def wanting(connection: Connection) -> list[Wanting]:
    """The channels that have incomplete days."""
    names = Wanting.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT channel, sum(jsonb_array_length(missing::jsonb))::int,"
            " sum(jsonb_array_length(surplus::jsonb))::int, bool_or(channel_total <> odoo_total), min(day), max(day)"
            " FROM commerce.refund_proofs WHERE missing <> '[]' OR surplus <> '[]' OR channel_total <> odoo_total"
            " GROUP BY channel ORDER BY channel"
        )
        return [Wanting(**dict(zip(names, row, strict=True))) for row in cursor]
