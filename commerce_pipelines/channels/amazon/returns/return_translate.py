"""Amazon's returns -> the domain's returns. Pure.

What belongs here: what Amazon's words for a return's state and for a unit's condition mean. What does not: the types
(return_payloads.py), what follows in Odoo (domain/returns/goods.py).

**Merchant's returns.** An approved return is announced. It stays so when Amazon calls it completed: Amazon pays the
buyer back at the carrier's first scan, before the parcel has arrived. The parcel's delivery date says that it has.
Amazon names SKUs and no items of the order.

**FBA.** A row is a unit that has arrived in Amazon's warehouse. A unit that Amazon reimbursed does not come back to the
merchant's stock.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ....domain.orders.order import FulfilledBy
from ....domain.returns.records import Disposition, Return, ReturnLine, ReturnState
from ...capabilities import Head
from .return_payloads import FbaReturn, MerchantItem, MerchantReturn, head, read_record, refuse

_STATES = {
    "pending": ReturnState.REQUESTED, "pendingapproval": ReturnState.REQUESTED, "requested": ReturnState.REQUESTED,
    "pendingauthorization": ReturnState.REQUESTED,
    "approved": ReturnState.ANNOUNCED, "authorized": ReturnState.ANNOUNCED, "completed": ReturnState.ANNOUNCED,
    "closed": ReturnState.CLOSED,
    "denied": ReturnState.DECLINED, "declined": ReturnState.DECLINED, "rejected": ReturnState.DECLINED,
    "cancelled": ReturnState.CANCELLED, "canceled": ReturnState.CANCELLED,
}  # fmt: skip
_DAMAGED = frozenset(
    ("damaged", "customerdamaged", "carrierdamaged", "warehousedamaged", "distributordamaged", "defective", "expired")
)
_DIGITS = re.compile(r"[0-9]{1,9}\Z")
_LONGEST_CODE = 60


def translate(raw: bytes, channel: str) -> Return:
    """Raises RecordError(`bad_payload`)."""
    times = head(raw)
    record = read_record(raw)
    return (
        _build_from_fba(record, times, channel)
        if isinstance(record, FbaReturn)
        else _build_from_merchant(record, times, channel)
    )


def _build_from_merchant(record: MerchantReturn, times: Head, channel: str) -> Return:
    state = _STATES.get(_strip_word(record.return_request_status))
    if state is None:
        refuse("Amazon's word for its state is not known", "return_request_status")
    has_arrived = bool(record.return_delivery_date)
    if has_arrived and state is ReturnState.ANNOUNCED:
        state = ReturnState.RECEIVED
    if not record.items:
        refuse("it names no item", "item_details")
    by_sku: dict[str, list[MerchantItem]] = {}
    for item in record.items:
        by_sku.setdefault(item.merchant_sku or refuse("an item has no SKU", "merchant_sku"), []).append(item)
    lines = []
    for sku, items in by_sku.items():
        units = _count_units(items, record.order_quantity)
        lines.append(
            ReturnLine(
                line_id=sku, quantity=units, sku=sku, received=units if has_arrived else 0,
                reason=items[0].return_reason_code[:_LONGEST_CODE],
            )
        )  # fmt: skip
    return Return(
        channel=channel, return_id=times.record_id, order_id=record.order_id, created_at=times.created_at,
        updated_at=times.updated_at, state=state, lines=tuple(lines), rma=record.amazon_rma_id,
        tracking_numbers=record.tracking_ids,
    )  # fmt: skip


def _build_from_fba(record: FbaReturn, times: Head, channel: str) -> Return:
    units = _read_count(record.quantity, "quantity")
    is_paid_for = _strip_word(record.status).startswith("reimbursed")
    line = ReturnLine(
        line_id=record.license_plate_number or record.sku, quantity=units, sku=record.sku,
        received=0 if is_paid_for else units,
        disposition=Disposition.MISSING if is_paid_for else _judge(record.detailed_disposition),
        reason=record.reason[:_LONGEST_CODE], unit=record.license_plate_number,
    )  # fmt: skip
    return Return(
        channel=channel, return_id=times.record_id, order_id=record.order_id, created_at=times.created_at,
        updated_at=times.updated_at, state=ReturnState.CLOSED if is_paid_for else ReturnState.RECEIVED, lines=(line,),
        rma=record.license_plate_number, fulfilled_by=FulfilledBy.CHANNEL,
    )  # fmt: skip


def _count_units(items: Sequence[MerchantItem], ordered: str) -> int:
    """Units of one SKU. Amazon may list the very same item twice; it counts once where more would come back than were
    ordered."""
    counts = [_read_count(item.return_quantity, "return_quantity") for item in items]
    is_repeated = len(set(items)) == 1 and _DIGITS.match(ordered) is not None and sum(counts) > int(ordered)
    return counts[0] if is_repeated else sum(counts)


def _judge(disposition: str) -> Disposition:
    word = _strip_word(disposition)
    if word == "sellable":
        return Disposition.SELLABLE
    return Disposition.DAMAGED if word in _DAMAGED else Disposition.UNKNOWN


def _read_count(text: str, field: str) -> int:
    if not _DIGITS.match(text) or not int(text):
        refuse("it names no number of units", field)
    return int(text)


def _strip_word(word: str) -> str:
    return re.sub(r"[^a-z]", "", word.lower())
