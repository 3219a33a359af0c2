"""Orders as Shopify would hold them: from what was sold and how, to the whole node of the Admin API.

What belongs here: Shopify's arithmetic (discounts before tax, tax per line rounded half up, both sides of every money
bag) and its field names. What does not: which orders the demo has (demo.py), answering queries (shop.py).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

Data = dict[str, Any]
DIGITS = {"JPY": 0, "KRW": 0, "KWD": 3}
RATES = {"EUR": "1", "CHF": "0.9437", "GBP": "0.8561", "JPY": "164.37", "USD": "1.0842", "KWD": "0.3331"}


class Line(NamedTuple):
    """One line to sell. price: euro cents of one unit, in the shop's price basis. rate: of the tax, None for no tax
    line at all. discounts: euro cents by name. removed: units that an edit took out again. duty: euro cents."""

    sku: str | None
    title: str
    price: int
    quantity: int = 1
    rate: str | None = "0.19"
    discounts: tuple[tuple[str, int], ...] = ()
    gift_card: bool = False
    ships: bool = True
    removed: int = 0
    duty: int = 0


class _Side:
    """The amounts of one order in one currency. Each amount is converted and rounded by itself, as Shopify does it."""

    def __init__(self, currency: str, included: bool) -> None:
        self.currency, self.included = currency, included
        self.unit = Decimal(1).scaleb(-DIGITS.get(currency, 2))
        self.total = Decimal(0)

    def of(self, cents: int) -> Decimal:
        """Euro cents in this currency."""
        return (Decimal(cents) / 100 * Decimal(RATES[self.currency])).quantize(self.unit, ROUND_HALF_UP)

    def tax(self, net: Decimal, rate: str | None) -> Decimal:
        """The tax in a price that includes it, or on top of one that does not."""
        share = Decimal(rate or 0)
        return (net * share / (1 + share if self.included else 1)).quantize(self.unit, ROUND_HALF_UP)

    def charge(self, price: Decimal, off: Decimal, tax: Decimal) -> None:
        """Add a price less its discount to the total."""
        self.total += price - off + (0 if self.included else tax)


def make_order(
    lines: list[Line],
    *,
    number: int,
    created: str,
    updated: str = "",
    shipping: int = 490,
    shipping_discounts: tuple[tuple[str, int], ...] = (),
    shipping_rate: str | None = "0.19",
    included: bool = True,
    currency: str = "EUR",
    tip: int = 0,
    financial: str = "PAID",
    fulfilment: str = "UNFULFILLED",
    gift_card: int = 0,
    refunded: int = 0,
    **fields: Any,
) -> Data:
    """The order node. gift_card: euro cents paid with one; refunded: euro cents sent back; `fields` are taken as
    they are (email, customer, shippingAddress, cancelledAt, test, purchasingEntity …)."""
    shop, buyer = _Side("EUR", included), _Side(currency, included)

    def bag(value: Any) -> Data:
        sides = [(side, value(side) if callable(value) else side.of(value)) for side in (shop, buyer)]
        money = [{"amount": write_amount(amount), "currencyCode": side.currency} for side, amount in sides]
        return {"shopMoney": money[0], "presentmentMoney": money[1]}

    names = list(dict.fromkeys(
        name for of_place in [*(line.discounts for line in lines), shipping_discounts] for name, _ in of_place
    ))  # fmt: skip

    def allocations(discounts: tuple[tuple[str, int], ...]) -> list[Data]:
        return [
            {
                "allocatedAmountSet": bag(cents),
                "discountApplication": {
                    "__typename": "DiscountCodeApplication" if name.isupper() else "AutomaticDiscountApplication",
                    "index": names.index(name),
                    "code" if name.isupper() else "title": name,
                },
            }
            for name, cents in discounts
        ]

    def taxes(price: int, quantity: int, discounts: tuple[tuple[str, int], ...], rate: str | None) -> list[Data]:
        def amount(side: _Side) -> Decimal:
            return side.tax(side.of(price) * quantity - sum(side.of(cents) for _, cents in discounts), rate)

        for side in (shop, buyer):
            off = sum((side.of(cents) for _, cents in discounts), Decimal(0))
            side.charge(side.of(price) * quantity, off, amount(side) if rate else Decimal(0))
        return [{"rate": float(rate), "channelLiable": False, "priceSet": bag(amount)}] if rate else []

    items, duties = [], 0
    if tip:
        lines = [*lines, Line(None, "Tip", tip, rate=None, ships=False)]
    for place, line in enumerate(lines, 1):
        items.append({
            "id": f"gid://shopify/LineItem/{number * 1000 + place}",
            "name": line.title,
            "sku": line.sku,
            "quantity": line.quantity,
            "currentQuantity": line.quantity - line.removed,
            "isGiftCard": line.gift_card,
            "requiresShipping": line.ships and not line.gift_card,
            "taxable": line.rate is not None,
            "originalUnitPriceSet": bag(line.price),
            "discountAllocations": allocations(line.discounts),
            "taxLines": taxes(line.price, line.quantity, line.discounts, line.rate),
            "duties": [
                {"id": f"gid://shopify/Duty/{number * 1000 + place}", "price": bag(line.duty), "taxLines": []}
            ] if line.duty else [],
        })  # fmt: skip
        duties += line.duty
        for side in (shop, buyer):
            side.total += side.of(line.duty)
    shipping_lines = []
    if shipping or shipping_discounts:
        shipping_lines.append({
            "id": f"gid://shopify/ShippingLine/{number}",
            "title": "Standard",
            "code": "Standard",
            "isRemoved": False,
            "originalPriceSet": bag(shipping),
            "discountAllocations": allocations(shipping_discounts),
            "taxLines": taxes(shipping, 1, shipping_discounts, shipping_rate),
        })  # fmt: skip

    paid = financial in ("PAID", "PARTIALLY_REFUNDED", "REFUNDED")
    gateways: list[tuple[str, Any]] = [("gift_card", gift_card)] if gift_card else []
    gateways.append(("shopify_payments", lambda side: side.total - side.of(gift_card)))
    order = {
        "id": f"gid://shopify/Order/{number}",
        "name": f"#{1000 + number % 1_000_000}",
        "createdAt": created,
        "updatedAt": updated or created,
        "cancelledAt": None,
        "test": False,
        "edited": any(line.removed for line in lines),
        "currencyCode": "EUR",
        "presentmentCurrencyCode": currency,
        "taxesIncluded": included,
        "dutiesIncluded": False,
        "displayFinancialStatus": financial,
        "displayFulfillmentStatus": fulfilment,
        "returnStatus": "NO_RETURN",
        "email": None,
        "phone": None,
        "customerLocale": "de-DE",
        "totalPriceSet": bag(lambda side: side.total),
        "totalTipReceivedSet": bag(tip),
        "totalRefundedSet": bag(refunded),
        "originalTotalDutiesSet": bag(duties) if duties else None,
        "originalTotalAdditionalFeesSet": None,
        "totalCashRoundingAdjustment": {"paymentSet": bag(0)},
        "taxLines": [],
        "additionalFees": [],
        "risk": {"recommendation": "ACCEPT", "assessments": [{"riskLevel": "LOW"}]},
        "customer": None,
        "purchasingEntity": None,
        "billingAddress": None,
        "shippingAddress": None,
        "transactions": [
            {"id": f"gid://shopify/OrderTransaction/{number * 10 + place}", "parentTransaction": None,
             "kind": "SALE", "status": "SUCCESS", "gateway": gateway, "amountSet": bag(amount)}
            for place, (gateway, amount) in enumerate(gateways)
        ] if paid and shop.total else [],
        "shippingLines": shipping_lines,
        "lineItems": items,
        "refunds": [],
        "returns": [],
    }  # fmt: skip
    if order["edited"]:
        removal = _build_removal(lines, items, bag)
        order["refunds"] = [{"id": f"gid://shopify/Refund/{number}", "createdAt": updated or created, **removal}]
    return {**order, **fields}


def _build_removal(lines: list[Line], items: list[Data], bag: Any) -> Data:
    """The refund that an edit leaves in Shopify: it moves no money and has the value of the removed units."""
    rows = []
    for line, item in zip(lines, items, strict=True):
        if line.removed:
            if line.discounts:
                raise ValueError("an edited line with discounts is not made up here")
            rows.append({
                "id": item["id"].replace("LineItem", "RefundLineItem"),
                "lineItem": {"id": item["id"], "sku": item["sku"], "taxLines": item["taxLines"]},
                "quantity": line.removed,
                "restockType": "CANCEL",
                "subtotalSet": bag(lambda side, line=line: side.of(line.price) * line.removed),
                "totalTaxSet": bag(
                    lambda side, line=line: side.tax(side.of(line.price) * line.quantity, line.rate)
                    - side.tax(side.of(line.price) * (line.quantity - line.removed), line.rate)
                ),
            })  # fmt: skip
    nothing: Data = {name: [] for name in ("refundShippingLines", "orderAdjustments", "duties", "transactions")}
    return {
        "__typename": "Refund", "totalRefundedSet": bag(0), "refundLineItems": rows, "return": None, "note": None,
        **nothing,
    }  # fmt: skip


def write_amount(amount: Decimal) -> str:
    """A decimal as Shopify writes it: at least one digit after the point, and no needless zeros."""
    whole, _, fraction = f"{amount:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}"
