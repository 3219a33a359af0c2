"""Effects and attempts as rows: both are on record before a call, and change only as domain/outbox/rules.py allows.

What belongs here: writing and reading these rows, many at a time. What does not: when to send or look
(flows/outbox/dispatch.py), what a person has to agree to (holds.py).

target is the account that an effect is for, a channel's name; (target, kind) is a lane.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from ...domain.outbox.effects import (
    LATE_ANSWER,
    LATE_PENDING,
    Effect,
    Kind,
    Manner,
    Outcome,
    Status,
    Wanted,
    digest,
    encoded,
    token,
)
from ...domain.outbox.rules import LIVING, OPEN, SENDABLE, Step, step, transitions
from ..tables.database import storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

EFFECTS_KEPT_FOR = timedelta(days=90)  # how long an effect is kept after a newer one of its key
_ROWS_A_STATEMENT = 1000  # rows in one statement
_MOVES = transitions()


class Open(msgspec.Struct, frozen=True):
    """An effect whose outcome is not known. quiet: no request for it can still be on its way."""

    effect: Effect
    quiet: bool


class _Known(msgspec.Struct, frozen=True):
    """The newest effect of a key, with what planning needs of it."""

    sequence: int
    status: Status
    digest: str
    attempted: bool


def plan(
    connection: Connection,
    target: str,
    kind: Kind,
    wanted: Sequence[Wanted],
    run_id: str,
    *,
    hold: int | None = None,
    again: Collection[str] = (),
) -> list[str]:
    """Put wishes on record, held for a person if `hold` names a hold; returns the keys that have to wait.

    set: the wishes are everything that is to be sent, so every other effect of this lane that is planned or released is
    superseded. once: a key waits while an effect with another body may have happened; of two processes that plan the
    same key at the same instant, the first counts.

    again: keys that are wanted once more although just this was refused, because the reason may be gone.
    """
    keys = [wish.key for wish in wanted]
    newest = _read_newest(connection, target, kind, keys)
    superseded, kept, new, waiting = [], [], [], []
    for wish in wanted:
        before, wanted_digest = newest.get(wish.key), digest(wish.body)
        same = before is not None and before.digest == wanted_digest
        status, attempted = (before.status, before.attempted) if before else (None, False)
        if status is Status.REFUSED and wish.key in again:
            status = None
        todo = step(kind.manner, status, same=same, attempted=attempted, hold=hold is not None)
        if todo is Step.REPLACE and before:
            superseded.append(before.sequence)
        if todo is Step.KEEP and before:
            kept.append((before.sequence, encoded(wish.basis)))
        elif todo is Step.WAIT:
            waiting.append(wish.key)
        else:
            new.append((wish, wanted_digest))
    _supersede_effects(connection, superseded)
    if kind.manner is Manner.SET:
        _supersede_others(connection, target, kind, [sequence for sequence, _ in kept], hold is not None)
    _refresh(connection, kept)
    _insert_effects(connection, target, kind, new, run_id, hold)
    if hold is not None:
        _hold_effects(connection, [sequence for sequence, _ in kept], hold)
    return waiting


def sendable(connection: Connection, target: str, kind: Kind) -> list[Effect]:
    """The effects that may be sent, planned or released by a person, the oldest first."""
    return [row.effect for row in _read_rows(connection, target, kind, SENDABLE)]


def unsettled(connection: Connection, target: str, kind: Kind) -> list[Open]:
    """The effects without a known outcome, unknown or pending, the oldest first."""
    return _read_rows(connection, target, kind, (Status.UNKNOWN, Status.PENDING))


def take_over(connection: Connection, target: str, kind: Kind) -> None:
    """Make the effects unknown that another dispatcher left `sent`, and keep only the newer of two wishes that were
    planned for one key at the same time. The caller holds the lane's lock, so no living dispatcher works on it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.effects e SET status = 'superseded' WHERE target = %s AND kind = %s AND status = ANY(%s)"
            " AND manner = 'set' AND EXISTS (SELECT FROM commerce.effects n WHERE n.target = e.target"
            " AND n.kind = e.kind AND n.key = e.key AND n.sequence > e.sequence AND n.status = ANY(%s))",
            (target, kind, list(SENDABLE), list(SENDABLE)),
        )
        cursor.execute(
            "UPDATE commerce.effects SET status = 'unknown' WHERE target = %s AND kind = %s AND status = 'sent'",
            (target, kind),
        )


def begin(connection: Connection, effects: Sequence[Effect], run_id: str) -> list[Effect]:
    """Put an attempt at each effect on record; returns the effects that may be sent, in their present state.

    An effect that is no longer planned, released or unknown was taken by another process and is left out.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH claimed AS (UPDATE commerce.effects SET status = 'sent', attempt = attempt + 1,"
            " sent_at = clock_timestamp() WHERE sequence = ANY(%s) AND status = ANY(%s)"
            " RETURNING sequence, attempt, sent_at)"
            " INSERT INTO commerce.attempts (effect, number, run_id, started_at)"
            " SELECT sequence, attempt, %s, sent_at FROM claimed RETURNING effect, number",
            ([effect.sequence for effect in effects], [*SENDABLE, Status.UNKNOWN], run_id),
        )
        numbers = dict(cursor.fetchall())
    return [
        msgspec.structs.replace(effect, status=Status.SENT, attempt=numbers[effect.sequence])
        for effect in effects
        if effect.sequence in numbers
    ]


def settle(connection: Connection, outcomes: Sequence[tuple[Effect, Outcome, Status]], *, seen: bool = False) -> None:
    """Record what became of attempts, and the resulting status of their effects. seen: found out by a look, not by an
    answer.

    A late answer sets the outcome of its own attempt; it changes the effect only where the rules allow that, so a
    superseded effect stays superseded. A look that finds nothing says nothing about the attempt, which may still
    arrive.
    """
    from psycopg2.extras import execute_values

    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "UPDATE commerce.attempts a SET outcome = v.outcome, code = v.code, message = v.message,"
            " settled_at = clock_timestamp() FROM (VALUES %s) AS v (effect, number, outcome, code, message)"
            " WHERE a.effect = v.effect AND a.number = v.number",
            [
                (effect.sequence, effect.attempt, outcome.status, storable(outcome.code)[:200],
                 storable(outcome.message)[:500])
                for effect, outcome, _ in outcomes
                if not (seen and outcome.status in ("absent", "unknown"))
            ],
            page_size=_ROWS_A_STATEMENT,
        )  # fmt: skip
        execute_values(
            cursor,
            "UPDATE commerce.effects e SET status = v.status, settled_at = clock_timestamp(),"
            " reference = CASE WHEN v.reference = '' THEN e.reference ELSE v.reference END"
            " FROM (VALUES %s) AS v (sequence, status, reference) WHERE e.sequence = v.sequence AND"
            f" e.manner || ' ' || e.status || ' ' || v.status = ANY({_build_allowed_moves(cursor)})",
            [
                (effect.sequence, status, storable(outcome.reference)[:200] or effect.reference)
                for effect, outcome, status in outcomes
            ],
            page_size=_ROWS_A_STATEMENT,
        )


def refer(connection: Connection, references: Mapping[int, str]) -> None:
    """Put on record, before a call, by which reference a look finds effects of which it makes many; by sequence."""
    from psycopg2.extras import execute_values

    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "UPDATE commerce.effects e SET reference = v.reference FROM (VALUES %s) AS v (sequence, reference)"
            " WHERE e.sequence = v.sequence AND e.status = 'sent'",
            [(sequence, storable(reference)[:200]) for sequence, reference in references.items()],
            page_size=_ROWS_A_STATEMENT,
        )


def drop_unwanted(connection: Connection, target: str, kind: Kind, wanted: Collection[str]) -> None:
    """Nobody wants what is in doubt any more, except of these keys: in manner `set` such effects are superseded."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.effects SET status = 'superseded' WHERE target = %s AND kind = %s AND manner = 'set'"
            " AND status = 'unknown' AND key <> ALL(%s)",
            (target, kind, list(wanted)),
        )


def certain(connection: Connection, target: str, kind: Kind) -> dict[str, str]:
    """The digest that the other side certainly shows, by key: the last accepted one, if no request for another body can
    have arrived since. While such a request may still arrive, the key stays here but is watched; once it may have
    arrived, the key is left out. In manner `set`, a wish with another digest than here has to be sent."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n.key, n.digest FROM (SELECT DISTINCT ON (key) key, digest, status, sent_at FROM commerce.effects"
            " WHERE target = %(target)s AND kind = %(kind)s AND attempt > 0 ORDER BY key, sequence DESC) n"
            " WHERE n.status = 'accepted' AND NOT EXISTS (SELECT FROM commerce.effects e"
            " JOIN commerce.attempts a ON a.effect = e.sequence CROSS JOIN LATERAL (SELECT CASE a.outcome"
            " WHEN 'pending' THEN a.started_at + %(pending)s ELSE coalesce(a.settled_at, a.started_at) + %(late)s END"
            " AS until) may_arrive"
            " WHERE e.target = %(target)s AND e.kind = %(kind)s AND e.key = n.key AND e.digest <> n.digest"
            " AND (a.outcome IS NULL OR a.outcome IN ('unknown', 'pending'))"
            " AND until > n.sent_at AND until <= clock_timestamp())",
            {"target": target, "kind": kind, "late": LATE_ANSWER, "pending": LATE_PENDING},
        )
        return dict(cursor.fetchall())


def forget(connection: Connection, target: str, kind: Kind, keep: timedelta = EFFECTS_KEPT_FOR) -> None:
    """Drop effects of manner `set` that have a newer one of their key and are older than `keep`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM commerce.effects e WHERE target = %s AND kind = %s AND manner = 'set'"
            " AND planned_at < clock_timestamp() - %s"
            " AND EXISTS (SELECT FROM commerce.effects n WHERE n.target = e.target AND n.kind = e.kind"
            " AND n.key = e.key AND n.sequence > e.sequence AND n.attempt > 0)",
            (target, kind, keep),
        )


def _build_allowed_moves(cursor: Any) -> str:
    moves: bytes = cursor.mogrify("%s", (_MOVES,))
    return moves.decode().replace("%", "%%")


def _read_newest(connection: Connection, target: str, kind: Kind, keys: list[str]) -> dict[str, _Known]:
    """The newest effect of each of these keys. set: open effects only, which a partial index finds."""
    considered = OPEN if kind.manner is Manner.SET else (*LIVING, Status.REFUSED)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (key) key, sequence, status, digest, attempt > 0 FROM commerce.effects"
            " WHERE target = %s AND kind = %s AND status = ANY(%s) AND key = ANY(%s) ORDER BY key, sequence DESC",
            (target, kind, list(considered), keys),
        )
        return {
            key: _Known(sequence, Status(status), wanted_digest, sent)
            for key, sequence, status, wanted_digest, sent in cursor
        }


def _supersede_effects(connection: Connection, sequences: list[int]) -> None:
    """A newer effect replaces these. A held effect leaves the plan that waits for a person."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.effects SET status = 'superseded', hold = CASE WHEN status <> 'held' THEN hold END"
            " WHERE sequence = ANY(%s) AND manner || ' ' || status || ' superseded' = ANY(%s)",
            (sequences, _MOVES),
        )


def _supersede_others(connection: Connection, target: str, kind: Kind, kept: list[int], held: bool) -> None:
    """Supersede the other effects that wait to be sent. held: the new plan waits for a person, so effects that were
    released before stay released."""
    over = (Status.PLANNED, Status.HELD) if held else (Status.PLANNED, Status.HELD, Status.RELEASED)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.effects SET status = 'superseded', hold = CASE WHEN status <> 'held' THEN hold END"
            " WHERE target = %s AND kind = %s AND status = ANY(%s) AND sequence <> ALL(%s)",
            (target, kind, list(over), kept),
        )


def _refresh(connection: Connection, kept: Sequence[tuple[int, str]]) -> None:
    """An effect that is kept is sent for today's basis."""
    from psycopg2.extras import execute_values

    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "UPDATE commerce.effects e SET basis = v.basis::jsonb FROM (VALUES %s) AS v (sequence, basis)"
            " WHERE e.sequence = v.sequence AND e.attempt = 0 AND e.basis <> v.basis::jsonb",
            kept,
            page_size=_ROWS_A_STATEMENT,
        )


def _insert_effects(
    connection: Connection, target: str, kind: Kind, new: Sequence[tuple[Wanted, str]], run_id: str, hold: int | None
) -> None:
    from psycopg2.extras import execute_values

    status = Status.PLANNED if hold is None else Status.HELD
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('commerce.effect_sequence') FROM generate_series(1, %s)", (len(new),))
        sequences = [sequence for (sequence,) in cursor]
        execute_values(
            cursor,
            "INSERT INTO commerce.effects (sequence, target, kind, key, manner, body, digest, basis, token, status,"
            " hold, run_id, planned_at) VALUES %s ON CONFLICT (target, kind, key)"
            " WHERE manner = 'once' AND status NOT IN ('refused', 'superseded') DO NOTHING",
            [
                (sequence, target, kind, wish.key, kind.manner, encoded(wish.body), wanted_digest, encoded(wish.basis),
                 token(target, kind, wish.key, sequence), status, hold, run_id)
                for sequence, (wish, wanted_digest) in zip(sequences, new, strict=True)
            ],
            template="(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())",
            page_size=_ROWS_A_STATEMENT,
        )  # fmt: skip


def _hold_effects(connection: Connection, sequences: list[int], hold: int) -> None:
    """Planned effects wait for the hold; released effects stay released."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.effects SET status = 'held', hold = %s WHERE sequence = ANY(%s)"
            " AND status IN ('planned', 'held') AND (status = 'planned' OR hold IS DISTINCT FROM %s)",
            (hold, sequences, hold),
        )


def _read_rows(connection: Connection, target: str, kind: Kind, statuses: Iterable[Status]) -> list[Open]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.sequence, e.key, e.body, e.token, e.status, e.attempt, e.reference,"
            " coalesce(coalesce(a.settled_at, a.started_at) + %s < clock_timestamp(), true)"
            " FROM commerce.effects e LEFT JOIN commerce.attempts a ON a.effect = e.sequence AND a.number = e.attempt"
            " WHERE e.target = %s AND e.kind = %s AND e.status = ANY(%s) ORDER BY e.sequence",
            (LATE_ANSWER, target, kind, list(statuses)),
        )
        return [
            Open(
                Effect(sequence=sequence, key=key, body=body, token=token_, status=Status(status), attempt=attempt,
                       reference=reference),
                quiet,
            )
            for sequence, key, body, token_, status, attempt, reference, quiet in cursor
        ]  # fmt: skip


def withdraw(connection: Connection, target: str, kind: Kind, keys: Sequence[str]) -> None:
    """Nobody wants these effects any more: those that were never sent are superseded."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.effects SET status = 'superseded', hold = CASE WHEN status <> 'held' THEN hold END"
            " WHERE target = %s AND kind = %s AND key = ANY(%s) AND attempt = 0"
            " AND manner || ' ' || status || ' superseded' = ANY(%s)",
            (target, kind, list(keys), _MOVES),
        )
