"""Goods that the demo's merchant sends to Amazon's warehouse, and Amazon's ledger of what lies there.

What belongs here: one shipment, counted in steps, of which two units never arrive; Odoo's movements as Amazon would
tell them. What does not: how Amazon's stand-in shows them (amazon/), the clicks in Odoo (odoo/working.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from .amazon import AmazonStandIn
from .amazon.inbound_shipments import Shipment
from .amazon.ledger_rows import Event
from .amazon.places import PLACES
from .catalogue import CATALOGUE
from .odoo import OdooStandIn

SHIPMENT = "FBA15DEMO01"
UNITS = {article.sku: units for article, units in zip(CATALOGUE, (12, 6), strict=False)}
LOST = 2  # units of the first article
SHARES = (0.0, 0.5, 1.0)  # of the units that Amazon has counted, one after the other
ZONE = ZoneInfo("Europe/Berlin")
LONG_AGO = timedelta(days=30)


class Sending:
    """One shipment of the merchant's. It goes on with every call of `go_on`."""

    def __init__(self, amazon: AmazonStandIn, odoo: OdooStandIn) -> None:
        self._amazon, self._odoo = amazon, odoo
        self._turn = 0
        self._shipment: Shipment | None = None

    def go_on(self) -> bool:
        """The goods leave, then Amazon counts them, then it closes the shipment without two of them. Returns whether
        anything happened."""
        if self._turn == len(SHARES):
            return False
        if self._shipment is None:
            self._odoo.send_away(UNITS, SHIPMENT)
            with self._amazon.lock:
                self._shipment = self._amazon.inbound.add(SHIPMENT, PLACES[0].id, **UNITS)
        with self._amazon.lock:
            for number, counts in enumerate(self._shipment.items.values()):
                counts[1] = int((counts[0] - (LOST if number == 0 else 0)) * SHARES[self._turn])
            self._turn += 1
            self._shipment.status = ("SHIPPED", "RECEIVING", "CLOSED")[self._turn - 1]
        return True


def list_events(odoo: OdooStandIn, start: datetime) -> Iterator[Event]:
    """Amazon's events of everything that Odoo moved into or out of the warehouse. start: of the demo; what lay there
    without a movement was received long before."""
    for stamp, sku, usage, units in odoo.list_away():
        at = datetime.fromisoformat(stamp).replace(tzinfo=UTC) if stamp else start - LONG_AGO
        comes = units > 0
        kind = {"customer": "CustomerReturns" if comes else "Shipments", "inventory": "Adjustments"}.get(
            usage, "Receipts" if comes else "VendorReturns"
        )
        reason = ("F" if comes else "M") if kind == "Adjustments" else ""
        reference = SHIPMENT if usage == "transit" else ""
        yield Event(at.astimezone(ZONE).date(), sku, kind, int(units), reference, reason=reason)
