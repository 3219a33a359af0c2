"""The sensors that look at a channel or at Odoo again and again: when each one looks, and how it is doing.

What belongs here: turns, pauses after failures, heartbeats and what they mean. What does not: what is read
(flows/intake/changes.py, flows/inventory/pulse.py), alerts (alerts.py), Dagster (sensors/).

Only its own process remembers how long a poller rests after failures: a process that starts with new credentials or new
settings looks at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

import msgspec

from ..channels.settings import ChannelSettings
from ..core.errors import CommerceError, PermanentError, RateLimited
from ..core.foreign import tellable
from ..core.groups import by_group, in_group, location_of
from ..core.instruments import REAL
from ..core.local_time import local_time
from ..core.rhythm import Rhythm
from ..core.topics import Topic
from ..resources.connections import Connections
from ..settings.file import Settings
from ..warehouse.shared import conditions, hints
from ..warehouse.shared.conditions import Heartbeat

STOCK_POLLER, SHIPMENT_POLLER = "odoo_stock_changes", "odoo_deliveries"
LONGEST_REST_SECONDS = 600  # after failures; below SILENT_FOR, so that a resting poller does not look dead
SHORTEST_TICK_SECONDS = 10
HINTED_TICK_SECONDS = 4  # the daemon looks for due ticks every 5 s; a tick without a hint costs one SELECT
# A poller that did not look for so many polls, but at least for so long, causes an alert.
SILENT_POLLS, SILENT_FOR = 5, timedelta(minutes=15)


class Poller(msgspec.Struct, frozen=True, kw_only=True):
    """One sensor. subject: what it looks at, in words. seconds: how often it shall look. place: its place among the
    `of` pollers of the same kind, which take turns, so that they do not all look and request runs at the same
    instant. hinted: messages may make it look between its turns. marks, messages, at: see Rhythm. group: of the
    channels that it looks for."""

    name: str
    subject: str
    seconds: int
    place: int = 0
    of: int = 1
    hinted: bool = False
    group: str = ""
    marks: dict[str, str] = {}
    messages: tuple[str, ...] = ()
    at: str = ""

    @property
    def rhythm(self) -> Rhythm:
        """When a tick has something to look at, for the daemon."""
        return Rhythm(
            seconds=self.seconds, place=self.place, of=self.of, at=self.at, marks=self.marks, messages=self.messages,
            since=_began,
        )  # fmt: skip

    @property
    def tick_seconds(self) -> int:
        """How often the sensor has to tick to notice its turn, or a message."""
        if self.hinted:
            return min(self.seconds, HINTED_TICK_SECONDS)
        if self.of == 1:
            return self.seconds
        return min(self.seconds, max(SHORTEST_TICK_SECONDS, self.seconds // self.of))

    def turn(self, now: datetime) -> int:
        """The number of the turn that an instant belongs to; a poller looks once in a turn."""
        return self.rhythm.turn(now)


class Rest(msgspec.Struct, frozen=True):
    """A poller's memory. looked_at: its last look. failures: permanent ones in a row. until: the earliest time of its
    next look."""

    looked_at: datetime
    failures: int = 0
    until: datetime | None = None


_rests: WeakKeyDictionary[Connections, dict[str, Rest]] = WeakKeyDictionary()
_began = REAL.now()  # this process, which has looked at nothing yet


def forget(connections: Connections) -> None:
    """Forget all memories, as if the process had just started."""
    _rests.pop(connections, None)


def orders_poller(channel: str) -> str:
    return f"{channel}_new_orders"


def returns_poller(channel: str) -> str:
    return f"{channel}_new_returns"


def list_pollers(settings: Settings) -> dict[str, Poller]:
    """Every poller of these settings by its name, which is its sensor's too."""
    channels = settings.channels
    pollers = [
        Poller(
            name=orders_poller(channel.name),
            subject=f"the orders of {channel.name}",
            seconds=channel.poll_seconds,
            place=place,
            of=len(channels),
            hinted=channel.receives,
            messages=_list_messages(channel, Topic.ORDERS),
            marks={"read_at": hints.name_orders_read(channel.name)} if channel.inbox else {},
            group=channel.group,
        )
        for place, channel in enumerate(channels)
    ]
    asked = [channel for channel in channels if channel.returns.enabled]
    pollers += [
        Poller(
            name=returns_poller(channel.name),
            subject=f"the returns and refunds of {channel.name}",
            seconds=channel.returns.poll_seconds,
            place=place,
            of=len(asked),
            hinted=channel.receives,
            messages=_list_messages(channel, Topic.RETURNS, Topic.REFUNDS),
            group=channel.group,
        )
        for place, channel in enumerate(asked)
    ]
    marks = {"hint": hints.STOCK} if settings.hinted else {}
    for group, members in by_group(channels).items():
        offering = [channel.inventory.poll_seconds for channel in members if channel.inventory.enabled]
        if offering:
            pollers.append(_build_poller(STOCK_POLLER, "the stock in Odoo", offering, group, at="at", marks=marks))
        confirming = [channel.fulfilment.poll_seconds for channel in members if channel.fulfilment.enabled]
        if confirming:
            pollers.append(_build_poller(SHIPMENT_POLLER, "the deliveries in Odoo", confirming, group))
    return {poller.name: poller for poller in pollers}


def _list_messages(channel: ChannelSettings, *topics: Topic) -> tuple[str, ...]:
    return tuple(f"{channel.name}/{topic}" for topic in topics) if channel.receives else ()


def _build_poller(
    name: str, subject: str, seconds: Sequence[int], group: str, at: str = "", marks: Mapping[str, str] | None = None
) -> Poller:
    """One that looks at Odoo for all channels of a group, as often as the most demanding of them wants."""
    whose = f" for the group {group}" if group else ""
    return Poller(
        name=in_group(name, group), subject=f"{subject}{whose}", seconds=min(seconds), group=group, at=at,
        marks=dict(marks or {}),
    )  # fmt: skip


def is_turn(connections: Connections, poller: Poller, now: datetime) -> bool:
    """Whether a poller that takes turns with others has not looked in this turn. The first look of a process is at
    once."""
    rest = _rests.get(connections, {}).get(poller.name)
    always = poller.of == 1 and not poller.hinted
    if rest is None or always or now < rest.looked_at:  # the clock was set back
        return True
    return poller.turn(now) != poller.turn(rest.looked_at)


def why_resting(connections: Connections, poller: Poller, now: datetime) -> str:
    """Why a poller does not look now, after its last look; '' if it looks."""
    rest = _rests.get(connections, {}).get(poller.name)
    if rest is None or rest.until is None or not rest.looked_at <= now < rest.until:
        return ""
    met = f"{rest.failures} looks failed in a row" if rest.failures else "The rate limit is used up"
    return f"{met}; it looks at {poller.subject} again after {local_time(rest.until, seconds=True)}."


def misses_turn(connections: Connections, poller: Poller, now: datetime) -> bool:
    """Whether its turn has come while it rests, so that it has to look as soon as it may, and not at its next turn."""
    return bool(why_resting(connections, poller, now)) and is_turn(connections, poller, now)


class Went(msgspec.Struct):
    """How a look went that raised nothing. problem: what it could not look at, '' for nothing."""

    problem: str = ""


@contextlib.contextmanager
def looking(connections: Connections, poller: Poller) -> Iterator[Went]:
    """Record how a poller's look went, and how long it rests afterwards. An error of the look is raised on; a database
    that is away cannot be recorded. A look that leaves a problem in what this gives counts as failed, and the poller
    does not rest.

    A refusal by a rate limit is no failure: the poller only waits. After a permanent failure it looks again after two
    polls, four, eight, up to ten minutes, because nothing changes until a person acts. After a transient failure it
    looks at its next turn.
    """
    now = connections.instruments.now()
    rests = _rests.setdefault(connections, {})
    failures, problem, until, well, went = 0, "", None, False, Went()
    try:
        yield went
        problem = went.problem
        well = not problem
    except RateLimited as error:
        until = now + timedelta(seconds=min(error.wait or 0.0, LONGEST_REST_SECONDS))
        raise
    except Exception as error:
        problem = str(tellable(error))
        if isinstance(error, PermanentError):
            before = rests.get(poller.name)
            failures = 1 + (before.failures if before else 0)
            until = now + timedelta(seconds=rest_seconds(poller.seconds, failures))
        raise
    finally:
        rests[poller.name] = Rest(now, failures, until)
        with contextlib.suppress(CommerceError), connections.warehouse.transaction() as connection:
            conditions.beat(connection, poller.name, connections.instruments.now(), problem, well=well)


def rest_seconds(seconds: int, failures: int) -> int:
    """How long a poller that looks every `seconds` rests after so many permanent failures in a row."""
    return max(seconds, min(seconds * 2 ** min(failures, 10), LONGEST_REST_SECONDS))


def judge(poller: Poller, beat: Heartbeat | None, failed_ticks: int, now: datetime) -> str:
    """What is wrong with a poller, in a sentence and the fix; '' while it works."""
    if beat is None:
        return ""
    late = max(timedelta(seconds=SILENT_POLLS * poller.seconds), SILENT_FOR)
    if beat.failures >= failed_ticks:
        return (
            f"{beat.failures} looks failed in a row, last: {beat.problem} "
            "`commerce-pipelines check` tries every setting and credential."
        )
    if now - beat.ticked_at > late:
        return (
            f"Its last tick was at {local_time(beat.ticked_at)}. See in Dagster's UI whether the sensor "
            f"{poller.name} is switched off, whether the daemon runs, and whether the code location "
            f"{location_of(poller.group)} is there."
        )
    since = beat.succeeded_at
    if since is not None and now - since > late:
        last = f" Last: {beat.problem}" if beat.problem else " The marketplace's rate limit refuses every call."
        return f"No look has succeeded since {local_time(since)}.{last}"
    return ""
