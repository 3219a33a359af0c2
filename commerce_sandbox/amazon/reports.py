"""Reports v2021-06-30 of the stand-in: GET_MERCHANT_LISTINGS_ALL_DATA as Amazon really writes it, and other reports.

What belongs here: requesting a report, its progress, the rows of listings. What does not: the listings (listings.py),
the returns and their rows (return_rows.py), the ledger and its rows (ledger_rows.py), serving the document
(documents.py). Sources: reports_2021-06-30.json; columns, charset and caching as the documentation and the issues of
the vendor's repository describe them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ..server import Call, Reply
from .answers import Refused, instant, invalid, written
from .documents import Documents
from .ledger_rows import KINDS as LEDGER_KINDS
from .ledger_rows import Ledger
from .listings import Listings, Offer
from .orders import Orders
from .removal_rows import KIND as REMOVALS
from .removal_rows import Removals
from .return_rows import KINDS, Returns

KIND = "GET_MERCHANT_LISTINGS_ALL_DATA"
COLUMNS = (
    "item-name", "item-description", "listing-id", "seller-sku", "price", "quantity", "open-date", "Deprecated column",
    "item-is-marketplace", "product-id-type", "Deprecated column", "item-note", "item-condition", "Deprecated column",
    "Deprecated column", "Deprecated column", "asin1", "Deprecated column", "Deprecated column",
    "will-ship-internationally", "expedited-shipping", "Deprecated column", "product-id", "Deprecated column",
    "add-delete", "pending-quantity", "fulfilment-channel", "merchant-shipping-group", "status",
)  # fmt: skip
ORDERS = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_ORDER_DATE_GENERAL"
ORDER_COLUMNS = ("amazon-order-id", "purchase-date", "order-status", "sales-channel", "sku", "item-price")
ORDER_STATUS = {
    "PENDING": "Pending",
    "PENDING_AVAILABILITY": "Pending",
    "CANCELLED": "Cancelled",
    "UNSHIPPED": "Unshipped",
}
CHARSET = "Cp1252"
TERMINAL = ("DONE", "CANCELLED", "FATAL")
LONGEST_SPAN, TOO_SOON = timedelta(days=60), timedelta(minutes=30)  # of returns reports


@dataclass
class Report:
    id: str
    kind: str
    marketplaces: list[str]
    start: datetime
    end: datetime
    created: datetime
    ready: datetime
    status: str = "IN_PROGRESS"
    document: str = ""
    options: dict[str, str] = field(default_factory=dict)


class Reports:
    """takes: how long a report is processed. cached: how long the rows of a marketplace are served again unchanged.
    fate: how the next reports end, in turn (DONE when the list is empty). refused: kinds that the account may not
    request. columns, charset: how the report of listings is written."""

    def __init__(
        self, listings: Listings, returns: Returns, orders: Orders, documents: Documents, ledger: Ledger
    ) -> None:
        self._listings, self._returns, self._orders, self._documents = listings, returns, orders, documents
        self._ledger = ledger
        self.removals = Removals()
        self._reports: dict[str, Report] = {}
        self._numbers = itertools.count(50001)
        self._cache: dict[str, tuple[datetime, bytes]] = {}
        self.takes, self.cached = timedelta(seconds=5), timedelta(hours=1)
        self.fate: list[str] = []
        self.refused: set[str] = set()
        self.columns: tuple[str, ...] = COLUMNS
        self.charset = CHARSET

    def create(self, call: Call, now: datetime) -> Reply:
        body = call.json()
        kind, places = body.get("reportType"), body.get("marketplaceIds")
        if kind not in (KIND, ORDERS, REMOVALS, *KINDS, *LEDGER_KINDS) or not places or kind in self.refused:
            raise invalid("Invalid input")
        start, end = (instant(body.get(name, written(now)), name) for name in ("dataStartTime", "dataEndTime"))
        if end > now or start > end or end - start > LONGEST_SPAN:
            raise invalid("Invalid date range")
        report = Report(f"{next(self._numbers)}020123", kind, places, start, end, now, now + self.takes)
        report.options = body.get("reportOptions", {})
        if kind != KIND and any(
            other.kind == kind and now - other.created < TOO_SOON for other in self._reports.values()
        ):
            report.status = "CANCELLED"
        self._reports[report.id] = report
        return Reply(202, {"reportId": report.id})

    def get(self, call: Call, now: datetime, report_id: str) -> dict[str, Any]:
        if report_id not in self._reports:
            raise Refused(404, "NotFound", f"No report with the id {report_id} is found.")
        return self._show(self._work_on(self._reports[report_id], now))

    def list(self, call: Call, now: datetime) -> dict[str, Any]:
        if call.parameter("reportTypes") not in (KIND, ORDERS, REMOVALS, *KINDS, *LEDGER_KINDS):
            raise invalid("Invalid input")
        since = instant(call.parameter("createdSince"), "createdSince")
        matching = [
            shown
            for report in reversed(self._reports.values())
            if report.kind == call.parameter("reportTypes")
            and report.created >= since
            and set(report.marketplaces) & set(call.parameter("marketplaceIds").split(","))
            if (shown := self._show(self._work_on(report, now)))["processingStatus"]
            in call.parameter("processingStatuses").split(",")
        ]
        return {"reports": matching[: int(call.parameter("pageSize", "10"))]}

    def document(self, call: Call, now: datetime, document_id: str) -> dict[str, Any]:
        if document_id not in self._documents.documents:
            raise Refused(404, "NotFound", f"No document with the id {document_id} is found.")
        return {
            "reportDocumentId": document_id,
            "url": self._documents.url(document_id, now),
            "compressionAlgorithm": "GZIP",
        }

    def _work_on(self, report: Report, now: datetime) -> Report:
        if report.status in TERMINAL or now < report.ready:
            return report
        report.status = self.fate.pop(0) if self.fate else "DONE"
        body, kind = self._write(report, now)
        if report.status == "DONE" and not body:
            report.status = "CANCELLED"  # Amazon's word for a report without rows
        if report.status == "DONE":
            report.document = self._documents.new(body, kind, deflate=True)
        return report

    def _write(self, report: Report, now: datetime) -> tuple[bytes, str]:
        """(document, Content-Type), nothing for a report without rows."""
        if report.kind == ORDERS:
            return self._write_orders(report), "text/plain; charset=UTF-8"
        if report.kind == REMOVALS:
            return self.removals.write(report.start, report.end)
        if report.kind in LEDGER_KINDS:
            return self._ledger.write(report.kind, report.start, report.end, report.options, now)
        if report.kind != KIND:
            return self._returns.write(report.kind, report.start, report.end)
        [marketplace] = report.marketplaces
        made, body = self._cache.get(marketplace, (now, b""))
        if not body or now - made >= self.cached:
            body = self._write_rows(marketplace)
            self._cache[marketplace] = (now, body)
        return (body, f"text/plain; charset={self.charset}") if body.count(b"\n") > 1 else (b"", "")

    def _write_orders(self, report: Report) -> bytes:
        """A row of each item, of a few columns of the many."""
        rows = ["\t".join(ORDER_COLUMNS)]
        for order in self._orders.values():
            place, at = order["salesChannel"], instant(order["createdTime"], "createdTime")
            if report.start <= at <= report.end:
                status = ORDER_STATUS.get(order.get("fulfillment", {}).get("fulfillmentStatus", ""), "Shipped")
                channel = "Non-Amazon" if place.get("channelName") == "NON_AMAZON" else "Amazon.de"
                rows += [
                    "\t".join((order["orderId"], written(at), status, channel, "", "")) for _ in order["orderItems"]
                ]
        return "".join(f"{row}\n" for row in rows).encode()

    def _show(self, report: Report) -> dict[str, Any]:
        shown = {
            "reportId": report.id,
            "reportType": report.kind,
            "marketplaceIds": report.marketplaces,
            "createdTime": written(report.created),
            "dataStartTime": written(report.start),
            "dataEndTime": written(report.end),
            "processingStatus": report.status,
        }
        return shown | ({"reportDocumentId": report.document} if report.document else {})

    def _write_rows(self, marketplace: str) -> bytes:
        rows = ["\t".join(self.columns)]
        rows += [
            "\t".join(_list_fields(offer, self.columns))
            for offer in self._listings.offers.values()
            if marketplace in offer.marketplaces
        ]
        # A character that the charset lacks becomes "?".
        return "".join(f"{row}\n" for row in rows).encode(self.charset, "replace")


def _list_fields(offer: Offer, columns: tuple[str, ...]) -> list[str]:
    channel = str(offer.availability[0]["fulfillment_channel_code"]) if offer.availability else "DEFAULT"
    values = {
        "item-name": offer.title,
        "seller-sku": offer.sku,
        "quantity": "" if offer.quantity is None else str(offer.quantity),
        "asin1": offer.asin,
        "product-id": offer.asin,
        "fulfilment-channel": channel,
        "fulfillment-channel": channel,
        "status": "Active" if offer.by_amazon or offer.quantity else "Inactive",
    }
    return [values.get(column, "") for column in columns]
