"""What buyers asked a marketplace for is handed on once, whoever is known, and told where a person must answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.alerts import find
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.privacy.asked import TOLD_FOR, TakenUp, answer_export, take_up
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.warehouse.privacy import requests
from commerce_pipelines.warehouse.shared import notifications
from commerce_pipelines.warehouse.shared.notifications import UNHEARD_FOR, Row
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import FakeChannel, ago, some_settings
from commerce_pipelines_tests.doubles.doors import doors


@pytest.fixture
def connections(warehouse: Warehouse) -> Connections:
    """A shop whose one landed order is Anna's."""
    shop = FakeChannel()
    shop.add("1001", ago(hours=1), email="anna@example.com")
    connections = doors(some_settings(), warehouse, channels={"shop_de": shop})
    today = connections.instruments.now().date()
    pull(connections, "shop_de", today - timedelta(days=1), today + timedelta(days=1))
    return connections


def store_request(
    connections: Connections, asks: str, *persons: str, orders: tuple[str, ...] = (), delivery: str = "d1"
) -> None:
    subjects = tuple(connections.vault.subject_id(person).hex() for person in persons)
    row = Row(
        channel="shop_de", delivery_id=delivery, digest=delivery.encode(), event="customers/redact",
        topic=str(Topic.PRIVACY), asks=asks, subjects=subjects, orders=orders, record_id="9",
    )  # fmt: skip
    with connections.warehouse.transaction() as connection:
        notifications.store(connection, [row])


def list_asked(connections: Connections) -> list[Any]:
    with connections.warehouse.transaction() as connection:
        return requests.read(connection)


def make_older(connections: Connections, age: timedelta) -> None:
    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.notifications SET received_at = received_at - %s", (age,))


@pytest.mark.parametrize(
    ("persons", "orders"), [(("email:anna@example.com", "shopify:7"), ()), (("shopify:7",), ("1001",))]
)
def test_who_is_known_becomes_a_request_for_erasure_once(
    connections: Connections, persons: tuple[str, ...], orders: tuple[str, ...]
) -> None:
    store_request(connections, "erase", *persons, orders=orders)
    assert take_up(connections) == TakenUp(requests=1)
    assert take_up(connections) == TakenUp()
    [row] = list_asked(connections)
    assert row.state == "waiting"
    assert connections.vault.subject_id("email:anna@example.com").hex() in row.subjects
    assert set(row.subjects) >= {connections.vault.subject_id(person).hex() for person in persons}


def test_a_stranger_is_waited_for_and_then_forgotten(connections: Connections) -> None:
    store_request(connections, "erase", "email:bob@example.com", orders=("7",))
    assert take_up(connections) == TakenUp()
    store_request(connections, "erase", "email:anna@example.com", delivery="d2")
    assert take_up(connections).requests == 1  # one stranger holds up nobody
    make_older(connections, UNHEARD_FOR + timedelta(minutes=1))
    assert take_up(connections) == TakenUp(strangers=1)
    assert take_up(connections) == TakenUp()


def test_who_asks_for_data_is_told_until_the_file_is_written(connections: Connections) -> None:
    store_request(connections, "export", orders=("1001",))
    [condition] = find(connections, connections.instruments.now())
    assert "asks for their data (request 9)" in condition.subject
    assert "export --channel shop_de --order 1001 --output FILE" in condition.message
    answer_export(connections, "shop_de", "1002")
    assert len(find(connections, connections.instruments.now())) == 1
    answer_export(connections, "shop_de", "1001")
    assert find(connections, connections.instruments.now()) == []


def test_a_removed_app_erases_nothing_by_itself(connections: Connections) -> None:
    store_request(connections, "erase_shop")
    assert take_up(connections) == TakenUp()
    [condition] = find(connections, connections.instruments.now())
    assert "the app was removed" in condition.subject
    make_older(connections, TOLD_FOR + timedelta(days=1))
    take_up(connections)
    assert find(connections, connections.instruments.now()) == []
