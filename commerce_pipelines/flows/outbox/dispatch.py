"""Sending effects that are on record, so that a crash at any point leaves no doubt unrecorded and no act happens twice.

What belongs here: the order of recording, looking, calling and recording again, for any kind of effect. What does not:
what is wanted (the topics' flows), the calls (a door of the topic's flow, which uses channels/), the statuses
(domain/outbox/rules.py).

One dispatcher works on a lane at a time. An effect that a dead dispatcher left `sent` is unknown to the next one. In
manner `set` that does no harm, because the planner sends it again. In manner `once` the next dispatcher looks at the
other side first: what is there is accepted; what is not there is sent again with the same token, as soon as the lost
request can no longer arrive; what the other side cannot tell waits for a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from ...core.failpoints import failpoint
from ...domain.outbox.effects import Effect, Kind, Manner, Outcome, Status
from ...domain.outbox.rules import after_look
from ...warehouse.outbox import effects as outbox

if TYPE_CHECKING:
    from ...warehouse.tables.database import Warehouse

SET_TRIES = 2  # how often one run sends an effect of manner `set` whose outcome is unknown
OUTCOMES_A_TRANSACTION = 200  # outcomes of manner `set` that are recorded in one transaction
NO_ANSWER = "no_answer"

Settled = tuple[Effect, Outcome, Status]


class Door(Protocol):
    """How effects of one kind reach one target.

    batch: how many are sent at once; in manner `once` so many are in doubt together after a crash. send: one outcome
    for each effect, as soon as it is known; raises only what stops everything. look: what the other side has of effects
    that are unknown or pending, found by token, reference or key; an effect without an outcome was not looked at. A
    door of manner `set` may look at nothing.
    """

    batch: int

    def send(self, effects: Sequence[Effect]) -> Iterator[Outcome]: ...

    def look(self, effects: Sequence[Effect]) -> Iterator[Outcome]: ...


def dispatch(warehouse: Warehouse, target: str, kind: Kind, door: Door, run_id: str) -> dict[str, Status]:
    """Send what a lane may send, and look after effects in doubt; the statuses by key of the effects that were sent or
    seen.

    Raises what stops everything; the outcomes known by then are on record.
    """
    failpoint("effect_recorded")
    with warehouse.lock(f"outbox {target} {kind}", wait=True):
        with warehouse.transaction() as connection:
            outbox.take_over(connection, target, kind)
            doubtful = outbox.unsettled(connection, target, kind)
        seen, again = _look_at_door(kind, door, doubtful)
        with warehouse.transaction() as connection:
            outbox.settle(connection, seen, seen=True)
            due = again + outbox.sendable(connection, target, kind)
        statuses = {effect.key: status for effect, _, status in seen}
        tries = SET_TRIES if kind.manner is Manner.SET else 1
        for start in range(0, len(due), door.batch):
            batch = due[start : start + door.batch]
            for _ in range(tries):
                statuses |= _attempt_effects(warehouse, kind, door, batch, run_id)
                batch = [effect for effect in batch if statuses.get(effect.key) is Status.UNKNOWN]
    return statuses


def look_after(warehouse: Warehouse, target: str, kind: Kind, door: Door) -> dict[str, Status]:
    """Look at effects of manner `set` that are pending, and at those in doubt of which a call put a reference on
    record; the statuses by key of those that were seen. For a planner that has to know before it plans."""
    with warehouse.lock(f"outbox {target} {kind}", wait=True):
        with warehouse.transaction() as connection:
            outbox.take_over(connection, target, kind)
            doubtful = outbox.unsettled(connection, target, kind)
        asked = {
            row.effect.key: row for row in doubtful if row.effect.status is Status.PENDING or row.effect.reference
        }  # fmt: skip
        seen: list[Settled] = []
        for outcome in door.look([row.effect for row in asked.values()]) if asked else ():
            row = asked[outcome.key]
            seen.append(
                (row.effect, outcome, after_look(kind.manner, row.effect.status, outcome.status, quiet=row.quiet))
            )
        with warehouse.transaction() as connection:
            outbox.settle(connection, seen, seen=True)
    return {effect.key: status for effect, _, status in seen}


def _look_at_door(kind: Kind, door: Door, doubtful: Sequence[outbox.Open]) -> tuple[list[Settled], list[Effect]]:
    """What the other side knows of effects in doubt, and the effects that have to be sent again."""
    asked = {
        row.effect.key: row
        for row in doubtful
        if kind.manner is Manner.ONCE or row.effect.status is Status.PENDING
    }  # fmt: skip
    seen: list[Settled] = []
    again: list[Effect] = []
    for outcome in door.look([row.effect for row in asked.values()]) if asked else ():
        row = asked[outcome.key]
        status = after_look(kind.manner, row.effect.status, outcome.status, quiet=row.quiet)
        if status is Status.SENT:
            again.append(row.effect)
        else:
            seen.append((row.effect, outcome, status))
    return seen, again


def _attempt_effects(
    warehouse: Warehouse, kind: Kind, door: Door, effects: Sequence[Effect], run_id: str
) -> dict[str, Status]:
    """One call, or as many as the door makes for these effects; statuses by key.

    An effect without an outcome is unknown. If the call raises, the remaining effects stay `sent`, which the next
    dispatcher takes for unknown.
    """
    if not effects:
        return {}
    with warehouse.transaction() as connection:
        begun = {effect.key: effect for effect in outbox.begin(connection, effects, run_id)}
    failpoint("attempt_recorded")
    statuses: dict[str, Status] = {}
    unwritten: list[Settled] = []
    together = OUTCOMES_A_TRANSACTION if kind.manner is Manner.SET else 1

    def write_down() -> None:
        if unwritten:
            with warehouse.transaction() as connection:
                outbox.settle(connection, unwritten)
            unwritten.clear()
            failpoint("effect_settled")

    def keep(outcome: Outcome) -> None:
        statuses[outcome.key] = Status(outcome.status)
        unwritten.append((begun[outcome.key], outcome, statuses[outcome.key]))

    try:
        if begun:
            for outcome in door.send(list(begun.values())):
                failpoint("effect_answered")
                if outcome.key in begun:
                    keep(outcome)
                    if len(unwritten) >= together:
                        write_down()
            for key in begun.keys() - statuses.keys():
                keep(Outcome(key=key, status="unknown", code=NO_ANSWER))
    finally:
        write_down()
    return statuses
