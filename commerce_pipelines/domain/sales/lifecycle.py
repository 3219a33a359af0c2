"""What to do about the channel's newest answer on an order, given what Odoo has and what we did last: see TABLE.

                 nothing    quotation   confirmed         shipped           cancelled
    waiting      wait       wait        flag              flag              wait
    paid         load       load        keep *            keep *            load if we did it, else flag
    cancelled    nothing    cancel      cancel            cancel **         nothing
    unreadable   wait       wait        flag              flag              wait

    *  load if the answer is new, if the last try was refused, or if a person changed the total
    ** odoo/sales/cancelling.py flags what cannot be cancelled

A person's own change in Odoo is flagged, never undone. Two cases leave the order in Odoo as it is, with a flag, because
Odoo would ship it otherwise: an order that is no longer paid (an edit added an unpaid line, a payment failed or
lapsed), and an answer that cannot be carried out.

What belongs here: that table, what the ledger keeps, and when a refused order is tried again. What does not: carrying a
step out (flows/orders/load.py, odoo/).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from ...core.reasons import Retry, rule
from . import review
from .base import Base, merge
from .completeness import SOLD
from .draft import Action, Flag, Sale, SaleDraft, SaleOutcome


class Step(StrEnum):
    WAIT = "wait"
    NOTHING = "nothing"
    LOAD = "load"  # create it, continue an interrupted load, or update it
    KEEP = "keep"
    CANCEL = "cancel"
    FLAG = "flag"


class Says(StrEnum):
    """What the channel says now: the order's status, or an answer that cannot be read."""

    WAITING = "waiting"
    PAID = "paid"
    CANCELLED = "cancelled"
    UNREADABLE = "unreadable"


class Has(StrEnum):
    """What Odoo has."""

    NOTHING = "nothing"
    QUOTATION = "quotation"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"


_SAYS = {
    Says.WAITING: (Step.WAIT, Step.WAIT, Step.FLAG, Step.FLAG, Step.WAIT),
    Says.PAID: (Step.LOAD, Step.LOAD, Step.KEEP, Step.KEEP, Step.FLAG),
    Says.CANCELLED: (Step.NOTHING, Step.CANCEL, Step.CANCEL, Step.CANCEL, Step.NOTHING),
    Says.UNREADABLE: (Step.WAIT, Step.WAIT, Step.FLAG, Step.FLAG, Step.WAIT),
}
TABLE = {(says, has): step for says, steps in _SAYS.items() for has, step in zip(Has, steps, strict=True)}
# Flags of orders that are no longer paid, or whose newest answer is refused.
LOST = frozenset(("payment_lost", "refused_after_loading"))
HOLDS = LOST | {review.HELD}  # flags of orders that should not be shipped for now
# Flags that say nothing about an order that stays as it is.
NOT_ASKED = ("oversold", "duplicate_partner", "invalid_vat_number", "vat_number_of_another")


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger keeps of our last load of an order: the digest of the answer, the action, Odoo's total
    afterwards. base: the order as the channel had it then (base.py), None for an order that was loaded before bases
    existed."""

    digest: str
    action: Action
    amount_total: int
    code: str = ""
    base: Base | None = None


def has(sale: Sale | None) -> Has:
    if sale is None:
        return Has.NOTHING
    if sale.state == "cancel":
        return Has.CANCELLED
    if sale.state not in SOLD:
        return Has.QUOTATION
    return Has.SHIPPED if sale.delivered else Has.CONFIRMED


def step(
    status: str, digest: str, sale: Sale | None, entry: LedgerEntry | None, again: bool = False
) -> tuple[Step, Flag | None]:
    """The step for the newest answer (`digest`) of an order, and a flag if the step is FLAG. again: look at a flagged
    order again, although nothing is new."""
    says, there = Says(status), has(sale)
    todo = TABLE[says, there]
    same = entry is not None and entry.digest == digest
    flagged = same and entry is not None and entry.action is Action.FLAGGED and not again
    as_it_was = entry is not None and sale is not None and (says is not Says.PAID or sale.total == entry.amount_total)
    if flagged and as_it_was and there in (Has.CONFIRMED, Has.SHIPPED):
        return Step.KEEP, None
    if says is Says.PAID and there is Has.CANCELLED:
        by_us = entry is None or entry.action is Action.CANCELLED
        return (Step.LOAD, None) if by_us else (Step.FLAG, _flag_cancelled_in_odoo())
    if todo is Step.KEEP and sale is not None:
        return _decide_confirmed(sale, entry if same else None)
    if todo is Step.FLAG:
        return todo, _flag_payment_lost(says, there)
    return todo, None


def _decide_confirmed(sale: Sale, entry: LedgerEntry | None) -> tuple[Step, Flag | None]:
    """The step for a paid order that is confirmed in Odoo. entry: None if the answer is new."""
    if entry is None or entry.action in (Action.REFUSED, Action.FLAGGED):
        return Step.LOAD, None
    if sale.total == entry.amount_total:
        return Step.KEEP, None
    if entry.base is not None:
        return Step.LOAD, None  # Odoo's order is compared with the base, line by line
    return Step.FLAG, Flag(
        "changed_in_odoo", "The total of the sale order was changed in Odoo after it was loaded.",
        "If that is right, note it there; if not, restore the line amounts. The proof shows the difference.",
    )  # fmt: skip


def _flag_cancelled_in_odoo() -> Flag:
    return Flag(
        "cancelled_in_odoo", "The order is paid in the channel, but was cancelled in Odoo.",
        "Cancel it in the channel as well, or set the sale order back to quotation in Odoo and replay.",
    )  # fmt: skip


def _flag_payment_lost(says: Says, there: Has) -> Flag:
    shipped = " and shipped" if there is Has.SHIPPED else ""
    if says is Says.UNREADABLE:
        return refused_after_loading("", shipped)
    return Flag(
        "payment_lost", f"The channel no longer calls the order paid, but it is confirmed{shipped} in Odoo.",
        "Ask the buyer for the payment or the goods." if shipped else
        "Hold its delivery until the channel calls it paid, or cancel it in Odoo if it will not be.",
    )  # fmt: skip


def refused_after_loading(code: str, shipped: str = "") -> Flag:
    """code: why the answer is refused, '' if it cannot be read."""
    why = f" ({code})" if code else ""
    return Flag(
        "refused_after_loading",
        f"The channel's newest answer cannot be carried out{why}; the order is confirmed{shipped} in Odoo as it was.",
        "Fix what its exception names; until then look at the order in the marketplace before it is sent.", code,
    )  # fmt: skip


def next_base(draft: SaleDraft, outcome: SaleOutcome, now: datetime) -> Base | None:
    """The base that the ledger keeps after a load, None to keep the old one. A change that was not carried out keeps
    its old value, so that the next answer shows it as a change again."""
    before = draft.before
    if draft.base is None or outcome.action is Action.REFUSED or (before is None and outcome.kept):
        return None
    addresses = (outcome.shipping_id, outcome.invoice_id)
    same = before is not None and addresses == (before.shipping_id, before.invoice_id)
    new = msgspec.structs.replace(
        draft.base, shipping_id=addresses[0], invoice_id=addresses[1], at=before.at if before and same else now
    )
    return merge(before, new, outcome.kept)


MOST_TRIES = 10
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=15), timedelta(days=1)


def is_about_product(code: str) -> bool:
    """Whether only a product that is added or changed in Odoo can cure it; nothing else needs trying then."""
    return rule(code).retry is Retry.PRODUCT


def next_try(code: str, tries: int, now: datetime) -> datetime | None:
    """When a refused order is tried again without a person; None: not before something changes. The number of tries is
    limited."""
    if rule(code).retry is not Retry.NAME or tries >= MOST_TRIES:
        return None
    wait: timedelta = min(FIRST_WAIT * 2**tries, LONGEST_WAIT)
    return now + wait
