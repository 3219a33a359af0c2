"""Channel against Odoo, asked afresh: is every order of some days there, once, to the cent?

What belongs here: gathering both sides for domain/completeness.py. What does not: the comparison itself, how it is
shown (assets/, cli.py).
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from ..channels.base import Window
from ..domain.completeness import Booked, Claim, Completeness, compare
from ..domain.orders import OrderStatus
from ..resources.connections import Connections
from .load import is_sale
from .pull import window_of


def prove(
    connections: Connections, name: str, start: date, end: date, *, afresh: bool = True, now: datetime | None = None
) -> Completeness:
    """Compare the days `[start, end)`. afresh: ask the channel again rather than believe what was landed from it."""
    from ..odoo.sales import sale_totals
    from ..warehouse import quarantine
    from ..warehouse.frames import read_frame

    where = ("channel = %s AND day >= %s AND day < %s", (name, start, end))
    with connections.warehouse.transaction() as connection:
        ledger = read_frame(connection, "sale_orders", ["order_id"], *where)["order_id"].tolist()
        staged = read_frame(connection, "orders", None, *where).to_dict("records")
        waiting = {row.order_id for row in quarantine.open_exceptions(connection, name)}
    if afresh:
        claims = _ask(connections, name, start, end, now or datetime.now(UTC))
    else:
        claims = [
            Claim(order_id=row["order_id"], currency=row["currency"], total=row["total"], collected=row["collected"])
            for row in staged
            if is_sale(row)
        ]
    ids = {claim.order_id for claim in claims} | set(ledger)
    booked = {
        order_id: Booked(order_id=order_id, currency=sale.currency, total=sale.total, state=sale.state)
        for order_id, sale in sale_totals(connections.odoo, name, sorted(ids)).items()
    }
    return compare(claims, booked, waiting)


def _ask(connections: Connections, name: str, start: date, end: date, now: datetime) -> list[Claim]:
    whole = window_of(start, end, connections.settings.channel(name).zone)
    window = Window(whole.start, min(whole.end, now))
    if window.start >= window.end:
        return []
    return [
        Claim(order_id=one.order_id, currency=one.currency, total=one.total, collected=one.collected)
        for one in connections.channel(name).order_totals(window)
        if one.status is OrderStatus.PAID
    ]
