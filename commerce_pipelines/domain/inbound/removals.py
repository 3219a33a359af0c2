"""Goods that the marketplace sends back from its warehouses on the merchant's order: parcels, and what of them Odoo has
still to bring on the road home.

What belongs here: these rules, pure. What does not: reading the marketplace's report (channels/), transfers
(odoo/inbound/removals.py).

**By what was shipped.** The report tells absolute numbers, and its rows have no id, so equal ones of a parcel are added
up, and a step is that number less what Odoo has moved for the parcel already. A run that was cut off, or comes again,
moves nothing twice. A number that goes down later takes nothing back; it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from ...core.section import Section
from ..outbox.effects import digest
from .reconciliation import Content


class RemovalRules(Section, kw_only=True, frozen=True):
    """The `inbound.removals:` section of a channel. Locations by their name, or their path as `WH/Quarantine`."""

    enabled: bool = False
    since: date | None = None  # parcels that were shipped earlier are left to people
    transit: str = ""  # the transit location that the goods travel through
    warehouse: str = ""  # that they come back to; default: the channel's `warehouse`
    unsellable: str = ""  # where units that cannot be sold go to there
    unsellable_from: str = ""  # where such units lie in `channel_warehouse`; default: its stock

    def problems(self, *, receive: bool) -> list[tuple[str, str]]:
        """(key, problem and fix) for keys that contradict one another. receive: the key of `inbound`."""
        if not self.enabled:
            return []
        wrong = [] if receive else [("removals.enabled", "needs `receive: true`: it is the same work in Odoo.")]
        if self.since is None:
            wrong.append(
                ("removals.since", "is missing: write the first day whose parcels are to come back by transfers.")
            )
        wrong += [
            (f"removals.{name}", f"is missing: name {what}.")
            for name, what in (("transit", "a transit location in Odoo"),
                               ("unsellable", "the location for units that cannot be sold"))
            if not getattr(self, name)
        ]  # fmt: skip
        return wrong


class RemovedUnits(msgspec.Struct, frozen=True, kw_only=True):
    """One row: units of a SKU that were shipped to the merchant. shipped_on: in the channel's zone."""

    order_id: str
    shipped_on: date
    msku: str
    units: int
    is_sellable: bool
    carrier: str = ""
    tracking: str = ""


Goods = tuple[str, bool]  # a SKU, and whether its units can be sold
Own = tuple[int, bool]  # the same of a product in Odoo


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What left under one tracking number on one day, of one removal order."""

    order_id: str
    shipped_on: date
    carrier: str
    tracking: str
    units: Mapping[Goods, int]

    @property
    def key(self) -> str:
        """By which the transfers of the parcel are found again."""
        return digest({"order": self.order_id, "day": str(self.shipped_on), "tracking": self.tracking})[:16]

    @property
    def name(self) -> str:
        """As it stands in Odoo's Source Document."""
        return " ".join(filter(None, (f"removal {self.order_id}", self.carrier, self.tracking)))


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """What a parcel still has to move in Odoo. fewer: units by product that Odoo has moved and the report does not tell
    any more."""

    units: Mapping[Own, float]
    fewer: Mapping[Own, float]


def build_parcels(rows: Iterable[RemovedUnits], since: date) -> list[Parcel]:
    """Equal rows are added up; a row of no units is nothing."""
    parcels: dict[tuple[str, date, str], dict[Goods, int]] = {}
    carriers: dict[tuple[str, date, str], str] = {}
    for row in rows:
        if row.shipped_on < since or row.units <= 0:
            continue
        of = (row.order_id, row.shipped_on, row.tracking)
        units = parcels.setdefault(of, {})
        goods = (row.msku, row.is_sellable)
        units[goods] = units.get(goods, 0) + row.units
        carriers[of] = max(carriers.get(of, ""), row.carrier)
    return [
        Parcel(
            order_id=order_id, shipped_on=day, tracking=tracking, carrier=carriers[order_id, day, tracking], units=units
        )
        for (order_id, day, tracking), units in sorted(parcels.items())
    ]


def plan_way(parcel: Parcel, contents: Mapping[str, Sequence[Content]], moved: Mapping[Own, float]) -> Way:
    """contents: what each SKU is in Odoo; a SKU without is left out. moved: what Odoo has on its transfers of the
    parcel."""
    shipped: dict[Own, float] = {}
    for (msku, is_sellable), units in parcel.units.items():
        for content in contents.get(msku, ()):
            own = (content.product, is_sellable)
            shipped[own] = shipped.get(own, 0.0) + units * content.units
    rest = {own: round(shipped.get(own, 0.0) - moved.get(own, 0.0), 4) for own in sorted(shipped.keys() | moved.keys())}
    is_complete = all(msku in contents for msku, _ in parcel.units)
    return Way(
        units={own: units for own, units in rest.items() if units > 0},
        fewer={own: -units for own, units in rest.items() if units < 0} if is_complete else {},
    )
