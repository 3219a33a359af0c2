"""Where the marketplace's own warehouses sent orders from: asked once for each order, before it is loaded first.

What belongs here: which orders are asked about. What does not: the rule (domain/sales/departures.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ...domain.orders.order import Order, Shipped, business_day
from ...domain.sales.departures import Departure, Shipping, count_units, is_asked, tell
from ...resources.connections import Connections


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
