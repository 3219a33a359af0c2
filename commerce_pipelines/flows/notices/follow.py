"""From messages to landed answers: the orders that were named are read now, each once, however many messages named it.

What belongs here: which of them are read by their ids, and until when. What does not: polls
(flows/intake/changes.py), who may send a message (reception.py), Dagster (sensors/).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from ...channels.capabilities import Page
from ...core.errors import CredentialError, PermanentError
from ...core.topics import Topic
from ...resources.connections import Connections
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


def must_list(hints: Sequence[Hint]) -> bool:
    """Whether the poll is to be made now: many records changed, or one that the message did not name."""
    return len(hints) > FEW or any(not hint.record_id for hint in hints)


def read_named(connections: Connections, name: str, landed: Landed, *, listed: Sequence[Hint] = ()) -> None:
    """Read the orders that messages named, unless a poll has landed them meanwhile, and add what was new to `landed`.
    listed: hints that were known before a poll that read everything that changed.

    An order that the channel does not know, or refuses, is left to the poll. Raises what stops every order; those that
    were read by then are settled.
    """
    topics = (Topic.ORDERS,)
    waiting = list_hints(connections, name, topics)
    done = [hint for hint in waiting if hint.served]
    done += [hint for hint in listed if not hint.record_id]
    clock = connections.instruments.clock
    started = clock()
    try:
        for hint in waiting:
            if hint.served or not hint.record_id:
                continue
            if clock() - started > READ_SECONDS:
                break
            _read_order(connections, name, hint, landed)
            done.append(hint)
    finally:
        if done:
            with connections.warehouse.transaction() as connection:
                notifications.settle(connection, name, topics, done)


def settle(connections: Connections, name: str, topics: Collection[Topic], hints: Sequence[Hint]) -> None:
    """A poll that began after these hints has read whatever they are about."""
    if hints:
        with connections.warehouse.transaction() as connection:
            notifications.settle(connection, name, topics, hints)


def _read_order(connections: Connections, name: str, hint: Hint, landed: Landed) -> None:
    identify(connections, name)
    now = connections.instruments.now()
    try:
        raw = connections.channel(name).orders.fetch(hint.record_id)
        if raw is not None:
            land(connections, name, Page(records=(raw,), resume=None, watermark=now), "webhook", now, landed)
    except CredentialError:
        raise
    except PermanentError as error:
        _log.warning("%s: an order that a message named is left to the poll: %s", name, error)
