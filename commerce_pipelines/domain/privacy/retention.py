"""From when the age of a landed answer counts, and whether it may go at its limit.

    open (not delivered, can still be paid, goods on their way)      ──▶ keep
    delivered, cancelled, settled; older than the limit              ──▶ destroy
    the same, but not carried out in Odoo yet, or unreadable         ──▶ keep, and tell: a person has to look

An order that nobody brought to Odoo would be lost with its answer. So it is kept beyond the limit, and the check is red
until somebody has looked.

What belongs here: this decision. What does not: the limits (policy.py), destroying (warehouse/privacy/expiry.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from ..orders.order import UNPAID_FOR_LONG, Order, OrderStatus, Shipped

OPEN_FOR_LONG = timedelta(days=180)  # a return of which nothing was heard for longer will not come any more
_OPEN_STATES = frozenset(("requested", "announced", "pending"))  # of returns and refunds


class Verdict(StrEnum):
    KEEP = "keep"
    HOLD = "hold"  # past its limit, and still needed
    DESTROY = "destroy"


def count_order_from(order: Order, now: datetime) -> datetime | None:
    """The moment from which the order's age counts; None while it is open."""
    if order.status is OrderStatus.CANCELLED or order.is_test:
        return order.updated_at
    if order.status is OrderStatus.WAITING:
        return order.updated_at if order.placed_at <= now - UNPAID_FOR_LONG else None
    if order.shipped is not Shipped.YES:
        return None
    return order.delivered_by or order.updated_at


def count_return_from(state: str, updated_at: datetime, now: datetime) -> datetime | None:
    """The same for a return or a refund. state: as staged, '' if it is not."""
    return None if state in _OPEN_STATES and updated_at > now - OPEN_FOR_LONG else updated_at


def is_needed(order: Order, settled: bool) -> bool:
    """Whether the order's answer is still to be carried out. settled: Odoo has the order, with all that the channel's
    settings want made of its answer."""
    return order.status is OrderStatus.PAID and not (settled or order.is_test or order.is_other_channel)


def judge_age(since: datetime | None, keep_for: timedelta, now: datetime, *, needed: bool) -> Verdict:
    """since: from when the age counts. needed: nothing may be lost with the answer."""
    if since is None or since + keep_for > now:
        return Verdict.KEEP
    return Verdict.HOLD if needed else Verdict.DESTROY
