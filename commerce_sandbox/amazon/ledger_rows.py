"""Amazon's own warehouses in the stand-in: events of goods, the two ledger reports of them, and what lies there now.

What belongs here: events, and how the reports and the inventory write them. What does not: requesting a report
(reports.py), inbound plans. Sources: the columns and event types as the documentation names them, and reports as
sellers' accounts show them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ..server import Call
from .answers import invalid

DETAILS, SUMMARY = "GET_LEDGER_DETAIL_VIEW_DATA", "GET_LEDGER_SUMMARY_VIEW_DATA"
KINDS = (DETAILS, SUMMARY)
DETAIL_COLUMNS = (
    "Date", "FNSKU", "ASIN", "MSKU", "Title", "Event Type", "Reference ID", "Quantity", "Fulfillment Center",
    "Disposition", "Reason", "Country", "Reconciled Quantity", "Unreconciled Quantity", "Date and Time", "Store",
)  # fmt: skip
SUMMARY_COLUMNS = (
    "Date", "FNSKU", "ASIN", "MSKU", "Title", "Disposition", "Starting Warehouse Balance",
    "In Transit Between Warehouses", "Receipts", "Customer Shipments", "Customer Returns", "Vendor Returns",
    "Warehouse Transfer In/Out", "Found", "Lost", "Damaged", "Disposed", "Other Events", "Ending Warehouse Balance",
    "Unknown Events", "Location",
)  # fmt: skip
COLUMN_OF = {
    "Receipts": "Receipts", "Shipments": "Customer Shipments", "CustomerReturns": "Customer Returns",
    "VendorReturns": "Vendor Returns", "WhseTransfers": "Warehouse Transfer In/Out",
}  # fmt: skip
REASONS = {
    **dict.fromkeys("FN", "Found"), **dict.fromkeys("M5", "Lost"), **dict.fromkeys("E67HKU", "Damaged"),
    "D": "Disposed",
}  # fmt: skip
PAGE = 50


@dataclass(frozen=True)
class Event:
    day: date
    sku: str
    kind: str
    units: int
    reference: str = ""
    centre: str = "LEJ1"
    country: str = "DE"
    disposition: str = "SELLABLE"
    reason: str = ""

    @property
    def column(self) -> str:
        return (
            COLUMN_OF.get(self.kind)
            or REASONS.get(self.reason)
            or ("Other Events" if self.kind == "Adjustments" else "Unknown Events")
        )


class Ledger:
    """source: tells of further events. zone: in which days are counted. behind: how many days the newest one is behind
    today. date_format: how days are written. columns, summary_columns: that a seller has chosen. in_transit: units
    between centres at a day's end, by day and SKU. pending: of each SKU, units that are sold and not shipped."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.source: Callable[[], Iterable[Event]] = lambda: ()
        self.zone = ZoneInfo("Europe/Berlin")
        self.behind = 1
        self.date_format = "%m/%d/%Y"
        self.columns: Sequence[str] = DETAIL_COLUMNS
        self.summary_columns: Sequence[str] = SUMMARY_COLUMNS
        self.in_transit: dict[tuple[date, str], int] = {}
        self.pending: dict[str, int] = {}

    def list_events(self) -> list[Event]:
        return [*self.events, *self.source()]

    def add(self, *events: Event) -> None:
        self.events += events

    def write(
        self, kind: str, start: datetime, end: datetime, options: Mapping[str, str], now: datetime
    ) -> tuple[bytes, str]:
        """(document, Content-Type), nothing for a span without rows."""
        first, last = start.astimezone(self.zone).date(), end.astimezone(self.zone).date()
        last = min(last, now.astimezone(self.zone).date() - timedelta(days=self.behind - 1))
        if kind == DETAILS:
            rows, columns = (
                [self._write_event(event) for event in self.list_events() if first <= event.day < last],
                self.columns,
            )
        else:
            rows, columns = list(self._write_balances(first, last, options)), self.summary_columns
        if not rows:
            return b"", ""
        lines = [columns, *([str(row.get(column, "")) for column in columns] for row in rows)]
        text = "".join("\t".join(f'"{field}"' for field in line) + "\n" for line in lines)
        return text.encode("cp1252", "replace"), "text/plain; charset=Cp1252"

    def list_inventory(self, call: Call, now: datetime) -> dict[str, Any]:
        marketplace = call.parameter("granularityId")
        if call.parameter("granularityType") != "Marketplace" or call.parameter("marketplaceIds") != marketplace:
            raise invalid("Invalid input")
        units: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for event in self.list_events():
            units[event.sku][event.disposition] += event.units
        start = int(call.parameter("nextToken", "0"))
        shown = [self._show(sku, by_disposition) for sku, by_disposition in sorted(units.items())]
        more = {"nextToken": str(start + PAGE)} if len(shown) > start + PAGE else {}
        return {
            "payload": {
                "granularity": {"granularityType": "Marketplace", "granularityId": marketplace},
                "inventorySummaries": shown[start : start + PAGE],
            },
            **({"pagination": more} if more else {}),
        }

    def _show(self, sku: str, units: Mapping[str, int]) -> dict[str, Any]:
        pending, sellable = self.pending.get(sku, 0), units.get("SELLABLE", 0)
        broken = sum(count for disposition, count in units.items() if disposition != "SELLABLE")
        return {
            "asin": "B000000001", "fnSku": f"X00{abs(hash(sku)) % 10**7:07d}", "sellerSku": sku, "condition": "NewItem",
            "inventoryDetails": {
                "fulfillableQuantity": sellable - pending, "inboundWorkingQuantity": 0, "inboundShippedQuantity": 0,
                "inboundReceivingQuantity": 0,
                "reservedQuantity": {
                    "totalReservedQuantity": pending, "pendingCustomerOrderQuantity": pending,
                    "pendingTransshipmentQuantity": 0, "fcProcessingQuantity": 0,
                },
                "researchingQuantity": {"totalResearchingQuantity": 0, "researchingQuantityBreakdown": []},
                "unfulfillableQuantity": {"totalUnfulfillableQuantity": broken},
            },
            "totalQuantity": sellable + broken, "productName": "Gooseneck Kettle", "stores": [],
        }  # fmt: skip

    def _write_event(self, event: Event) -> dict[str, Any]:
        return {
            "Date": event.day.strftime(self.date_format), "FNSKU": "X000000001", "ASIN": "B000000001",
            "MSKU": event.sku, "Title": "Gooseneck Kettle", "Event Type": event.kind,
            "Reference ID": event.reference, "Quantity": event.units, "Fulfillment Center": event.centre,
            "Disposition": event.disposition, "Reason": event.reason, "Country": event.country,
        }  # fmt: skip

    def _write_balances(self, first: date, last: date, options: Mapping[str, str]) -> Iterable[dict[str, Any]]:
        by = "country" if options.get("aggregateByLocation") == "COUNTRY" else "centre"
        groups: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
        for event in self.list_events():
            groups[event.sku, event.disposition, getattr(event, by)].append(event)
        shown: set[tuple[date, str]] = set()
        for number in range((last - first).days):
            day = first + timedelta(days=number)
            for (sku, disposition, place), events in sorted(groups.items()):
                if min(event.day for event in events) > day:
                    continue
                row: dict[str, Any] = dict.fromkeys(self.summary_columns, 0)
                for event in events:
                    if event.day == day:
                        row[event.column] = row.get(event.column, 0) + event.units
                start = sum(event.units for event in events if event.day < day)
                row["Starting Warehouse Balance"] = start
                row["Ending Warehouse Balance"] = start + sum(event.units for event in events if event.day == day)
                if (day, sku) not in shown:
                    row["In Transit Between Warehouses"] = self.in_transit.get((day, sku), 0)
                    shown.add((day, sku))
                yield {
                    **row, "Date": day.strftime(self.date_format), "FNSKU": "X000000001", "ASIN": "B000000001",
                    "MSKU": sku, "Title": "Gooseneck Kettle", "Disposition": disposition, "Location": place,
                }  # fmt: skip
