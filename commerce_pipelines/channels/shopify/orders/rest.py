"""The order in REST shape, which is what webhook bodies carry, brought into the GraphQL shape.

What belongs here: the REST types and the renaming. What does not: any rule of its own; both shapes of one order must
become the same domain Order, so translate.py alone decides what fields mean.

Unlike a listed order, the REST shape holds all lines, refunds and duties at once. It lacks the transactions that paid
(only gateway names), so payments are known only when there was one gateway and nothing is outstanding.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from ...capabilities import OrderHead
from . import payloads
from .payloads import Instant, Quantity, decode, order_head

Id = Annotated[int, msgspec.Meta(ge=0)]
Amount = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,4})?$")]

_NO_MORE = payloads.PageInfo(hasNextPage=False)
_FULFILLED = {"fulfilled": "FULFILLED", "partial": "PARTIALLY_FULFILLED"}


class Node(msgspec.Struct, gc=False, kw_only=True):
    pass


class Money(Node):
    amount: str
    currency_code: str


class Bag(Node):
    shop_money: Money
    presentment_money: Money

    def graphql(self) -> payloads.Bag:
        return payloads.Bag(
            shopMoney=payloads.Money(amount=self.shop_money.amount, currencyCode=self.shop_money.currency_code),
            presentmentMoney=payloads.Money(
                amount=self.presentment_money.amount, currencyCode=self.presentment_money.currency_code
            ),
        )


class TaxLine(Node):
    price_set: Bag
    rate: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    channel_liable: bool | None = None

    def graphql(self) -> payloads.TaxLine:
        return payloads.TaxLine(priceSet=self.price_set.graphql(), rate=self.rate, channelLiable=self.channel_liable)


class DiscountApplication(Node):
    code: str | None = None
    title: str | None = None


class DiscountAllocation(Node):
    amount_set: Bag
    discount_application_index: int


class Duty(Node):
    id: Id
    price_set: Bag | None = None
    tax_lines: list[TaxLine] = []


class LineItem(Node):
    id: Id
    name: str
    quantity: Quantity
    price_set: Bag
    current_quantity: Quantity | None = None
    sku: str | None = None
    gift_card: bool = False
    requires_shipping: bool = True
    taxable: bool = True
    discount_allocations: list[DiscountAllocation] = []
    tax_lines: list[TaxLine] = []
    duties: list[Duty] = []


class ShippingLine(Node):
    title: str
    price_set: Bag
    id: Id | None = None
    code: str | None = None
    is_removed: bool = False
    discount_allocations: list[DiscountAllocation] = []
    tax_lines: list[TaxLine] = []


class Transaction(Node):
    amount: Decimal
    kind: str
    status: str


class RefundLineItem(Node):
    line_item_id: Id
    quantity: Quantity
    subtotal_set: Bag
    total_tax_set: Bag


class Adjustment(Node):
    """What a refund gave more or less than its lines are worth."""

    amount: Decimal


class Refund(Node):
    refund_line_items: list[RefundLineItem] = []
    transactions: list[Transaction] = []
    order_adjustments: list[Adjustment] = []


class Address(Node):
    name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    zip: str | None = None
    province_code: str | None = None
    country_code: str | None = None
    phone: str | None = None


class Customer(Node):
    id: Id
    first_name: str | None = None
    last_name: str | None = None


class Company(Node):
    id: Id


class Order(Node):
    id: Id
    name: str
    created_at: Instant
    updated_at: Instant
    currency: str
    presentment_currency: str
    taxes_included: bool
    total_price_set: Bag
    line_items: list[LineItem]
    cancelled_at: Instant | None = None
    test: bool = False
    duties_included: bool = False
    financial_status: str | None = None
    fulfillment_status: str | None = None
    email: str | None = None
    phone: str | None = None
    customer_locale: str | None = None
    total_tip_received: Amount = "0"
    total_outstanding: Amount = "0"
    original_total_duties_set: Bag | None = None
    original_total_additional_fees_set: Bag | None = None
    total_cash_rounding_payment_adjustment_set: Bag | None = None
    customer: Customer | None = None
    company: Company | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    payment_gateway_names: list[str] = []
    discount_applications: list[DiscountApplication] = []
    shipping_lines: list[ShippingLine] = []
    refunds: list[Refund] = []


class Head(Node):
    id: Id
    created_at: Instant
    updated_at: Instant
    email: str | None = None
    customer: Customer | None = None


_orders = msgspec.json.Decoder(Order)
_heads = msgspec.json.Decoder(Head)


def is_rest(raw: bytes) -> bool:
    """Whether the bytes are a REST body: only that shape has this key. Within a text its quotes would be escaped."""
    return not raw.startswith(b'{"id":"gid:') and b'"admin_graphql_api_id"' in raw  # the first settles most at once


def head(raw: bytes) -> OrderHead:
    """What the landing must know of a REST body."""
    node = decode(_heads, raw)
    return order_head(
        payloads.Head(
            id=_gid("Order", node.id),
            createdAt=node.created_at,
            updatedAt=node.updated_at,
            email=node.email,
            customer=payloads.Reference(id=_gid("Customer", node.customer.id)) if node.customer else None,
        )
    )


def order(raw: bytes) -> payloads.Order:
    """The REST body of these bytes in GraphQL shape."""
    node = decode(_orders, raw)
    names = [payloads.DiscountApplication(index=i, code=by.code, title=by.title)
             for i, by in enumerate(node.discount_applications)]  # fmt: skip
    refunds = [_refund(refund, node) for refund in node.refunds]
    return payloads.Order(
        id=_gid("Order", node.id),
        name=node.name,
        createdAt=node.created_at,
        updatedAt=node.updated_at,
        cancelledAt=node.cancelled_at,
        test=node.test,
        # REST does not say `edited`; its refunds, all of them here, tell whether units were removed.
        edited=any(not _meant(refund) for refund in node.refunds),
        currencyCode=node.currency,
        presentmentCurrencyCode=node.presentment_currency,
        taxesIncluded=node.taxes_included,
        dutiesIncluded=node.duties_included,
        displayFinancialStatus=(node.financial_status or "").upper() or None,
        displayFulfillmentStatus=_FULFILLED.get(node.fulfillment_status or "", "UNFULFILLED"),
        email=node.email,
        phone=node.phone,
        customerLocale=node.customer_locale,
        totalPriceSet=node.total_price_set.graphql(),
        totalTipReceivedSet=_amount(node, node.total_tip_received),
        totalRefundedSet=_amount(node, str(sum((_moved(refund) for refund in node.refunds), Decimal(0)))),
        originalTotalDutiesSet=_bag(node.original_total_duties_set),
        originalTotalAdditionalFeesSet=_bag(node.original_total_additional_fees_set),
        totalCashRoundingAdjustment=_rounding(node.total_cash_rounding_payment_adjustment_set),
        customer=_customer(node.customer),
        purchasingEntity=_entity(node),
        billingAddress=_address(node.billing_address),
        shippingAddress=_address(node.shipping_address),
        transactions=_paid(node),
        shippingLines=payloads.ShippingLines(
            nodes=[_shipping(line, names) for line in node.shipping_lines], pageInfo=_NO_MORE
        ),
        lineItems=payloads.LineItems(nodes=[_item(line, names) for line in node.line_items], pageInfo=_NO_MORE),
        refunds=refunds,
    )


def _gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


def _bag(bag: Bag | None) -> payloads.Bag | None:
    return bag.graphql() if bag else None


def _amount(node: Order, amount: str) -> payloads.Bag:
    """An amount that REST gives in the shop's currency alone: in the buyer's too when that is the same, or nothing."""
    money = payloads.Money(amount=amount)
    both = node.currency == node.presentment_currency or not Decimal(amount)
    return payloads.Bag(shopMoney=money, presentmentMoney=money if both else None)


def _allocations(
    found: list[DiscountAllocation], names: list[payloads.DiscountApplication]
) -> list[payloads.DiscountAllocation]:
    return [
        payloads.DiscountAllocation(
            allocatedAmountSet=each.amount_set.graphql(),
            discountApplication=names[each.discount_application_index]
            if 0 <= each.discount_application_index < len(names)
            else payloads.DiscountApplication(index=each.discount_application_index),
        )
        for each in found
    ]


def _taxes(lines: list[TaxLine]) -> list[payloads.TaxLine]:
    return [line.graphql() for line in lines]


def _item(line: LineItem, names: list[payloads.DiscountApplication]) -> payloads.LineItem:
    return payloads.LineItem(
        id=_gid("LineItem", line.id),
        name=line.name,
        quantity=line.quantity,
        currentQuantity=line.quantity if line.current_quantity is None else line.current_quantity,
        originalUnitPriceSet=line.price_set.graphql(),
        sku=line.sku,
        isGiftCard=line.gift_card,
        requiresShipping=line.requires_shipping,
        taxable=line.taxable,
        discountAllocations=_allocations(line.discount_allocations, names),
        taxLines=_taxes(line.tax_lines),
        duties=[
            payloads.Duty(id=_gid("Duty", duty.id), price=duty.price_set.graphql(), taxLines=_taxes(duty.tax_lines))
            for duty in line.duties
            if duty.price_set
        ],
    )


def _shipping(line: ShippingLine, names: list[payloads.DiscountApplication]) -> payloads.ShippingLine:
    return payloads.ShippingLine(
        title=line.title,
        originalPriceSet=line.price_set.graphql(),
        id=None if line.id is None else _gid("ShippingLine", line.id),
        code=line.code,
        isRemoved=line.is_removed,
        discountAllocations=_allocations(line.discount_allocations, names),
        taxLines=_taxes(line.tax_lines),
    )


def _moved(refund: Refund) -> Decimal:
    """The money that went back, in the currency it was paid in."""
    return sum(
        (one.amount for one in refund.transactions if one.kind == "refund" and one.status == "success"), Decimal(0)
    )


def _meant(refund: Refund) -> Decimal:
    """0 for an edit's removal alone: money still on its way or refused, or kept back on purpose, was a refund's."""
    amounts = [one.amount for one in refund.transactions] + [one.amount for one in refund.order_adjustments]
    return sum(map(abs, amounts), Decimal(0))


def _refund(refund: Refund, node: Order) -> payloads.Refund:
    return payloads.Refund(
        totalRefundedSet=_amount(node, str(_meant(refund))),
        refundLineItems=payloads.RefundLineItems(
            nodes=[
                payloads.RefundLineItem(
                    lineItem=payloads.Reference(id=_gid("LineItem", row.line_item_id)),
                    quantity=row.quantity,
                    subtotalSet=row.subtotal_set.graphql(),
                    totalTaxSet=row.total_tax_set.graphql(),
                )
                for row in refund.refund_line_items
            ],
            pageInfo=_NO_MORE,
        ),
    )


def _paid(node: Order) -> list[payloads.Transaction]:
    settled = node.financial_status == "paid" and not Decimal(node.total_outstanding)
    if not settled or len(node.payment_gateway_names) != 1:
        return []
    return [
        payloads.Transaction(
            kind="SALE",
            status="SUCCESS",
            amountSet=node.total_price_set.graphql(),
            gateway=node.payment_gateway_names[0],
        )
    ]


def _rounding(bag: Bag | None) -> payloads.CashRounding | None:
    return payloads.CashRounding(paymentSet=bag.graphql()) if bag else None


def _customer(customer: Customer | None) -> payloads.Customer | None:
    if customer is None:
        return None
    return payloads.Customer(
        id=_gid("Customer", customer.id), firstName=customer.first_name, lastName=customer.last_name
    )


def _entity(node: Order) -> payloads.PurchasingEntity | None:
    """REST names the buying company by id alone; its name is the one in the billing address."""
    if node.company is None:
        return None
    name = (node.billing_address and node.billing_address.company) or ""
    return payloads.PurchasingEntity(company=payloads.Company(name=name))


def _address(address: Address | None) -> payloads.Address | None:
    if address is None:
        return None
    return payloads.Address(
        name=address.name,
        company=address.company,
        address1=address.address1,
        address2=address.address2,
        city=address.city,
        zip=address.zip,
        provinceCode=address.province_code,
        countryCodeV2=address.country_code,
        phone=address.phone,
    )
