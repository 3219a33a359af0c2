"""Goods that Amazon sends back, in the stand-in or a real Odoo: what its report tells, and where they lie.

What belongs here: the places, the settings, what a test ships and counts. What does not: any expectation.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from commerce_pipelines.flows.inbound.removals import Returned, bring_back
from commerce_pipelines_tests.doubles.everywhere import Lanes
from commerce_pipelines_tests.doubles.sendings import MUG, NAME, Hands
from commerce_sandbox.amazon.removal_rows import Removal


def build_removals() -> dict[str, Any]:
    """The section of the settings."""
    since = (datetime.now(UTC).date() - timedelta(days=20)).isoformat()
    return {
        "enabled": True, "since": since, "transit": "Removals", "warehouse": "WH", "unsellable": "Not to be sold",
        "unsellable_from": "Unsellable",
    }  # fmt: skip


class Home(Hands):
    """Goods in Amazon's warehouse that come home."""

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(lanes)
        self.tag = secrets.token_hex(3)
        self.report = lanes.world.channels[NAME].reports
        self.transit = self._make_place("Removals", "transit")
        self.quarantine = self._make_place("Not to be sold", "internal")
        [house] = self.search("stock.warehouse", [["code", "=", "FBA"]], "view_location_id")
        self.apart = self._make_place("Unsellable", "internal", location_id=house["view_location_id"])
        self.away, self.own = self.stock["FBA"], self.stock["WH"]
        self.before = {place: self.units_at(place) for place in (self.away, self.apart, self.transit)}
        zone = self.connections.settings.channel(NAME).zone
        self.noon = datetime.now(zone).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=3)

    def _make_place(self, name: str, usage: str, **more: Any) -> int:
        there = self.search("stock.location", [["name", "=", name], ["usage", "=", usage]])
        return int(there[0]["id"]) if there else self.make("stock.location", name=name, usage=usage, **more)

    def ship(self, units: int, sku: str = MUG, order: str = "R1", **more: Any) -> None:
        values = {"tracking": f"T{self.tag}", "at": self.noon.astimezone(UTC), **more}
        self.report.removals.rows.append(Removal(f"{order}{self.tag}", sku=sku, units=units, **values))

    def run(self) -> Returned:
        self.report._reports.clear()  # an hour later
        return bring_back(self.connections, NAME)

    def left(self, place: int) -> dict[str, float]:
        now = self.units_at(place)
        return {code: round(self.before[place][code] - units, 4) for code, units in now.items()}

    def pickings(self, order: str = "R1") -> list[dict[str, Any]]:
        domain = [["origin", "ilike", f"removal {order}{self.tag}"]]
        return self.search("stock.picking", domain, "state", "date_done", "location_dest_id", "origin")
