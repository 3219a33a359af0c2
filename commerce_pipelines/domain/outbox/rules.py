"""The statuses of an effect: which may follow which, what a new wish does to the effect on record, what a look changes.

What belongs here: tables and pure functions over statuses. What does not: rows (warehouse/outbox/), calls
(flows/outbox/dispatch.py).

    planned ─▶ sent ─▶ accepted | refused | stale (set)
      │  ▲       ├──▶ pending ─▶ accepted | refused | stale | unknown
      ▼  │       └──▶ unknown ─▶ sent (with the same token)
    held ─▶ released ─▶ sent          └─▶ accepted | refused | pending: a look saw it
                                      └─▶ held (once): the other side cannot tell, a person has to

In manner `set`, every effect that is not final may be superseded; in manner `once`, only an effect that was never sent.
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
    # For an effect in doubt a person decides: held -> accepted, it has happened; held -> released, it has not.
    Manner.ONCE: _SHARED
    | {
        Status.HELD: _SHARED[Status.HELD] | {Status.ACCEPTED},
        Status.UNKNOWN: _SHARED[Status.UNKNOWN] | {Status.HELD},
    },
}
# What a dispatcher sends; an effect that is `unknown` is sent again too, in manner `once` after a look.
SENDABLE = (Status.PLANNED, Status.RELEASED)
OPEN = (Status.PLANNED, Status.HELD, Status.RELEASED, *_UNDER_WAY)
LIVING = (*OPEN, Status.ACCEPTED)  # a key of manner `once` has at most one effect with such a status


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
    a new effect supersedes the one on record. WAIT: the one on record may have happened with another body, so nothing
    is done until that is known."""

    NEW = "new"
    KEEP = "keep"
    REPLACE = "replace"
    WAIT = "wait"


def step(manner: Manner, status: Status | None, *, same: bool, attempted: bool, hold: bool = False) -> Step:
    """What to do about a wish. status: of the newest effect of the key, None without one. same: it has the same body.
    attempted: a call was made for it. hold: the wish is to be held for a person.

    set: a wish is always carried out, because only the planner knows whether the other side shows it; an effect that is
    planned or released with the same body is that wish. once: the same body is never wanted twice, and a refused body
    only when it has changed.
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
    """The status of an unknown or pending effect after a look. quiet: no request for it can still be on its way.

    `sent` means: send it again with the same token. An effect that is absent while a request may still arrive stays
    unknown until the next look. Where the other side cannot tell, the effect stays unknown if sending it again does no
    harm, and waits for a person if it does. An effect that was pending, and that the other side no longer works on,
    becomes unknown: the next look tells.
    """
    if seen not in ("absent", "unknown"):
        return Status(seen)
    if status is Status.PENDING or not quiet:
        return Status.UNKNOWN
    if seen == "absent":
        return Status.SENT
    return Status.HELD if manner is Manner.ONCE else Status.UNKNOWN
