"""The quarantine: records that cannot go on wait in `exceptions` with a reason, until the cause is gone.

A row's stage says what it holds up: `transform` and `load` refused the order; `flag:<code>` is a note on an order that
is in Odoo all the same and that a person should look at.

What belongs here: keeping, resolving, listing them, and asking for another try. What does not: why a record is refused
(whoever raises RecordError), when a cause is gone (flows/orders/heal.py). Messages hold no personal data, as
everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from ..core.errors import RecordError
from .tables.database import storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

FLAG = "flag:"
Failure = tuple[str, date | None, RecordError]


class OpenException(msgspec.Struct, frozen=True, kw_only=True):
    """One record that waits. code, message, fix, subject: as in RecordError; tries: how often this stage refused it.

    digest: of the answer that was refused; settings: fingerprint of the settings then; retry_at: when it is due again.
    """

    channel: str
    order_id: str
    stage: str
    code: str
    message: str
    fix: str
    subject: str
    day: date | None
    run_id: str
    first_seen: datetime
    last_seen: datetime
    tries: int
    digest: str
    settings: str
    odoo_id: int | None
    retry_at: datetime | None

    @property
    def blocking(self) -> bool:
        """Whether the order is not in Odoo because of it."""
        return not self.stage.startswith(FLAG)


def record(
    connection: Connection,
    channel: str,
    stage: str,
    failures: Iterable[Failure],
    run_id: str,
    now: datetime,
    *,
    digests: Mapping[str, str] | None = None,
    odoo_ids: Mapping[str, int] | None = None,
    retry_at: Mapping[str, datetime | None] | None = None,
    settings: str = "",
) -> None:
    """Put records into quarantine, or note that they failed again: first_seen stays, tries grows, they are open.

    digests, odoo_ids, retry_at: by order id, for those that have one.
    """
    from psycopg2.extras import execute_values

    digests, odoo_ids, retry_at = digests or {}, odoo_ids or {}, retry_at or {}
    rows = {
        storable(order_id): (
            channel, storable(order_id), stage, error.code, storable(error.message), storable(error.fix),
            storable(error.subject), day, run_id, now, now, digests.get(order_id, ""), settings,
            odoo_ids.get(order_id), retry_at.get(order_id),
        )
        for order_id, day, error in failures
    }  # fmt: skip
    if not rows:
        return
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            """INSERT INTO commerce.exceptions AS known (channel, order_id, stage, code, message, fix, subject, day,
            run_id, first_seen, last_seen, digest, settings, odoo_id, retry_at) VALUES %s
            ON CONFLICT (channel, order_id, stage) DO UPDATE SET code = excluded.code,
            message = excluded.message, fix = excluded.fix, subject = excluded.subject, day = excluded.day,
            run_id = excluded.run_id, last_seen = excluded.last_seen, digest = excluded.digest,
            settings = excluded.settings, odoo_id = excluded.odoo_id, retry_at = excluded.retry_at,
            tries = CASE WHEN known.resolved_at IS NULL THEN known.tries + 1 ELSE 1 END,
            first_seen = CASE WHEN known.resolved_at IS NULL THEN known.first_seen ELSE excluded.first_seen END,
            resolved_at = NULL""",
            [rows[order_id] for order_id in sorted(rows)],
            page_size=500,
        )


def resolve(connection: Connection, channel: str, stage: str, order_ids: Iterable[str], now: datetime) -> int:
    """These records went through; returns how many of them were waiting. stage: also a LIKE pattern (`flag:%`)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.exceptions SET resolved_at = %s"
            " WHERE channel = %s AND stage LIKE %s AND order_id = ANY(%s) AND resolved_at IS NULL",
            (now, channel, stage, [storable(order_id) for order_id in order_ids]),
        )
        return cursor.rowcount


def resolve_others(
    connection: Connection,
    channel: str,
    stage: str,
    start: date,
    end: date,
    still_failing: Iterable[str],
    now: datetime,
) -> int:
    """All of the days `[start, end)` went through but `still_failing`; returns how many were waiting."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.exceptions SET resolved_at = %s WHERE channel = %s AND stage = %s"
            " AND day >= %s AND day < %s AND order_id <> ALL(%s) AND resolved_at IS NULL",
            (now, channel, stage, start, end, [storable(order_id) for order_id in still_failing]),
        )
        return cursor.rowcount


def open_exceptions(
    connection: Connection, channel: str | None = None, *, order_ids: Iterable[str] | None = None, code: str = ""
) -> list[OpenException]:
    """What waits, of one channel or of all, by channel and by when it was first refused."""
    fields = OpenException.__struct_fields__
    wanted = None if order_ids is None else [storable(order_id) for order_id in order_ids]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(fields)} FROM commerce.exceptions WHERE resolved_at IS NULL"
            " AND (%(channel)s::text IS NULL OR channel = %(channel)s)"
            " AND (%(ids)s::text[] IS NULL OR order_id = ANY(%(ids)s)) AND (%(code)s = '' OR code = %(code)s)"
            " ORDER BY channel, first_seen, order_id, stage",
            {"channel": channel, "ids": wanted, "code": code},
        )
        return [OpenException(**dict(zip(fields, row, strict=True))) for row in cursor]


def ask_again(connection: Connection, channel: str, order_ids: Iterable[str], now: datetime) -> int:
    """Make waiting records due: the channel's sensor requests a run for their days. Returns their number."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.exceptions SET retry_at = %s WHERE channel = %s AND order_id = ANY(%s)"
            " AND resolved_at IS NULL",
            (now, channel, [storable(order_id) for order_id in order_ids]),
        )
        return cursor.rowcount
