"""What the channel has shipped itself, delivered in Odoo: due orders -> Odoo's deliveries validated -> settled.

What belongs here: which orders, the ship date, keeping what became of them. What does not: how many units
(domain/fulfilment/take_over.py), the calls (odoo/fulfilment/taking_over.py), telling the channel (confirm.py): of what
it ships itself it is never told.

Amazon states no ship time of an FBA order: its last change is taken, which is the shipment as long as the order is
taken over soon after it. Of an order that is taken over long after, such as by a backfill, the last change may be a
refund; but its goods left before the day on which Amazon promised to have delivered them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.orders.order import Order
from ...domain.outbox.effects import Kind
from ...resources.connections import Connections
from ...warehouse.fulfilment import channel_deliveries
from ...warehouse.fulfilment.channel_deliveries import Due
from ..odoo_writer import odoo_writer
from ..orders.stage import read_landed
from .confirm import build_goods, stamp_of

if TYPE_CHECKING:
    from ...odoo.fulfilment import taking_over

STAGE = "take_over"


class Taken(msgspec.Struct, kw_only=True):
    """The result of a run: orders looked at, deliveries validated, orders that wait by reason."""

    orders: int = 0
    deliveries: int = 0
    waiting: Counter[str] = msgspec.field(default_factory=Counter)


def has_news(connections: Connections, name: str) -> bool:
    """Whether the channel has shipped something that no run has tried to take over with these settings."""
    if not connections.settings.channel(name).fulfilment.take_over:
        return False
    with connections.warehouse.transaction() as connection:
        return channel_deliveries.has_untried(connection, name, stamp_of(connections, name))


def may_go_on(connections: Connections, name: str) -> bool:
    """Whether something is still to be taken over, and a run would not stop for a person's consent."""
    from ...warehouse.outbox import holds

    with connections.warehouse.transaction() as connection:
        is_held = holds.held(connection, name, Kind.SHIPMENT) is not None
    return not is_held and has_due(connections, name)


def has_due(connections: Connections, name: str) -> bool:
    if not connections.settings.channel(name).fulfilment.take_over:
        return False
    with connections.warehouse.transaction() as connection:
        return channel_deliveries.has_due(connection, name)


def take_over(connections: Connections, name: str, *, run_id: str = "") -> Taken:
    """Bring Odoo in step with what the channel has shipped itself. An order that waits goes to the exceptions, and the
    others go on. Every step may be repeated."""
    from ...odoo.fulfilment import taking_over

    taken = Taken()
    if not has_due(connections, name):
        return taken
    with odoo_writer(connections, name) as writer:
        with connections.warehouse.transaction() as connection:
            due = channel_deliveries.list_due(connection, name)
        shipped = _build_shipped(connections, name, due)
        done = {outcome.order_id: outcome for outcome in taking_over.take_over(writer, shipped)}
        reasons = {order_id: outcome.reason for order_id, outcome in done.items() if outcome.reason}
        _keep(connections, name, due, reasons, run_id)
        _keep_words(connections, name, done)
    taken.orders = len(due)
    taken.deliveries = sum(len(outcome.pickings) for outcome in done.values())
    taken.waiting = Counter(reason.code for reason in reasons.values())
    return taken


def _build_shipped(connections: Connections, name: str, due: Sequence[Due]) -> list[taking_over.Shipped]:
    from ...odoo.fulfilment.taking_over import Shipped
    from ...warehouse.orders.ledger import read_entries

    ids = [row.order_id for row in due]
    landing = connections.landing(name, Topic.ORDERS)
    orders: dict[str, Order] = {
        order.order_id: order for order in read_landed(connections.channel(name).orders, landing, ids)
    }
    with connections.warehouse.transaction() as connection:
        bases = {order_id: entry.base for order_id, entry in read_entries(connection, name, ids).items()}
    now = connections.instruments.now()
    return [
        Shipped(
            sale=row.odoo_id,
            goods=build_goods(connections, name, order, bases.get(row.order_id)),
            at=find_ship_time(order, now),
        )
        for row in due
        if (order := orders.get(row.order_id))
    ]


def find_ship_time(order: Order, now: datetime) -> datetime:
    """When the channel shipped an order, as far as it says so."""
    return max(min(order.updated_at, order.delivered_by or now, now), order.placed_at)


def _keep(connections: Connections, name: str, due: Sequence[Due], reasons: dict[str, Reason], run_id: str) -> None:
    from ...warehouse import exceptions

    now = connections.instruments.now()
    settled = {row.order_id for row in due} - reasons.keys()
    sales = {row.order_id: row.odoo_id for row in due}
    failures = [
        exceptions.Failure(record_id=order_id, day=None, reason=reason, odoo_id=sales[order_id])
        for order_id, reason in reasons.items()
    ]
    with connections.warehouse.transaction() as connection:
        channel_deliveries.mark_tried(connection, name, due, settled, stamp_of(connections, name), now)
        exceptions.resolve(connection, name, Topic.FULFILMENT, STAGE, sorted(settled), now)
        exceptions.record(connection, name, Topic.FULFILMENT, STAGE, failures, run_id, now)


def _keep_words(connections: Connections, name: str, done: dict[str, taking_over.TakenOver]) -> None:
    from ...warehouse.landing import words

    texts = {order_id: outcome.words for order_id, outcome in done.items()}
    with connections.warehouse.transaction() as connection:
        words.keep(connection, connections.vault, name, Topic.FULFILMENT, texts, connections.instruments.now())
