"""The `inbound.plans:` section of a channel: whether transfers to its warehouses become inbound plans, and which.

What belongs here: the section, its defaults and its checks. What does not: choosing by it (plan_choices.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ...core.section import Section


class PlanRules(Section, kw_only=True, frozen=True):
    """The `inbound.plans:` section of a channel."""

    enabled: bool = False
    marketplace: str = ""  # whose warehouses the goods go to: a plan is for one marketplace
    approve: bool = True  # a placement, which is final, and its costs wait for a person
    placement: Literal["cheapest", "fewest"] = "cheapest"  # of several: the least fees, or the fewest shipments
    carrier: Literal["own", "amazon"] = "own"  # amazon: the carrier that the marketplace pays and charges for
    carrier_code: str = ""  # the marketplace's code of that carrier; empty: whichever costs least
    label_owner: Literal["seller", "amazon", "none"] = "seller"  # of items, where the marketplace leaves the choice
    label_page: Literal[
        "PackageLabel_Letter_2", "PackageLabel_Letter_4", "PackageLabel_Letter_6", "PackageLabel_A4_2",
        "PackageLabel_A4_4", "PackageLabel_Plain_Paper", "PackageLabel_Thermal", "PackageLabel_Thermal_NonPCP",
    ] = "PackageLabel_Plain_Paper"  # fmt: skip
    arrives_in_days: int = 5  # of an own carrier: the goods are announced for the first window that ends so late

    def problems(self, *, receive: bool) -> Iterator[tuple[str, str]]:
        """(key, problem and fix) for keys that contradict one another. receive: the key of `inbound`."""
        if self.enabled and not receive:
            yield "plans.enabled", "needs `receive: true`: what a plan sends is received as the marketplace counts it."
        if self.enabled and not self.marketplace:
            yield "plans.marketplace", "is missing: name the marketplace that the goods are for, such as DE."
        if not 0 <= self.arrives_in_days <= 90:
            yield "plans.arrives_in_days", "must lie between 0 and 90."
