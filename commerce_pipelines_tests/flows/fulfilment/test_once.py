"""Parcels reach a channel once, whatever dies or is lost on the way, and whoever else is at work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from commerce_pipelines.domain.fulfilment.deliveries import DeliveredLine, DeliveredOrder, Delivery, Piece
from commerce_pipelines.domain.sales.draft import line_xid
from commerce_pipelines.flows.fulfilment import confirm as module
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.warehouse.fulfilment import shipments
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import SETTINGS, FakeChannel, ago, parse
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.doubles.outbox import Market, ended, forked, later, statuses
from commerce_pipelines_tests.doubles.shipments import FULFILMENT, MarketShipments

SHOP = "shop_de"
ORDERS = ("A", "B", "C")
POINTS = ("", "effect_recorded", "attempt_recorded", "effect_sent", "effect_answered", "effect_settled")
FAULTS = ("none", "lost before", "lost after", "error after")


@pytest.fixture
def market() -> Iterator[Market]:
    with Market() as market:
        yield market


def open_doors(warehouse: Warehouse, market: Market) -> Connections:
    """The doors of one process. Its channel has three orders of one unit each, placed an hour ago."""
    channel = FakeChannel(SHOP)
    for order_id in ORDERS:
        channel.add(order_id, ago(hours=1))
    channel.shipments = MarketShipments(market.url)
    settings = parse(SETTINGS.replace("start_date:", f"{FULFILMENT}start_date:"))
    return doors(settings, warehouse, channels={SHOP: channel})


def deliver(connections: Connections) -> None:
    """Every order has left in Odoo, and the channel's orders are landed."""
    today = datetime.now(UTC).date()
    pull(connections, SHOP, today - timedelta(days=2), today + timedelta(days=2))
    delivered = {}
    for number, order_id in enumerate(ORDERS, 1):
        line = line_xid(SHOP, order_id, "1")
        piece = Piece(line=line, product=7, quantity=Decimal(1))
        left = Delivery(
            picking=number, name=f"OUT/{number}", shipped_at=datetime.now(UTC), pieces=(piece,), numbers=(f"T{number}",)
        )
        delivered[order_id] = DeliveredOrder(
            odoo_id=number, name=f"S{number}", deliveries=(left,),
            lines=(DeliveredLine(line=line, ordered=Decimal(1), delivered=Decimal(1)),),
        )  # fmt: skip
    with connections.warehouse.transaction() as connection:
        shipments.keep_deliveries(connection, SHOP, delivered, datetime.now(UTC))


@pytest.mark.parametrize(("point", "fault", "together"), list(product(POINTS, FAULTS, (False, True))))
def test_each_parcel_is_told_exactly_once(
    warehouse: Warehouse, market: Market, point: str, fault: str, together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run dies at `point` while an answer is lost; another one works after it, or at the same time."""
    monkeypatch.setattr(module, "may_publish", lambda *_: None)
    deliver(open_doors(warehouse, market))
    market.fail(fault)

    def run(own: Warehouse) -> Any:
        return module.confirm(open_doors(own, market), SHOP)

    first = forked(warehouse, run, point)
    if not together:
        assert ended(first) == (-9 if point else 0)
    second = forked(warehouse, run)
    assert ended(second) == 0
    if together:
        ended(first)
    assert max(market.made().values(), default=0) <= 1
    for _ in range(2):
        later(warehouse)
        run(warehouse)
    assert market.made() == {f"{number}/1": 1 for number in (1, 2, 3)}
    assert [status for _, status, _ in statuses(warehouse)] == ["accepted"] * 3
    with warehouse.transaction() as connection:
        assert not shipments.has_due(connection, SHOP)
