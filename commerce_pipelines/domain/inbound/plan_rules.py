"""The `inbound.plans:` section of a channel: whether transfers to its warehouses become inbound plans, and which.

What belongs here: the section, its defaults and its checks. What does not: choosing by it (plan_choices.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ...core.section import Section

ItemPage = Literal[
    "", "A4_21", "A4_24", "A4_24_64x33", "A4_24_66x35", "A4_24_70x36", "A4_24_70x37", "A4_24i", "A4_27",
    "A4_40_52x29", "A4_44_48x25", "Letter_30", "Thermal",
]  # fmt: skip
ANY_SKU = "*"


class PrepWanted(Section, kw_only=True, frozen=True):
    """How units of a SKU are prepared, in the marketplace's words."""

    category: Literal[
        "ADULT", "BABY", "FRAGILE", "GRANULAR", "HANGER", "LIQUID", "PERFORATED", "SET", "SHARP", "SMALL", "TEXTILE",
        "NONE",
    ]  # fmt: skip
    types: tuple[
        Literal[
            "ITEM_BLACK_SHRINKWRAP", "ITEM_BLANKSTK", "ITEM_BOXING", "ITEM_BUBBLEWRAP", "ITEM_CAP_SEALING",
            "ITEM_DEBUNDLE", "ITEM_HANG_GARMENT", "ITEM_LABELING", "ITEM_NO_PREP", "ITEM_POLYBAGGING",
            "ITEM_RMOVHANG", "ITEM_SETCREAT", "ITEM_SETSTK", "ITEM_SIOC", "ITEM_SUFFOSTK", "ITEM_TAPING",
        ], ...
    ] = ("ITEM_NO_PREP",)  # fmt: skip


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
    item_label_page: ItemPage = ""  # of units that the seller labels; empty: their labels are not made
    item_label_width: int = 60  # millimetres, of Thermal
    item_label_height: int = 30
    # How SKUs are prepared of which the marketplace does not know it, by SKU; `*` for all others.
    preps: dict[str, PrepWanted] = {}
    arrives_in_days: int = 5  # of an own carrier: the goods are announced for the first window that ends so late

    def problems(self, *, receive: bool) -> Iterator[tuple[str, str]]:
        """(key, problem and fix) for keys that contradict one another. receive: the key of `inbound`."""
        if self.enabled and not receive:
            yield "plans.enabled", "needs `receive: true`: what a plan sends is received as the marketplace counts it."
        if self.enabled and not self.marketplace:
            yield "plans.marketplace", "is missing: name the marketplace that the goods are for, such as DE."
        for name in ("item_label_width", "item_label_height"):
            if not 25 <= getattr(self, name) <= 100:
                yield f"plans.{name}", "must lie between 25 and 100 millimetres."
        if not 0 <= self.arrives_in_days <= 90:
            yield "plans.arrives_in_days", "must lie between 0 and 90."
