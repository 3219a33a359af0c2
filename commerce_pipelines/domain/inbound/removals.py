"""Goods that the marketplace sends back from its warehouses on the merchant's order: its report of them, and parcels.

What belongs here: the section, which rows come home, parcels, pure. What does not: what of a parcel Odoo has still to
move (removal_ways.py), reading the marketplace's report (channels/), transfers (odoo/inbound/removals.py).

The report tells absolute numbers, and its rows have no id, so equal ones of a parcel are added up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal

import msgspec

from ...core.section import Section

RETURN, OTHER = "return", "other"
# Kinds of removal orders, in the marketplace's words: only returns come home.
KINDS: Mapping[str, str] = {
    "return": RETURN, "disposal": OTHER, "liquidation": OTHER, "liquidations": OTHER, "donation": OTHER,
}  # fmt: skip


class RemovalRules(Section, kw_only=True, frozen=True):
    """The `inbound.removals:` section of a channel. Locations by their name, or their path as `WH/Quarantine`."""

    enabled: bool = False
    since: date | None = None  # parcels that were shipped earlier are left to people
    transit: str = ""  # the transit location that the goods travel through
    warehouse: str = ""  # that they come back to; default: the channel's `warehouse`
    unsellable: str = ""  # where units that cannot be sold go to there
    unsellable_from: str = ""  # where such units lie in `channel_warehouse`; default: its stock
    # What the report's other words for a removal order's kind mean; '' for rows that name none.
    kinds: dict[str, Literal["return", "other"]] = {}

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
    """One row: units of a SKU that were shipped to the merchant. shipped_on: in the channel's zone. kind: of the
    removal order, in the report's word; '' where it names none."""

    order_id: str
    shipped_on: date
    msku: str
    units: int
    is_sellable: bool
    carrier: str = ""
    tracking: str = ""
    kind: str


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
    def name(self) -> str:
        """As it stands in Odoo's Source Document."""
        return " ".join(filter(None, (f"removal {self.order_id}", self.carrier, self.tracking)))


class Unclear(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of one kind that nobody knows: how many, over how many units, of which orders."""

    rows: int = 0
    units: int = 0
    orders: frozenset[str] = frozenset()


def sort_rows(rows: Iterable[RemovedUnits], kinds: Mapping[str, str]) -> tuple[list[RemovedUnits], dict[str, Unclear]]:
    """The rows that come home; and by their word, those of which nobody knows whether they do. kinds: the settings'
    words."""
    meant = {**KINDS, **{word.strip().lower(): kind for word, kind in kinds.items()}}
    home, unclear = list[RemovedUnits](), dict[str, Unclear]()
    for row in rows:
        kind = meant.get(row.kind.strip().lower())
        if kind == RETURN:
            home.append(row)
        elif kind is None:
            before = unclear.get(row.kind, Unclear())
            unclear[row.kind] = Unclear(
                rows=before.rows + 1, units=before.units + row.units, orders=before.orders | {row.order_id}
            )
    return home, unclear


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
