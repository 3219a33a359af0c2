"""Returns reports of the stand-in: the XML and the flat file of the merchant's returns, and the report of FBA's.

What belongs here: returns, and how the three reports write them. What does not: requesting a report (reports.py).
Sources: the documentation of the report types, and reports as sellers' accounts show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

from .answers import instant, written

XML, FLAT = "GET_XML_RETURNS_DATA_BY_RETURN_DATE", "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE"
FBA = "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA"
KINDS = (XML, FLAT, FBA)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FLAT_COLUMNS = (
    "Order ID", "Order date", "Return request date", "Return request status", "Amazon RMA ID", "Merchant RMA ID",
    "Label type", "Label cost", "Currency code", "Return carrier", "Tracking ID", "Label to be paid by",
    "A-to-Z Claim", "Is prime", "ASIN", "Merchant SKU", "Item Name", "Return quantity", "Return Reason", "In policy",
    "Return type", "Resolution", "Invoice number", "Return delivery date", "Order Amount", "Order quantity",
    "SafeT Action reason", "SafeT claim id", "SafeT claim state", "SafeT claim creation time",
    "SafeT claim reimbursement amount", "Refunded Amount",
)  # fmt: skip
FBA_COLUMNS = (
    "return-date", "order-id", "sku", "asin", "fnsku", "product-name", "quantity", "fulfillment-center-id",
    "detailed-disposition", "reason", "status", "license-plate-number", "customer-comments",
)  # fmt: skip
Data = dict[str, Any]


class Returns:
    """merchant, fba: the account's returns. flat_columns, flat_charset: how the flat file is written; an account may
    get it in the marketplace's language. items_repeated: the XML lists every item twice, as some accounts get it."""

    def __init__(self) -> None:
        self.merchant: list[Data] = []
        self.fba: list[Data] = []
        self.flat_columns: tuple[str, ...] = FLAT_COLUMNS
        self.flat_charset = "Cp1252"
        self.items_repeated = False

    def add(self, *returns: Data) -> None:
        """Keep returns, or their new states."""
        for record in returns:
            kept, key = (self.fba, "license-plate-number") if "fnsku" in record else (self.merchant, "amazon_rma_id")
            kept[:] = [other for other in kept if other[key] != record[key]]
            kept.append(record)

    def write(self, kind: str, start: datetime, end: datetime) -> tuple[bytes, str]:
        """(document, Content-Type); nothing for a span without returns."""
        field = "return-date" if kind == FBA else "return_request_date"
        rows = [
            row
            for row in (self.fba if kind == FBA else self.merchant)
            if start <= instant(row[field], field) < end
        ]  # fmt: skip
        if not rows:
            return b"", ""
        if kind == XML:
            return self._write_xml(rows), "text/xml; charset=UTF-8"
        if kind == FBA:
            lines = [FBA_COLUMNS, *([str(row[name]) for name in FBA_COLUMNS] for row in rows)]
            return _write_table(lines, "Cp1252"), "text/plain; charset=Cp1252"
        lines = [self.flat_columns, *_list_flat(rows)]
        return _write_table(lines, self.flat_charset), f"text/plain; charset={self.flat_charset}"

    def _write_xml(self, rows: Iterable[Data]) -> bytes:
        root = ET.Element("AmazonEnvelope")
        ET.SubElement(ET.SubElement(root, "Header"), "DocumentVersion").text = "1.00"
        ET.SubElement(root, "MessageType").text = "Returns-Report"
        message = ET.SubElement(root, "Message")
        for row in rows:
            details = ET.SubElement(message, "return_details")
            for item in row["items"]:
                for _ in range(2 if self.items_repeated else 1):
                    _fill(ET.SubElement(details, "item_details"), item)
            _fill(details, {name: text for name, text in row.items() if name not in ("items", "label_details")})
            if row["label_details"]:
                _fill(ET.SubElement(details, "label_details"), row["label_details"])
        return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def make_return(
    order_id: str, rma: str, requested: datetime, *items: tuple[str, int], status: str = "Approved",
    delivered: datetime | None = None, tracking: str = "", reason: str = "AMZ-PG-APP-TOO-SMALL",
) -> Data:  # fmt: skip
    """A merchant's return. items: (SKU, units)."""
    delivery = {"return_delivery_date": written(delivered)} if delivered else {}
    return {
        "items": [
            {
                "item_name": "Gooseneck Kettle & Lid", "asin": "B000000001", "return_reason_code": reason,
                "merchant_sku": sku, "in_policy": "Y", "return_quantity": str(units), "resolution": "StandardRefund",
                "category": "Kitchen", "refund_amount": "20.0",
            }
            for sku, units in items
        ],
        "order_id": order_id, "order_date": written(requested), "amazon_rma_id": rma,
        "return_request_date": written(requested), "return_request_status": status, "a_to_z_claim": "false",
        "is_prime": "N",
        "label_details": {
            "currency_code": "EUR", "label_cost": "0.0", "label_type": "AmazonUnPaidLabel",
            "return_carrier": "DHL", "tracking_id": tracking,
        } if tracking else {},
        "label_to_be_paid_by": "Customer", "return_type": "C-Returns", "order_amount": "59.9",
        "order_quantity": str(sum(units for _, units in items)), **delivery,
    }  # fmt: skip


def make_unit(
    order_id: str, plate: str, returned: datetime, sku: str, *, units: int = 1, disposition: str = "SELLABLE",
    status: str = "Unit returned to inventory", comments: str = "",
) -> Data:  # fmt: skip
    """A unit that FBA took back."""
    return {
        "return-date": returned.isoformat(timespec="seconds"), "order-id": order_id, "sku": sku, "asin": "B000000001",
        "fnsku": "X000000001", "product-name": "Gooseneck Kettle", "quantity": units, "fulfillment-center-id": "LEJ1",
        "detailed-disposition": disposition, "reason": "UNWANTED_ITEM", "status": status,
        "license-plate-number": plate, "customer-comments": comments,
    }  # fmt: skip


def _list_flat(rows: Iterable[Data]) -> list[list[str]]:
    """A row per item, in the order of FLAT_COLUMNS."""
    table = []
    for row in rows:
        for item in row["items"]:
            values = {
                "Order ID": row["order_id"], "Return request date": _write_day(row["return_request_date"]),
                "Return request status": row["return_request_status"], "Amazon RMA ID": row["amazon_rma_id"],
                "Tracking ID": row["label_details"].get("tracking_id", ""), "ASIN": item["asin"],
                "Merchant SKU": item["merchant_sku"], "Item Name": item["item_name"],
                "Return quantity": item["return_quantity"], "Return Reason": item["return_reason_code"],
                "Return delivery date": _write_day(row.get("return_delivery_date", "")),
                "Order quantity": row["order_quantity"], "Resolution": item["resolution"],
            }  # fmt: skip
            table.append([values.get(name, "") for name in FLAT_COLUMNS])
    return table


def _write_day(text: str) -> str:
    if not text:
        return ""
    day = instant(text, "date")
    return f"{day.day:02d}-{MONTHS[day.month - 1]}-{day.year}"


def _write_table(lines: Iterable[Sequence[str]], charset: str) -> bytes:
    return "".join("\t".join(line) + "\n" for line in lines).encode(charset, "replace")


def _fill(parent: ET.Element, values: Data) -> None:
    for name, text in values.items():
        ET.SubElement(parent, name).text = text
