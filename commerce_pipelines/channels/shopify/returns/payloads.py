"""The types of Shopify's returns and refunds: only the fields that queries.py asks for, named as Shopify names them.

What belongs here: both nodes as structs, decoded from bytes, and what the landing must know of them. What does not:
what the fields mean for us (translate.py), what all topics share (api/payloads.py).
"""

from __future__ import annotations

from datetime import UTC
from typing import Generic, Literal, TypeVar

import msgspec

from ...capabilities import Head
from ..api.money import Bag
from ..api.payloads import Instant, Node, PageInfo, Quantity, Reference, decode_record, number, subject_of

N = TypeVar("N")

# An unknown word may mean anything, so such a record waits until these lists have it.
RestockType = Literal["CANCEL", "LEGACY_RESTOCK", "NO_RESTOCK", "RETURN"]
TransactionStatus = Literal["AWAITING_RESPONSE", "ERROR", "FAILURE", "PENDING", "SUCCESS", "UNKNOWN"]
ReturnStatus = Literal["CANCELED", "CLOSED", "DECLINED", "OPEN", "REQUESTED"]
DispositionType = Literal["MISSING", "NOT_RESTOCKED", "PROCESSING_REQUIRED", "RESTOCKED"]


class Rows(Node, Generic[N]):
    nodes: list[N]
    pageInfo: PageInfo


class Order(Node):
    """The order that a return or refund belongs to. updatedAt: neither of them states reliably when it changed, but the
    order's time of change moves with both."""

    id: str
    updatedAt: Instant
    createdAt: Instant
    taxesIncluded: bool
    currencyCode: str = ""
    presentmentCurrencyCode: str = ""
    email: str | None = None
    customer: Reference | None = None


class TaxLine(Node):
    channelLiable: bool | None = None


class LineItem(Node):
    id: str
    sku: str | None = None
    taxLines: list[TaxLine] = []


class ShippingLine(Node):
    id: str | None = None
    taxLines: list[TaxLine] = []


class RefundLineItem(Node):
    lineItem: LineItem
    quantity: Quantity
    restockType: RestockType
    subtotalSet: Bag
    totalTaxSet: Bag
    id: str | None = None


class RefundShippingLine(Node):
    id: str
    shippingLine: ShippingLine
    subtotalAmountSet: Bag
    taxAmountSet: Bag


class OrderAdjustment(Node):
    """reason: PENDING_REFUND_DISCREPANCY, RESTOCK …"""

    id: str
    amountSet: Bag
    taxAmountSet: Bag
    reason: str | None = None


class RefundDuty(Node):
    amountSet: Bag
    originalDuty: Reference | None = None


class Transaction(Node):
    kind: str
    status: TransactionStatus
    amountSet: Bag
    gateway: str | None = None


class ExchangeLineItem(Node):
    """What the buyer gets instead. processedQuantity, lineItems: units that were added to the order, and its lines for
    them; None in an answer that was landed before they were asked for."""

    quantity: Quantity
    variantSku: str | None = None
    processedQuantity: Quantity | None = None
    lineItems: list[Reference] | None = None

    @property
    def is_nameless(self) -> bool:
        """Whether the buyer gets it, and no line of the order is known for it."""
        return not self.lineItems and self.processedQuantity != 0


class OfReturn(Node):
    """The return that a refund belongs to, with what the buyer gets instead."""

    id: str
    exchangeLineItems: Rows[ExchangeLineItem] | None = None


class Refund(Node):
    id: str
    order: Order
    totalRefundedSet: Bag
    refundLineItems: Rows[RefundLineItem]
    refundShippingLines: Rows[RefundShippingLine]
    orderAdjustments: Rows[OrderAdjustment]
    transactions: Rows[Transaction]
    createdAt: Instant | None = None
    return_: OfReturn | None = msgspec.field(default=None, name="return")
    duties: list[RefundDuty] | None = None


class Fulfilled(Node):
    """The line of a parcel from which units come back."""

    id: str
    lineItem: LineItem | None = None


class Reason(Node):
    handle: str


class ReturnLineItem(Node):
    """fulfillmentLineItem: missing where Shopify could not tell which line of the order it is."""

    id: str
    quantity: Quantity
    returnReasonDefinition: Reason | None = None
    fulfillmentLineItem: Fulfilled | None = None


class Disposal(Node):
    type: DispositionType
    quantity: Quantity


class ReverseLine(Node):
    dispositions: list[Disposal]
    fulfillmentLineItem: Reference | None = None


class Tracking(Node):
    number: str | None = None


class Deliverable(Node):
    tracking: Tracking | None = None


class ReverseDelivery(Node):
    deliverable: Deliverable | None = None


class ReverseDeliveries(Node):
    nodes: list[ReverseDelivery]


class ReverseOrder(Node):
    lineItems: Rows[ReverseLine]
    reverseDeliveries: ReverseDeliveries


class Return(Node):
    id: str
    name: str
    status: ReturnStatus
    createdAt: Instant
    order: Order
    returnLineItems: Rows[ReturnLineItem]
    exchangeLineItems: Rows[ExchangeLineItem]
    reverseFulfillmentOrders: Rows[ReverseOrder]


class HeadFields(Node):
    """Of a refund or a return."""

    id: str
    order: Order
    createdAt: Instant | None = None


_refunds = msgspec.json.Decoder(Refund)
_returns = msgspec.json.Decoder(Return)
_heads = msgspec.json.Decoder(HeadFields)


def refund(raw: bytes) -> Refund:
    return decode_record(_refunds, raw, "refund")


def return_(raw: bytes) -> Return:
    return decode_record(_returns, raw, "return")


def head(raw: bytes, what: str) -> Head:
    """What the landing must know of a refund or a return; it is about the same person as its order."""
    node = decode_record(_heads, raw, what)
    order = node.order
    return Head(
        record_id=number(node.id),
        created_at=(node.createdAt or order.createdAt).astimezone(UTC),
        updated_at=order.updatedAt.astimezone(UTC),
        subject=subject_of(order.id, order.email, order.customer),
    )
