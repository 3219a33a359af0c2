"""The figures of a run that brings orders to Odoo.

What belongs here: counting what became of the orders. What does not: bringing them there (load.py), showing the figures
(assets/orders.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from ...domain.sales.completeness import SOLD
from ...domain.sales.draft import Action, SaleDraft, SaleOutcome


class Loaded(msgspec.Struct, kw_only=True):
    """Figures of one run: orders by action, exceptions and flags by reason, money confirmed in Odoo by currency, and
    orders with the channel's total but another tax in Odoo; and the same for each of its days. collisions: calls that
    Odoo gave up, and that were repeated, because others had the same records."""

    actions: Counter[str] = msgspec.field(default_factory=Counter)
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    by_currency: Counter[str] = msgspec.field(default_factory=Counter)
    regimes: Counter[str] = msgspec.field(default_factory=Counter)
    tax_differs: int = 0
    rounded: int = 0
    collisions: int = 0
    days: dict[date, Loaded] = msgspec.field(default_factory=dict)

    def of(self, day: date) -> Loaded:
        return self.days.setdefault(day, Loaded())


def sum_figures(
    verdicts: Iterable[SaleOutcome], rows: Iterable[Mapping[str, Any]], drafts: Mapping[str, SaleDraft], collisions: int
) -> Loaded:  # fmt: skip
    """The figures of a run. rows: staged orders; drafts: of those that were drafted, by order id."""
    loaded = Loaded(collisions=collisions)
    row_of = {row["order_id"]: row for row in rows}
    for outcome in verdicts:
        row, draft = row_of[outcome.order_id], drafts.get(outcome.order_id)
        for part in (loaded, loaded.of(row["day"])):
            part.actions[outcome.action.value] += 1
            for code in (outcome.code, *(flag.code for flag in outcome.flags)):
                if code:
                    part.reasons[code] += 1
            if outcome.state in SOLD:
                part.by_currency[row["currency"]] += outcome.amount_total
            if draft is not None and outcome.action is not Action.REFUSED:
                part.regimes[f"{draft.regime} {draft.tax_country}".strip()] += 1
                part.rounded += bool(outcome.rounding)
                part.tax_differs += draft.expected_tax not in (None, outcome.amount_tax)
    return loaded
