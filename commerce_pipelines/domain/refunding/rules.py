"""The `refunding:` section of a channel: which credit notes it pays back, and what waits for a person.

What belongs here: the section, its defaults and its checks. What does not: what is paid back (refund_plan.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from ...core.section import Section


class RefundingRules(Section, kw_only=True, frozen=True):
    """The `refunding:` section of a channel. Off until a merchant says otherwise, because money leaves."""

    enabled: bool = False
    since: date | None = None  # credit notes dated before this day are never paid back by the channel
    hold_above: int = 5  # a run that would pay back more credit notes than this waits for a person's consent
    hold_amount: int = 200  # so does one with a refund above so many euros, or units of the order's currency
    notify: bool = True  # whether the channel mails the buyer, where it leaves that to the seller
    wait_hours: int | None = None  # before a credit note is paid back; default: as long as the channel reports late
    overdue_days: int = 2  # after which the check `refunded_in_time` names a credit note that is not paid back
    dry_run: bool = False  # read and decide, but pay nothing back

    def problems(self, takes_refunds_in: bool) -> Iterator[tuple[str, str]]:
        """(key, problem and fix) for keys that contradict one another. takes_refunds_in: the channel's
        `returns.enabled`."""
        if self.enabled and self.since is None:
            yield "since", "is missing: write the first day whose credit notes are paid back, such as 2026-12-01."
        if self.enabled and not takes_refunds_in:
            yield (
                "enabled",
                "needs `returns: {enabled: true}`: without the refunds that the channel reports, nobody can tell what "
                "it has paid back already.",
            )
        if self.wait_hours is not None and self.wait_hours < 0:
            yield "wait_hours", "must be at least 0."
        for name, least in (("hold_above", 0), ("hold_amount", 0), ("overdue_days", 1)):
            if getattr(self, name) < least:
                yield name, f"must be at least {least}."
