"""The `inbound:` section of a channel: whether its own warehouses (FBA) are compared with Odoo, and received into.

What belongs here: the section, its defaults and its checks. What does not: the comparison (reconciliation.py), what is
received (road.py), its part about plans (plan_rules.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

from ...core.section import Section
from .plan_rules import PlanRules
from .removals import RemovalRules


class InboundRules(Section, kw_only=True, frozen=True):
    """The `inbound:` section of a channel."""

    enabled: bool = False
    since: date | None = None  # the first day of the marketplace's ledger that is read; it keeps about 18 months
    ledger_by: Literal["country", "centre"] = "country"  # how fine the ledger tells where goods lie
    departures: bool = True  # the ledger, where it tells, says which country the goods of an order left from
    receive: bool = False  # transfers from a transit location are received in Odoo as the marketplace counts them
    # Days after its arrival within which the marketplace takes a claim for a shipment; the shortest of its rules.
    claim_days: int = 60
    overdue_days: int = 3  # for so long movements that are still open in Odoo may explain a difference
    plans: PlanRules = PlanRules()
    removals: RemovalRules = RemovalRules()  # what the marketplace sends back comes back by transfers in Odoo

    def problems(self, channel_warehouse: str) -> Iterator[tuple[str, str]]:
        """(key, problem and fix) for keys that contradict one another. channel_warehouse: the channel's key."""
        if self.enabled and self.since is None:
            yield "since", "is missing: write the first day of the ledger to read, such as 2026-11-01."
        if self.enabled and not channel_warehouse:
            yield "enabled", "needs `channel_warehouse`: the warehouse in Odoo that stands for the marketplace's own."
        if self.receive and not self.enabled:
            yield "receive", "needs `enabled: true`: the ledger is what its counts are held against."
        yield from self.plans.problems(receive=self.enabled and self.receive)
        yield from self.removals.problems(receive=self.enabled and self.receive)
        for name, least in (("overdue_days", 0), ("claim_days", 1)):
            if getattr(self, name) < least:
                yield name, f"must be at least {least}."
