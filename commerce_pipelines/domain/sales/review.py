"""Orders that the marketplace calls risky or still reviews: what a channel's setting `risky` does with them. Pure.

    confirm        the order is loaded as any other
    hold_delivery  it is confirmed, its goods are reserved, and its delivery is held
    wait           it waits in the exceptions; if it was confirmed before it became risky, its delivery is held

The order goes on with the next answer that clears it, or when a person accepts it (`exceptions accept`). The merchant
cannot hold goods that have left, nor goods in the marketplace's own warehouse. An order that is not paid waits anyway:
Amazon keeps it PENDING while it reviews the payment.

What belongs here: this rule and its sentences. What does not: what a marketplace states about an order
(channels/*/orders/translate.py), holding a delivery (odoo/sales/held_deliveries.py).
"""

from __future__ import annotations

from ...core.errors import RecordError
from ..orders.order import FulfilledBy, Order, Review, Shipped
from .base import LastLoad
from .draft import Flag
from .rules import SaleRules

HELD, WAITS = "held_for_review", "under_review"

_SAYS = {
    Review.PENDING: "The marketplace still looks into whether the order is fraud",
    Review.RISKY: "The marketplace calls the order risky and advises to look into it",
    Review.CANCEL: "The marketplace calls the order risky and advises to cancel it",
    Review.PAYMENT: "The marketplace holds the order's payment until it has looked into it",
}


def flag_review(order: Order, rules: SaleRules, last: LastLoad | None) -> tuple[Flag, ...]:
    """The flag that holds a delivery, none for an order that goes on. Raises RecordError(`under_review`) for an order
    that waits."""
    if order.review is None or rules.risky == "confirm" or (last and last.accepted):
        return ()
    if order.shipped is not Shipped.NO or order.fulfilled_by is FulfilledBy.CHANNEL:
        return ()
    says = _SAYS[order.review]
    if rules.risky == "wait" and not (last and last.sold):
        raise RecordError(
            WAITS, f"{says}.",
            fix="It goes on by itself once the marketplace clears it; cancel it there, or let it go on by "
            f"`commerce-pipelines exceptions accept {order.channel} {order.order_id}`.",
        )  # fmt: skip
    return (
        Flag(
            HELD, f"{says}; its delivery is held.",
            "It is given back once the marketplace clears the order; cancel it there, or let it go by "
            f"`commerce-pipelines exceptions accept {order.channel} {order.order_id}`.",
        ),
    )  # fmt: skip
