"""Silence is an alarm: a queue that cannot be read, a receiver that stopped, new orders that no message announced. A
day on which nothing is sold is none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from commerce_pipelines.cli.message_queues import Queues
from commerce_pipelines.core.errors import CredentialError
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import business_day
from commerce_pipelines.flows.alerts import watch
from commerce_pipelines.flows.notices.listeners import RECEIVER, UNANNOUNCED, beat
from commerce_pipelines.flows.notices.subscribe import subscribe
from commerce_pipelines.flows.orders.stage import stage
from commerce_pipelines.flows.pollers import list_pollers, looking
from commerce_pipelines.sensors.outcomes import outcomes
from commerce_pipelines.settings.alerts import Alerts
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.shared import notifications
from commerce_pipelines.warehouse.shared.conditions import heartbeats
from commerce_pipelines.warehouse.shared.notifications import Row
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.flows.notices.test_inbox import NAME, SETTINGS, Letters, Shop
from commerce_pipelines_tests.flows.notices.test_subscribe import RECEIVING, Topics
from commerce_pipelines_tests.sensors.test_orders import Ticker

ALERTS = "alerts: {targets: [{env: CHAT}], failed_ticks: 3, waiting_hours: 24, digest_hour: null}\n"
SILENT = "shop_de sends no messages any more"
NO_SUCH_RIGHT = "amazon_eu: the queue answered receive_message with AccessDenied: correct the rights."


class House(Ticker):
    """A channel that messages are sent about, its sensor, those who are told, and a clock that a test moves on."""

    def __init__(self, settings: str, shop: Any, warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
        self.shop, self.time = shop, datetime.now(UTC)
        self.sensor = f"{shop.name}_new_orders"
        parsed = parse(settings + ALERTS)
        instruments = replace(REAL, now=lambda: self.time)
        super().__init__(doors(parsed, warehouse, channels={shop.name: shop}, instruments=instruments), instance)
        self.tick()

    def wait(self, **delta: float) -> list[str]:
        """Time passes, polls go on, and somebody looks at all of it. Returns what people are told anew."""
        self.time += timedelta(**delta)
        with looking(self.connections, list_pollers(self.connections.settings)[self.sensor]):
            pass
        return self.look()

    def look(self) -> list[str]:
        letters: list[str] = []
        watch(self.connections, lambda subject, text: letters.append(f"{subject}\n{text}") or [], self.time)  # type: ignore[func-returns-value]
        return [letter for letter in letters if "nobody looks at the shape" not in letter]  # nobody does here

    def sell(self, *numbers: int, status: str = "paid") -> None:
        """Orders are placed, found by a poll, and read."""
        for number in numbers:
            self.shop.add(str(number), self.time - timedelta(seconds=number % 60), status=status)
        self.tick()
        day = business_day(self.time, self.connections.settings.channels[0].zone)
        stage(self.connections, self.shop.name, day - timedelta(days=1), day + timedelta(days=1))

    def hear(self, number: int) -> None:
        """A message about an order comes."""
        row = Row(
            channel=self.shop.name, delivery_id=str(number), digest=b"%d" % number, event="orders/create",
            topic=Topic.ORDERS, record_id=str(number),
        )  # fmt: skip
        with self.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
            notifications.store(connection, [row])
            cursor.execute("UPDATE commerce.notifications SET received_at = %s", (self.time,))

    def verdicts(self) -> dict[str, bool]:
        context = dg.build_sensor_context(
            instance=self.instance, resources={"connections": self.connections}, repository_def=self.repository
        )
        result = outcomes(Alerts())(context)
        assert isinstance(result, dg.SensorResult)
        checks = [event for event in result.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
        return {str(check.passed): check.passed for check in checks if check.check_name == "messages_come"}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def shop(warehouse: Warehouse, instance: dg.DagsterInstance) -> House:
    """A shop whose messages are subscribed to, with a receiver that shows signs of life at every look."""
    amazon = Shop()
    amazon.name, amazon.subscriptions = "shop_de", Topics()
    house = House(RECEIVING, amazon, warehouse, instance)
    subscribe(house.connections, "shop_de", "run")
    return house


@pytest.fixture
def queue(warehouse: Warehouse, instance: dg.DagsterInstance) -> House:
    return House(SETTINGS, Shop(), warehouse, instance)


def _wait_alive(house: House, **delta: float) -> list[str]:
    beat(house.connections, RECEIVER)
    return house.wait(**delta)


def test_a_receiver_that_stopped_is_told_and_one_that_never_began_too(shop: House) -> None:
    assert shop.wait(minutes=0) == []  # nobody has looked whether it lives
    assert shop.wait(minutes=9) == []
    assert shop.wait(minutes=2) == []  # it may be about to start
    (letter,) = shop.wait(minutes=3)
    assert "nobody listens to the messages that are sent to us" in letter
    assert "commerce-pipelines receive" in letter
    assert shop.verdicts() == {"False": False}
    beat(shop.connections, RECEIVER)
    assert shop.verdicts() == {"True": True}
    assert shop.wait(minutes=1) == []
    for _ in range(20):
        assert _wait_alive(shop, minutes=9) == []
    shop.wait(minutes=11)
    assert "nobody listens" in shop.wait(minutes=4)[0]


def test_a_queue_that_cannot_be_read_is_told_by_its_code_until_it_can(
    queue: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """H: whoever reads it only logs it; somebody else tells."""
    queues = Queues(queue.connections)

    def refuse(seconds: float) -> list[Any]:
        raise CredentialError(NO_SUCH_RIGHT)

    queues._take_turn(NAME)
    assert queue.wait(minutes=9) == []
    with monkeypatch.context() as patch:
        patch.setattr(queue.shop.inbox, "fetch", refuse)
        for _ in range(5):
            queues._take_turn(NAME)
            assert queue.wait(seconds=50) == []  # nine minutes and more: it may pass
        queues._take_turn(NAME)
        (letter,) = queue.wait(minutes=1)
        assert "nobody listens to the queue of amazon_eu" in letter
        assert NO_SUCH_RIGHT in letter
        assert queue.verdicts() == {"False": False}
        queues._take_turn(NAME)
        assert queue.wait(minutes=2) == []
    queues._take_turn(NAME)
    assert queue.verdicts() == {"True": True}
    with queue.connections.warehouse.transaction() as connection:
        (kept,) = [row for row in heartbeats(connection) if row.name == f"queue of {NAME}"]
    assert (kept.failures, kept.problem) == (0, "")


def test_an_order_that_cannot_be_read_is_no_deaf_queue(queue: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(order_id: str) -> bytes | None:
        raise CredentialError("Amazon refuses the token.")

    monkeypatch.setattr(queue.shop, "fetch", refuse)
    queue.shop.inbox.put("1001")
    Queues(queue.connections)._take_turn(NAME)
    with queue.connections.warehouse.transaction() as connection:
        (kept,) = [row for row in heartbeats(connection) if row.name == f"queue of {NAME}"]
    assert (kept.failures, kept.problem) == (0, "")


def test_orders_without_messages_are_told_once_they_are_many(shop: House) -> None:
    _wait_alive(shop, minutes=5)
    shop.sell(*range(1, UNANNOUNCED))
    assert _wait_alive(shop, minutes=5) == []
    shop.sell(UNANNOUNCED)
    assert _wait_alive(shop, minutes=9) == []  # their messages may be on their way
    assert _wait_alive(shop, minutes=9) == []
    (letter,) = _wait_alive(shop, minutes=9)
    assert SILENT in letter
    assert "No message about an order came, and at least 5 orders came since" in letter
    assert shop.verdicts() == {"False": False}
    shop.hear(1)
    assert _wait_alive(shop, minutes=1) == []
    assert shop.verdicts() == {"True": True}


def test_one_message_says_that_messages_come_and_a_quiet_weekend_says_nothing(shop: House) -> None:
    for start in range(0, 40, 4):
        shop.sell(*range(start, start + 4))
        assert _wait_alive(shop, minutes=9) == []
        shop.hear(start)
    for _ in range(60 * 6):
        assert _wait_alive(shop, minutes=9) == []


def test_orders_that_nobody_is_told_of_are_no_silence(shop: House) -> None:
    """Unpaid ones; those from before the subscription; those of a channel that announces none."""
    _wait_alive(shop, minutes=5)
    shop.sell(*range(10), status="waiting")
    assert _wait_alive(shop, minutes=9) == []
    for number in range(20, 30):
        shop.shop.add(str(number), shop.time - timedelta(days=1))
    shop.sell()
    for _ in range(5):
        assert _wait_alive(shop, minutes=9) == []
    shop.shop.subscriptions.orders = False
    subscribe(shop.connections, "shop_de", "run")
    shop.sell(*range(40, 60))
    for _ in range(5):
        assert _wait_alive(shop, minutes=9) == []


def test_a_subscription_that_was_taken_away_is_not_told_twice(shop: House) -> None:
    """That it was missing is an alert of its own; orders that came meanwhile had nobody to announce them."""
    with shop.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.hints SET hinted_at = now() - interval '1 hour'")  # subscribed to since then
    shop.time -= timedelta(minutes=30)
    shop.sell(*range(10))
    shop.time += timedelta(minutes=30)
    del shop.shop.subscriptions.has["A"]
    subscribe(shop.connections, "shop_de", "run")
    for _ in range(5):
        assert _wait_alive(shop, minutes=9) == []


def test_letters_of_every_kind_are_signs_of_life(queue: House) -> None:
    assert isinstance(queue.shop.inbox, Letters)
    queue.shop.inbox.put("1001")
    queues = Queues(queue.connections)
    for _ in range(10):
        queues._take_turn(NAME)
        assert queue.wait(minutes=9) == []
