"""Removal orders in the stand-in: the report of the shipments by which goods come back to the merchant.

What belongs here: shipments, and how the report writes them. What does not: requesting a report (reports.py), the
ledger, which tells of the same units as vendor returns (ledger_rows.py). Source: the columns as the documentation of
the report type names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from .answers import written

KIND = "GET_FBA_FULFILLMENT_REMOVAL_SHIPMENT_DETAIL_DATA"
COLUMNS = (
    "request-date", "order-id", "shipment-date", "sku", "fnsku", "disposition", "shipped-quantity", "carrier",
    "tracking-number", "removal-order-type",
)  # fmt: skip


@dataclass(frozen=True)
class Removal:
    """kind: Return, Disposal or Liquidations."""

    order_id: str
    at: datetime
    sku: str
    units: int
    disposition: str = "Sellable"
    carrier: str = "DHL"
    tracking: str = "00340434161094042557"
    kind: str = "Return"


class Removals:
    """columns, charset: how the report is written."""

    def __init__(self) -> None:
        self.rows: list[Removal] = []
        self.columns: Sequence[str] = COLUMNS
        self.charset = "cp1252"

    def write(self, start: datetime, end: datetime) -> tuple[bytes, str]:
        """(document, Content-Type); nothing for a span without shipments."""
        rows = [row for row in self.rows if start <= row.at < end]
        if not rows:
            return b"", ""
        lines = [self.columns, *([str(self._show(row).get(name, "")) for name in self.columns] for row in rows)]
        body = "".join("\t".join(line) + "\n" for line in lines).encode(self.charset)
        return body, f"text/plain; charset={self.charset}"

    def _show(self, row: Removal) -> dict[str, str]:
        return {
            "request-date": written(row.at), "order-id": row.order_id, "shipment-date": written(row.at), "sku": row.sku,
            "fnsku": "X000000000", "disposition": row.disposition, "shipped-quantity": str(row.units),
            "carrier": row.carrier, "tracking-number": row.tracking, "removal-order-type": row.kind,
        }  # fmt: skip
