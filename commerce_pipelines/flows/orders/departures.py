"""Where the marketplace's own warehouses sent orders from: asked once for each order, before it is loaded first; and
asked again as more of the ledger is there, which tells what is wrong and changes nothing.

What belongs here: which orders are asked about. What does not: the rule (domain/sales/departures.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from ...core.topics import Topic
from ...domain.orders.order import Order, Shipped, business_day
from ...domain.sales.departures import (
    Departure,
    Shipping,
    add_units,
    contradict,
    count_units,
    flag_departure,
    is_asked,
    tell,
)
from ...domain.sales.draft import Flag
from ...resources.connections import Connections
from ..odoo_writer import odoo_writer
from .marks import show

if TYPE_CHECKING:
    from ...warehouse.orders.departures import LoadedOrder

STAGE = "load"  # of the notes: the next load of the order says the same
WATCHED = timedelta(days=21)  # an order is shipped within two weeks, and the ledger is complete some days later


def find_departures(
    connections: Connections, name: str, orders: Iterable[Order], loaded: Collection[str]
) -> Mapping[str, Departure]:
    """By order id. loaded: orders that Odoo has; what they were decided by before the ledger was asked stays: the
    settings."""
    from ...warehouse.orders import departures as rows

    channel = connections.settings.channel(name)
    asked = [order for order in orders if is_asked(order)]
    if not asked:
        return {}
    with connections.warehouse.transaction() as connection:
        decided = rows.read_decided(connection, name, [order.order_id for order in asked])
        if not (channel.inbound.enabled and channel.inbound.departures):
            return decided
        new = [
            Shipping(
                order_id=order.order_id, placed_on=business_day(order.placed_at, channel.zone),
                units=count_units(order),
                shipped_by=business_day(order.updated_at, channel.zone) if order.shipped is Shipped.YES else None,
            )
            for order in asked
            if order.order_id not in decided and order.order_id not in loaded
        ]  # fmt: skip
        places = rows.read_places(connection, name, new)
    return {**decided, **{order.order_id: tell(order, places) for order in new}}


def keep_departures(connections: Connections, name: str, by_ledger: Mapping[str, Departure]) -> None:
    """What orders are decided by, before they are loaded: a run that is cut off between the two changes nothing."""
    from ...warehouse.orders import departures as rows

    if by_ledger:
        with connections.warehouse.transaction() as connection:
            rows.keep(connection, name, by_ledger, connections.instruments.now())


def ask_again(connections: Connections, name: str, run_id: str = "") -> int:
    """Tell of orders that were decided of late what the ledger says against it since; returns how many it contradicts.
    What they were decided by stays."""
    from ...warehouse.orders import departures as rows

    channel = connections.settings.channel(name)
    now = connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        loaded = rows.read_loaded(connection, name, now - WATCHED)
        orders = {
            row.order_id: Shipping(
                order_id=row.order_id, placed_on=business_day(row.placed_at, channel.zone),
                units=add_units(row.lines),
                shipped_by=business_day(row.updated_at, channel.zone) if row.is_shipped else None,
            )
            for row in loaded
        }  # fmt: skip
        places = rows.read_places(connection, name, list(orders.values()))
    later = {
        row.order_id: contradict(_read_used(row), row.decided, tell(orders[row.order_id], places)) for row in loaded
    }
    changed = [row for row in loaded if row.decided.later != later[row.order_id]]
    if changed:
        _tell(connections, name, changed, later, run_id)
    return sum(map(bool, later.values()))


def _read_used(row: LoadedOrder) -> str:
    """The country that the order's VAT was decided by."""
    evidence = msgspec.json.decode(row.evidence or "{}")
    return row.decided.country or str(evidence.get("departure", ""))


def _tell(
    connections: Connections, name: str, changed: Iterable[LoadedOrder], later: Mapping[str, tuple[str, ...]],
    run_id: str,
) -> None:  # fmt: skip
    """Marks in Odoo first, then notes and what is kept: a run that is cut off between them tells them again."""
    from ...warehouse import exceptions
    from ...warehouse.orders import departures as rows

    flags = {
        row.order_id: flag_departure(
            msgspec.structs.replace(row.decided, later=later[row.order_id]), _read_used(row)
        )
        for row in changed
    }  # fmt: skip
    with connections.warehouse.transaction() as connection:
        notes = exceptions.open_exceptions(connection, name, Topic.ORDERS, record_ids=list(flags))
    marks: dict[int, tuple[Flag, ...]] = {
        row.odoo_id: (
            *(of.reason for of in notes if of.record_id == row.order_id and of.note and of.code != "departure_unclear"),
            *flags[row.order_id],
        )
        for row in changed
    }
    with odoo_writer(connections, name) as client:
        show(client, marks)
    failures = [
        exceptions.Failure(record_id=row.order_id, day=row.day, reason=flag, digest=row.digest, odoo_id=row.odoo_id)
        for row in changed for flag in flags[row.order_id]
    ]  # fmt: skip
    now = connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        rows.keep_later(connection, name, {row.order_id: later[row.order_id] for row in changed})
        clear = [order_id for order_id, of in flags.items() if not of]
        exceptions.resolve_notes(connection, name, Topic.ORDERS, clear, now, code="departure_unclear")
        exceptions.record(connection, name, Topic.ORDERS, STAGE, failures, run_id, now)
