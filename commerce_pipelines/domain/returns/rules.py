"""What returns and refunds of one channel become in Odoo: the section `returns` of a channel in commerce.yaml.

What belongs here: keys that a merchant sets per channel and that credit notes and returns follow; their own
checks. What does not: whether a name exists in Odoo (odoo/readiness.py), how a channel is asked for returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ...core.section import Section


class ReturnRules(Section, kw_only=True, frozen=True):
    """Names are written as a person reads them in Odoo; '' leaves it to a person."""

    enabled: bool = False
    poll_seconds: int = 300  # how often the channel is asked for changed returns and refunds
    credit_notes: Literal["posted", "draft"] = "posted"  # draft: a person looks at each and posts it
    refund_journal: str = ""  # the journal in which a posted credit note is paid back; default: it stays open
    receipts: Literal["channel", "merchant"] = "channel"  # merchant: a person receives the goods in Odoo
    quarantine: str = ""  # the location, outside of every warehouse, for goods that are not known to be sellable
    scrap: bool = False  # goods that the channel calls damaged are scrapped from the quarantine
    # The operation under which claims are kept where Odoo has the module `rma`; '' keeps none.
    rma_operation: str = "Marketplace"

    def problems(self) -> Iterator[tuple[str, str]]:
        """(key, problem and fix) for keys that contradict one another."""
        if not 10 <= self.poll_seconds <= 86_400:
            yield "poll_seconds", "must be between 10 and 86400."
        if self.scrap and not self.quarantine:
            yield "scrap", "needs a `quarantine`: goods are scrapped from there."
        if self.credit_notes == "draft" and self.refund_journal:
            yield "refund_journal", "pays posted credit notes only: write `credit_notes: posted`, or leave it out."
