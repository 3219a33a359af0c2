"""Subscriptions: compared with what the marketplace has, repaired through the outbox, and told where one was missing.

A marketplace takes a subscription away after failed deliveries, and says so to nobody; until it is repaired, only polls
find what changed.

What belongs here: the plan, the door, what is told. What does not: the calls (channels/<kind>/notices/
subscriptions.py), recording and repeating (flows/outbox/dispatch.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from ...channels.capabilities import Lack, SentSubscription, Subscriptions
from ...core.errors import SettingsError
from ...domain.outbox.effects import Effect, Kind, Outcome, Status, Wanted
from ...resources.connections import Connections
from ...warehouse.outbox import effects as outbox
from ...warehouse.shared import notifications
from ...warehouse.shared.conditions import Condition
from ..identity import identify
from ..outbox.dispatch import dispatch
from .listeners import note_announcing

UNSUBSCRIBED = "unsubscribed:"


class Subscribed(msgspec.Struct, frozen=True, kw_only=True):
    """lacks: what was not as it shall be. lost: topics of these that had been made before, and were taken away. made:
    how many of these are made now. problems: a sentence for what could not be made. by_hand: what no API can make.
    heard: when the last message of each event came; None for one that is
    entered by hand and never came."""

    lacks: tuple[Lack, ...]
    lost: tuple[str, ...]
    made: int
    problems: tuple[str, ...]
    by_hand: tuple[str, ...]
    heard: dict[str, datetime | None]


class SubscriptionDoor:
    batch = 20

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._subscriptions = subscriptions
        self.problems: list[str] = []

    def send(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        sent = [
            SentSubscription(key=effect.key, topic=str(effect.body["topic"]), address=str(effect.body["address"]))
            for effect in effects
        ]
        for outcome in self._subscriptions.send(sent):
            if outcome.status != "accepted":
                self.problems.append(outcome.message)
            yield outcome

    def look(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        """Nothing: what is wanted is read anew each time."""
        return iter(())


def subscribe(connections: Connections, name: str, run_id: str) -> Subscribed:
    """Make the channel's subscriptions as they shall be. Raises SettingsError for a channel that receives nothing."""
    settings = connections.settings.channel(name)
    channel, listen = connections.channel(name), connections.settings.listen
    if not settings.receives or not (listen or settings.inbox) or channel.subscriptions is None:
        raise SettingsError(
            f"channels[{name}].notifications.enabled is not set: see docs/webhooks.md for what it needs."
        )
    identify(connections, name)
    address = settings.inbox or (listen.address_of(name) if listen else "")
    lacks = channel.subscriptions.list_lacks(address)
    wanted = [Wanted(key=lack.topic, body={"topic": lack.topic, "address": address}) for lack in lacks]
    door = SubscriptionDoor(channel.subscriptions)
    with connections.warehouse.transaction() as connection:
        made_before = outbox.certain(connection, name, Kind.SUBSCRIPTION)
        outbox.plan(connection, name, Kind.SUBSCRIPTION, wanted, run_id)
    statuses = dispatch(connections.warehouse, name, Kind.SUBSCRIPTION, door, run_id) if wanted else {}
    with connections.warehouse.transaction() as connection:
        heard = notifications.last_heard(connection, name)
        outbox.forget(connection, name, Kind.SUBSCRIPTION)
    note_announcing(
        connections, name, whole=not lacks, announces=channel.subscriptions.announces_orders() and not door.problems
    )
    return Subscribed(
        lacks=tuple(lacks),
        lost=tuple(lack.topic for lack in lacks if lack.topic in made_before),
        made=sum(status is Status.ACCEPTED for status in statuses.values()),
        problems=tuple(door.problems),
        by_hand=tuple(channel.subscriptions.list_by_hand(address)),
        heard={event: heard.get(event) for event in (*channel.subscriptions.list_expected_events(), *sorted(heard))},
    )


def judge(name: str, result: Subscribed) -> list[Condition]:
    """What to tell of a comparison."""
    key = f"{UNSUBSCRIBED}{name}:"
    if result.problems:
        return [
            Condition(
                key=key,
                subject=f"{name} sends no messages about some changes",
                message=f"{result.problems[0]} Polls find what changes; `commerce-pipelines subscribe {name}` tries "
                "again and says more.",
            )
        ]
    if not result.lost:
        return []
    return [
        Condition(
            key=key,
            subject=f"{name} had stopped sending messages about {', '.join(result.lost)}",
            message="They are subscribed to again. It happens after failed deliveries: look whether the address in "
            "listen.public_url is reached from outside, and whether the receiver runs. Polls found what changed.",
        )
    ]
