"""Orders that the channel cancelled.

What belongs here: cancelling orders that have not left, flagging those that have. What does not: returns and credit
notes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from ...core.reasons import Reason
from ...core.words import NO_WORDS
from ...domain.sales.draft import Action, Flag, SaleOutcome, order_xid
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.halving import on_all
from .booked import Booked, read_booked
from .quotation_to_order import tracking

ORDERS_A_BATCH = 100


def cancel_sales(
    client: OdooClient, channel: str, order_ids: Iterable[str], dry: bool = False, refunded: Collection[str] = ()
) -> Iterator[SaleOutcome]:
    """Cancel orders in Odoo: reservations are released, and no mail is sent. Delivered orders stay, with a flag.
    refunded: those that refunds took everything off: they are cancelled also where all that was delivered is back.

    An order that Odoo does not have, or has cancelled already, counts as `cancelled` too. dry: only return what would
    become of each order; a refusal by Odoo cannot be foreseen.
    """
    wanted = list(dict.fromkeys(order_ids))
    for start in range(0, len(wanted), ORDERS_A_BATCH):
        part = wanted[start : start + ORDERS_A_BATCH]
        booked = read_booked(client, {order_xid(channel, order_id): order_id for order_id in part})
        hindrances = {key: _find_hindrance(sale, key in refunded) for key, sale in booked.items()}
        free = [sale for key, sale in booked.items() if not hindrances[key] and sale.sale.state != "cancel"]
        ids = [sale.sale.odoo_id for sale in free]
        refused = {} if dry else on_all(client, "sale.order", "action_cancel", ids, tracking(client), list)
        for order_id in part:
            yield _build_outcome(channel, order_id, (booked.get(order_id), hindrances.get(order_id)), refused)


def _find_hindrance(booked: Booked, is_refunded: bool) -> Flag | None:
    is_home = is_refunded and not any(line.delivered for line in booked.lines.values())
    if booked.sale.delivered and not is_home:
        return Flag("cancelled_after_shipping", "The channel cancelled the order after it was shipped.",
                    "Wait for the goods and book their return, or settle it with the buyer.")  # fmt: skip
    if booked.locked:
        return Flag("order_locked", "The channel cancelled the order, which is locked in Odoo.",
                    "Unlock the sale order in Odoo and cancel it there.")  # fmt: skip
    return None


def _find_leftovers(booked: Booked) -> Iterator[Flag]:
    """What a person has to tidy up after an order that could be cancelled."""
    if booked.invoiced:
        yield Flag("cancelled_after_invoicing", "The order was cancelled after it was invoiced.",
                   "Credit its posted invoice in Odoo.")  # fmt: skip
    if booked.picked:
        yield Flag("cancelled_after_picking", "The order was cancelled after its goods were picked.",
                   "Put them back on their shelf and book the transfer.")  # fmt: skip


def _build_outcome(
    channel: str, order_id: str, judged: tuple[Booked | None, Flag | None], refused: dict[int, OdooRefusal]
) -> SaleOutcome:
    """judged: the order, and what hinders to cancel it."""
    booked, hindrance = judged
    if booked is None:
        return SaleOutcome(channel=channel, order_id=order_id, action=Action.CANCELLED)
    sale = booked.sale
    flags: tuple[Flag, ...] = ()
    if sale.state != "cancel":
        flags = (hindrance,) if hindrance else tuple(_find_leftovers(booked))
    refusal = refused.get(sale.odoo_id)
    untouched = bool(refusal or (hindrance and flags))
    return SaleOutcome(
        channel=channel,
        order_id=order_id,
        action=Action.REFUSED if refusal else Action.FLAGGED if untouched else Action.CANCELLED,
        odoo_id=sale.odoo_id,
        name=sale.name,
        amount_total=sale.total,
        amount_tax=sale.tax,
        state=sale.state if untouched else "cancel",
        reason=Reason(
            "refused_by_odoo",
            f"Odoo refuses to cancel the order, in {refusal.what}.",
            "Fix in Odoo what its own words name, then replay the order.",
        )
        if refusal
        else None,
        words=refusal.words if refusal else NO_WORDS,
        flags=flags,
    )
