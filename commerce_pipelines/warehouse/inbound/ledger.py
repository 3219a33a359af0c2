"""Rows of a marketplace's ledger, replaced by whole days, and of what its stores show now.

What belongs here: reading and writing them. What does not: what they mean (domain/inbound/), the comparison's result
(differences.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from ...domain.inbound.ledger import Day, Event, Ledger
from ...domain.inbound.levels import FbaLevel
from ..tables.database import storable
from ..tables.frames import clear_days, write_rows

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_EVENT = (
    "day", "msku", "name", "quantity", "fnsku", "asin", "reference", "centre", "country", "disposition", "reason",
    "is_known", "number",
)  # fmt: skip
_EVENTS = tuple(str(event) for event in Event)


def replace_ledger(connection: Connection, channel: str, ledger: Ledger, now: datetime) -> None:
    """Replace what is kept of the ledger's days: rows have no id, and late ones come."""
    for table in ("fba_ledger_events", "fba_ledger_balances"):
        clear_days(connection, table, channel, ledger.days)
    write_rows(
        connection, "fba_ledger_events", ("channel", *_EVENT),
        [
            (channel, row.day, storable(row.msku), row.name, row.quantity, storable(row.fnsku), storable(row.asin),
             storable(row.reference), storable(row.centre), storable(row.country), storable(row.disposition),
             storable(row.reason), row.is_known, row.number)
            for row in ledger.events
        ],
    )  # fmt: skip
    write_rows(
        connection, "fba_ledger_balances",
        ("channel", "day", "msku", "fnsku", "disposition", "place", "starts", "ends", "in_transit", *_EVENTS),
        [
            (channel, row.day, storable(row.msku), storable(row.fnsku), storable(row.disposition), storable(row.place),
             row.start, row.end, row.in_transit, *(row.events.get(event, 0) for event in Event))
            for row in ledger.balances
        ],
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.fba_ledger_days (channel, day, read_at) SELECT %s, d, %s FROM unnest(%s::date[]) d"
            " ON CONFLICT (channel, day) DO UPDATE SET read_at = EXCLUDED.read_at",
            (channel, now, list(ledger.days)),
        )


def newest_day(connection: Connection, channel: str) -> tuple[date, datetime] | None:
    """The newest day of the ledger that is kept, and when it was read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day, read_at FROM commerce.fba_ledger_days WHERE channel = %s ORDER BY day DESC LIMIT 1", (channel,)
        )
        row = cursor.fetchone()
    return (row[0], row[1]) if row else None


def note_done(connection: Connection, channel: str, part: str, now: datetime) -> None:
    """That a part of the daily look was done."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.fba_parts_done (channel, part, done_at) VALUES (%s, %s, %s)"
            " ON CONFLICT (channel, part) DO UPDATE SET done_at = EXCLUDED.done_at",
            (channel, part, now),
        )


def read_done(connection: Connection, channel: str) -> dict[str, datetime]:
    """When each part of the daily look was done last."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT part, done_at FROM commerce.fba_parts_done WHERE channel = %s", (channel,))
        return dict(cursor.fetchall())


def read_days(connection: Connection, channel: str, start: date, end: date) -> dict[date, dict[str, Day]]:
    """Every SKU's days within `[start, end)`, by day and SKU; a day that is complete and empty is there, too."""
    days: dict[date, dict[str, Day]] = {}
    sums = ", ".join(f"sum({event})" for event in _EVENTS)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day FROM commerce.fba_ledger_days WHERE channel = %s AND day >= %s AND day < %s ORDER BY day",
            (channel, start, end),
        )
        days = {day: {} for (day,) in cursor}
        cursor.execute(
            f"SELECT day, msku, sum(starts), sum(ends), sum(in_transit), {sums} FROM commerce.fba_ledger_balances"
            " WHERE channel = %s AND day >= %s AND day < %s GROUP BY day, msku",
            (channel, start, end),
        )
        for day, msku, starts, ends, in_transit, *units in cursor:
            events = {event: int(count) for event, count in zip(Event, units, strict=True) if count}
            of_sku = Day(start=int(starts), end=int(ends), in_transit=int(in_transit), events=events)
            days.setdefault(day, {})[msku] = of_sku
    return days


def count_by_place(connection: Connection, channel: str, day: date) -> dict[str, int]:
    """Units at the end of a day by country or centre, in whatever disposition."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT place, sum(ends) FROM commerce.fba_ledger_balances WHERE channel = %s AND day = %s GROUP BY place"
            " ORDER BY place",
            (channel, day),
        )
        return {place: int(units) for place, units in cursor}


def count_unknown(connection: Connection, channel: str, start: date, end: date) -> dict[str, tuple[date, int, int]]:
    """Events of words that we do not know within `[start, end)`: by word the newest day, rows and units moved."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, max(day), count(*), sum(abs(quantity)) FROM commerce.fba_ledger_events WHERE channel = %s"
            " AND NOT is_known AND day >= %s AND day < %s GROUP BY name ORDER BY name",
            (channel, start, end),
        )
        return {name: (day, rows, int(units)) for name, day, rows, units in cursor}


def replace_levels(
    connection: Connection, channel: str, levels: Mapping[str, Sequence[FbaLevel]], now: datetime
) -> None:
    """Replace what is kept of what each store shows. levels: by marketplace."""
    names = FbaLevel.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM commerce.fba_inventory WHERE channel = %s AND (marketplace = ANY(%s) OR read_at < %s)",
            (channel, list(levels), now),
        )
    write_rows(
        connection, "fba_inventory", ("channel", "marketplace", *names, "read_at"),
        [
            (channel, marketplace,
             *(storable(value) if isinstance(value := getattr(level, name), str) else value for name in names), now)
            for marketplace, of_store in levels.items() for level in of_store
        ],
    )  # fmt: skip


def list_mskus(connection: Connection, channel: str) -> list[str]:
    """The SKUs that any store shows in the marketplace's warehouses."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT msku FROM commerce.fba_inventory WHERE channel = %s ORDER BY 1", (channel,))
        return [msku for (msku,) in cursor]
