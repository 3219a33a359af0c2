"""The life of an effect: which status may follow which, what a new wish does to what is on record, what a look means.

What belongs here: tables and pure functions over statuses. What does not: rows (warehouse/outbox/), calls
(flows/outbox/dispatch.py).

    planned ─▶ sent ─▶ accepted | refused | stale (set)
      │  ▲       ├──▶ pending ─▶ accepted | refused | stale | unknown
      ▼  │       └──▶ unknown ─▶ sent (the same token again)
    held ─▶ released ─▶ sent          └─▶ accepted | refused | pending: seen by a look
                                      └─▶ held (once): nobody can tell, a person has to

Whatever is not final may be superseded in manner `set`; in manner `once` only what no call was ever made for.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from .effects import Manner, Status

_SHARED: dict[Status, frozenset[Status]] = {
    Status.PLANNED: frozenset({Status.HELD, Status.SENT, Status.SUPERSEDED}),
    Status.HELD: frozenset({Status.RELEASED, Status.SUPERSEDED}),
    Status.RELEASED: frozenset({Status.SENT, Status.SUPERSEDED}),
    Status.SENT: frozenset({Status.ACCEPTED, Status.REFUSED, Status.PENDING, Status.UNKNOWN}),
    Status.PENDING: frozenset({Status.ACCEPTED, Status.REFUSED, Status.UNKNOWN}),
    Status.UNKNOWN: frozenset({Status.SENT, Status.ACCEPTED, Status.REFUSED, Status.PENDING}),
    Status.ACCEPTED: frozenset(),
    Status.REFUSED: frozenset(),
    Status.STALE: frozenset(),
    Status.SUPERSEDED: frozenset(),
}
_UNDER_WAY = (Status.SENT, Status.PENDING, Status.UNKNOWN)

TRANSITIONS: Mapping[Manner, Mapping[Status, frozenset[Status]]] = {
    Manner.SET: _SHARED | {status: _SHARED[status] | {Status.STALE, Status.SUPERSEDED} for status in _UNDER_WAY},
    # A person answers for what is in doubt: held -> accepted, it has happened; held -> released, it has not.
    Manner.ONCE: _SHARED
    | {
        Status.HELD: _SHARED[Status.HELD] | {Status.ACCEPTED},
        Status.UNKNOWN: _SHARED[Status.UNKNOWN] | {Status.HELD},
    },
}
SENDABLE = (Status.PLANNED, Status.RELEASED)  # what a dispatcher sends; `unknown` as well, after a look or at once
OPEN = (Status.PLANNED, Status.HELD, Status.RELEASED, *_UNDER_WAY)
LIVING = (*OPEN, Status.ACCEPTED)  # of manner `once` there is at most one such effect of a key


def may_follow(manner: Manner, before: Status, after: Status) -> bool:
    """Whether an effect may go from one status to another."""
    return after in TRANSITIONS[manner][before]


def transitions() -> list[str]:
    """Every allowed step as `manner before after`, for statements that move many effects at once."""
    return [
        f"{manner} {before} {after}"
        for manner, table in TRANSITIONS.items()
        for before, afters in table.items()
        for after in sorted(afters)
    ]


class Step(StrEnum):
    """What a wish does to the newest effect of its key. NEW: a further effect. KEEP: it is on record already. REPLACE:
    the one on record is superseded by a new one. WAIT: the one on record may have happened with another body, so
    nothing is done until that is known."""

    NEW = "new"
    KEEP = "keep"
    REPLACE = "replace"
    WAIT = "wait"


def step(manner: Manner, status: Status | None, *, same: bool, attempted: bool, hold: bool = False) -> Step:
    """What to do about a wish. status: of the newest effect of the key, None without one; same: it has the same body;
    attempted: a call was made for it; hold: the wish is to be held for a person.

    set: a wish is always carried out, because only the planner knows whether the other side shows it; what was planned
    or released with the same body is that wish. once: the same body is never wanted twice, and a refused one only when
    its body has changed.
    """
    if status is None or status is Status.SUPERSEDED:
        return Step.NEW
    if manner is Manner.SET:
        if status not in OPEN:
            return Step.NEW
        kept = (Status.PLANNED, Status.HELD, Status.RELEASED) if hold else SENDABLE
        return Step.KEEP if same and status in kept else Step.REPLACE
    if same:
        return Step.KEEP
    if status is Status.REFUSED:
        return Step.NEW
    if status in (Status.PLANNED, Status.HELD, Status.RELEASED) and not attempted:
        return Step.REPLACE
    return Step.WAIT


def after_look(manner: Manner, status: Status, seen: str, *, quiet: bool) -> Status:
    """The status of an unknown or pending effect after a look. quiet: no request for it can be on its way any more.

    `sent` means: the same token again. What is absent while a request may still arrive stays unknown until the next
    look. What cannot be told stays unknown where sending it again does no harm, and waits for a person where it does.
    What was pending and is no longer worked on is unknown first: the next look tells.
    """
    if seen not in ("absent", "unknown"):
        return Status(seen)
    if status is Status.PENDING or not quiet:
        return Status.UNKNOWN
    if seen == "absent":
        return Status.SENT
    return Status.HELD if manner is Manner.ONCE else Status.UNKNOWN
