"""What an eBay order costs, as lines of money that add up to the cent, whichever of eBay's APIs states it.

What belongs here: the sums of items, delivery, discounts, taxes, and amounts that eBay collects for itself or a state.
What does not: the APIs' shapes (rest_payloads.py, api/trading_payloads.py), people and states (translate.py,
trading_translate.py).

**Whose tax.** Tax that eBay collects and remits is never the seller's: it is `Order.collected`. The API lists it twice,
in `ebayCollectAndRemitTaxes` and, with fieldGroups=TAX_BREAKDOWN, again in `taxes`; the rest of `taxes` is the
seller's.

**Where tax is counted** is derived from the order's own sums, in this order: the total contains the remitted tax on top
of the prices (the rule with TAX_BREAKDOWN); the prices contain it (the total is their sum although `taxes` repeats it);
the total leaves it out (eBay: "If the fieldGroups query parameter is not set to TAX_BREAKDOWN, 'Collect and Remit' will
not be added"). The same test shows whether the seller's own tax is on top or inside. An order that fits none of these
waits for a person.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ....core.errors import RecordError
from ....domain.money import allocate, to_minor
from ....domain.orders.order import LineKind, OrderLine

_LOOK = (
    "Compare the order in Seller Hub; if it is right there, report it, because the translation does not know this form."
)


class Item(msgspec.Struct, kw_only=True):
    """One line item in minor units, all signs positive. fees: what the law makes the seller charge (recycling).
    remitted: tax that eBay collects for a state. repeated: the part of it that is listed among the seller's taxes as
    well. withheld: what eBay charges the buyer for itself or its carrier. rate: the stated rate, ppm. shipped: units of
    a line that is shipped as a whole."""

    line_id: str
    title: str
    quantity: int
    cost: int
    sku: str = ""
    discount: int = 0
    discount_title: str = ""
    shipping: int = 0
    handling: int = 0
    shipping_discount: int = 0
    tax: int = 0
    fees: int = 0
    remitted: int = 0
    repeated: bool = False
    withheld: int = 0
    rate: int | None = None
    shipped: int = 0


class Summary(msgspec.Struct, kw_only=True):
    """What the order states as a whole; None where it states nothing. adjustment is signed, the discounts are
    positive."""

    total: int
    adjustment: int = 0
    delivery: int | None = None
    delivery_discount: int | None = None
    price_discount: int | None = None


class Priced(NamedTuple):
    lines: tuple[OrderLine, ...]
    total: int
    collected: int
    prices_include_tax: bool


class _Basis(NamedTuple):
    """Where taxes are counted. collected: minor units on top of the seller's total. inside: remitted tax inside the
    prices."""

    on_top: bool
    collected: int
    inside: bool


def price(items: list[Item], summary: Summary, includes_tax: bool) -> Priced:
    """The order's lines. includes_tax: whether prices include tax, for an order that states no tax of the seller's own.

    Raises RecordError(`unbalanced`) when no reading adds up to the stated total.
    """
    _drop_handling(items, summary)
    whole = _build_order_lines(items, summary)
    fees = sum(item.fees for item in items)
    base = sum(_sum_net(item) for item in items) + sum(line.amount for line in whole) + fees
    own, remitted = sum(item.tax for item in items), sum(item.remitted for item in items)
    withheld = sum(item.withheld for item in items)
    basis = _find_basis(
        summary.total, base, own, remitted, withheld, includes_tax, any(item.repeated for item in items)
    )
    if own:
        includes_tax = not basis.on_top
    lines: list[OrderLine] = []
    for item in items:
        lines += _build_lines(item, basis.inside)
    lines += whole
    total = sum(line.amount + (0 if includes_tax else line.tax) for line in lines)
    return Priced(tuple(lines), total, basis.collected, includes_tax)


def to_order_currency(value: str, currency: str, order_currency: str) -> int:
    """Minor units of the order's currency. Raises RecordError(`mixed_currency`, `bad_amount`)."""
    if currency != order_currency:
        raise RecordError(
            "mixed_currency",
            f"The order has amounts in {order_currency} and {currency}.",
            fix="Compare the order in Seller Hub and enter it in Odoo by hand.",
            subject=currency,
        )
    return to_minor(value, currency)


def unpriced(items: list[Item]) -> tuple[OrderLine, ...]:
    """The lines of a waiting or cancelled order, with amounts of zero."""
    return tuple(
        OrderLine(
            line_id=i.line_id,
            kind=LineKind.PRODUCT,
            title=i.title,
            quantity=i.quantity,
            amount=0,
            sku=i.sku,
            shipped=i.shipped,
        )
        for i in items
    )


def _find_basis(
    total: int, base: int, own: int, remitted: int, withheld: int, includes_tax: bool, repeated: bool
) -> _Basis:
    tops = (False, True) if includes_tax else (True, False)
    for extra in dict.fromkeys((0, withheld)):
        for on_top in tops:
            if total == base + extra + own * on_top + remitted:
                return _Basis(on_top, remitted + extra, inside=False)
        for on_top in tops:
            if total == base + extra + own * on_top:
                return _Basis(on_top, remitted + extra, inside=repeated)
    off = total - base - own - remitted
    raise RecordError(
        "unbalanced", f"The items of the order differ by {off} minor units from the total that eBay states.", fix=_LOOK
    )


def _sum_net(item: Item) -> int:
    return item.cost - item.discount + item.shipping + item.handling - item.shipping_discount


def _drop_handling(items: list[Item], summary: Summary) -> None:
    """`shippingCost` is "the total cost of shipping all units". Where the order's delivery cost does not leave room for
    handling on top of it, handling is part of it."""
    shipping = sum(item.shipping for item in items)
    if summary.delivery is not None and shipping <= summary.delivery < shipping + sum(item.handling for item in items):
        for item in items:
            item.handling = 0


def _build_order_lines(items: list[Item], summary: Summary) -> list[OrderLine]:
    """Lines for money that only the order states: its discount, delivery beyond the items', adjustments agreed after
    the sale."""

    def beyond(stated: int | None, of_items: int) -> int:
        return max(0, (stated or 0) - of_items)

    shipping = beyond(summary.delivery, sum(item.shipping + item.handling for item in items))
    shipping_off = beyond(summary.delivery_discount, sum(item.shipping_discount for item in items))
    off = beyond(summary.price_discount, sum(item.discount for item in items))
    agreed = LineKind.FEE if summary.adjustment > 0 else LineKind.DISCOUNT
    rows = (
        ("shipping", LineKind.SHIPPING, "Shipping", shipping, ""),
        ("shipping_discount", LineKind.DISCOUNT, "Shipping discount", -shipping_off, "shipping" if shipping else ""),
        ("discount", LineKind.DISCOUNT, "Order discount", -off, ""),
        ("adjustment", agreed, "Adjustment", summary.adjustment, ""),
    )
    return [
        OrderLine(line_id=line_id, kind=kind, title=title, quantity=1, amount=amount, of=of)
        for line_id, kind, title, amount, of in rows
        if amount
    ]


def _build_lines(item: Item, remitted_inside: bool) -> list[OrderLine]:
    goods = (item.cost, item.discount)
    delivery = (item.shipping + item.handling, item.shipping_discount)
    nets = [max(0, gross - off) for gross, off in (goods, delivery)]
    # The tax of an item that costs nothing goes to its goods line, because it may have no delivery line.
    nets = nets if any(nets) else [1, 0]
    taxes = allocate(item.tax, nets)
    inside = allocate(item.remitted, nets) if remitted_inside else [0, 0]
    lines = _build_charge_lines(item, LineKind.PRODUCT, *goods, taxes[0], inside[0])
    if delivery[0] or delivery[1]:
        lines += _build_charge_lines(item, LineKind.SHIPPING, *delivery, taxes[1], inside[1])
    if item.fees:
        lines.append(
            OrderLine(line_id=f"{item.line_id}_fee", kind=LineKind.FEE, title="Statutory fee", quantity=1,
                      amount=item.fees, of=item.line_id)
        )  # fmt: skip
    return lines


def _build_charge_lines(item: Item, kind: LineKind, gross: int, off: int, tax: int, remitted: int) -> list[OrderLine]:
    """The item's goods or shipping line, and the discount on it with the discount's share of the tax. The remitted tax
    is subtracted, because it is not the seller's."""
    is_product = kind is LineKind.PRODUCT
    line_id = item.line_id if is_product else f"{item.line_id}_shipping"
    share = tax * off // (gross - off) if gross > off else 0
    lines = [
        OrderLine(
            line_id=line_id,
            kind=kind,
            title=item.title if is_product else "Shipping",
            quantity=item.quantity if is_product else 1,
            amount=gross - remitted,
            tax=tax + share,
            rate=item.rate,
            sku=item.sku if is_product else "",
            of="" if is_product else item.line_id,
            shipped=item.shipped if is_product else 0,
        )
    ]
    if off:
        lines.append(
            OrderLine(line_id=f"{line_id}_discount", kind=LineKind.DISCOUNT, quantity=1, amount=-off, tax=-share,
                      rate=item.rate, of=item.line_id,
                      title=(item.discount_title or "Discount") if is_product else "Shipping discount")
        )  # fmt: skip
    return lines
