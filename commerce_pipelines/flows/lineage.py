"""An order with all that followed it: its whole story, and another try of whatever waits.

What belongs here: putting together what the topics know of one record. What does not: what each topic knows
(orders/trace.py, fulfilment/trace.py, invoicing/trace.py, returns/trace.py, refunding/trace.py, inbound/trace.py),
showing it (cli/orders.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..core.errors import PermanentError
from ..resources.connections import Connections
from ..warehouse.tables.database import asked_by
from .content import publish as content_publish
from .fulfilment import trace as fulfilment_trace
from .inbound import due as inbound_due
from .inbound import trace as inbound_trace
from .invoicing import bill as invoicing_bill
from .invoicing import trace as invoicing_trace
from .orders import heal as orders_heal
from .orders import trace as orders_trace
from .orders.trace import Event
from .refunding import issue as refunding_issue
from .refunding import trace as refunding_trace
from .returns import heal as returns_heal
from .returns import trace as returns_trace


class Due(NamedTuple):
    """How many records were made due."""

    orders: int
    returns: int
    invoices: int
    paid_back: int
    listings: int = 0
    in_warehouses: int = 0


def trace(connections: Connections, name: str, record_id: str, *, personal: bool = False) -> list[Event]:
    """Everything known of an order, its parcels, invoices, returns and refunds, oldest first. record_id: of an order, a
    return or a refund; a listing's key as in orders/trace.py; a transfer, a shipment or a removal order of a
    marketplace's own warehouses as in inbound/trace.py. Raises PermanentError for what was never seen."""
    order_id = returns_trace.order_of(connections, name, record_id) or record_id
    events = returns_trace.trace(connections, name, order_id, personal=personal)
    events += fulfilment_trace.trace(connections, name, order_id, personal=personal)
    events += invoicing_trace.trace(connections, name, order_id, personal=personal)
    events += refunding_trace.trace(connections, name, order_id, personal=personal)
    try:
        events += orders_trace.trace(connections, name, order_id, personal=personal)
    except PermanentError:
        events = events or inbound_trace.trace(connections, name, record_id)
        if not events:  # else they came before their order, or it is no order
            raise
    return orders_trace.sort_events(events)


def replay(connections: Connections, name: str, *, code: str = "", record_ids: Iterable[str] = (), by: str = "") -> Due:
    """Make waiting records of all topics due because a person wants it: those of one reason, those named, or all. by:
    through what, where that is not a command, for the audit."""
    wanted = list(record_ids)
    with asked_by(by):
        return Due(
            orders_heal.replay(connections, name, code=code, order_ids=wanted),
            returns_heal.replay(connections, name, code=code, record_ids=wanted),
            invoicing_bill.replay(connections, name, code=code, record_ids=wanted),
            refunding_issue.replay(connections, name, code=code, record_ids=wanted),
            content_publish.replay(connections, name, code=code, record_ids=wanted),
            inbound_due.replay(connections, name, code=code, record_ids=wanted),
        )
