"""What a marketplace can offer about its own warehouses: a capability of a Channel.

What belongs here: the protocol. What does not: the other capabilities (capabilities.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal, Protocol

from ..domain.inbound.ledger import Ledger
from ..domain.inbound.levels import FbaLevel
from ..domain.inbound.removals import RemovedUnits
from ..domain.inbound.road import FbaShipment


class FbaStock(Protocol):
    """What lies in the marketplace's own warehouses. Reads only."""

    def read_ledger(self, start: date, end: date, by: Literal["country", "centre"]) -> Ledger:
        """The ledger of `[start, end)`, business days of the channel, as far as it is complete. Waits for reports."""
        ...

    def read_removals(self, start: date, end: date) -> Sequence[RemovedUnits]:
        """What was shipped back to the merchant in `[start, end)`, business days of the channel, row by row. Waits for
        a report."""
        ...

    def read_shipments(self, shipment_ids: Sequence[str]) -> Sequence[FbaShipment]:
        """Shipments to the warehouses, with what was counted of them until now; those that the marketplace knows."""
        ...

    def list_marketplaces(self) -> Sequence[str]:
        """The stores that show the warehouses' stock."""
        ...

    def read_levels(self, marketplace: str) -> Sequence[FbaLevel]:
        """What one store shows now, of all SKUs."""
        ...
