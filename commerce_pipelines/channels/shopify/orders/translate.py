"""Shopify's order -> the domain's Order. Pure; every rule that needed a decision is written here.

What belongs here: what Shopify's fields mean for a merchant's books. What does not: the shapes (payloads.py), the
arithmetic of one line (charges.py), VAT decisions and the spreading of discounts (domain/).

**Which order.** The order as it stands now, before refunds. Units that an edit removed are left out; refunded units are
kept (`Order.refunded` says how much was refunded). Shopify records an edit's removal as a refund that moves no money,
with the exact worth of the removed units; removed units that no refund explains are refused, never guessed.

What is sold in exchange for goods that come back is a line of the same order (`OrderLine.is_exchange`), and the units
that come back stay sold: their refund credits them.

**Money.** Unit price × quantity, each discount allocation as a line of its own with the rate of what it reduces. Tax
lines come after discounts, so the discount's share of the tax is moved to it: the sum stays what Shopify states.
Several tax lines (state, county) are one rate, their sum. Tax that the channel is liable for is `collected`; where
prices include tax it leaves the line's amount, because the seller never owns it. A line without tax lines is untaxed
(rate 0) when the shop taxed anything of the order or the line is not taxable, else its rate is unknown (a shop that has
no taxes set up). Gift cards sold are multi-purpose vouchers: no VAT (Art. 30b Directive 2006/112/EC). Paying with a
gift card is a payment. Cash rounding is a line and part of the total, because the till took that much. Booked in the
shop's currency, an order that was paid in another one holds converted amounts, each rounded by itself: the difference
of their sum is a rounding line, as long as rounding alone explains it.

**Status.** An order with `cancelledAt` is cancelled. An order is paid if it is PAID, PARTIALLY_REFUNDED or REFUNDED, or
if its total is zero. Every other order waits, a VOIDED one too: its authorisation lapsed, but the merchant may still
take another payment or cancel.

**Tips** are line items without SKU and shipping, one or all of them worth exactly `totalTipReceived` (a till asks for a
tip at each payment). A tip that Shopify does not list as a line gets a line.
"""

from __future__ import annotations

from datetime import UTC

import msgspec

from ....core.errors import RecordError
from ....domain.keys import is_relay
from ....domain.orders.order import (
    Address,
    Buyer,
    LineKind,
    Order,
    OrderLine,
    OrderStatus,
    Payment,
    Review,
    Shipped,
    balance,
)
from ..api.money import Basis, Minor, reader, side
from ..api.payloads import number
from . import payloads
from .charges import (
    Discounts,
    Taxes,
    charge,
    discounts_of,
    removals_of,
    stands_alone,
    taxes_of,
    without,
)

_PAID = frozenset({"PAID", "PARTIALLY_REFUNDED", "REFUNDED"})
_SHIPPED = {"FULFILLED": Shipped.YES, "PARTIALLY_FULFILLED": Shipped.PARTLY}
_REVIEWS = {"INVESTIGATE": Review.RISKY, "CANCEL": Review.CANCEL}
# What a successful transaction does to the amount paid. Authorisations move no money; refunds are `Order.refunded`.
_PAYS = {"SALE": 1, "CAPTURE": 1, "CHANGE": -1}


def status(financial: str | None, cancelled: bool, total: int) -> OrderStatus:
    """The order's status. total: minor units, before the tax that the channel remits is subtracted."""
    if cancelled:
        return OrderStatus.CANCELLED
    return OrderStatus.PAID if financial in _PAID or total == 0 else OrderStatus.WAITING


def translate(order: payloads.Order, *, channel: str, shop: str, basis: Basis) -> Order:
    """Raises RecordError: `bad_payload`, `bad_amount`, `unknown_edit`. domain.orders.order.check tests whether the
    order adds up."""
    shipping_lines = order.shippingLines
    if order.lineItems.pageInfo.hasNextPage or (shipping_lines and shipping_lines.pageInfo.hasNextPage):
        raise _build_incomplete_error("lineItems.pageInfo")
    stated = side(order.totalPriceSet, basis)
    currency = stated.currencyCode
    if len(currency) != 3:
        raise _build_incomplete_error("totalPriceSet.currencyCode")
    minor = reader(currency, basis)
    charges = _Charges(order, minor)
    gross_total = minor(order.totalPriceSet)
    charges.read()
    lines, collected = charges.lines, charges.collected
    total = gross_total - charges.removed - collected
    if order.totalCashRoundingAdjustment and (rounding := minor(order.totalCashRoundingAdjustment.paymentSet)):
        total += rounding
        lines.append(_build_untaxed_line("rounding", LineKind.ROUNDING, "Cash rounding", rounding))
    result = Order(
        channel=channel,
        order_id=number(order.id),
        number=order.name,
        placed_at=order.createdAt.astimezone(UTC),
        updated_at=order.updatedAt.astimezone(UTC),
        status=status(order.displayFinancialStatus, order.cancelledAt is not None, gross_total),
        currency=currency,
        total=total,
        prices_include_tax=order.taxesIncluded,
        lines=tuple(lines),
        collected=collected,
        collected_as="channel_liable" if collected else "",
        shipped=_SHIPPED.get(order.displayFulfillmentStatus or "", Shipped.NO),
        marketplace=shop,
        service=charges.service(),
        is_test=order.test,
        review=_find_review(order.risk),
        payments=_read_payments(order.transactions, minor),
        refunded=minor(order.totalRefundedSet),
        buyer=_read_buyer(order),
        billing=_read_address(order.billingAddress),
        shipping=_read_address(order.shippingAddress),
    )
    if charges.tip and balance(result) == charges.tip:
        result = _add_line(result, _build_untaxed_line("tip", LineKind.TIP, "Tip", charges.tip))
    if basis == "shop" and order.currencyCode != order.presentmentCurrencyCode:
        off = balance(result)
        if off and abs(off) <= _compute_slack(lines):
            result = _add_line(result, _build_untaxed_line("conversion", LineKind.ROUNDING, "Currency conversion", off))
    return result


class _Charges:
    """The charges of one order as lines.

    collected: minor units of tax that the channel remits. removed: what the units were worth that edits removed. tip:
    the part of the order's tip that no line item shows.
    """

    def __init__(self, order: payloads.Order, minor: Minor) -> None:
        self._order, self._minor = order, minor
        self._items = order.lineItems.nodes
        shipping_lines = order.shippingLines.nodes if order.shippingLines else []
        self._shipped_by = [line for line in shipping_lines if not line.isRemoved]
        self._removals = removals_of(order, minor) if order.edited else {}
        self._exchanged = _list_exchanged(order)
        self._taxed = any(item.taxLines for item in self._items) or any(line.taxLines for line in self._shipped_by)
        self.tip = minor(order.totalTipReceivedSet)
        self.lines: list[OrderLine] = []
        self.collected = self.removed = 0

    def read(self) -> None:
        tips = _find_tips(self._items, self.tip, self._minor) if self.tip else ()
        for item in self._items:
            self._read_item(item, item.id in tips)
        for position, line in enumerate(self._shipped_by):
            self._read_shipping(line, position)
        for fee in self._order.additionalFees:
            line_id, price = f"fee-{number(fee.id)}", self._minor(fee.price)
            self._add(
                _build_untaxed_line(line_id, LineKind.FEE, fee.name, price), {}, taxes_of(fee.taxLines, self._minor)
            )
        self.lines += _build_total_only_lines(self._order, self._minor, self.lines)

    def service(self) -> str:
        """The shipping method, as the shop calls it."""
        return (self._shipped_by[0].code or self._shipped_by[0].title) if self._shipped_by else ""

    def _read_item(self, item: payloads.LineItem, is_tip: bool) -> None:
        minor, line_id, quantity = self._minor, number(item.id), item.quantity
        unit = minor(item.originalUnitPriceSet)
        discounts = discounts_of(item.discountAllocations, minor)
        taxes = taxes_of(item.taxLines, minor)
        if removed := self._removals.get(line_id):
            included = self._order.taxesIncluded
            discounts, taxes, worth = without(removed, unit, discounts, taxes, included=included, line_id=line_id)
            quantity -= removed.quantity
            self.removed += worth
        if not quantity:
            return
        kind = LineKind.GIFT_CARD if item.isGiftCard else LineKind.PRODUCT
        if is_tip:
            kind, self.tip = LineKind.TIP, self.tip - unit
        # The order that is landed has no count for a line, so that a line is shipped when the whole order is.
        shipped = quantity if kind is LineKind.PRODUCT and self._order.displayFulfillmentStatus == "FULFILLED" else 0
        line = OrderLine(
            line_id=line_id, kind=kind, title=item.name, quantity=quantity, amount=unit * quantity,
            sku=item.sku or "", shipped=shipped, is_exchange=item.id in self._exchanged,
        )  # fmt: skip
        self._add(line, discounts, taxes, untaxed=self._taxed or item.isGiftCard or not item.taxable)
        for duty in item.duties or () if not self._order.dutiesIncluded else ():
            duty_line = OrderLine(
                line_id=f"duty-{number(duty.id)}", kind=LineKind.DUTY, title="Import duty", quantity=1,
                amount=minor(duty.price), of=line_id, is_exchange=line.is_exchange,
            )  # fmt: skip
            self._add(duty_line, {}, taxes_of(duty.taxLines, minor))

    def _read_shipping(self, line: payloads.ShippingLine, position: int) -> None:
        if price := self._minor(line.originalPriceSet):  # "Free shipping" at 0.00 is a service, not a line of money
            taxes = taxes_of(line.taxLines, self._minor)
            line_id = f"shipping-{number(line.id) if line.id else position}"
            discounts = discounts_of(line.discountAllocations, self._minor)
            self._add(_build_untaxed_line(line_id, LineKind.SHIPPING, line.title, price), discounts, taxes)

    def _add(self, line: OrderLine, discounts: Discounts, taxes: Taxes, *, untaxed: bool | None = None) -> None:
        """untaxed: as in `charge`; None: true if other lines of the order carry tax."""
        self.collected += taxes.collected
        self.lines += charge(
            line,
            discounts,
            taxes,
            included=self._order.taxesIncluded,
            untaxed=self._taxed if untaxed is None else untaxed,
        )


def _list_exchanged(order: payloads.Order) -> set[str]:
    """The lines that are sold in exchange for goods that come back."""
    returns = order.returns.nodes if order.returns else []
    items = [item for record in returns for item in record.exchangeLineItems.nodes]
    return {line.id for item in items for line in item.lineItems or ()}


def _compute_slack(lines: list[OrderLine]) -> int:
    """By how much converted amounts may differ from their converted sum: half a minor unit for each rounded amount,
    which is every unit price and every line's tax."""
    return 1 + (sum(line.quantity for line in lines) + len(lines)) // 2


def _add_line(order: Order, line: OrderLine) -> Order:
    return msgspec.structs.replace(order, lines=(*order.lines, line))


def _find_tips(items: list[payloads.LineItem], tip: int, minor: Minor) -> tuple[str, ...]:
    """The ids of the line items that are tips."""
    tips = {
        item.id: minor(item.originalUnitPriceSet)
        for item in items
        if item.quantity == 1 and not (item.sku or item.requiresShipping or taxes_of(item.taxLines, minor).tax)
    }
    whole = [gid for gid, amount in tips.items() if amount == tip]
    return tuple(whole[:1] or (tips if sum(tips.values()) == tip else ()))


def _build_total_only_lines(order: payloads.Order, minor: Minor, lines: list[OrderLine]) -> list[OrderLine]:
    """Lines for duties and fees whose sum only the order states."""
    charges = []
    duties = 0 if order.dutiesIncluded else minor(order.originalTotalDutiesSet)
    if duties and stands_alone(lines, LineKind.DUTY):
        charges.append(_build_untaxed_line("duties", LineKind.DUTY, "Import duties", duties))
    fees = minor(order.originalTotalAdditionalFeesSet)
    if fees and stands_alone(lines, LineKind.FEE):
        charges.append(_build_untaxed_line("fees", LineKind.FEE, "Additional fees", fees))
    return charges


def _build_untaxed_line(line_id: str, kind: LineKind, title: str, amount: int) -> OrderLine:
    """A line that carries no tax."""
    return OrderLine(line_id=line_id, kind=kind, title=title, quantity=1, amount=amount, rate=0)


def _read_payments(transactions: list[payloads.Transaction], minor: Minor) -> tuple[Payment, ...]:
    """What was really paid, by gateway (`gift_card` is one of them)."""
    paid: dict[str, int] = {}
    for transaction in transactions:
        if transaction.status == "SUCCESS" and transaction.kind in _PAYS:
            gateway = transaction.gateway or ""
            paid[gateway] = paid.get(gateway, 0) + _PAYS[transaction.kind] * minor(transaction.amountSet)
    return tuple([Payment(method=method, amount=amount) for method, amount in paid.items() if amount])


def _read_buyer(order: payloads.Order) -> Buyer:
    customer, entity = order.customer, order.purchasingEntity
    company = entity.company if entity else None
    location = entity.location if entity else None
    name = (order.billingAddress and order.billingAddress.name) or (
        order.shippingAddress and order.shippingAddress.name
    )
    if not name and customer:
        name = f"{customer.firstName or ''} {customer.lastName or ''}".strip()
    return Buyer(
        ref=number(customer.id) if customer else "",
        name=name or "",
        email=order.email or "",
        email_is_relay=is_relay(order.email or ""),
        phone=order.phone or "",
        company=company.name if company else (order.billingAddress and order.billingAddress.company) or "",
        vat_number=(location and location.taxSettings and location.taxSettings.taxRegistrationId) or "",
        language=order.customerLocale or "",
        is_business=company is not None,
    )


def _read_address(address: payloads.Address | None) -> Address | None:
    if address is None:
        return None
    return Address(
        name=address.name or "",
        company=address.company or "",
        street=address.address1 or "",
        street2=address.address2 or "",
        city=address.city or "",
        postcode=address.zip or "",
        state=address.provinceCode or address.province or "",
        state_name=address.province or "",
        country=address.countryCodeV2 or "",
        phone=address.phone or "",
    )


def _find_review(risk: payloads.Risk | None) -> Review | None:
    """Shopify's own recommendation counts; without one, an assessment that is still pending counts."""
    if risk is None:
        return None
    if risk.recommendation in _REVIEWS:
        return _REVIEWS[risk.recommendation]
    pending = any(assessment.riskLevel == "PENDING" for assessment in risk.assessments)
    return Review.PENDING if pending and risk.recommendation != "ACCEPT" else None


def _build_incomplete_error(path: str) -> RecordError:
    return RecordError(
        "bad_payload",
        f"Shopify's order cannot be read: `$.{path}` says that something of it is missing.",
        fix="Pull the order's day again.",
        subject=path,
    )
