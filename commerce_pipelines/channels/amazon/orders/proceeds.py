"""What an Amazon order's `proceeds` say, as lines of money that add up to the cent.

What belongs here: categories, signs, the tax basis, tax that Amazon collects, cancelled items. What does not: people,
addresses and states (translate.py). Sources: the field descriptions of orders_2026-01-01.json, quoted below.

The API does not say whether ITEM contains the tax, nor which sign a DISCOUNT has. Both are derived from the item's own
sums and never assumed. `proceedsTotal` is charges - discounts + TAX if tax is on top, and charges - discounts if tax is
inside, or if Amazon remits it where prices never contain tax. For an item without a total the order's total decides. An
item that fits none of these waits for a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ....core.errors import RecordError
from ....core.legible import one_word
from ....domain.money import allocate, to_minor
from ....domain.orders.order import LineKind, OrderLine
from . import payloads

FACILITATOR = "MARKETPLACE_FACILITATOR"

# type of a charge -> (kind, suffix of the line's id, title)
CHARGES: dict[str, tuple[LineKind, str, str]] = {
    "ITEM": (LineKind.PRODUCT, "", ""),
    "SHIPPING": (LineKind.SHIPPING, "_shipping", "Shipping"),
    "GIFT_WRAP": (LineKind.GIFT_WRAP, "_gift_wrap", "Gift wrap"),
    "COD_FEE": (LineKind.FEE, "_cod_fee", "Cash on delivery"),
    "OTHER": (LineKind.FEE, "_other", "Other charge"),
}
_LOOK = (
    "Compare the order in Seller Central; if it is right there, report it, because the translation does not know this "
    "form."
)


class ItemMoney(NamedTuple):
    """One item in minor units. charges, discounts (positive) and taxes by category; taxes is {} where Amazon does not
    divide `tax`. total: None where the item states none. included: whether charges contain the tax, None where the item
    does not show it."""

    charges: dict[str, int]
    discounts: dict[str, int]
    tax: int
    taxes: dict[str, int]
    total: int | None
    included: bool | None

    def worth(self, includes_tax: bool) -> int:
        """The stated total, else the sum of the categories, which are "the breakdown of proceeds"."""
        if self.total is not None:
            return self.total
        return sum(self.charges.values()) - sum(self.discounts.values()) + (0 if includes_tax else self.tax)


class Priced(NamedTuple):
    """total and collected as in domain.orders.order.Order. includes_tax: None where no item shows it."""

    lines: tuple[OrderLine, ...]
    total: int
    collected: int
    prices_include_tax: bool


def currency_of(order: payloads.Order, default: str) -> str:
    """The order's one currency, `default` if it states no amount. Raises RecordError(`mixed_currency`)."""
    seen = sorted({money.currency_code for money in _list_amounts(order)})
    if len(seen) > 1:
        raise RecordError("mixed_currency", f"The order has amounts in {' and '.join(seen)}.", fix=_LOOK)
    return seen[0] if seen else default


def _list_amounts(order: payloads.Order) -> Iterable[payloads.Money]:
    if order.proceeds:
        if order.proceeds.grand_total:
            yield order.proceeds.grand_total
        yield from (part.subtotal for part in order.proceeds.breakdowns or ())
    for item in order.order_items:
        if item.proceeds:
            if item.proceeds.proceeds_total:
                yield item.proceeds.proceeds_total
            yield from (part.subtotal for part in item.proceeds.breakdowns or ())
        elif item.product.price and item.product.price.unit_price:
            yield item.product.price.unit_price


def is_priced(order: payloads.Order) -> bool:
    """Whether the order states what the seller receives: as a whole, or for each item that is not cancelled."""
    stated = order.proceeds and order.proceeds.grand_total
    active = [item for item in order.order_items if not is_cancelled(item)]
    return bool(stated) or (bool(active) and all(_has_money(item) for item in active))


def price(order: payloads.Order, currency: str, default_includes_tax: bool, collects: dict[str, bool]) -> Priced:
    """The order's lines. collects: per orderItemId, whether Amazon collects and remits the item's tax.

    Raises RecordError: `unbalanced` (no reading adds up), `tax_basis` (items contradict each other), `unknown_charge`,
    `bad_amount`.
    """
    money = {item.order_item_id: read_item(item, currency) for item in order.order_items if _has_money(item)}
    if not default_includes_tax:
        money = {key: _exclude_tax(amount) if collects.get(key) else amount for key, amount in money.items()}
    stated = {amount.included for amount in money.values()} - {None}
    if len(stated) > 1:
        raise RecordError("tax_basis", "Some items of the order contain their tax and some do not.", fix=_LOOK)
    tips, grand = _sum_tips(order, currency), _read_grand_total(order, currency)
    for includes_tax in stated or (default_includes_tax, not default_includes_tax):
        worth = {key: amount.worth(bool(includes_tax)) for key, amount in money.items()}
        if difference := _reconcile(order.order_items, worth, grand, tips):
            break
    else:
        raise _build_unbalanced_error("")
    (kept, tip), includes_tax = difference, bool(includes_tax)
    lines: list[OrderLine] = []
    collected = 0
    for item in kept:
        mine = money.get(item.order_item_id) or ItemMoney({"ITEM": 0}, {}, 0, {}, 0, None)
        new, remitted = _build_lines(item, mine, includes_tax, collects.get(item.order_item_id, False))
        lines += new
        collected += remitted
    if tip:
        lines.append(OrderLine(line_id="delivery_tip", kind=LineKind.TIP, title="Delivery tip", quantity=1, amount=tip))
    total = sum(line.amount + (0 if includes_tax else line.tax) for line in lines)
    return Priced(tuple(lines), total, collected, includes_tax)


def unpriced(order: payloads.Order) -> tuple[OrderLine, ...]:
    """The items of an order that waits for its prices, with amounts of zero."""
    nothing = ItemMoney({"ITEM": 0}, {}, 0, {}, 0, None)
    return tuple(line for item in order.order_items for line in _build_lines(item, nothing, True, False)[0])


def is_cancelled(item: payloads.OrderItem) -> bool:
    """Whether the item is finally cancelled. A `cancellationRequest` is not final: it is only "submitted for this order
    item"."""
    if item.cancellation and item.cancellation.cancellation_execution:
        return True
    proceeds = item.proceeds or payloads.ItemProceeds()
    stated = [proceeds.proceeds_total, *(part.subtotal for part in proceeds.breakdowns or ())]
    return item.quantity_ordered == 0 and not any(
        to_minor(amount.amount, amount.currency_code) for amount in stated if amount
    )


def read_item(item: payloads.OrderItem, currency: str) -> ItemMoney:
    """The item's categories and what they show about its tax. Raises RecordError, see `price`."""
    proceeds = item.proceeds or payloads.ItemProceeds()
    total = _read_minor(proceeds.proceeds_total, currency)
    charges: dict[str, int] = {}
    discounts: dict[str, int] = {}
    taxes: dict[str, int] = {}
    tax = 0
    for part in proceeds.breakdowns or ():
        amount = to_minor(part.subtotal.amount, currency)
        if part.type == "DISCOUNT":
            for subtype, value in _divide_by_subtype(part, abs(amount), currency, "").items():
                discounts[subtype] = discounts.get(subtype, 0) + abs(value)
            continue
        if part.type != "TAX" and part.type not in CHARGES:
            raise RecordError(
                "unknown_charge",
                f"The order has proceeds of an unknown type: {one_word(part.type) or 'a text'}.",
                fix="Report it, with its name: Amazon added it lately, and nobody knows yet whose money it is.",
                subject=item.order_item_id,
            )
        if amount < 0:
            raise RecordError(
                "bad_amount", f"Proceeds of type {part.type} are negative.", fix=_LOOK, subject=item.order_item_id
            )
        if part.type == "TAX":
            tax += amount
            for subtype, value in _divide_by_subtype(part, amount, currency, "").items():
                taxes[subtype] = taxes.get(subtype, 0) + value
        else:
            charges[part.type] = charges.get(part.type, 0) + amount
    if not charges and not discounts and not tax:
        charges["ITEM"] = total or 0
    base = sum(charges.values()) - sum(discounts.values())
    included = None
    if total is not None:
        if total not in (base, base + tax):
            raise _build_unbalanced_error(item.order_item_id)
        included = total == base if tax else None
    taxed = {category for category, value in taxes.items() if value}
    divided = taxed <= _list_line_categories(charges, discounts)
    taxes = _add_back_discounts(charges, discounts, taxes) if divided else {}
    return ItemMoney(charges, discounts, tax, taxes, total, included)


def _add_back_discounts(charges: dict[str, int], discounts: dict[str, int], taxes: dict[str, int]) -> dict[str, int]:
    """The taxes where Amazon states none for discounts: each charge's tax is then the tax on the reduced charge. The
    discount's share is moved to the discount, so that charge and discount have the same rate."""
    if taxes.get("DISCOUNT") or "" in taxes:
        return taxes
    result = dict(taxes)
    off: dict[str, int] = {}
    for subtype, amount in discounts.items():
        category = subtype if charges.get(subtype) else "ITEM"
        off[category] = off.get(category, 0) + amount
    for category, amount in off.items():
        net = charges.get(category, 0) - amount
        share = taxes.get(category, 0) * amount // net if net > 0 else 0
        result[category] = result.get(category, 0) + share
        result["DISCOUNT"] = result.get("DISCOUNT", 0) - share
    return result


def _exclude_tax(money: ItemMoney) -> ItemMoney:
    """The item without the tax that Amazon collects, where prices never contain tax and the item's total has no room
    for the tax: the buyer paid it on top, and "the total monetary amount" is without it."""
    return money._replace(included=False) if money.included else money


def _divide_by_subtype(part: payloads.Breakdown, amount: int, currency: str, undivided: str) -> dict[str, int]:
    """ "Further granular breakdown of the subtotal", by subtype, if it adds up to the amount; else all under
    `undivided`.

    The tax on a discount reduces the tax, so it is made negative whatever its sign.
    """
    parts: dict[str, int] = {}
    for breakdown in part.detailed_breakdowns or ():
        value = abs(_read_minor(breakdown.value, currency) or 0)
        sign = -1 if part.type == "TAX" and breakdown.subtype == "DISCOUNT" else 1
        parts[breakdown.subtype] = parts.get(breakdown.subtype, 0) + sign * value
    return parts if parts and sum(parts.values()) == amount else {undivided: amount}


def _list_line_categories(charges: dict[str, int], discounts: dict[str, int]) -> set[str]:
    """The categories that become lines and can therefore carry tax."""
    return (
        {"ITEM"}
        | {charge for charge, value in charges.items() if value}
        | ({"DISCOUNT"} if any(discounts.values()) else set())
    )


def _build_lines(
    item: payloads.OrderItem, money: ItemMoney, includes_tax: bool, collected: bool
) -> tuple[list[OrderLine], int]:
    """The item's lines and the tax on them that Amazon remits.

    Tax is put on the lines as Amazon divides it, else in proportion to their amounts; its sum is exact either way.
    """
    rows: list[tuple[str, str, LineKind, str, int, str]] = []  # share, id, kind, title, amount, of
    item_id, product = item.order_item_id, item.product
    name = product.title or product.seller_sku or product.asin or item_id
    for kind_name, (kind, suffix, title) in CHARGES.items():
        amount = money.charges.get(kind_name, 0)
        if amount or kind is LineKind.PRODUCT:
            of = "" if kind is LineKind.PRODUCT else item_id
            rows.append((kind_name, item_id + suffix, kind, title or name, amount, of))
    for subtype, amount in money.discounts.items():
        if amount:
            _, suffix, title = CHARGES.get(subtype, (LineKind.DISCOUNT, "", ""))
            of = item_id + suffix if money.charges.get(subtype) else item_id
            line_id = f"{item_id}_discount{'_' + subtype.lower() if subtype else ''}"
            rows.append(("DISCOUNT", line_id, LineKind.DISCOUNT, f"Discount {title}".strip(), -amount, of))
    taxes = _allocate_taxes([row[0] for row in rows], [row[4] for row in rows], money)
    lines = []
    remitted = 0
    for (_, line_id, kind, title, amount, of), tax in zip(rows, taxes, strict=True):
        if collected:
            remitted += tax
            amount, tax = amount - tax if includes_tax else amount, 0
        is_product = kind is LineKind.PRODUCT
        lines.append(
            OrderLine(
                line_id=line_id,
                kind=kind,
                title=title,
                amount=amount,
                tax=tax,
                of=of,
                quantity=item.quantity_ordered if is_product else 1,
                sku=(product.seller_sku or "") if is_product else "",
                shipped=_count_shipped(item) if is_product else 0,
            )
        )
    return lines, remitted


def _count_shipped(item: payloads.OrderItem) -> int:
    """`quantityFulfilled`, for the merchant's parcels and Amazon's alike; 0 where the answer has no such figure."""
    count = (item.fulfillment.quantity_fulfilled if item.fulfillment else None) or 0
    return max(0, min(count, item.quantity_ordered))


def _allocate_taxes(shares: list[str], amounts: list[int], money: ItemMoney) -> list[int]:
    """The tax of each row, negative on discounts; the taxes sum to `money.tax`."""
    if not money.tax:
        return [0] * len(amounts)
    result = [0] * len(amounts)
    if money.taxes:
        for share in dict.fromkeys(shares):
            at = [i for i, other in enumerate(shares) if other == share]
            for i, part in zip(at, allocate(money.taxes.get(share, 0), [abs(amounts[i]) for i in at]), strict=True):
                result[i] = part
        return result
    charged = sum(amount for amount in amounts if amount > 0)
    reduced = -sum(amount for amount in amounts if amount < 0)
    off = money.tax * reduced // (charged - reduced) if charged > reduced else 0
    up = allocate(money.tax + off, [max(amount, 0) for amount in amounts])
    down = allocate(off, [max(-amount, 0) for amount in amounts])
    return [a - b for a, b in zip(up, down, strict=True)]


def _reconcile(
    items: list[payloads.OrderItem], worth: dict[str, int], grand: int | None, tips: tuple[int, int]
) -> tuple[list[payloads.OrderItem], int] | None:
    """The items that the grand total is made of, and the tip in it; None where no combination adds up to it. worth: by
    orderItemId.

    A cancelled item belongs to the order only as long as "the total amount that the seller receives" contains it (a
    parcel already sent, a charged cancellation), so an item worth nothing never does. The same test shows whether the
    grand total contains a tip that is still PENDING.
    """
    active = [item for item in items if not is_cancelled(item)]
    with_cancelled = [item for item in items if not is_cancelled(item) or worth.get(item.order_item_id)]
    if grand is None:
        return active, tips[1]
    for kept in (with_cancelled, active):
        total = sum(worth.get(item.order_item_id, 0) for item in kept)
        for tip in tips:
            if total + tip == grand:
                return kept, tip
    return None


def _sum_tips(order: payloads.Order, currency: str) -> tuple[int, int]:
    """(all tips, final tips only). `DELIVERY_TIP` "is charged separately and not attributed to a specific item"."""
    parts = (order.proceeds.breakdowns if order.proceeds else None) or ()
    tips = [(to_minor(p.subtotal.amount, currency), p.status) for p in parts if p.type == "DELIVERY_TIP"]
    return sum(tip for tip, _ in tips), sum(tip for tip, status in tips if status != "PENDING")


def _read_grand_total(order: payloads.Order, currency: str) -> int | None:
    return _read_minor(order.proceeds.grand_total if order.proceeds else None, currency)


def _read_minor(money: payloads.Money | None, currency: str) -> int | None:
    return None if money is None else to_minor(money.amount, currency)


def _has_money(item: payloads.OrderItem) -> bool:
    return bool(item.proceeds and (item.proceeds.proceeds_total or item.proceeds.breakdowns))


def _build_unbalanced_error(subject: str) -> RecordError:
    where = "An item's proceeds" if subject else "The items of the order"
    return RecordError(
        "unbalanced",
        f"{where} do not add up to the total that Amazon states, with or without tax.",
        fix=_LOOK,
        subject=subject,
    )
