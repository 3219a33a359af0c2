"""Records of Amazon's returns reports: one return of a merchant-fulfilled order, or one unit that came back to FBA.

What belongs here: their types under the names of the reports' columns, and reading them from bytes. What does not: how
a document is divided into records (return_documents.py), what a return means (return_translate.py).

**Byte shape.** A report is one document of many returns. A record is a return's row or element as a JSON object, with
Amazon's names and texts unchanged; only the fields below are kept. What buyers wrote to Amazon is not among them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NoReturn

import msgspec

from ....core.errors import RecordError
from ....core.legible import decode_json, says
from ....domain.orders.order import LONGEST_ID
from ...capabilities import Head

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = re.compile(r"(\d{1,2})-([A-Za-z]{3})[a-z]*-(\d{4})\Z")


class _Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag_field="report"):
    order_id: str


class MerchantItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    merchant_sku: str = ""
    return_quantity: str = ""
    return_reason_code: str = ""
    resolution: str = ""


class MerchantReturn(_Record, frozen=True, kw_only=True, tag="merchant"):
    """One RMA of one order; the names are those of the XML report."""

    amazon_rma_id: str = ""
    return_request_date: str = ""
    return_request_status: str = ""
    return_delivery_date: str = ""
    order_quantity: str = ""
    tracking_ids: tuple[str, ...] = ()
    items: tuple[MerchantItem, ...] = ()


class FbaReturn(_Record, frozen=True, kw_only=True, tag="fba"):
    """Units that Amazon's warehouse took back; mostly one, under its license plate number."""

    return_date: str = ""
    sku: str = ""
    quantity: str = ""
    fulfillment_center_id: str = ""
    detailed_disposition: str = ""
    reason: str = ""
    status: str = ""
    license_plate_number: str = ""


class Unreadable(_Record, frozen=True, kw_only=True, tag="unreadable"):
    """A row that is no return. Its content is not kept, because a buyer's words may be in it."""

    order_id: str = ""
    why: str
    row_sha256: str


Record = MerchantReturn | FbaReturn | Unreadable
_records = msgspec.json.Decoder(Record)


def read_record(raw: bytes) -> MerchantReturn | FbaReturn:
    """Raises RecordError(`bad_payload`)."""
    try:
        record = decode_json(_records, raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        refuse(says(error))
    if isinstance(record, Unreadable):
        refuse(record.why)
    return record


def head(raw: bytes) -> Head:
    """What the landing must know. The reports state no time of change: of two states of one return, the one that was
    read last counts, or the one that the parcel's arrival dates later."""
    record = read_record(raw)
    if not record.order_id:
        refuse("it names no order", "order_id")
    if isinstance(record, FbaReturn):
        created = updated = read_instant(record.return_date, "return-date")
    else:
        created = updated = read_instant(record.return_request_date, "return_request_date")
        if record.return_delivery_date:
            updated = max(created, read_instant(record.return_delivery_date, "return_delivery_date"))
    return Head(record_id=key_of(record), created_at=created, updated_at=updated, subject=f"order:{record.order_id}")


def key_of(record: MerchantReturn | FbaReturn) -> str:
    """The return's id: its order, and the RMA or the unit's license plate, so that it can be found by its order."""
    if isinstance(record, FbaReturn):
        own = record.license_plate_number or f"{record.sku}:{record.return_date}"
    else:
        own = record.amazon_rma_id or record.return_request_date
    return f"{record.order_id}:{own}"[: LONGEST_ID + 1]


def read_instant(text: str, field: str) -> datetime:
    """A time of the reports: ISO 8601, or `12-Nov-2026` in the flat file."""
    try:
        if hit := _DAY.match(text):
            return datetime(int(hit[3]), MONTHS.index(hit[2].lower()) + 1, int(hit[1]), tzinfo=UTC)
        instant = datetime.fromisoformat(text)
    except ValueError:
        refuse("a time is not written as in the report's description", field)
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


def refuse(reason: str, field: str = "") -> NoReturn:
    raise RecordError(
        "bad_payload",
        f"A row of Amazon's returns reports cannot be read: {reason}.",
        fix="Look at the return in Seller Central and book it in Odoo by hand; if it is right there, report the "
        "column, because Amazon changed its report.",
        subject=field,
    )
