"""The exceptions: records that cannot go on wait here with a reason, until the cause is gone.

A row belongs to one record of one topic and to the stage that refused it; no topic reads another's rows. A row with a
`note` holds nothing up: the record went through, and a person should look at it because of that code. The table in
core/reasons.py says which codes are notes.

What belongs here: keeping, resolving and listing the rows, and asking for another try. What does not: why a record is
refused (whoever raises RecordError), when a cause is gone (flows/orders/heal.py). Messages hold no personal data.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from ..core.reasons import Reason, rule
from .tables.database import storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One record that is refused or noted. digest: of the refused answer. settings: their fingerprint. retry_at: when
    the record is tried again without a person."""

    record_id: str
    day: date | None
    reason: Reason
    digest: str = ""
    settings: str = ""
    odoo_id: int | None = None
    retry_at: datetime | None = None


class OpenException(msgspec.Struct, frozen=True, kw_only=True):
    """One record that waits. code, message, fix, subject: as in Reason. tries: how often this stage refused the record.

    digest: of the refused answer. settings: their fingerprint at that time. retry_at: when the record is tried again.
    """

    channel: str
    topic: str
    record_id: str
    stage: str
    note: str
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
        """Whether the row keeps the record out of Odoo."""
        return not self.note

    @property
    def reason(self) -> Reason:
        return Reason(self.code, self.message, self.fix, self.subject)


def record(
    connection: Connection,
    channel: str,
    topic: str,
    stage: str,
    failures: Iterable[Failure],
    run_id: str,
    now: datetime,
) -> None:
    """Add records to the exceptions, or record that they failed again: first_seen stays, tries grows, the row is
    open."""
    from psycopg2.extras import execute_values

    rows = {}
    for row in failures:
        record_id, reason = storable(row.record_id), row.reason
        note = "" if rule(reason.code).blocks else reason.code
        rows[record_id, note] = (
            channel, topic, record_id, stage, note, reason.code, storable(reason.message), storable(reason.fix),
            storable(reason.subject), row.day, run_id, now, now, row.digest, row.settings, row.odoo_id, row.retry_at,
        )  # fmt: skip
    if not rows:
        return
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            """INSERT INTO commerce.exceptions AS known (channel, topic, record_id, stage, note, code, message, fix,
            subject, day, run_id, first_seen, last_seen, digest, settings, odoo_id, retry_at) VALUES %s
            ON CONFLICT (channel, topic, record_id, stage, note) DO UPDATE SET code = excluded.code,
            message = excluded.message, fix = excluded.fix, subject = excluded.subject, day = excluded.day,
            run_id = excluded.run_id, last_seen = excluded.last_seen, digest = excluded.digest,
            settings = excluded.settings, odoo_id = excluded.odoo_id, retry_at = excluded.retry_at,
            tries = CASE WHEN known.resolved_at IS NULL THEN known.tries + 1 ELSE 1 END,
            first_seen = CASE WHEN known.resolved_at IS NULL THEN known.first_seen ELSE excluded.first_seen END,
            resolved_at = NULL""",
            [rows[key] for key in sorted(rows)],
            page_size=500,
        )


def resolve(
    connection: Connection, channel: str, topic: str, stage: str, record_ids: Iterable[str], now: datetime
) -> int:
    """Resolve the rows of records that went through the stage; returns how many of them were waiting."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.exceptions SET resolved_at = %s WHERE channel = %s AND topic = %s AND stage = %s"
            " AND note = '' AND record_id = ANY(%s) AND resolved_at IS NULL",
            (now, channel, topic, stage, [storable(record_id) for record_id in record_ids]),
        )
        return cursor.rowcount


def resolve_notes(
    connection: Connection, channel: str, topic: str, record_ids: Iterable[str], now: datetime, *, code: str = "",
    but: Iterable[str] = (),
) -> int:  # fmt: skip
    """Resolve the notes of these records, or those with this code; returns how many notes there were. but: codes whose
    notes stay open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.exceptions SET resolved_at = %(now)s WHERE channel = %(channel)s AND topic = %(topic)s"
            " AND note <> '' AND (%(code)s = '' OR note = %(code)s) AND record_id = ANY(%(ids)s)"
            " AND note <> ALL(%(but)s) AND resolved_at IS NULL",
            {
                "but": list(but),
                "now": now,
                "channel": channel,
                "topic": topic,
                "code": code,
                "ids": [storable(record_id) for record_id in record_ids],
            },
        )
        return cursor.rowcount


def resolve_others(
    connection: Connection,
    channel: str,
    topic: str,
    stage: str,
    days: tuple[date, date],
    still_failing: Iterable[str],
    now: datetime,
) -> int:
    """Resolve the rows of all records of the days `[start, end)` except `still_failing`; returns how many were
    waiting."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.exceptions SET resolved_at = %s WHERE channel = %s AND topic = %s AND stage = %s"
            " AND note = '' AND day >= %s AND day < %s AND record_id <> ALL(%s) AND resolved_at IS NULL",
            (now, channel, topic, stage, *days, [storable(record_id) for record_id in still_failing]),
        )
        return cursor.rowcount


def open_exceptions(
    connection: Connection,
    channel: str | None,
    topic: str | None,
    *,
    record_ids: Iterable[str] | None = None,
    code: str = "",
) -> list[OpenException]:
    """The open rows of one channel or of all (None), of one topic or of all (None), oldest refusal first."""
    fields = OpenException.__struct_fields__
    wanted = None if record_ids is None else [storable(record_id) for record_id in record_ids]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(fields)} FROM commerce.exceptions WHERE resolved_at IS NULL"
            " AND (%(channel)s::text IS NULL OR channel = %(channel)s)"
            " AND (%(topic)s::text IS NULL OR topic = %(topic)s)"
            " AND (%(ids)s::text[] IS NULL OR record_id = ANY(%(ids)s)) AND (%(code)s = '' OR code = %(code)s)"
            " ORDER BY channel, first_seen, topic, record_id, stage, note",
            {"channel": channel, "topic": topic, "ids": wanted, "code": code},
        )
        return [OpenException(**dict(zip(fields, row, strict=True))) for row in cursor]


def ask_again(
    connection: Connection, channel: str, topic: str, record_ids: Iterable[str], now: datetime,
    notes: Iterable[str] = (),
) -> int:  # fmt: skip
    """Make waiting records due, so that the channel's sensor requests a run for their days; returns their number.
    notes: codes whose notes are looked at again too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.exceptions SET retry_at = %s WHERE channel = %s AND topic = %s"
            " AND (note = '' OR note = ANY(%s)) AND record_id = ANY(%s) AND resolved_at IS NULL",
            (now, channel, topic, list(notes), [storable(record_id) for record_id in record_ids]),
        )
        return cursor.rowcount


class Overdue(msgspec.Struct, frozen=True, kw_only=True):
    """How many records of one topic have waited too long for one reason, and since when the first of them waits."""

    channel: str
    topic: str
    code: str
    count: int
    since: datetime


def overdue(connection: Connection, before: datetime) -> list[Overdue]:
    """The records that have waited since before that instant."""
    names = Overdue.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT channel, topic, code, count(DISTINCT record_id)::int, min(first_seen) FROM commerce.exceptions"
            " WHERE resolved_at IS NULL AND note = '' AND first_seen < %s"
            " GROUP BY channel, topic, code ORDER BY channel, topic, code",
            (before,),
        )
        return [Overdue(**dict(zip(names, row, strict=True))) for row in cursor]
