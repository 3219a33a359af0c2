"""parcel_calls_amazon, _ebay, _shopify: calls that telling a thousand parcels costs, against the fewest there can be.

**What is measured.** A parcel of each of 1,000 orders goes through the outbox and the channel's own client over HTTP to
the stand-in, which counts every call. Afterwards the same parcels are wanted once more, which must cost no call.

**The baseline** is arithmetic, from what the vendors' APIs take in one call:

- Amazon: confirmShipment takes one parcel.
- eBay: createShippingFulfillment takes one parcel.
- Shopify: fulfillmentCreate takes one parcel. The lines of fulfilment orders have ids of their own, which change and
  are therefore read right before, 25 orders a query. GraphQL would let several mutations into one request; a lost
  answer would leave all of them in doubt, so each has a request of its own, on both sides.

Calls for an access token are not counted.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from commerce_pipelines.domain.fulfilment.shipments import Shipment, ShippedLine
from commerce_pipelines.domain.outbox.effects import Kind, Wanted
from commerce_pipelines.flows.fulfilment.doors import ShipmentDoor
from commerce_pipelines.flows.outbox.dispatch import dispatch
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.warehouse.outbox import effects
from commerce_sandbox.amazon.making import Maker
from commerce_sandbox.amazon.places import DE
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay.demo import PEOPLE
from commerce_sandbox.ebay.making import Sold
from commerce_sandbox.ebay.making import make_order as make_ebay_order
from commerce_sandbox.server import StandIn
from commerce_sandbox.shopify.making import Line, make_order
from commerce_sandbox.shopify.shop import instant, number

from .database import server
from .figures import Figure
from .stock_calls import NAMES, SECRETS, world

PARCELS, LEAST = 1_000, 30
ORDERS_A_QUERY = 25  # of Shopify's fulfilment orders

FEWEST: dict[str, Callable[[int], int]] = {
    "amazon": lambda parcels: parcels,
    "ebay": lambda parcels: parcels,
    "shopify": lambda parcels: parcels - (-parcels // ORDERS_A_QUERY),
}


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    os.environ |= dict.fromkeys(SECRETS, "shpat_sandbox")
    count = max(int(PARCELS * size), LEAST)
    with server() as database, world(database.fresh(), LEAST) as (connections, stand_ins):
        return [_build_figure(connections, name, stand_ins[name], count, tell) for name in NAMES]


def _build_figure(
    connections: Connections, name: str, stand_in: StandIn, count: int, tell: Callable[[str], None]
) -> Figure:
    tell(f"{name}: {count:,} parcels")
    placed = stand_in.now() - timedelta(hours=3)
    shipments = list(ORDERS[name](stand_in, count, placed))
    calls, statuses = _tell_parcels(connections, name, stand_in, shipments)
    assert Counter(statuses.values()) == {"accepted": count}, Counter(statuses.values())
    again, none = _tell_parcels(connections, name, stand_in, shipments)
    assert (again, none) == (0, {}), f"{again} calls for what is told already"
    return Figure(
        name=f"parcel_calls_{name}", value=calls, unit=f"calls for {count:,} parcels", baseline=FEWEST[name](count),
        target=1.05, at="most", note="wanted once more: no call",
    )  # fmt: skip


def _tell_parcels(
    connections: Connections, name: str, stand_in: StandIn, shipments: list[Shipment]
) -> tuple[int, dict[str, Any]]:
    """(calls, statuses by key)."""
    seen = len(stand_in.calls)
    wanted = [Wanted(key=f"{at}/1", body=msgspec.to_builtins(shipment)) for at, shipment in enumerate(shipments)]
    with connections.warehouse.transaction() as connection:
        effects.plan(connection, name, Kind.SHIPMENT, wanted, "bench")
    door = ShipmentDoor(connections.channel(name))
    statuses = dispatch(connections.warehouse, name, Kind.SHIPMENT, door, "bench")
    calls = [call for call in stand_in.calls[seen:] if "token" not in call.path]
    return len(calls), dict(statuses)


def _sell_on_amazon(stand_in: Any, count: int, placed: datetime) -> Iterator[Shipment]:
    maker = Maker(7, CATALOGUE)
    for at in range(count):
        order = maker.order(DE, placed, [maker.item(DE, CATALOGUE[0])])
        stand_in.add(order)
        line = order["orderItems"][0]["orderItemId"]
        yield _build_shipment(order["orderId"], line, at, placed, marketplace=DE.id)


def _sell_on_ebay(stand_in: Any, count: int, placed: datetime) -> Iterator[Shipment]:
    for at in range(count):
        order = make_ebay_order(at + 1, placed, [Sold("MUG", "Mug", 990)], PEOPLE[0])
        stand_in.add(order)
        yield _build_shipment(order["orderId"], order["lineItems"][0]["lineItemId"], at, placed)


def _sell_on_shopify(stand_in: Any, count: int, placed: datetime) -> Iterator[Shipment]:
    for at in range(count):
        order = make_order([Line("MUG", "Mug", 990)], number=1_000 + at, created=instant(placed))
        stand_in.add(order)
        line = order["lineItems"][0]["id"]
        yield _build_shipment(str(number(order["id"])), str(number(line)), at, placed)


ORDERS: dict[str, Callable[[Any, int, datetime], Iterator[Shipment]]] = {
    "amazon": _sell_on_amazon,
    "ebay": _sell_on_ebay,
    "shopify": _sell_on_shopify,
}


def _build_shipment(order_id: str, line_id: str, at: int, placed: datetime, marketplace: str = "") -> Shipment:
    return Shipment(
        order_id=order_id, parcel=1, shipped_at=placed + timedelta(hours=1), carrier="DHL", marketplace=marketplace,
        tracking_number=f"0034043416{at:010d}", lines=(ShippedLine(line_id=line_id, quantity=1),),
    )  # fmt: skip
