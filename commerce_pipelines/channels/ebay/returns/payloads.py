"""The refunds of an order: what the Fulfillment API states of them, and the record that is landed of each.

What belongs here: the vendor's shapes under the vendor's names, taking an order apart. What does not: what a refund
means (translate.py), asking (reading.py). Source: sell_fulfillment_v1_oas3.json 1.20.7, whose field descriptions are
quoted.

**One refund, one record.** Refunds "at the order level" stand in `paymentSummary.refunds`, which "does not include line
item level refunds"; refunds of lines stand at their lines, several lines perhaps under one `refundId`. Where the same
id, or the same moment with the same sum, stands at both levels all the same, it is one refund.

**Key.** `refundId` exists for refunds of the method issueRefund, `refundReferenceId` for others once they are issued,
and some have neither: then time and amount name it. A refund without any of these is on its way; it is left out until
eBay names it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypeVar

import msgspec

from ....core.errors import RecordError
from ....core.legible import decode_json, says
from ....domain.money import to_minor
from ...capabilities import Head
from ..api.payloads import Amount, Id, Instant, subject

T = TypeVar("T")


class _Payload(msgspec.Struct, rename="camel", gc=False, omit_defaults=True):
    pass


class Refund(_Payload):
    """A refund of the order has a status, a refund of a line has none."""

    amount: Amount | None = None
    refund_date: Instant | None = None
    refund_id: str | None = None
    refund_reference_id: str | None = None
    refund_status: Literal["FAILED", "PENDING", "REFUNDED"] | None = None


class Buyer(_Payload):
    username: str | None = None


class CancelStatus(_Payload):
    cancel_state: str = ""


class Summary(_Payload):
    total: Amount


class Tax(_Payload):
    amount: Amount | None = None


class DeliveryCost(_Payload):
    shipping_cost: Amount | None = None
    handling_cost: Amount | None = None
    discount_amount: Amount | None = None


class Line(_Payload):
    line_item_id: Id
    line_item_cost: Amount
    quantity: int
    sku: str | None = None
    discounted_line_item_cost: Amount | None = None
    delivery_cost: DeliveryCost | None = None
    total: Amount | None = None
    ebay_collect_and_remit_taxes: list[Tax] | None = None


class Order(_Payload):
    """What a refund needs of its order: no address, no title."""

    order_id: Id
    creation_date: Instant
    last_modified_date: Instant
    pricing_summary: Summary
    line_items: list[Line]
    order_fulfillment_status: str = ""
    buyer: Buyer | None = None
    cancel_status: CancelStatus | None = None


class Part(_Payload):
    """What was paid back for one line, or, without a line, for the order."""

    refund: Refund
    line_item_id: str = ""


class Record(_Payload):
    """One refund, as it is landed."""

    key: str
    order: Order
    parts: list[Part]


class LineRefunds(_Payload):
    line_item_id: Id
    refunds: list[Refund] | None = None


class PaymentSummary(_Payload):
    refunds: list[Refund] | None = None


class Refunds(_Payload):
    """An order's refunds, at both levels."""

    line_items: list[LineRefunds]
    payment_summary: PaymentSummary | None = None


_orders = msgspec.json.Decoder(Order)
_refunds = msgspec.json.Decoder(Refunds)
_records = msgspec.json.Decoder(Record)


def split(raw: bytes) -> list[Record]:
    """The refunds of an order's payload. Raises RecordError(`bad_payload`)."""
    groups = _group_parts(raw)
    if not groups:
        return []
    order = read_order(raw)
    keyed: dict[str, Record] = {}
    for group in groups:
        if key := _name(group):
            number = sum(name.partition("~")[0] == key for name in keyed)
            name = f"{key}~{number + 1}" if number else key
            keyed[name] = Record(name, order, group)
    return list(keyed.values())


def has_unnamed(raw: bytes) -> bool:
    """Whether the order has a refund on its way that nothing names yet."""
    return any(not _name(group) for group in _group_parts(raw))


def read_order(raw: bytes) -> Order:
    return _read(_orders, raw)


def _group_parts(raw: bytes) -> list[list[Part]]:
    """What the order states of each of its refunds."""
    stated = _read(_refunds, raw)
    of_order = [Part(refund) for refund in (stated.payment_summary and stated.payment_summary.refunds) or ()]
    of_lines = [Part(refund, line.line_item_id) for line in stated.line_items for refund in line.refunds or ()]
    groups: list[list[Part]] = []
    for part in of_lines:
        group = next((group for group in groups if _is_same(group[0].refund, part.refund)), None)
        if group is None:
            groups.append([part])
        else:
            group.append(part)
    for part in of_order:
        group = next((group for group in groups if _is_repeated(part, group)), None)
        if group is None:
            groups.append([part])
        else:
            group.append(part)
    return groups


def read_record(raw: bytes) -> Record:
    return _read(_records, raw)


def write_record(record: Record) -> bytes:
    return msgspec.json.encode(record)


def head(raw: bytes) -> Head:
    """What the landing must know of a refund."""
    record = read_record(raw)
    order = record.order
    return Head(
        record_id=f"{order.order_id}:{record.key}",
        created_at=date_of(record),
        updated_at=order.last_modified_date.astimezone(UTC),
        subject=subject((order.buyer and order.buyer.username) or "", order.order_id),
    )


def date_of(record: Record) -> datetime:
    """When the money went back; until then, when the order was placed, which stays the same."""
    dates = [part.refund.refund_date for part in record.parts if part.refund.refund_date]
    return min(dates, default=record.order.creation_date).astimezone(UTC)


def _is_same(one_line: Refund, other: Refund) -> bool:
    """Whether two lines were refunded together."""
    if one_line.refund_id or other.refund_id:
        return one_line.refund_id == other.refund_id
    return one_line.refund_date is not None and one_line.refund_date == other.refund_date


def _is_repeated(part: Part, lines: list[Part]) -> bool:
    """Whether a refund at the order is the refund of these lines, stated again."""
    first = lines[0]
    if not first.line_item_id:
        return False
    if part.refund.refund_id and first.refund.refund_id:
        return part.refund.refund_id == first.refund.refund_id
    when = part.refund.refund_date
    return when is not None and when == first.refund.refund_date and _sum(lines) == _sum([part])


def _sum(parts: list[Part]) -> tuple[str, int] | None:
    """Currency and minor units; None where they cannot be read, so that nothing is taken for equal."""
    amounts = [part.refund.amount for part in parts]
    try:
        total = sum(to_minor(amount.value, amount.currency) for amount in amounts if amount)
    except RecordError:
        return None
    currencies = {amount.currency for amount in amounts if amount}
    return (currencies.pop(), total) if len(currencies) == 1 else None


def _name(group: list[Part]) -> str:
    """The refund's key within its order; '' where nothing names it yet."""
    refunds = [part.refund for part in group]
    for refund in refunds:
        if refund.refund_id:
            return refund.refund_id
    for refund in refunds:
        if refund.refund_reference_id:
            return refund.refund_reference_id
    for refund in refunds:
        if refund.refund_date and refund.amount:
            return f"{refund.refund_date.astimezone(UTC):%Y%m%dT%H%M%S}-{refund.amount.value}"
    return ""


def _read(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    try:
        return decode_json(decoder, raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        reason = says(error)
        raise RecordError(
            "bad_payload",
            f"eBay's refund is not shaped as its API says: {reason}.",
            fix="Look at the landed answer; if it is right there, report the path, because eBay changed its API.",
            subject=reason.partition(" - at `")[2].rstrip("`"),
        ) from None
