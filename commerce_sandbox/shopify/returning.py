"""What happens to an order after it was paid: returns in their states, and refunds from pending to done or failed.

What belongs here: Shopify's nodes of returns and refunds, made from the order they belong to, and their changes. What
does not: which orders get one (demo.py, tests), answering queries (shop.py).

Amounts are taken from the order's own amounts (Shopify's money bags), so that both currencies agree with what was sold.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from .making import DIGITS, write_amount

Data = dict[str, Any]
SIDES = ("shopMoney", "presentmentMoney")


class Back(NamedTuple):
    """So many units of one line of the order. place: the line's place, 0 for the first."""

    place: int
    quantity: int = 1
    restock: str = "RETURN"


def make_refund(
    order: Data,
    back: list[Back] | None = None,
    *,
    number: int,
    created: str,
    shipping: bool = False,
    adjustment: int = 0,
    status: str = "SUCCESS",
    reason: str = "REFUND_DISCREPANCY",
    return_id: str = "",
    instead: tuple[tuple[str, int], ...] = (),
    set_off: int = 0,
) -> Data:
    """A refund of these units, of the shipping, and of `adjustment` cents beyond (negative: the seller keeps them).

    status: of its one transaction. Shopify states an adjustment with the opposite sign of what it pays back. instead:
    SKU and units that the buyer gets for it; of what comes back so many cents are set off against them.
    """
    rows = [_build_row(order, units, number * 100 + place) for place, units in enumerate(back or [])]
    shipped = [_build_shipping(order, line, number) for line in order["shippingLines"][:1]] if shipping else []

    def worth(side: str) -> Decimal:
        sets = [(row["subtotalSet"], row["totalTaxSet"]) for row in rows]
        sets += [(row["subtotalAmountSet"], row["taxAmountSet"]) for row in shipped]
        taxes = [_read(tax, side) for _, tax in sets if not order["taxesIncluded"]]
        return sum([*taxes, *(_read(sub, side) for sub, _ in sets)], Decimal(0))

    extra = _build_bag(order, lambda side: _convert(order, side, Decimal(adjustment) / 100))
    off = _build_bag(order, lambda side: _convert(order, side, Decimal(set_off) / 100))
    left = _build_bag(order, lambda side: worth(side) + _read(extra, side) - _read(off, side))
    paid = _build_bag(order, lambda side: max(Decimal(0), _read(left, side)) if set_off else _read(left, side))
    none = _build_bag(order, lambda side: Decimal(0))
    opposite = _build_bag(order, lambda side: -_read(extra, side))
    row = {"id": f"gid://shopify/OrderAdjustment/{number}", "reason": reason, "amountSet": opposite}
    adjustments = [{**row, "taxAmountSet": none}] if adjustment else []
    payment = {"kind": "REFUND", "status": status, "gateway": "shopify_payments", "amountSet": paid}
    return {
        "__typename": "Refund",
        "id": f"gid://shopify/Refund/{number}",
        "createdAt": created,
        "return": _build_return(return_id, instead),
        "note": None,
        "totalRefundedSet": paid if status == "SUCCESS" else none,
        "refundLineItems": rows,
        "refundShippingLines": shipped,
        "orderAdjustments": adjustments,
        "duties": [],
        "transactions": [payment] if not set_off or _read(paid, SIDES[0]) else [],
    }


def _build_return(return_id: str, instead: tuple[tuple[str, int], ...]) -> Data | None:
    """A refund's return, with what the buyer gets for it."""
    items = [
        {"variantSku": sku, "quantity": units, "processedQuantity": None, "lineItems": None} for sku, units in instead
    ]
    return {"id": f"gid://shopify/Return/{return_id}", "exchangeLineItems": items} if return_id else None


def settle(refund: Data, status: str = "SUCCESS") -> None:
    """Shopify's payment of the refund ends: with success, or failed."""
    for payment in refund["transactions"]:
        payment["status"] = status
    if status == "SUCCESS":
        refund["totalRefundedSet"] = refund["transactions"][0]["amountSet"]


def make_return(order: Data, back: list[Back], *, number: int, created: str, status: str = "REQUESTED") -> Data:
    """A return of these units. Its reverse fulfilment order is made by `dispose`."""
    lines = []
    for place, units in enumerate(back, 1):
        item = order["lineItems"][units.place]
        lines.append({
            "id": f"gid://shopify/ReturnLineItem/{number * 100 + place}",
            "quantity": units.quantity,
            "returnReasonDefinition": {"handle": "size-too-small"},
            "fulfillmentLineItem": _build_parcel_line(item),
        })  # fmt: skip
    return {
        "__typename": "Return",
        "id": f"gid://shopify/Return/{number}",
        "name": f"{order['name']}-R{number}",
        "status": status,
        "createdAt": created,
        "returnLineItems": lines,
        "exchangeLineItems": [],
        "reverseFulfillmentOrders": [],
    }


def dispose(record: Data, units: list[tuple[int, str, int]], tracking: str = "") -> None:
    """Record what became of the units that arrived: (place of the return's line, type of disposition, quantity)."""
    lines = [
        {"fulfillmentLineItem": {"id": record["returnLineItems"][place]["fulfillmentLineItem"]["id"]},
         "dispositions": [{"type": kind, "quantity": quantity}]}
        for place, kind, quantity in units
    ]  # fmt: skip
    deliverable = {"__typename": "ReverseDeliveryShippingDeliverable", "tracking": {"number": tracking}}
    record["reverseFulfillmentOrders"].append({
        "status": "OPEN",
        "lineItems": lines,
        "reverseDeliveries": [{"deliverable": deliverable}] if tracking else [],
    })  # fmt: skip


def add_exchange(record: Data, sku: str, quantity: int = 1) -> Data:
    """Add what the buyer gets instead, which is not processed yet."""
    item = {"quantity": quantity, "variantSku": sku, "processedQuantity": 0, "lineItems": []}
    record["exchangeLineItems"].append(item)
    return item


def process_exchange(order: Data, item: Data, sold: Data) -> None:
    """Shopify adds what the buyer gets to the order: the line and the worth of `sold`, an order made up of it alone.
    The line's id follows those of the order."""
    number = max(int(line["id"].rpartition("/")[2]) for line in order["lineItems"]) + 1
    [line] = sold["lineItems"]
    line = {**line, "id": f"gid://shopify/LineItem/{number}"}
    order["lineItems"].append(line)
    item["lineItems"].append({"id": line["id"]})
    item["processedQuantity"] = item["quantity"]
    order["totalPriceSet"] = _build_bag(
        order, lambda side: _read(order["totalPriceSet"], side) + _read(sold["totalPriceSet"], side)
    )


def _build_parcel_line(item: Data) -> Data:
    number = item["id"].rpartition("/")[2]
    return {"id": f"gid://shopify/FulfillmentLineItem/{number}", "lineItem": {"id": item["id"], "sku": item["sku"]}}


def _build_row(order: Data, units: Back, number: int) -> Data:
    item = order["lineItems"][units.place]
    share = Decimal(units.quantity) / item["quantity"]
    return {
        "id": f"gid://shopify/RefundLineItem/{number}",
        "quantity": units.quantity,
        "restockType": units.restock,
        "lineItem": {"id": item["id"], "sku": item["sku"], "taxLines": item["taxLines"]},
        **_build_amounts(order, item, item["quantity"], share, ("subtotalSet", "totalTaxSet")),
    }


def _build_shipping(order: Data, line: Data, number: int) -> Data:
    return {
        "id": f"gid://shopify/RefundShippingLine/{number}",
        "shippingLine": {"id": line["id"], "taxLines": line["taxLines"]},
        **_build_amounts(order, line, 1, Decimal(1), ("subtotalAmountSet", "taxAmountSet")),
    }


def _build_amounts(order: Data, charge: Data, quantity: int, share: Decimal, names: tuple[str, str]) -> Data:
    """The value of a share of a charge after its discounts, and its tax, under these field names."""
    price = charge.get("originalUnitPriceSet") or charge["originalPriceSet"]

    def subtotal(side: str) -> Decimal:
        off = sum((_read(row["allocatedAmountSet"], side) for row in charge["discountAllocations"]), Decimal(0))
        return (_read(price, side) * quantity - off) * share

    def tax(side: str) -> Decimal:
        return sum((_read(row["priceSet"], side) for row in charge["taxLines"]), Decimal(0)) * share

    return {names[0]: _build_bag(order, subtotal), names[1]: _build_bag(order, tax)}


def _read(bag: Data, side: str) -> Decimal:
    return Decimal(bag[side]["amount"])


def _convert(order: Data, side: str, euros: Decimal) -> Decimal:
    """An amount of the shop's currency in the currency of this side, by the order's own rate."""
    total = order["totalPriceSet"]
    return euros if side == SIDES[0] else euros * _read(total, side) / _read(total, SIDES[0])


def _build_bag(order: Data, amount: Any) -> Data:
    bag = {}
    for side in SIDES:
        currency = order["totalPriceSet"][side]["currencyCode"]
        unit = Decimal(1).scaleb(-DIGITS.get(currency, 2))
        text = write_amount(Decimal(amount(side)).quantize(unit, ROUND_HALF_UP))
        bag[side] = {"amount": text, "currencyCode": currency}
    return bag
