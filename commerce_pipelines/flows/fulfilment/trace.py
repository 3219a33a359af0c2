"""The parcels of one order, for its lineage: what left in Odoo, what the channel was told of it, and each attempt.

What belongs here: gathering it. What does not: the order's own story (flows/orders/trace.py), showing it
(cli/orders.py). Tracking numbers, by which anybody sees where a person lives, and what the channel said in its own
words are told on request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ...core.topics import Topic
from ...domain.fulfilment.deliveries import DeliveredOrder, Delivery
from ...domain.fulfilment.shipments import Shipment
from ...domain.outbox.effects import Kind
from ...resources.connections import Connections
from ...warehouse.fulfilment import shipments
from ..orders.trace import Event, ask_odoo, describe_waiting, read_words

_WISHES = {Kind.SHIPMENT: "to be confirmed", Kind.TRACKING: "tracking number to be corrected"}


def trace(connections: Connections, name: str, order_id: str, *, personal: bool = False) -> list[Event]:
    """Deliveries of the order, its parcels and their attempts, and what waits; then the deliveries in Odoo now."""
    from ...warehouse import exceptions

    with connections.warehouse.transaction() as connection:
        effects = shipments.read_effects(connection, name, order_id)
        attempts = shipments.read_attempts(connection, name, order_id)
        waiting = exceptions.open_exceptions(connection, name, Topic.FULFILMENT, record_ids=[order_id])
        sales = shipments.find_sales(connection, name, order_id)
    events = [_describe_effect(row, personal) for row in effects]
    events += [_describe_attempt(row) for row in attempts]
    events += describe_waiting(waiting, "shipment: ")
    if personal:
        events += read_words(connections, name, Topic.FULFILMENT, order_id)
    if connections.settings.channel(name).fulfilment.enabled:
        events += ask_odoo(lambda: _read_deliveries(connections, name, sales, personal))
    return events


def _describe_effect(row: shipments.EffectRow, personal: bool) -> Event:
    shipment = msgspec.json.decode(row.body, type=Shipment)
    carrier = shipment.carrier or shipment.carrier_name
    numbers = _write_numbers([shipment.tracking_number, *shipment.more_numbers], personal)
    details = {
        "delivery": str(row.basis.get("delivery", "")),
        "package": str(row.basis.get("package", "")),
        "units": ", ".join(f"{line.quantity} of line {line.line_id}" for line in shipment.lines),
        "carrier and number": f"{carrier} {numbers}".strip(),
        "status": row.status,
        "known there as": row.reference,
    }
    what = f"parcel {row.key}: {_WISHES[Kind(row.kind)]}"
    return Event(what=what, at=row.planned_at, details=_drop_empty(details))


def _describe_attempt(row: shipments.AttemptRow) -> Event:
    call = "confirmation" if row.kind == Kind.SHIPMENT else "correction"
    what = f"parcel {row.key}: {call}, attempt {row.number}"
    details = {"outcome": row.outcome or "no answer yet", "code": row.code, "says": row.message, "run": row.run_id}
    return Event(what=what, at=row.started_at, details=_drop_empty(details))


def _write_numbers(numbers: Iterable[str], personal: bool) -> str:
    held = list(filter(None, numbers))
    return " ".join(held) if personal or not held else f"({len(held)}, shown with --personal)"


def _read_deliveries(connections: Connections, name: str, sales: list[int], personal: bool) -> list[Event]:
    from ...odoo.fulfilment.deliveries import read_orders

    url = connections.settings.odoo.url.rstrip("/")
    return [
        _describe_delivery(order, delivery, url, personal)
        for order in read_orders(connections.odoo_of(name), sales).values()
        for delivery in order.deliveries
    ]


def _describe_delivery(order: DeliveredOrder, delivery: Delivery, url: str, personal: bool) -> Event:
    places = {line.line: place for place, line in enumerate(order.lines, 1)}
    units: dict[int, Any] = {}
    for piece in delivery.pieces:
        place = places.get(piece.line, 0)
        units[place] = units.get(place, 0) + piece.quantity
    details = {
        "goods": ", ".join(f"{count.normalize():f} of line {place}" for place, count in sorted(units.items())),
        "packages": ", ".join(dict.fromkeys(piece.package for piece in delivery.pieces if piece.package)),
        "delivery method": delivery.method,
        "tracking numbers": _write_numbers(delivery.numbers, personal),
        "link": f"{url}/odoo/deliveries/{delivery.picking}",
    }
    return Event(what=f"delivery {delivery.name} done in Odoo", at=delivery.shipped_at, details=_drop_empty(details))


def _drop_empty(details: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in details.items() if value}
