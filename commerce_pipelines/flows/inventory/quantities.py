"""Quantities as effects of the outbox: wishes from a plan, and the door that sends them to a channel.

What belongs here: the bridge between a plan's rows, effects and a channel's pushes. What does not: which quantity is
right (domain/inventory/), recording and repeating (flows/outbox/dispatch.py), the calls (channels/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...channels.capabilities import offered
from ...core.errors import PermanentError
from ...core.words import Words
from ...domain.inventory.listings import Listing, Push
from ...domain.orders.order import FulfilledBy
from ...domain.outbox.effects import Effect, Kind, Outcome, Status, Wanted
from ...resources.connections import Connections
from ..outbox.dispatch import dispatch

if TYPE_CHECKING:
    import pandas as pd

    from ...channels.capabilities import Channel
    from ...domain.inventory.push_plan import Plan

EFFECTS_AT_ONCE = 1_000_000  # effects at once: a channel needs the fewest calls for all of them together


class Stopped(PermanentError):
    """The breaker holds a run back; the message has the figures."""


class QuantityDoor:
    """The quantities of one channel.

    listings: those that may be changed, by key, with what each probably shows; any other is refused. found_out: what
    pushes found out about listings, said: the channel's own words about them; both filled while they are sent.
    """

    batch = EFFECTS_AT_ONCE

    def __init__(self, channel: Channel, listings: Mapping[str, Listing]) -> None:
        self._channel, self._listings = channel, listings
        self.found_out: dict[str, dict[str, str]] = {}
        self.said: dict[str, Words] = {}

    def send(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        pushes = []
        for effect in effects:
            if listing := self._listings.get(effect.key):
                pushes.append(Push(listing=listing, quantity=effect.body["quantity"], token=effect.token))
            else:
                yield Outcome(key=effect.key, status="refused", code="not_ours")
        quantities = offered(self._channel.quantities, self._channel, "quantities")
        for answer in quantities.push(pushes):
            if answer.reference:
                self.found_out[answer.key] = answer.reference
            status = "unknown" if answer.status == "failed" else answer.status
            self.said[answer.key] = answer.words
            yield Outcome(key=answer.key, status=status, code=answer.code, message=answer.message)

    def look(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        """Looks at nothing: a quantity whose outcome is unknown is simply sent again."""
        yield from ()


def wishes(rows: pd.DataFrame, taken_at: datetime) -> list[Wanted]:
    """A plan's pushes as wishes. rows: key, sku, location, target, shown and free of a stock read at `taken_at`."""
    at = taken_at.isoformat()
    columns = (rows[name].tolist() for name in ("key", "sku", "location", "target", "shown", "free"))
    return [
        Wanted(
            key=key,
            body={"quantity": int(target)},
            basis={
                "sku": sku,
                "location": location,
                "before": _convert_figure(shown),
                "free": _convert_figure(free),
                "taken_at": at,
            },
        )
        for key, sku, location, target, shown, free in zip(*columns, strict=True)
    ]


def tell(
    connections: Connections, name: str, listings: pd.DataFrame, plan: Plan, *, run_id: str, release: bool
) -> dict[str, Status]:
    """Put a plan on record and send it; statuses by key. listings: the channel's, as they were read last.

    release: a person agrees to the plan. Raises Stopped where the breaker stops the plan and nobody agrees; the plan is
    then held. Raises what stops everything; outcomes known by then are on record, all others are unknown.
    """
    from ...warehouse.inventory.listings import remember
    from ...warehouse.landing import words
    from ...warehouse.outbox import effects, holds

    rows = plan.pushes()
    wanted, door = wishes(rows, plan.taken_at), open_door(connections, name, listings, rows)
    stopped = bool(plan.reasons) and not release
    with connections.warehouse.transaction() as connection:
        if plan.reasons:
            figures = {"read": plan.figures.read}
            hold = holds.hold(connection, name, Kind.QUANTITY, run_id, "; ".join(plan.reasons), figures)
            effects.plan(connection, name, Kind.QUANTITY, wanted, run_id, hold=hold)
            if release:
                holds.release(connection, name, Kind.QUANTITY, f"run {run_id}")
        else:
            holds.resolve(connection, name, Kind.QUANTITY)
        if not stopped:
            effects.plan(connection, name, Kind.QUANTITY, wanted, run_id)
    if stopped:
        raise Stopped(
            f"Nothing was published to {name}: {'; '.join(plan.reasons)}. If that is right, run "
            f"`commerce-pipelines inventory release {name}`, or materialise {name}/published_inventory with "
            "`release: true`."
        )
    try:
        return dispatch(connections.warehouse, name, Kind.QUANTITY, door, run_id)
    finally:
        if door.said:
            with connections.warehouse.transaction() as connection:
                remember(connection, name, door.found_out)
                words.keep(connection, connections.vault, name, Kind.QUANTITY, door.said, connections.instruments.now())


def open_door(connections: Connections, name: str, listings: pd.DataFrame, rows: pd.DataFrame) -> QuantityDoor:
    """The door for these rows of a plan. A listing that the channel fulfils itself is never changed."""
    from ...warehouse.inventory.listings import found_out, listing_of

    ours = rows[["key", "shown"]].merge(listings[listings["fulfilled_by"] != FulfilledBy.CHANNEL.value], on="key")
    with connections.warehouse.transaction() as connection:
        learnt = found_out(connection, name, ours["key"].tolist())
    records: list[dict[Any, Any]] = ours.to_dict("records")
    shown = {row["key"]: listing_of(row, _convert_figure(row["shown"]), learnt.get(row["key"], {})) for row in records}
    return QuantityDoor(connections.channel(name), shown)


def _convert_figure(value: Any) -> int | None:
    """The number in a frame's cell; None for pandas' NA."""
    import pandas as pd

    return None if pd.isna(value) else int(value)
