"""When the marks of flags on sale orders change: only for orders whose flags did, or that were written anew.

What belongs here: which orders have to be marked in Odoo. What does not: how (odoo/sales/marks.py).

Marks are made before the flags are kept, so that a run that dies between the two makes them again.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ...core.errors import PermanentError
from ...domain.sales.draft import Action, Flag, SaleOutcome
from ...domain.sales.lifecycle import NOT_ASKED

if TYPE_CHECKING:
    from ...odoo.rpc.client import OdooClient
    from .load import Sorted

LOG = logging.getLogger(__name__)
_WRITTEN = frozenset((Action.CREATED, Action.CONFIRMED, Action.CHANGED))


def mark(odoo: OdooClient, work: Sorted) -> None:
    """Make the marks in Odoo those of the verdicts. An order goes its way without its marks where Odoo refuses them."""
    orders: dict[int, tuple[Flag, ...]] = {}
    for order_id, outcome in work.verdicts.items():
        before = work.notes.get(order_id, {})
        if order_id in work.kept or not outcome.odoo_id:
            continue
        now = flags_after(outcome, before)
        if now.keys() != before.keys() or (now and outcome.action in _WRITTEN):
            orders[outcome.odoo_id] = tuple(now.values())
    show(odoo, orders)


def flags_after(outcome: SaleOutcome, before: dict[str, Flag]) -> dict[str, Flag]:
    """The flags of an order once its verdict is kept: an order that stays keeps those that nobody asked about."""
    stays = outcome.action in (Action.UNCHANGED, Action.FLAGGED)
    kept = {code: flag for code, flag in before.items() if stays and code in NOT_ASKED}
    return {**kept, **{flag.code: flag for flag in outcome.flags}}


def show(odoo: OdooClient, orders: dict[int, tuple[Flag, ...]]) -> None:
    from ...odoo.sales.marks import mark_sales

    try:
        mark_sales(odoo, orders)
    except PermanentError as error:
        LOG.warning("The flags of %d orders are not shown in Odoo (odoo.flags): %s", len(orders), error)
