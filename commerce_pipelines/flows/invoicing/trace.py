"""The invoices and payments of one order, for its lineage.

What belongs here: gathering what is known. What does not: the order's own story (flows/orders/trace.py), showing it
(cli/orders.py).
"""

from __future__ import annotations

import msgspec

from ...core.topics import Topic
from ...domain.money import to_decimal
from ...resources.connections import Connections
from ..orders.trace import Event, describe_waiting, read_words


def trace(connections: Connections, name: str, order_id: str, *, personal: bool = False) -> list[Event]:
    """How far the order is invoiced, and what of it waits. personal: also what Odoo said in its own words."""
    from ...warehouse import exceptions
    from ...warehouse.invoicing import ledger

    with connections.warehouse.transaction() as connection:
        row = ledger.read_rows(connection, name, [order_id]).get(order_id)
        waiting = exceptions.open_exceptions(connection, name, Topic.INVOICING, record_ids=[order_id])
    events = []
    if row:
        currency = row["currency"]
        details = {
            "state": row["state"], "reason": row["code"],
            "channel took": f"{to_decimal(row['total'], currency)} {currency}",
            "invoiced": f"{to_decimal(row['invoiced'], currency)} {currency}",
            "paid": f"{to_decimal(row['paid'], currency)} {currency}",
        }  # fmt: skip
        for odoo_id, number, state in msgspec.json.decode(row["documents"], type=list[tuple[int, str, str]]):
            details[f"invoice {number or 'without number'}"] = f"{state} (id {odoo_id})"
        kept = {key: value for key, value in details.items() if value}
        events.append(Event(what="invoice: as last seen in Odoo", at=row["looked_at"], details=kept))
    events += describe_waiting(waiting, "invoice: ")
    if personal:
        events += read_words(connections, name, Topic.INVOICING, order_id)
    return events
