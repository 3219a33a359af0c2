"""Messages that are fetched from a queue: on record first, deleted then, and what they name is read at once.

A message that cannot be put on record stays in the queue and comes again; one that is on record and could not be
deleted comes again too, and is known. What is no message of the marketplace's is deleted unread, or it would come for
days.

What belongs here: one turn of this. What does not: the loop and its threads (cli/message_queues.py), the queue
(channels/<kind>/notices/), reading orders (follow.py).
"""

from __future__ import annotations

import logging

from ...channels.capabilities import Inbox
from ...core.topics import Topic
from ...resources.connections import Connections
from ...warehouse.shared import notifications
from .follow import list_hints, read_at_once
from .listeners import listening, name_of_queue
from .reception import build_row

WAIT_SECONDS = 20.0  # of a long poll, while nothing else is to be done
SHORT_WAIT_SECONDS = 1.0  # while orders wait, which another process may be reading
FULL = 10  # messages of a fetch that leaves others in the queue
MOST_FETCHES = 50  # before orders are read, however many messages there are

_log = logging.getLogger("commerce_pipelines.receiver")


def take_turn(connections: Connections, name: str) -> int:
    """Take in what lies in the queue, waiting for it where no order waits to be read, and read the orders that it
    names. Returns the number of messages. Raises what the queue, the database or the channel raises; an order that
    cannot be read waits for the next turn, the sensor or the poll."""
    waits = bool(list_hints(connections, name, [Topic.ORDERS]))
    with listening(connections, name_of_queue(name)):
        count = _take_in_all(connections, name, SHORT_WAIT_SECONDS if waits else WAIT_SECONDS)
    if waits or count:
        landed = read_at_once(connections, name)
        if landed.ways:
            _log.info("%s: %d orders that messages named were read %s.", name, landed.seen, "; ".join(landed.ways))
    return count


def _take_in_all(connections: Connections, name: str, seconds: float) -> int:
    inbox = connections.channel(name).inbox
    assert inbox is not None  # noqa: S101 - list_inboxes
    count = 0
    for _ in range(MOST_FETCHES):
        fetched = _take_in(connections, name, inbox, 0.0 if count else seconds)
        count += fetched
        if fetched < FULL:
            break
    return count


def _take_in(connections: Connections, name: str, inbox: Inbox, seconds: float) -> int:
    letters = inbox.fetch(seconds)
    if not letters:
        return 0
    if odd := sum(letter.notice is None for letter in letters):
        _log.warning("%s: %d messages of the queue are none of the marketplace's, and are deleted.", name, odd)
    rows = [
        row
        for letter in letters
        if letter.notice is not None
        and (row := build_row(connections.vault, name, letter.notice, letter.body)) is not None
    ]
    if rows:
        with connections.warehouse.transaction() as connection:
            notifications.store(connection, rows)
    inbox.drop(letters)
    return len(letters)
