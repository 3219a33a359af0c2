"""What the channel sold of refunded orders, beside what Odoo has of them.

What belongs here: orders of which an edit took units off that the buyer had paid, so that what pays that back needs no
credit note; the units that were sold of each line, whatever a person made of it. What does not: what follows for their
refunds (domain/returns/credit.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...core.topics import Topic
from ...domain.returns.outcomes import Edited
from ...domain.returns.records import Refund, RefundKind, RefundState
from ...domain.sales.draft import line_xid
from ...resources.connections import Connections
from ..orders.stage import read_landed


def find_edited(connections: Connections, name: str, refunds: Iterable[Refund]) -> dict[str, Edited]:
    """Those of the refunds' orders of which more was paid than Odoo's order is worth, by id. Only orders with a refund
    of money alone are looked at, because units of a refund are credited as such."""
    from ...warehouse.orders import ledger

    ids = sorted({refund.order_id for refund in refunds if _is_money_alone(refund)})
    if not ids:
        return {}
    with connections.warehouse.transaction() as connection:
        entries = ledger.read_entries(connection, name, ids)
    edited = {}
    for order in read_landed(connections.channel(name).orders, connections.landing(name, Topic.ORDERS), ids):
        entry = entries.get(order.order_id)
        paid = sum(payment.amount for payment in order.payments) - order.collected
        if entry and entry.base and paid > entry.base.total:
            edited[order.order_id] = Edited(paid=paid, total=entry.base.total)
    return edited


def find_sold(connections: Connections, name: str, refunds: Iterable[Refund]) -> dict[str, Mapping[str, int]]:
    """Units of Odoo's products that the channel sold, less what refunds took off, by order id and the line's external
    id. Only orders with a refund of units are looked at."""
    from ...warehouse.orders import ledger

    ids = {refund.order_id for refund in refunds if any(line.kind is RefundKind.GOODS for line in refund.lines)}
    if not ids:
        return {}
    with connections.warehouse.transaction() as connection:
        entries = ledger.read_entries(connection, name, sorted(ids))
    label = connections.label(name)
    sold: dict[str, Mapping[str, int]] = {}
    for order_id, entry in entries.items():
        if entry.base:
            left = entry.base.lines_left
            units = {line_id: left[line_id].quantity if line_id in left else 0 for line_id in entry.base.lines}
            sold[order_id] = {line_xid(label, order_id, line_id): count for line_id, count in units.items()}
    return sold


def _is_money_alone(refund: Refund) -> bool:
    goods = any(line.kind is RefundKind.GOODS for line in refund.lines)
    return refund.state is RefundState.DONE and refund.total > 0 and not goods
