"""When a sensor has something to look at: its turn has come, its memory holds something unfinished, or a message came.

A sensor that may be woken ticks every few seconds, and most of its ticks find nothing. What it would ask itself first
is written down here, so that the daemon can answer it for all sensors at once and need not tick.

What belongs here: that rule, on the sensor's stored cursor. What does not: what a sensor looks at (flows/pollers.py),
who asks the rule (resources/tick_gate.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

KEY = "rhythm"  # the name under which a sensor's metadata holds it
# What cursors call that for which the next turn is too far off.
UNFINISHED = ("waits", "resume", "requested", "again", "rests")


class Rhythm(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """seconds: how often the sensor looks. place, of: its place among those that take turns. at: the field of its
    cursor that says when it looked last; '' where the turns alone decide. marks: fields of its cursor, and the marks in
    the database that they remember: another mark wakes it. messages: `channel/topic` of which an open message wakes it.
    since: when the process began that looks, because one with new settings looks at once."""

    seconds: int
    place: int = 0
    of: int = 1
    at: str = ""
    marks: dict[str, str] = {}
    messages: tuple[str, ...] = ()
    since: datetime | None = None

    @property
    def may_be_woken(self) -> bool:
        return bool(self.marks or self.messages)

    def turn(self, now: datetime) -> int:
        """The number of the turn that an instant belongs to; a sensor looks once in a turn."""
        return int((now.timestamp() - self.seconds * self.place / self.of) // self.seconds)


class Wakes(msgspec.Struct, frozen=True):
    """What may wake sensors. marks: when each came last. messages: `channel/topic` of those that are open."""

    marks: Mapping[str, datetime] = {}
    messages: Collection[str] = ()


def may_rest(rhythm: Rhythm, cursor: str | None, ticked_at: datetime, now: datetime, wakes: Wakes) -> bool:
    """Whether a tick now would find that nothing is due. cursor: what the sensor remembers, as JSON. ticked_at: when
    its last tick began, which went well."""
    memory = _read_memory(cursor)
    looked_at = _read_moment(memory.get(rhythm.at)) if rhythm.at else ticked_at
    if looked_at is None or now < looked_at or _is_unfinished(memory):
        return False
    if rhythm.since is not None and ticked_at < rhythm.since:
        return False
    if rhythm.at and (now - looked_at).total_seconds() >= rhythm.seconds:
        return False
    if not rhythm.at and rhythm.turn(now) != rhythm.turn(looked_at):
        return False
    if any(wakes.marks.get(mark) != _read_moment(memory.get(field)) for field, mark in rhythm.marks.items()):
        return False
    return not set(rhythm.messages) & set(wakes.messages)


def _read_memory(cursor: str | None) -> dict[str, Any]:
    try:
        memory = msgspec.json.decode(cursor or "{}")
    except msgspec.DecodeError:
        return {}
    return memory if isinstance(memory, dict) else {}


def _is_unfinished(memory: Mapping[str, Any]) -> bool:
    """A cursor may hold one for each topic."""
    parts = [memory, *(part for part in memory.values() if isinstance(part, dict))]
    return any(part.get(name) for part in parts for name in UNFINISHED)


def _read_moment(value: object) -> datetime | None:
    """None also for one without a zone, which could not be compared."""
    try:
        moment = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        return None
    return moment if moment.tzinfo else None
