"""When the marks of flags on sale orders change: only for orders whose flags changed, or that were written again.

What belongs here: which orders have to be marked in Odoo. What does not: how (odoo/sales/marks.py).

Marks are written before the flags are stored, so that a run that dies in between writes them again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from ...core.errors import PermanentError
from ...core.urls import order_page
from ...domain.sales.completeness import SOLD
from ...domain.sales.draft import Action, Flag, SaleOutcome
from ...domain.sales.lifecycle import HOLDS, LOST, NOT_ASKED
from ...domain.sales.review import HELD
from ...domain.sales.rules import SaleRules

if TYPE_CHECKING:
    from ...odoo.rpc.client import OdooClient
    from .load import Sorted

LOG = logging.getLogger(__name__)
KEY = "marks"  # of the turn in which they are written: runs of two channels never write theirs at the same time
WRITTEN = frozenset((Action.CREATED, Action.CONFIRMED, Action.CHANGED))
# Actions after which flags about stock and partner stay, because the run did not look at them.
STAYS = frozenset((Action.UNCHANGED, Action.FLAGGED, Action.REFUSED))


def choose_due(work: Sorted) -> set[int]:
    """The orders that are loaded next and whose deliveries are held."""
    due = {row["order_id"] for row in work.load}
    return {
        odoo_id for order_id, odoo_id in work.odoo_ids.items()
        if order_id in due and HOLDS & work.notes.get(order_id, {}).keys()
    }  # fmt: skip


def release(odoo: OdooClient, due: set[int]) -> None:
    """Release held deliveries of orders that are loaded next, because Odoo would otherwise put additional units into a
    second delivery."""
    _hold_and_release(odoo, set(), due)


def choose_holds(rules: SaleRules) -> frozenset[str]:
    """The flags that hold deliveries by a channel's settings."""
    return (LOST if rules.on_payment_lost == "block" else frozenset()) | {HELD}


class Marks(msgspec.Struct):
    """Sale orders by what their marks need. show: the flags that each shall have; hold, free: whose deliveries are held
    or released."""

    show: dict[int, tuple[Flag, ...]]
    hold: set[int]
    free: set[int]

    def __bool__(self) -> bool:
        return bool(self.show or self.moved)

    @property
    def moved(self) -> set[int]:
        return self.hold | self.free


def choose_marks(work: Sorted, holding: frozenset[str]) -> Marks:
    """What makes the marks in Odoo agree with the verdicts. holding: the flags that hold deliveries."""
    marks = Marks({}, set(), set())
    loaded = {row["order_id"] for row in work.load}
    for order_id, outcome in work.verdicts.items():
        before = work.notes.get(order_id, {})
        if order_id in work.kept or not outcome.odoo_id:
            continue
        now = flags_after(outcome, before)
        if now.keys() != before.keys() or (now and outcome.action in WRITTEN):
            marks.show[outcome.odoo_id] = tuple(now.values())
        holds, held = holding & now.keys(), order_id not in loaded and holding & before.keys()
        if holds and not held and outcome.state in SOLD:
            marks.hold.add(outcome.odoo_id)
        # An order under review that is not paid any more stays held, whatever `on_payment_lost` says.
        if HOLDS & before.keys() and not HOLDS & now.keys() and order_id not in loaded:
            marks.free.add(outcome.odoo_id)
    return marks


def mark(odoo: OdooClient, work: Sorted, marks: Marks) -> None:
    """Write the marks. An order goes on without them where Odoo refuses them."""
    _hold_and_release(odoo, marks.hold, marks.free)
    show(odoo, marks.show)
    if odoo.settings.page_links:
        _link_pages(odoo, work)


def _link_pages(odoo: OdooClient, work: Sorted) -> None:
    """Each order that this run loaded has a note with the address of its page."""
    from ...odoo.sales.page_links import link_pages

    place = odoo.settings.page_links.rstrip("/")
    pages = {
        outcome.odoo_id: place + order_page(row["channel"], row["order_id"])
        for row in work.load if (outcome := work.verdicts.get(row["order_id"])) and outcome.odoo_id
    }  # fmt: skip
    try:
        link_pages(odoo, pages)
    except PermanentError as error:
        LOG.warning("%d orders have no note with a link in Odoo (odoo.page_links): %s", len(pages), error)


def _hold_and_release(odoo: OdooClient, hold: set[int], free: set[int]) -> None:
    from ...odoo.sales.held_deliveries import hold_sales, release_sales

    try:
        if hold:
            hold_sales(odoo, hold)
        if free:
            release_sales(odoo, free)
    except PermanentError as error:
        LOG.warning("Deliveries of %d orders could not be held or released in Odoo: %s", len(hold | free), error)


def flags_after(outcome: SaleOutcome, before: dict[str, Flag]) -> dict[str, Flag]:
    """The flags of an order once its verdict is stored: an order that stays keeps the flags that the run did not look
    at."""
    stays = outcome.action in STAYS
    kept = {code: flag for code, flag in before.items() if stays and code in NOT_ASKED}
    return {**kept, **{flag.code: flag for flag in outcome.flags}}


def show(odoo: OdooClient, orders: dict[int, tuple[Flag, ...]]) -> None:
    from ...odoo.sales.marks import mark_sales

    try:
        mark_sales(odoo, orders)
    except PermanentError as error:
        LOG.warning("The flags of %d orders are not shown in Odoo (odoo.flags): %s", len(orders), error)
