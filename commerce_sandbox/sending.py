"""Goods that the demo's merchant sends to Amazon's warehouse, and Amazon's ledger of what lies there.

What belongs here: one transfer, planned at Amazon, counted there in steps, of which two units never arrive; Odoo's
movements as Amazon would tell them. What does not: how Amazon's stand-in shows them (amazon/), the clicks in Odoo
(odoo/working.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from .amazon import AmazonStandIn
from .amazon.ledger_rows import Event
from .catalogue import CATALOGUE
from .odoo import OdooStandIn

UNITS = {article.sku: units for article, units in zip(CATALOGUE, (12, 6), strict=False)}
LOST = 2  # units of the first article
SHARES = (0.0, 0.5, 1.0)  # of the units that Amazon has counted, one after the other
ZONE = ZoneInfo("Europe/Berlin")
LONG_AGO = timedelta(days=30)


class Sending:
    """One transfer of the merchant's. number: of its shipment, '' before Amazon's plan of it is made."""

    def __init__(self, amazon: AmazonStandIn, odoo: OdooStandIn) -> None:
        self._amazon, self._odoo = amazon, odoo
        self._turn, self._picking, self.number = 0, 0, ""

    def pack(self) -> None:
        """The goods are packed, so that a plan of them can be made."""
        if not self._picking:
            self._picking = self._odoo.pack_away(UNITS)

    def go_on(self) -> bool:
        """The goods leave once their shipment has a number, then Amazon counts them, then it closes the shipment
        without two of them. Returns whether anything happened."""
        if not self._picking or self._turn == len(SHARES):
            return False
        number = self._odoo.read_origin(self._picking)
        with self._amazon.lock:
            shipment = self._amazon.inbound.shipments.get(number)
        if shipment is None:
            return False
        if not self.number:
            self._odoo.send_away(self._picking)
            self.number = number
        with self._amazon.lock:
            for sku, counts in shipment.items.items():
                counts[1] = int((counts[0] - (LOST if sku == next(iter(UNITS)) else 0)) * SHARES[self._turn])
            self._turn += 1
            shipment.status = ("SHIPPED", "RECEIVING", "CLOSED")[self._turn - 1]
        return True


def list_events(odoo: OdooStandIn, start: datetime, number: str) -> Iterator[Event]:
    """Amazon's events of everything that Odoo moved into or out of the warehouse. start: of the demo; what lay there
    without a movement was received long before. number: of the shipment that was sent."""
    for stamp, sku, usage, units in odoo.list_away():
        at = datetime.fromisoformat(stamp).replace(tzinfo=UTC) if stamp else start - LONG_AGO
        comes = units > 0
        kind = {"customer": "CustomerReturns" if comes else "Shipments", "inventory": "Adjustments"}.get(
            usage, "Receipts" if comes else "VendorReturns"
        )
        reason = ("F" if comes else "M") if kind == "Adjustments" else ""
        reference = number if usage == "transit" else ""
        yield Event(at.astimezone(ZONE).date(), sku, kind, int(units), reference, reason=reason)
