"""What Odoo's stock of a marketplace's warehouse differed by at the end of each compared day.

What belongs here: rows. What does not: the comparison (domain/inbound/reconciliation.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from ...domain.inbound.reconciliation import Line

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def keep(connection: Connection, channel: str, day: date, lines: Iterable[Line], now: datetime) -> None:
    """The result of a day, in place of an earlier one."""
    from psycopg2.extras import execute_values

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.fba_reconciliation WHERE channel = %s AND day = %s", (channel, day))
        execute_values(
            cursor,
            "INSERT INTO commerce.fba_reconciliation (channel, day, product, code, mskus, marketplace, odoo,"
            " difference, agreed_on, before, by_event, details, is_open) VALUES %s",
            [
                (channel, day, line.product, line.code, list(line.mskus), line.marketplace, line.odoo, line.difference,
                 line.agreed_on, line.before, msgspec.json.encode(line.by_event).decode(),
                 msgspec.json.encode(line.details).decode(), line.is_open)
                for line in lines
            ],
            page_size=500,
        )  # fmt: skip
        cursor.execute(
            "UPDATE commerce.fba_ledger_days SET compared_at = %s WHERE channel = %s AND day = %s", (now, channel, day)
        )


def read_agreed(connection: Connection, channel: str, before: date, products: Collection[int]) -> dict[int, date]:
    """The last compared day before a day on which each of these products did not differ; none for others."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p, (SELECT max(d.day) FROM commerce.fba_ledger_days d WHERE d.channel = %(channel)s"
            " AND d.day < %(before)s AND d.compared_at IS NOT NULL AND NOT EXISTS (SELECT FROM"
            " commerce.fba_reconciliation r WHERE r.channel = d.channel AND r.day = d.day AND r.product = p))"
            " FROM unnest(%(products)s::bigint[]) p",
            {"channel": channel, "before": before, "products": list(products)},
        )
        return {product: day for product, day in cursor if day is not None}


def read_lines(connection: Connection, channel: str, day: date) -> list[Line]:
    """The products that differed at the end of a day, the largest difference first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT product, code, mskus, marketplace, odoo, agreed_on, before, by_event, details, is_open"
            " FROM commerce.fba_reconciliation WHERE channel = %s AND day = %s ORDER BY abs(difference) DESC, code",
            (channel, day),
        )
        names = ("product", "code", "mskus", "marketplace", "odoo", "agreed_on", "before", "by_event", "details",
                 "is_open")  # fmt: skip
        return [msgspec.convert(dict(zip(names, row, strict=True)), type=Line) for row in cursor]


def first_compared(connection: Connection, channel: str) -> date | None:
    """The first day that was compared."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(day) FROM commerce.fba_ledger_days WHERE channel = %s AND compared_at IS NOT NULL", (channel,)
        )
        row: tuple[date | None] = cursor.fetchone() or (None,)
    return row[0]
