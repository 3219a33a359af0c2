"""The types of Shopify's answers: only the fields that api/queries.py asks for, named as Shopify names them.

What belongs here: the order node of the Admin GraphQL API as structs, decoded from bytes, and what the landing must
know of it. What does not: what the fields mean for us (translate.py), what all topics share (api/payloads.py), the
envelope of an answer (api/graphql.py). Unknown fields are ignored; they stay in the landed bytes.
"""

from __future__ import annotations

from datetime import UTC
from typing import Annotated, Literal

import msgspec

from ...capabilities import Head
from ..api.money import Bag
from ..api.payloads import Instant, Node, PageInfo, Quantity, Reference, decode_record, number, subject_of

# An unknown status may mean anything, so such an order waits until this list has it.
FinancialStatus = Literal[
    "AUTHORIZED", "EXPIRED", "PAID", "PARTIALLY_PAID", "PARTIALLY_REFUNDED", "PENDING", "REFUNDED", "VOIDED"
]
FulfillmentStatus = Literal[
    "FULFILLED", "IN_PROGRESS", "ON_HOLD", "OPEN", "PARTIALLY_FULFILLED", "PENDING_FULFILLMENT", "REQUEST_DECLINED",
    "RESTOCKED", "SCHEDULED", "UNFULFILLED",
]  # fmt: skip


class TaxLine(Node):
    """rate: a proportion (0.19). The schema says Float, so it is decoded as one and made exact at once
    (translate.py)."""

    priceSet: Bag
    rate: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    channelLiable: bool | None = None


class DiscountApplication(Node):
    index: int
    code: str | None = None
    title: str | None = None


class DiscountAllocation(Node):
    allocatedAmountSet: Bag
    discountApplication: DiscountApplication


class Duty(Node):
    id: str
    price: Bag
    taxLines: list[TaxLine] = []


class LineItem(Node):
    """quantity includes refunded and removed units; currentQuantity does not."""

    id: str
    name: str
    quantity: Quantity
    currentQuantity: Quantity
    originalUnitPriceSet: Bag
    sku: str | None = None
    isGiftCard: bool = False
    requiresShipping: bool = True
    taxable: bool = True
    discountAllocations: list[DiscountAllocation] = []
    taxLines: list[TaxLine] = []
    duties: list[Duty] = []


class ShippingLine(Node):
    title: str
    originalPriceSet: Bag
    id: str | None = None
    code: str | None = None
    isRemoved: bool = False
    discountAllocations: list[DiscountAllocation] = []
    taxLines: list[TaxLine] = []


class AdditionalFee(Node):
    id: str
    name: str
    price: Bag
    taxLines: list[TaxLine] = []


class LineItems(Node):
    nodes: list[LineItem]
    pageInfo: PageInfo


class ShippingLines(Node):
    nodes: list[ShippingLine]
    pageInfo: PageInfo


class RefundLineItem(Node):
    lineItem: Reference
    quantity: Quantity
    subtotalSet: Bag
    totalTaxSet: Bag


class RefundLineItems(Node):
    nodes: list[RefundLineItem]
    pageInfo: PageInfo


class Refund(Node):
    """return: the return that it belongs to; none where an edit has left it."""

    totalRefundedSet: Bag
    refundLineItems: RefundLineItems
    return_: Reference | None = msgspec.field(default=None, name="return")


class ExchangeLineItem(Node):
    """lineItems: the order's lines that it became, none before it is processed."""

    lineItems: list[Reference] | None = None


class ExchangeLineItems(Node):
    nodes: list[ExchangeLineItem]


class Return(Node):
    exchangeLineItems: ExchangeLineItems


class Returns(Node):
    nodes: list[Return]


class Transaction(Node):
    kind: str
    status: str
    amountSet: Bag
    gateway: str | None = None


class CashRounding(Node):
    paymentSet: Bag


class Address(Node):
    name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    zip: str | None = None
    provinceCode: str | None = None
    province: str | None = None
    countryCodeV2: str | None = None
    phone: str | None = None


class Customer(Node):
    id: str
    firstName: str | None = None
    lastName: str | None = None


class Company(Node):
    name: str


class TaxSettings(Node):
    taxRegistrationId: str | None = None


class CompanyLocation(Node):
    taxSettings: TaxSettings | None = None


class PurchasingEntity(Node):
    """Empty for a private customer, because only companies' fields are requested."""

    company: Company | None = None
    location: CompanyLocation | None = None


class Assessment(Node):
    riskLevel: str = ""  # HIGH, LOW, MEDIUM, NONE, PENDING


class Risk(Node):
    recommendation: str = ""  # ACCEPT, CANCEL, INVESTIGATE, NONE
    assessments: list[Assessment] = []


class Order(Node):
    """An order node. `refunds` is there for edited orders only, `returns` for orders with returns; fees and duties are
    complete only where there are any."""

    id: str
    name: str
    createdAt: Instant
    updatedAt: Instant
    taxesIncluded: bool
    totalPriceSet: Bag
    lineItems: LineItems
    cancelledAt: Instant | None = None
    test: bool = False
    edited: bool = False
    currencyCode: str = ""
    presentmentCurrencyCode: str = ""
    dutiesIncluded: bool = False
    displayFinancialStatus: FinancialStatus | None = None
    displayFulfillmentStatus: FulfillmentStatus | None = None
    email: str | None = None
    phone: str | None = None
    customerLocale: str | None = None
    totalTipReceivedSet: Bag | None = None
    totalRefundedSet: Bag | None = None
    originalTotalDutiesSet: Bag | None = None
    originalTotalAdditionalFeesSet: Bag | None = None
    totalCashRoundingAdjustment: CashRounding | None = None
    risk: Risk | None = None
    customer: Customer | None = None
    purchasingEntity: PurchasingEntity | None = None
    billingAddress: Address | None = None
    shippingAddress: Address | None = None
    transactions: list[Transaction] = []
    shippingLines: ShippingLines | None = None
    refunds: list[Refund] = []
    returns: Returns | None = None
    additionalFees: list[AdditionalFee] = []


class HeadFields(Node):
    id: str
    createdAt: Instant
    updatedAt: Instant
    email: str | None = None
    customer: Reference | None = None


_orders = msgspec.json.Decoder(Order)
_heads = msgspec.json.Decoder(HeadFields)


def order(raw: bytes) -> Order:
    """The order node of these bytes."""
    return decode_record(_orders, raw, "order")


def head(raw: bytes) -> Head:
    """What the landing must know of an order node."""
    return order_head(decode_record(_heads, raw, "order"))


def subjects(raw: bytes) -> tuple[str, ...]:
    """E-mail, account and the order itself: a buyer can have either removed."""
    node = decode_record(_heads, raw, "order")
    names = [(node.email, node.customer), (None, node.customer), (None, None)]
    return tuple(dict.fromkeys(subject_of(node.id, email, customer) for email, customer in names))


def order_head(node: HeadFields) -> Head:
    """The subject of an order whose buyer left neither e-mail nor account is the order itself."""
    return Head(
        record_id=number(node.id),
        created_at=node.createdAt.astimezone(UTC),
        updated_at=node.updatedAt.astimezone(UTC),
        subject=subject_of(node.id, node.email, node.customer),
    )
