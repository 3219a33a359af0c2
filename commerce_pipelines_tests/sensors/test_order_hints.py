"""What the sensor of a channel makes of messages: the orders they name are read at once and once, and polls go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import msgspec
import pytest

from commerce_pipelines.core.errors import PermanentError, RateLimited, TransientError
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.core.rhythm import Wakes, may_rest
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.notices.follow import FEW, list_hints
from commerce_pipelines.flows.pollers import list_pollers
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.landing import ways
from commerce_pipelines.warehouse.shared import notifications
from commerce_pipelines.warehouse.shared.notifications import Row
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import SETTINGS, FakeChannel
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.sensors.test_orders import Ticker

RECEIVING = SETTINGS.replace(
    "start_date:", "notifications: {enabled: true, secret: {env: SECRET}}, start_date:"
) + "listen: {public_url: 'https://hooks.example.com'}\n"  # fmt: skip


class Shop(FakeChannel):
    """Counts the orders that are read by their ids."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.refusal: Exception | None = None

    def fetch(self, order_id: str) -> bytes | None:
        self.fetched.append(order_id)
        if self.refusal is not None:
            raise self.refusal
        return super().fetch(order_id)


class World(Ticker):
    """A shop that sends messages, a merchant whose clock stands until a test moves it."""

    def __init__(self, warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
        self.shop, self.warehouse = Shop(), warehouse
        self.time = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
        instruments = replace(REAL, now=lambda: self.time)
        super().__init__(
            doors(parse(RECEIVING), warehouse, channels={"shop_de": self.shop}, instruments=instruments), instance
        )
        self.messages = 0
        self.tick()  # the first poll of the process
        self.polls = len(self.shop.asked)

    def hear(self, order_id: str, changed_at: datetime | None = None, topic: Topic = Topic.ORDERS) -> None:
        self.messages += 1
        row = Row(
            channel="shop_de", delivery_id=f"d{self.messages}", digest=str(self.messages).encode(), topic=str(topic),
            event="orders/updated", record_id=order_id, changed_at=changed_at,
        )  # fmt: skip
        with self.warehouse.transaction() as connection:
            notifications.store(connection, [row])

    def look(self) -> tuple[list[str], int, int]:
        """(orders read by their ids, polls, runs requested) of one more tick."""
        before, polls = len(self.shop.fetched), len(self.shop.asked)
        requests = self.tick(at_once=False).run_requests or []
        return self.shop.fetched[before:], len(self.shop.asked) - polls, len(requests)

    def open(self) -> list[str]:
        return [hint.record_id for hint in list_hints(self.connections, "shop_de", [Topic.ORDERS])]


@pytest.fixture
def world(warehouse: Warehouse) -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(warehouse, instance)


def test_an_order_that_messages_name_is_read_once_between_two_polls(world: World) -> None:
    assert world.look() == ([], 0, 0)  # nobody said anything, and it is nobody's turn
    world.shop.add("1001", world.time)
    for _ in range(5):
        world.hear("1001")
    assert world.look() == (["1001"], 0, 1)
    assert world.look() == ([], 0, 0)
    assert world.open() == []


def test_a_run_that_was_killed_is_asked_for_again_before_the_next_turn(world: World) -> None:
    world.shop.add("1001", world.time)
    world.hear("1001")
    assert world.look()[2] == 1
    world.time += timedelta(seconds=4)
    assert world.look() == ([], 0, 0)  # it works
    world.end_runs()
    assert world.look() == ([], 0, 1)
    world.end_runs()
    assert world.look() == ([], 0, 0)  # once


def test_messages_never_put_a_poll_off(world: World) -> None:
    """Whatever messages lose, the poll finds at its turn."""
    world.shop.add("lost", world.time)
    for second in (10, 20, 29):
        world.hear("1001")
        world.time += timedelta(seconds=second - (world.time.second - 30) % 60)
        assert world.look()[1] == 0
    world.time += timedelta(seconds=10)
    world.hear("1001")
    assert world.look()[1] == 1
    assert world.connections.landing("shop_de", Topic.ORDERS).history("lost")


def test_a_turn_that_came_while_it_rested_is_made_up_for_as_soon_as_it_may(world: World) -> None:
    """The daemon lets it tick all that time, though its next turn is far off."""
    rhythm = msgspec.structs.replace(list_pollers(world.connections.settings)[world.sensor].rhythm, since=None)

    def sleeps() -> bool:
        return may_rest(rhythm, world.cursor, world.time, world.time + timedelta(seconds=1), Wakes())

    world.shop.error = RateLimited("The rate limit is used up.", wait=80)
    world.time += timedelta(seconds=rhythm.seconds)
    assert (world.look()[1], sleeps()) == (1, True)  # the look of this turn was refused
    world.shop.error = None
    world.time += timedelta(seconds=rhythm.seconds)
    assert (world.look()[1], sleeps()) == (0, False)
    world.time += timedelta(seconds=20)
    assert (world.look()[1], sleeps()) == (1, True)


def test_of_many_the_list_is_read_and_not_every_order(world: World) -> None:
    changed_at = world.time - timedelta(minutes=1)
    for number in range(FEW + 1):
        world.shop.add(str(number), changed_at)
        world.hear(str(number), changed_at)
    assert world.look() == ([], 1, 1)
    assert world.open() == []


def test_a_message_without_an_id_makes_it_poll_once(world: World) -> None:
    world.hear("")
    assert world.look() == ([], 1, 0)
    assert world.look() == ([], 0, 0)


def test_a_late_message_about_what_is_landed_costs_no_call(world: World) -> None:
    world.shop.add("1001", world.time - timedelta(minutes=2))
    world.hear("1001")
    world.look()
    world.hear("1001", world.time - timedelta(minutes=2))
    assert world.look()[0] == []
    world.hear("1001", world.time)  # a newer change
    assert world.look()[0] == ["1001"]


@pytest.mark.parametrize(("refusal", "stays"), [(TransientError("away"), True), (PermanentError("no"), False)])
def test_what_cannot_be_read_now_is_read_later(world: World, refusal: Exception, stays: bool) -> None:
    world.shop.add("1001", world.time)
    world.hear("1001")
    world.shop.refusal = refusal
    assert world.look()[2] == 0
    world.shop.refusal = None
    assert world.look()[0] == (["1001"] if stays else [])
    assert world.open() == []


def test_an_order_that_is_not_of_this_account_is_nobodys(world: World) -> None:
    world.hear("another-sellers")
    assert world.look() == (["another-sellers"], 0, 0)
    assert world.open() == []


def test_a_message_that_comes_during_the_reading_is_another_one(world: World) -> None:
    real = world.shop.fetch

    def fetch(order_id: str) -> Any:
        world.shop.fetch = real  # type: ignore[method-assign]
        world.hear("1001")
        return real(order_id)

    world.shop.add("1001", world.time)
    world.hear("1001")
    world.shop.fetch = fetch  # type: ignore[method-assign]
    world.look()
    assert world.open() == ["1001"]


def test_a_channel_that_receives_nothing_is_asked_for_no_messages(world: World) -> None:
    settings = parse(SETTINGS)
    connections = doors(settings, world.warehouse, channels={"shop_de": world.shop})
    world.hear("1001")
    assert list_hints(connections, "shop_de", [Topic.ORDERS]) == []


def test_why_orders_were_read_one_by_one_is_on_record(world: World) -> None:
    for number in ("1001", "1002"):
        world.shop.add(number, world.time)
        world.hear(number)
    world.look()
    with world.warehouse.transaction() as connection:
        (reading,) = ways.read(connection, "shop_de", Topic.ORDERS, world.time.date(), date(2100, 1, 1))
    assert (reading.how, reading.answers, reading.read_at) == ("webhook", 2, world.time)
    assert reading.way == "one by one: messages named 2 orders, no more than 20, and each costs a call"
