"""Messages of a queue: deleted when they are on record, never before; what they name is read at once, and the sensor
requests its run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from commerce_pipelines.channels.capabilities import Inbox, Letter, NamedPlan, Notice, Page, Window
from commerce_pipelines.core.errors import RateLimited, TransientError
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.notices.follow import list_hints
from commerce_pipelines.flows.notices.inbox import WAIT_SECONDS, take_turn
from commerce_pipelines.flows.notices.listeners import list_inboxes
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.shared import notifications
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import FakeChannel
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.sensors.test_orders import Ticker

NAME = "amazon_eu"
SETTINGS = """
odoo: {url: "http://127.0.0.1:8069", database: demo, username: admin, password: {env: ODOO_PASSWORD}}
channels:
  - {name: amazon_eu, kind: amazon, start_date: 2025-01-01,
     credentials: {client_id: {env: A}, client_secret: {env: A}, refresh_token: {env: A}},
     notifications: {enabled: true, queue_url: "https://sqs.eu-west-1.amazonaws.com/123456789012/messages",
                     access_key_id: {env: A}, secret_access_key: {env: A}}}
"""


class Letters(Inbox):
    """A queue in memory, which shows what is in it until it is deleted."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.waited: list[float] = []

    def put(self, order_id: str, at: datetime | None = None) -> None:
        number = str(len(self.letters) + 1)
        notice = Notice(delivery_id=number, event="ORDER_CHANGE", topic=Topic.ORDERS, record_id=order_id, changed_at=at)
        self.letters.append(Letter(receipt=number, body=number.encode(), notice=notice))

    def fetch(self, seconds: float) -> list[Letter]:
        self.waited.append(seconds)
        return self.letters[:10]

    def probe(self) -> None:
        """It can be read."""

    def drop(self, letters: Sequence[Letter]) -> None:
        self.letters = [letter for letter in self.letters if letter not in letters]


class Shop(FakeChannel):
    """Amazon as far as its own rule for named orders goes: a list of more than two."""

    kind = "amazon"
    inbox: Letters

    def __init__(self) -> None:
        super().__init__(NAME)
        self.inbox = Letters()
        self.fetched: list[str] = []
        self.listed: list[Window] = []
        self.limited = False

    def plan_named(self, waiting: Sequence[datetime]) -> NamedPlan:
        span = Window(min(waiting), datetime(2100, 1, 1, tzinfo=UTC)) if len(waiting) > 2 else None
        return NamedPlan(span=span, why="a list" if span else "one by one")

    def read_span(self, span: Window) -> Page:
        if self.limited:
            raise RateLimited("The list's limit is used up.", wait=60.0)
        self.listed.append(span)
        return next(self.changed(span))

    def fetch(self, order_id: str) -> bytes | None:
        self.fetched.append(order_id)
        return super().fetch(order_id)


class World(Ticker):
    sensor = f"{NAME}_new_orders"

    def __init__(self, warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
        self.shop, self.time = Shop(), datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
        instruments = replace(REAL, now=lambda: self.time)
        super().__init__(
            doors(parse(SETTINGS), warehouse, channels={NAME: self.shop}, instruments=instruments), instance
        )
        self.tick()  # the first poll of the process
        self.polls = len(self.shop.asked)

    def open(self) -> list[str]:
        return [hint.record_id for hint in list_hints(self.connections, NAME, [Topic.ORDERS])]


@pytest.fixture
def world(warehouse: Warehouse) -> Iterator[World]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(warehouse, instance)


def test_an_order_is_landed_at_once_and_the_sensor_requests_its_run(world: World) -> None:
    assert list_inboxes(world.connections.settings) == [NAME]
    world.shop.add("1001", world.time)
    for _ in range(12):
        world.shop.inbox.put("1001", world.time - timedelta(seconds=6))
    assert take_turn(world.connections, NAME) == 12
    assert (world.shop.fetched, world.shop.inbox.letters, world.open()) == (["1001"], [], [])
    assert len(world.tick(at_once=False).run_requests or []) == 1
    assert not world.tick(at_once=False).run_requests
    assert len(world.shop.asked) == world.polls  # nothing was polled
    assert take_turn(world.connections, NAME) == 0
    assert world.shop.inbox.waited[-1] == WAIT_SECONDS


def test_what_is_not_on_record_stays_in_the_queue(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is on record, but was not deleted, comes again and is known."""
    world.shop.inbox.put("1001")

    def fail(*_: object) -> None:
        raise TransientError("The database is away.")

    with monkeypatch.context() as broken:
        broken.setattr(notifications, "store", fail)
        with pytest.raises(TransientError):
            take_turn(world.connections, NAME)
    assert len(world.shop.inbox.letters) == 1
    with monkeypatch.context() as broken:
        broken.setattr(world.shop.inbox, "drop", fail)
        with pytest.raises(TransientError):
            take_turn(world.connections, NAME)
    assert world.open() == ["1001"]
    assert take_turn(world.connections, NAME) == 1
    assert (world.shop.inbox.letters, world.shop.fetched) == ([], ["1001"])


def test_a_message_of_nobody_is_deleted_unread(world: World) -> None:
    world.shop.inbox.letters = [Letter(receipt="1", body=b"hello", notice=None)]
    assert take_turn(world.connections, NAME) == 1
    assert (world.shop.inbox.letters, world.open()) == ([], [])


def test_many_orders_are_listed_and_those_that_the_list_lacks_are_read_one_by_one(world: World) -> None:
    changed = world.time - timedelta(minutes=4)
    for number in range(4):
        world.shop.inbox.put(str(number), changed)
    for number in range(3):
        world.shop.add(str(number), changed)
    assert take_turn(world.connections, NAME) == 4
    assert (len(world.shop.listed), world.shop.fetched) == (1, ["3"])
    assert world.tick(at_once=False).run_requests


def test_without_a_list_all_are_read_one_by_one(world: World) -> None:
    world.shop.limited = True
    for number in range(3):
        world.shop.inbox.put(str(number), world.time)
    take_turn(world.connections, NAME)
    assert sorted(world.shop.fetched) == ["0", "1", "2"]


def test_only_one_process_reads_them_at_a_time(world: World) -> None:
    world.shop.inbox.put("1001")
    with world.connections.warehouse.lock(f"named orders of {NAME}", wait=False):
        take_turn(world.connections, NAME)
    assert (world.shop.fetched, world.open()) == ([], ["1001"])
