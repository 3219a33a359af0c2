"""Whether messages still come: the receiver's and the queues' signs of life, and new orders that no message announced.

A receiver that stopped, a queue that cannot be read and a marketplace that fell silent look like a quiet day. So what
listens puts on record when it last listened well and how it last failed, and somebody else judges that (alerts.py, the
check `messages_come`). A day without orders is no silence.

What belongs here: who listens, its record, what its silence means. What does not: polls (flows/pollers.py), telling
people (flows/alerts.py), subscriptions that were taken away (subscribe.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ...core.errors import CommerceError
from ...core.foreign import tellable
from ...core.local_time import local_time
from ...core.topics import Topic
from ...resources.connections import Connections
from ...settings.file import Settings
from ...warehouse.orders import unannounced
from ...warehouse.shared import conditions, hints, notifications
from ...warehouse.shared.conditions import Heartbeat

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

RECEIVER = "receiver"
BEAT_SECONDS = 30  # between two signs of life of the receiver
DEAF_FOR = timedelta(minutes=10)
# So many new orders without any message about orders are no accident. Each counts when its message had so long to come.
UNANNOUNCED, ON_ITS_WAY = 5, timedelta(minutes=20)


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """name: of its sign of life. subject: what it listens to, in words. channels: those whose messages it takes."""

    name: str
    subject: str
    channels: tuple[str, ...]


def name_of_queue(channel: str) -> str:
    return f"queue of {channel}"


def list_inboxes(settings: Settings) -> list[str]:
    """The channels whose messages are fetched from queues."""
    return [channel.name for channel in settings.channels if channel.inbox]


def list_listeners(settings: Settings) -> list[Listener]:
    """What `commerce-pipelines receive` has to listen to."""
    queues = list_inboxes(settings)
    sent = tuple(channel.name for channel in settings.channels if channel.receives and channel.name not in queues)
    listeners = [
        Listener(name=name_of_queue(name), subject=f"the queue of {name}", channels=(name,)) for name in queues
    ]
    if settings.listen is not None and (sent or settings.hinted):
        listeners.append(Listener(name=RECEIVER, subject="the messages that are sent to us", channels=sent))
    return listeners


@contextlib.contextmanager
def listening(connections: Connections, name: str) -> Iterator[None]:
    """Record how it went. An error is raised on; a database that is away cannot be told."""
    problem = ""
    try:
        yield
    except Exception as error:
        problem = str(tellable(error))
        raise
    finally:
        with contextlib.suppress(CommerceError):
            beat(connections, name, problem)


def beat(connections: Connections, name: str, problem: str = "") -> None:
    """Put a sign of life on record. Raises what the database raises."""
    with connections.warehouse.transaction() as connection:
        conditions.beat(connection, name, connections.instruments.now(), problem, well=not problem)


def judge(heartbeat: Heartbeat | None, now: datetime) -> str:
    """What is wrong with a listener, in a sentence and the fix; '' while it listens."""
    if heartbeat is None:
        return ""
    if now - heartbeat.ticked_at > DEAF_FOR:
        return (
            f"Its last sign of life was at {local_time(heartbeat.ticked_at)}. See whether `commerce-pipelines receive` "
            "runs; `commerce-pipelines dev` runs it as one of its parts. Polls find what changes."
        )
    since = heartbeat.succeeded_at
    if heartbeat.problem and (since is None or now - since > DEAF_FOR):
        when = f"since {local_time(since)}" if since else "yet"
        return f"It could not be read {when}. Last: {heartbeat.problem} Polls find what changes."
    return ""


def note_announcing(connections: Connections, name: str, *, whole: bool, announces: bool) -> None:
    """Record since when messages announce each new order of a channel. whole: a comparison found nothing missing.
    announces: it is subscribed to such messages now."""
    mark = _mark_announced(name)
    with connections.warehouse.transaction() as connection:
        if not announces:
            hints.forget(connection, mark)
        elif not whole or hints.hinted_at(connection, mark) is None:
            hints.hint(connection, mark)


def judge_silence(connection: Connection, name: str, now: datetime) -> str:
    """Whether new orders came to a channel that no message announced although messages shall; '' where none is
    missed. A single message about any order says that they come."""
    announced = hints.hinted_at(connection, _mark_announced(name))
    if announced is None:
        return ""
    heard = notifications.last_of(connection, name, Topic.ORDERS)
    since = max(announced, heard) if heard else announced
    count = unannounced.count(connection, name, since, now - ON_ITS_WAY, most=UNANNOUNCED)
    if count < UNANNOUNCED:
        return ""
    last = f"The last message about an order came at {local_time(heard)}" if heard else "No message about an order came"
    return (
        f"{last}, and at least {count} orders came since without any. Polls found them. See whether "
        "listen.public_url is reached from outside, or whether the marketplace may write into the queue "
        f"(docs/webhooks.md), and run `commerce-pipelines subscribe {name}`."
    )


def judge_listeners(connection: Connection, listeners: Sequence[Listener], now: datetime) -> dict[str, str]:
    """The problem of each listener by its name, '' where nothing is wrong."""
    beats = {heartbeat.name: heartbeat for heartbeat in conditions.heartbeats(connection)}
    return {listener.name: judge(beats.get(listener.name), now) for listener in listeners}


def judge_channels(connection: Connection, settings: Settings, now: datetime) -> dict[str, str]:
    """What is wrong with the messages of each channel that receives, '' where nothing is. While nobody listens it is
    not the marketplace that is silent."""
    listeners = list_listeners(settings)
    problems = judge_listeners(connection, listeners, now)
    deaf = {
        channel: f"Nobody listens to {listener.subject}. {problems[listener.name]}"
        for listener in listeners
        for channel in listener.channels
        if problems[listener.name]
    }
    return {
        channel.name: deaf.get(channel.name) or judge_silence(connection, channel.name, now)
        for channel in settings.channels
        if channel.receives
    }


def _mark_announced(name: str) -> str:
    return f"orders of {name} announced"
