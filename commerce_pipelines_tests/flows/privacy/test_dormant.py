"""Who ordered nothing for longer than `privacy.forget_after_days` is erased; who came back, or waits, is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.domain.orders.order import Buyer
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.privacy.dormant import ASKED_BY, Dormant, ask_for_dormant
from commerce_pipelines.flows.privacy.erase import resume
from commerce_pipelines.warehouse.privacy import requests
from commerce_pipelines_tests.doubles.lane import Lane, Server, later, numbered
from commerce_pipelines_tests.flows.conftest import settings_of
from commerce_pipelines_tests.flows.privacy.test_erase import buy, contacts, raw_of, ship

DAYS = 400


@pytest.fixture
def old(connect: Any, odoo: Server) -> Lane:
    settings = settings_of(odoo)
    privacy = msgspec.structs.replace(settings.privacy, forget_after_days=DAYS)
    lane: Lane = connect.of(msgspec.structs.replace(settings, privacy=privacy))
    return lane


def pass_days(lane: Lane, days: int) -> None:
    now = lane.noon + timedelta(days=days)
    lane.connections.instruments = replace(lane.connections.instruments, now=lambda: now)


def test_who_ordered_nothing_for_long_is_erased_and_nobody_else(
    old: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    gone, back, again, waits = numbered(request, 4)
    buy(old, gone, f"Kanari {gone}", f"{gone}@example.com")
    order = buy(old, back, f"Kanari {back}", "")  # filed under its own number at first
    buy(old, waits, f"Kanari {waits}", f"{waits}@example.com")
    old.run()
    buyer = Buyer(name=f"Kanari {back}", email=f"{back}@example.com")
    old.put(later(order, buyer=buyer))
    old.run()
    for order_id in (gone, back):
        ship(odoo, old, order_id)
    pass_days(old, DAYS - 1)
    assert ask_for_dormant(old.connections) == Dormant()
    placed = old.noon + timedelta(days=DAYS - 3)
    old.put(old.order(again, buyer=buyer, placed_at=placed, updated_at=placed))
    pull(old.connections, old.name, placed.date(), placed.date() + timedelta(days=1))
    pass_days(old, DAYS + 1)
    assert ask_for_dormant(old.connections) == Dormant(requests=1, open=1)
    with old.connections.warehouse.transaction() as connection:
        [row] = requests.read(connection)
    assert (row.asked_by, row.state) == (ASKED_BY, "waiting")
    [result] = resume(old.connections)
    assert (result.done, result.certificate["orders"]) == (True, {old.name: 1})
    assert [order_id for order_id in (gone, back, waits) if raw_of(old, order_id) is None] == [gone]
    assert {row["name"] for row in contacts(odoo, old, gone)} == {"Erased"}
    assert all(row["active"] for order_id in (back, waits) for row in contacts(odoo, old, order_id))
    # Whoever is erased is not asked for again; the delivery of the other one is done now.
    ship(odoo, old, waits)
    assert ask_for_dormant(old.connections) == Dormant(requests=1)


def test_without_the_setting_nobody_is_forgotten(lane: Lane, odoo: Server, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    buy(lane, order_id, f"Kanari {order_id}", f"{order_id}@example.com")
    lane.run()
    ship(odoo, lane, order_id)
    pass_days(lane, 3650)
    assert ask_for_dormant(lane.connections) == Dormant()
    assert resume(lane.connections) == []
