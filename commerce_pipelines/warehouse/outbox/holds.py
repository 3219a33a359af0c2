"""What waits for a person: plans that the breaker stopped, effects whose outcome nobody can tell; and the person's
answer.

What belongs here: keeping a hold, releasing it, what has been agreed to. What does not: when a plan is stopped (the
topics' rules), the effects themselves (effects.py).

A release is for exactly the effects that were held, by key and digest. Whatever is planned later has to pass the
breaker itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from ...domain.outbox.effects import Kind
from ...domain.outbox.rules import SENDABLE

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

RELEASE_VALID_FOR = timedelta(hours=24)  # an older release was given for another day's figures


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """One stopped plan. figures: what the breaker looked at."""

    id: int
    held_at: datetime
    run_id: str
    reasons: str
    figures: dict[str, int]
    released_at: datetime | None = None
    released_by: str | None = None


class Agreed(msgspec.Struct, frozen=True):
    """What a person has agreed to and is not carried out yet: bodies by key, and the figures of that plan."""

    bodies: Mapping[str, Mapping[str, Any]]
    figures: Mapping[str, int]


def hold(connection: Connection, target: str, kind: Kind, run_id: str, reasons: str, figures: Mapping[str, int]) -> int:
    """Record why a lane's plan is stopped, instead of an earlier stop that was never released; returns the hold's id.

    The plan itself is then put on record with this id. Effects that were released too long ago have to be released
    again.
    """
    with connection.cursor() as cursor:
        _end_hold(cursor, target, kind, "released_at <= clock_timestamp() - %(valid)s")
        cursor.execute(
            "INSERT INTO commerce.holds AS h (target, kind, held_at, run_id, reasons, figures)"
            " VALUES (%s, %s, clock_timestamp(), %s, %s, %s)"
            " ON CONFLICT (target, kind) WHERE released_at IS NULL DO UPDATE SET held_at = EXCLUDED.held_at,"
            " run_id = EXCLUDED.run_id, reasons = EXCLUDED.reasons, figures = EXCLUDED.figures RETURNING id",
            (target, kind, run_id, reasons, msgspec.json.encode(figures).decode()),
        )
        return int(cursor.fetchone()[0])  # type: ignore[index]


def resolve(connection: Connection, target: str, kind: Kind) -> None:
    """The cause is gone without a person: no plan of the lane waits any longer.

    Effects in doubt go on waiting, because no plan can tell whether they have happened.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.effects SET status = 'superseded', hold = NULL WHERE target = %s AND kind = %s"
            " AND status = 'held' AND attempt = 0",
            (target, kind),
        )
        cursor.execute(
            "DELETE FROM commerce.holds WHERE target = %s AND kind = %s AND released_at IS NULL", (target, kind)
        )


def held(connection: Connection, target: str, kind: Kind) -> Hold | None:
    """The plan that waits for a person, if any."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, held_at, run_id, reasons, figures, released_at, released_by FROM commerce.holds"
            " WHERE target = %s AND kind = %s AND released_at IS NULL",
            (target, kind),
        )
        row = cursor.fetchone()
    return Hold(**dict(zip(Hold.__struct_fields__, row, strict=True))) if row else None


def release(connection: Connection, target: str, kind: Kind, by: str) -> Hold | None:
    """Agree to exactly the effects of the plan that waits; None where none does."""
    waiting = held(connection, target, kind)
    if waiting is not None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE commerce.holds SET released_at = clock_timestamp(), released_by = %s WHERE id = %s",
                (by, waiting.id),
            )
            cursor.execute(
                "UPDATE commerce.effects SET status = 'released' WHERE hold = %s AND status = 'held' AND attempt = 0",
                (waiting.id,),
            )
    return waiting


def agreed(connection: Connection, target: str, kind: Kind) -> Agreed | None:
    """What people agreed to within the last day and is not completely carried out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, figures FROM commerce.holds WHERE target = %s AND kind = %s AND used_at IS NULL"
            " AND released_at > clock_timestamp() - %s ORDER BY released_at",
            (target, kind, RELEASE_VALID_FOR),
        )
        releases = cursor.fetchall()
        if not releases:
            return None
        cursor.execute(
            "SELECT key, body FROM commerce.effects WHERE hold = ANY(%s) ORDER BY sequence",
            ([id_ for id_, _ in releases],),
        )
        return Agreed(dict(cursor.fetchall()), releases[-1][1])


def used(connection: Connection, target: str, kind: Kind) -> None:
    """The released plan is completely carried out: the release is no longer valid, and what is left of the plan is not
    sent."""
    with connection.cursor() as cursor:
        _end_hold(cursor, target, kind, "true")


def _end_hold(cursor: Any, target: str, kind: Kind, condition: str) -> None:
    cursor.execute(
        "UPDATE commerce.holds SET used_at = clock_timestamp() WHERE target = %(target)s AND kind = %(kind)s"
        f" AND released_at IS NOT NULL AND used_at IS NULL AND {condition} RETURNING id",
        {"target": target, "kind": kind, "valid": RELEASE_VALID_FOR},
    )
    ids = [id_ for (id_,) in cursor]
    if ids:
        cursor.execute(
            "UPDATE commerce.effects SET status = 'superseded' WHERE hold = ANY(%s) AND status = ANY(%s)"
            " AND attempt = 0",
            (ids, list(SENDABLE)),
        )


def in_doubt(connection: Connection, target: str, kind: Kind) -> list[str]:
    """Keys of effects that may have happened, of which the other side cannot tell, so that a person has to look."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key FROM commerce.effects WHERE target = %s AND kind = %s AND status = 'held' AND attempt > 0"
            " ORDER BY sequence",
            (target, kind),
        )
        return [key for (key,) in cursor]


def answer(connection: Connection, target: str, kind: Kind, key: str, *, happened: bool, reference: str = "") -> bool:
    """A person's answer about an effect in doubt: it happened, or it did not and is sent again with the same token.

    Returns whether there was such an effect.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.effects SET status = %s, reference = CASE WHEN %s = '' THEN reference ELSE %s END"
            " WHERE target = %s AND kind = %s AND key = %s AND status = 'held' AND attempt > 0",
            ("accepted" if happened else "released", reference, reference, target, kind, key),
        )
        return bool(cursor.rowcount)
