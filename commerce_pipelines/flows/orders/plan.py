"""The dry run: what a run of some days would create, change, cancel or refuse. Nothing is written anywhere.

What belongs here: reading the channel and Odoo, and listing what the lane would do. What does not: doing it (load.py).
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime

import msgspec

from ...channels.capabilities import Window
from ...core.errors import RecordError
from ...domain.money import to_decimal
from ...domain.orders.order import Order, business_day
from ...domain.sales.draft import Action
from ...resources.connections import Connections
from ..intake.pull import window_of
from .landed_to_draft import draft_orders
from .load import Row, sort
from .stage import read_order


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One order. action: as in SaleOutcome, as what would be done. why: the reason, or amount and regime."""

    order_id: str
    day: date | None
    action: Action
    why: str = ""


def plan(connections: Connections, name: str, start: date, end: date, *, now: datetime | None = None) -> list[Planned]:
    """What the lane's next run over the days `[start, end)` would do, order by order."""
    from ...odoo.sales.sale_orders import cancel_sales, preview_sales

    now = now or connections.instruments.now()
    settings = connections.settings
    orders, refused = _ask(connections, name, start, end, now)
    zone = settings.channel(name).zone
    days = {order.order_id: business_day(order.placed_at, zone) for order, _, _ in orders.values()}
    rows = [_build_row(order, digest, days[order.order_id]) for order, digest, _ in orders.values()]
    work = sort(connections, name, rows, True, now)
    todo = [orders[row["order_id"]] for row in work.load]
    wanted = [(order, subject, days[order.order_id]) for order, _, subject in todo]
    drafted = draft_orders(connections, name, wanted, work.sales)
    regimes = {draft.order_id: f"{draft.regime} {draft.tax_country}".strip() for draft in drafted.drafts}
    ids = [row["order_id"] for row in work.cancel]
    cancelled = cancel_sales(connections.odoo_of(name), connections.label(name), ids, dry=True, refunded=work.refunded)
    planned = [
        Planned(order_id=verdict.order_id, day=days[verdict.order_id], action=verdict.action,
                why="; ".join(flag.message for flag in verdict.flags))
        for verdict in (*work.verdicts.values(), *cancelled)
    ]  # fmt: skip
    planned += [
        Planned(order_id=i, day=day, action=Action.REFUSED, why=error.message) for i, day, error in drafted.failures
    ]
    for outcome in preview_sales(
        connections.odoo_of(name), settings.odoo, drafted.drafts, settings.channel(name).taxes
    ):
        order = orders[outcome.order_id][0]
        worth = f"{to_decimal(order.total, order.currency)} {order.currency}, {regimes[outcome.order_id]}"
        why = "; ".join(filter(None, (outcome.message or worth, *(flag.message for flag in outcome.flags))))
        planned.append(Planned(order_id=outcome.order_id, day=days[outcome.order_id], action=outcome.action, why=why))
    return sorted(planned + refused, key=lambda verdict: (verdict.day or date.min, verdict.order_id))


def figures(planned: list[Planned]) -> Counter[str]:
    """Orders by action."""
    return Counter(order.action.value for order in planned)


def _ask(
    connections: Connections, name: str, start: date, end: date, now: datetime
) -> tuple[dict[str, tuple[Order, str, str]], list[Planned]]:
    """The newest answer per order, as (order, digest, subject id), read from the channel; and the orders that cannot be
    read."""
    source, vault = connections.channel(name).orders, connections.vault
    whole = window_of(start, end, connections.settings.channel(name).zone)
    window = Window(whole.start, min(whole.end, now))
    newest: dict[str, tuple[Order, str, str]] = {}
    refused: list[Planned] = []
    if window.start >= window.end:
        return newest, refused
    for page in source.created(window):
        for raw in page.records:
            try:
                head = source.head(raw)
                order = read_order(source, raw, head.record_id)
            except RecordError as error:
                refused.append(
                    Planned(order_id=error.subject or "unreadable", day=None, action=Action.REFUSED, why=error.message)
                )
                continue
            snapshot = newest.get(order.order_id)
            if snapshot is None or snapshot[0].updated_at <= order.updated_at:
                subject = vault.subject_id(head.subject).hex()
                newest[order.order_id] = (order, vault.digest(raw).hex(), subject)
    return newest, refused


def _build_row(order: Order, digest: str, day: date) -> Row:
    return {
        "channel": order.channel,
        "order_id": order.order_id,
        "day": day,
        "digest": digest,
        "status": order.status.value,
        "currency": order.currency,
        "total": order.total,
        "is_other_channel": order.is_other_channel,
        "is_test": order.is_test,
    }
