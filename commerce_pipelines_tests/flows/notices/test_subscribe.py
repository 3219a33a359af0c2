"""Subscriptions as effects: made once, compared again and again, and told where one was taken away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from commerce_pipelines.channels.capabilities import Lack, SentSubscription, Subscriptions
from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.domain.outbox.effects import Outcome
from commerce_pipelines.flows.alerts import note_subscriptions
from commerce_pipelines.flows.notices.subscribe import Subscribed, subscribe
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.shared import conditions
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import SETTINGS, FakeChannel, some_settings
from commerce_pipelines_tests.doubles.doors import doors

ADDRESS = "https://hooks.example.com/notices/shop_de"
RECEIVING = SETTINGS.replace(
    "start_date:", "notifications: {enabled: true, secret: {env: SECRET}}, start_date:"
) + "listen: {public_url: 'https://hooks.example.com/'}\n"  # fmt: skip


class Topics(Subscriptions):
    """A marketplace that has some of two topics."""

    def __init__(self) -> None:
        self.has: dict[str, str] = {}
        self.refusal = ""
        self.orders = True

    def list_lacks(self, address: str) -> list[Lack]:
        return [Lack(topic=topic, what="missing") for topic in ("A", "B") if self.has.get(topic) != address]

    def send(self, subscriptions: Sequence[SentSubscription]) -> Iterator[Outcome]:
        for sent in subscriptions:
            if self.refusal and sent.topic == "B":
                yield Outcome(key=sent.key, status="refused", code="no", message=self.refusal)
            else:
                self.has[sent.topic] = sent.address
                yield Outcome(key=sent.key, status="accepted")

    def list_by_hand(self, address: str) -> list[str]:
        return [f"Enter {address}."]

    def list_expected_events(self) -> tuple[str, ...]:
        return ("shop/redact",)

    def announces_orders(self) -> bool:
        return self.orders


class World:
    def __init__(self, warehouse: Warehouse) -> None:
        self.topics, self.warehouse = Topics(), warehouse
        shop: Any = FakeChannel()
        shop.subscriptions = self.topics
        self.connections: Connections = doors(parse(RECEIVING), warehouse, channels={"shop_de": shop})

    def compare(self) -> Subscribed:
        result = subscribe(self.connections, "shop_de", "run")
        note_subscriptions(self.connections, "shop_de", result, self.connections.instruments.now())
        return result

    def list_told(self) -> list[str]:
        with self.warehouse.transaction() as connection:
            return [row.subject for row in conditions.read(connection).values() if row.gone_at is None]


@pytest.fixture
def world(warehouse: Warehouse) -> World:
    return World(warehouse)


def test_what_is_missing_is_made_once_and_is_no_alert(world: World) -> None:
    result = world.compare()
    assert ([lack.topic for lack in result.lacks], result.made, result.lost) == (["A", "B"], 2, ())
    assert world.topics.has == {"A": ADDRESS, "B": ADDRESS}
    assert result.by_hand == (f"Enter {ADDRESS}.",)
    assert result.heard == {"shop/redact": None}
    again = world.compare()
    assert (again.lacks, again.made) == ((), 0)
    assert world.list_told() == []


def test_what_was_taken_away_is_made_again_and_told_until_it_stays(world: World) -> None:
    world.compare()
    del world.topics.has["A"]
    result = world.compare()
    assert (result.lost, result.made) == (("A",), 1)
    assert world.topics.has["A"] == ADDRESS
    assert world.list_told() == ["shop_de had stopped sending messages about A"]
    world.compare()
    assert world.list_told() == []


def test_what_is_refused_is_told_and_tried_again(world: World) -> None:
    world.topics.refusal = "The address must be public."
    assert world.compare().problems == ("The address must be public.",)
    assert world.list_told() == ["shop_de sends no messages about some changes"]
    world.topics.refusal = ""
    assert world.compare().made == 1
    assert world.list_told() == []


def test_a_channel_that_receives_nothing_is_a_sentence(warehouse: Warehouse) -> None:
    connections = doors(some_settings(), warehouse, channels={"shop_de": FakeChannel()})
    with pytest.raises(SettingsError, match=r"channels\[shop_de\]\.notifications\.enabled is not set"):
        subscribe(connections, "shop_de", "run")
