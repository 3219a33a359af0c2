"""From messages to landed answers: the orders that were named are read now, each once, however many messages named it.

Both the sensor and the receiver read them, one at a time by a lock; what the receiver has read, it tells the sensor,
which requests the runs.

What belongs here: which of them are read by their ids, and until when. What does not: polls
(flows/intake/changes.py), who may send a message (reception.py), Dagster (sensors/), a marketplace's own rule
(Orders.plan_named).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime

import msgspec

from ...channels.capabilities import Channel, NamedPlan, Orders, Page
from ...core.errors import CredentialError, PermanentError, RateLimited
from ...core.topics import Topic
from ...resources.connections import Connections
from ...warehouse.shared import hints as marks
from ...warehouse.shared import notifications
from ...warehouse.shared.notifications import Hint
from ..identity import identify
from ..intake.pull import Landed, land

FEW = 20  # so many orders cost fewer calls by their ids than a list does; of more, the list is read first
READ_SECONDS = 8.0  # that one tick may spend; what is left waits for the next tick, seconds later

_log = logging.getLogger("commerce_pipelines.notices")


def list_hints(connections: Connections, name: str, topics: Collection[Topic]) -> list[Hint]:
    """What messages named and nobody has looked at; costs one SELECT. Empty for a channel that receives nothing."""
    if not connections.settings.channel(name).receives:
        return []
    with connections.warehouse.transaction() as connection:
        return notifications.list_hints(connection, name, topics)


def must_list(connections: Connections, name: str, hints: Sequence[Hint]) -> bool:
    """Whether the poll is to be made now: for a record that a message did not name, or for many, unless the channel has
    a rule of its own."""
    if any(not hint.record_id for hint in hints):
        return True
    ruled = connections.channel(name).orders.plan_named([hint.since for hint in hints])
    return len(hints) > FEW and ruled is None


def read_named(connections: Connections, name: str, landed: Landed, *, listed: Sequence[Hint] = ()) -> None:
    """Read the orders that messages named, unless a poll has landed them meanwhile, and add what was new to `landed`.
    Does nothing while another process reads them. listed: hints that were known before a poll that read everything
    that changed.

    An order that the channel does not know, or refuses, is left to the poll. Raises what stops every order; those that
    were read by then are settled.
    """
    topics = (Topic.ORDERS,)
    with connections.warehouse.lock(f"named orders of {name}", wait=False) as ours:
        if not ours:
            return
        waiting = list_hints(connections, name, topics)
        done = [hint for hint in waiting if hint.served]
        done += [hint for hint in listed if not hint.record_id]
        unread = [hint for hint in waiting if hint.record_id and not hint.served]

        def keep(page: Page) -> Collection[str]:
            now = connections.instruments.now()
            return {head.record_id for head in land(connections, name, page, "webhook", now, landed)}

        try:
            if unread:
                identify(connections, name)
                done += read_waiting(connections.channel(name), unread, keep, connections.instruments.clock)
        finally:
            if done:
                with connections.warehouse.transaction() as connection:
                    notifications.settle(connection, name, topics, done)


def read_waiting(
    channel: Channel, waiting: Sequence[Hint], keep: Callable[[Page], Collection[str]], clock: Callable[[], float]
) -> Iterator[Hint]:
    """Read these orders for READ_SECONDS at most: those that a list shows, if the channel's plan has one, and then one
    by one, the longest waiting first. Yields each that needs no reading any more. keep: lands a page, and returns the
    ids of its orders."""
    started, plan = clock(), channel.orders.plan_named([hint.since for hint in waiting])
    shown = frozenset(_list_span(channel.orders, plan, keep))
    for hint in waiting:
        if plan and plan.span and hint.record_id in shown and hint.until <= plan.span.end:
            yield hint
            continue
        if clock() - started > READ_SECONDS:
            break
        _read_order(channel, hint, plan.why if plan else _explain(len(waiting)), keep)
        yield hint


def read_at_once(connections: Connections, name: str) -> Landed:
    """`read_named` for the receiver: the sensor is told when an order is landed."""
    landed = Landed()
    try:
        read_named(connections, name, landed)
    finally:
        if landed.new:
            with connections.warehouse.transaction() as connection:
                marks.hint(connection, marks.name_orders_read(name))
    return landed


def last_read(connections: Connections, name: str) -> datetime | None:
    """When the receiver last landed an order of the channel; costs one SELECT where it can."""
    if not connections.settings.channel(name).inbox:
        return None
    with connections.warehouse.transaction() as connection:
        return marks.hinted_at(connection, marks.name_orders_read(name))


def _list_span(orders: Orders, plan: NamedPlan | None, keep: Callable[[Page], Collection[str]]) -> Collection[str]:
    """The ids of the orders that a list showed; none where no list is due, or none may be asked for now."""
    if plan is None or plan.span is None:
        return ()
    try:
        page = orders.read_span(plan.span)
    except RateLimited:
        return ()
    return keep(msgspec.structs.replace(page, way=plan.why))


def _explain(count: int) -> str:
    few = f"no more than {FEW}, and" if count <= FEW else f"more than {FEW}, and a list was read before, so"
    return f"one by one: messages named {count} orders, {few} each costs a call"


def settle(connections: Connections, name: str, topics: Collection[Topic], hints: Sequence[Hint]) -> None:
    """A poll that began after these hints has read whatever they are about."""
    if hints:
        with connections.warehouse.transaction() as connection:
            notifications.settle(connection, name, topics, hints)


def _read_order(channel: Channel, hint: Hint, way: str, keep: Callable[[Page], Collection[str]]) -> None:
    try:
        raw = channel.orders.fetch(hint.record_id)
        if raw is not None:
            keep(Page(records=(raw,), resume=None, watermark=hint.until, way=way))
    except CredentialError:
        raise
    except PermanentError as error:
        _log.warning("%s: an order that a message named is left to the poll: %s", channel.name, error)
