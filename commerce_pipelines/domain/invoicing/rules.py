"""Who invoices the orders of a channel, and where their money is booked: the section `invoicing` of a channel.

What belongs here: keys that a merchant sets per channel, and their own checks. What does not: whether a journal exists
in Odoo (odoo/invoicing/payments.py), what follows for an order (due_documents.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

from msgspec.structs import force_setattr

from ...core.section import Section
from ..keys import key

OTHER = "other"  # every method of payment that `journals` does not name


class InvoicingRules(Section, kw_only=True, frozen=True):
    """The `invoicing:` section of a channel. Off until a merchant says otherwise."""

    trigger: Literal["merchant", "delivery", "order"] = "merchant"  # merchant: a person invoices in Odoo
    since: date | None = None  # orders placed on an earlier business day stay the merchant's
    invoices: Literal["posted", "draft"] = "posted"  # draft: a person looks at each and posts it
    # The channel's method of payment -> the journal in Odoo; empty: no payment is registered.
    journals: dict[str, str] = {}
    overdue_days: int = 3  # after which the check `invoiced_in_time` names an order that is delivered and not invoiced

    def __post_init__(self) -> None:
        """Methods of payment in the spelling by which they are looked up."""
        force_setattr(self, "journals", {_normalise(method): journal for method, journal in self.journals.items()})

    @property
    def enabled(self) -> bool:
        """Whether the pipelines have anything to do with the channel's invoices."""
        return self.trigger != "merchant" or bool(self.journals)

    def problems(self, history_before: date | None) -> Iterator[tuple[str, str]]:
        """(key, problem and fix) for keys that contradict one another. history_before: of the channel."""
        if self.enabled and self.since is None:
            yield "since", "is missing: write the first day whose orders are invoiced or paid here, such as 2026-12-01."
        if self.since and history_before and self.since < history_before:
            yield "since", f"lies before `history_before`: write {history_before} or later."
        for method, journal in self.journals.items():
            if not journal.strip():
                yield f"journals[{method!r}]", "names no journal: write its name in Odoo."
        if not 1 <= self.overdue_days <= 365:
            yield "overdue_days", "must be between 1 and 365."

    def find_journal(self, method: str) -> str:
        """The journal of a method of payment, '' where neither it nor `other` is listed."""
        return self.journals.get(_normalise(method)) or self.journals.get(OTHER, "")


def _normalise(method: str) -> str:
    """A method of payment without regard to case: eBay and Shopify write theirs differently."""
    return key(method).casefold()
