"""Returns and refunds as the business sees them, whatever marketplace they came from.

A return is goods on their way back, a refund is money paid back. Either may come without the other, or before it; they
belong together by order and line, never by the RMA number alone. Neither holds personal data.

What belongs here: the shapes and their invariants. What does not: how a marketplace says it (channels/*/returns/), what
follows for Odoo.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from ...core.errors import RecordError
from ..orders.order import LARGEST_AMOUNT, LONGEST_ID, MOST_UNITS, FulfilledBy


class ReturnState(StrEnum):
    """Where the return stands for the merchant."""

    REQUESTED = "requested"  # the buyer asks; nobody has agreed, nothing is expected yet
    ANNOUNCED = "announced"  # agreed: goods are expected
    RECEIVED = "received"  # the channel says that they have arrived
    CLOSED = "closed"  # nothing more will come
    DECLINED = "declined"
    CANCELLED = "cancelled"


class Disposition(StrEnum):
    """What the channel says about the state of what came back."""

    UNKNOWN = "unknown"
    SELLABLE = "sellable"
    DAMAGED = "damaged"  # not sellable: to be inspected, then scrapped or repaired
    MISSING = "missing"  # announced, never arrived


class RefundState(StrEnum):
    PENDING = "pending"  # under way: never booked
    DONE = "done"
    FAILED = "failed"  # the money stayed with the seller


class RefundKind(StrEnum):
    """What a line of a refund pays back for."""

    GOODS = "goods"  # units that are taken back or were never sent: `quantity` says how many
    PRICE = "price"  # a part of a line's price; the buyer keeps the goods
    SHIPPING = "shipping"
    GOODWILL = "goodwill"  # money for no line; negative where the seller keeps some, as a restocking fee


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    pass


class ReturnLine(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """Units of one product that come back.

    line_id: the channel's id, else a natural key that stays the same; unique in the return. order_line_id: as
    `OrderLine.line_id`, '' where the channel names the SKU only. quantity: announced. received: of these, how many the
    channel says have arrived. unit: the channel's key of a single unit (FBA's license plate), '' otherwise.
    """

    line_id: str
    quantity: int
    order_line_id: str = ""
    sku: str = ""
    received: int = 0
    disposition: Disposition = Disposition.UNKNOWN
    reason: str = ""  # the channel's code
    unit: str = ""


class Return(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """Goods on their way back, at one revision. rma: the number that people see. fulfilled_by CHANNEL: the marketplace
    takes them into its own warehouse."""

    channel: str
    return_id: str
    order_id: str
    created_at: datetime
    updated_at: datetime
    state: ReturnState
    lines: tuple[ReturnLine, ...]
    rma: str = ""
    fulfilled_by: FulfilledBy = FulfilledBy.MERCHANT
    tracking_numbers: tuple[str, ...] = ()
    # What the buyer gets instead, where the channel names no line of the order for it.
    exchange_skus: tuple[str, ...] = ()


class RefundLine(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """Money of one cause.

    amount: minor units of the refund's currency paid back by the seller, the seller's tax included, whatever the
            order's price basis is; negative where the seller keeps money.
    tax:    the seller's tax inside `amount`, None where the channel does not state it: the order line's rate decides.
    is_returned: the goods come back (None: not said; a return, or nothing, tells).
    """

    line_id: str
    kind: RefundKind
    amount: int
    tax: int | None = None
    order_line_id: str = ""
    sku: str = ""
    quantity: int = 0
    is_returned: bool | None = None


class Refund(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """Money paid back, at one revision.

    total: minor units of the seller's money that went back = sum of the lines. collected: tax that the marketplace had
    collected and pays back itself, on top of `total`. set_off: the part of `total` that moved no money, because the
    buyer gets other goods for it.
    """

    channel: str
    refund_id: str
    order_id: str
    created_at: datetime
    updated_at: datetime
    state: RefundState
    currency: str
    total: int
    lines: tuple[RefundLine, ...]
    collected: int = 0
    set_off: int = 0
    return_id: str = ""
    reason: str = ""  # the channel's code


class Outline(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """What is certain of a refund that cannot be read as a whole. total: minor units of `currency` that went back, None
    where that is not certain; 0 where no money has moved."""

    order_id: str
    currency: str
    total: int | None = None


def check_return(record: Return) -> None:
    """Raises RecordError for a return that contradicts itself, or that no table can hold."""
    _check_ids(record.return_id, [line.line_id for line in record.lines])
    for line in record.lines:
        if not 0 < line.quantity <= MOST_UNITS or not 0 <= line.received <= MOST_UNITS:
            raise RecordError(
                "bad_quantity", f"Line {line.line_id[:40]} of the return has the quantity {line.quantity}.",
                fix="Look at the return in the marketplace.", subject=line.line_id[:40],
            )  # fmt: skip


def check_refund(record: Refund) -> None:
    """Raises RecordError for a refund that contradicts itself, or that no table can hold."""
    _check_ids(record.refund_id, [line.line_id for line in record.lines])
    for amount in (record.total, record.collected, *(line.amount for line in record.lines)):
        if not -LARGEST_AMOUNT <= amount <= LARGEST_AMOUNT:
            raise RecordError(
                "bad_amount",
                f"The refund has an amount beyond {LARGEST_AMOUNT} minor units of {record.currency[:3]}.",
                fix="Look at the refund in the marketplace.", subject=record.currency[:3],
            )  # fmt: skip
    for line in record.lines:
        if not 0 <= line.quantity <= MOST_UNITS or (line.kind is RefundKind.GOODS and not line.quantity):
            raise RecordError(
                "bad_quantity", f"Line {line.line_id[:40]} of the refund has the quantity {line.quantity}.",
                fix="Look at the refund in the marketplace.", subject=line.line_id[:40],
            )  # fmt: skip
    off = record.total - sum(line.amount for line in record.lines)
    if off:
        raise RecordError(
            "unbalanced", f"The lines of the refund differ from its total by {off} minor units of {record.currency}.",
            fix="Compare the refund in the marketplace; amounts of a kind we do not know yet are the usual cause.",
            subject=record.currency,
        )  # fmt: skip


def _check_ids(record_id: str, line_ids: list[str]) -> None:
    if not record_id or max(map(len, (record_id, *line_ids))) > LONGEST_ID:
        raise RecordError(
            "bad_payload", f"An id is missing or has more than {LONGEST_ID} characters.",
            fix="Look at the record in the marketplace; if it is right there, report its payload.",
        )  # fmt: skip
    if len(set(line_ids)) != len(line_ids):
        raise RecordError(
            "duplicate_line", "Two lines carry the same id.",
            fix="Report the payload's shape: the channel's translation must give each line its own id.",
        )  # fmt: skip
