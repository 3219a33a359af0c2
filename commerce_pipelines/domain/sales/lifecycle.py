"""What the newest news of an order asks for, given what Odoo has and what we did last: one table.

                     no sale      draft of ours   confirmed                               cancelled
    waiting          wait         wait            wait                                    wait
    paid             load         load            keep; load if the answer is newer       load if we did it, else flag
    cancelled        nothing      cancel          cancel (Odoo's room flags if shipped)   nothing

A person's own change in Odoo is respected as long as the channel says nothing new: it is flagged, never undone.

What belongs here: that table, and when a refused order is tried again. What does not: carrying a step out
(flows/orders/load.py, odoo/).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from ...core.reasons import Retry, rule
from ..orders.order import OrderStatus
from .completeness import SOLD
from .draft import Action, Flag, Sale


class Step(StrEnum):
    WAIT = "wait"
    NOTHING = "nothing"
    LOAD = "load"  # create, go on with, or bring in line
    KEEP = "keep"
    CANCEL = "cancel"
    FLAG = "flag"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says we did last for an order: with which answer, what came of it, Odoo's total then."""

    digest: str
    action: Action
    amount_total: int
    code: str = ""


def step(status: str, digest: str, sale: Sale | None, known: Known | None) -> tuple[Step, Flag | None]:
    """The step for the newest answer (`digest`) of an order, and the flag if it is one."""
    same = known is not None and known.digest == digest
    if status == OrderStatus.WAITING.value:
        return Step.WAIT, None
    if status == OrderStatus.CANCELLED.value:
        if sale is None or sale.state == "cancel":
            return Step.NOTHING, None
        return (Step.KEEP if same and known and known.action == Action.FLAGGED else Step.CANCEL), None
    if sale is None or sale.state not in (*SOLD, "cancel"):
        return Step.LOAD, None
    if sale.state == "cancel":
        if known is not None and known.action != Action.CANCELLED:
            return Step.FLAG, Flag(
                "cancelled_in_odoo", "The order is paid in the channel, but was cancelled in Odoo.",
                "Cancel it in the channel as well, or set the sale order back to quotation in Odoo and replay.",
            )  # fmt: skip
        return Step.LOAD, None
    if not same or known is None:
        return Step.LOAD, None
    if known.action == Action.FLAGGED:
        return Step.KEEP, None
    if sale.total != known.amount_total:
        return Step.FLAG, Flag(
            "changed_in_odoo", "The total of the sale order was changed in Odoo after it was loaded.",
            "If that is right, note it there; if not, restore the line amounts. The proof shows the difference.",
        )  # fmt: skip
    return Step.KEEP, None


TRIES = 10
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=15), timedelta(days=1)


def is_about_product(code: str) -> bool:
    """Whether a product that appears or changes in Odoo can be the cure; then nothing else needs trying."""
    return rule(code).retry is Retry.PRODUCT


def next_try(code: str, tries: int, now: datetime) -> datetime | None:
    """When to try a refused order again by itself; None: not before something changes. A poison order is not retried
    for ever."""
    if rule(code).retry is not Retry.NAME or tries >= TRIES:
        return None
    return now + min(FIRST_WAIT * 2**tries, LONGEST_WAIT)
