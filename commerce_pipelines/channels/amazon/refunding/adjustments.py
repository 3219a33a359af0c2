"""The messages of the feed of order adjustments, as XML.

What belongs here: what a message says. What does not: a feed's envelope, way and report (api/message_feeds.py).
Sources: OrderAdjustment.xsd and amzn-base.xsd of Seller Central.

A message is an order; its number is the key of the effect, so that the report's lines find it again. Amounts are totals
of an item by kind of price, positive for what the buyer gets.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET  # only builds

from ....domain.money import to_decimal
from ....domain.refunding.buyer_refunds import PaidLine, SentRefund
from ....domain.returns.records import RefundKind
from ..api.message_feeds import add_text, build_envelope

REASON = "GeneralAdjustment"  # of Amazon's reasons the one that says nothing of who is to blame
_COMPONENTS = {
    RefundKind.GOODS: "Principal", RefundKind.PRICE: "Principal", RefundKind.SHIPPING: "Shipping",
    RefundKind.GOODWILL: "Goodwill",
}  # fmt: skip


def group_by_item(sent: SentRefund) -> dict[str, dict[str, int]]:
    """Minor units by item of the order and kind of price. Money for no line counts for the first item. Empty where a
    part of it cannot be told: Amazon takes no deduction beside a refund, and no money without an item."""
    items: dict[str, dict[str, int]] = {}
    for line in sorted(sent.refund.lines, key=lambda line: line.kind is RefundKind.GOODWILL):
        item = _find_item(line) or next(iter(items), "")
        component = _COMPONENTS[line.kind]
        if not item or line.amount < 0:
            return {}
        amounts = items.setdefault(item, {})
        amounts[component] = amounts.get(component, 0) + line.amount
    return items


def _find_item(line: PaidLine) -> str:
    """The id of the order's item: ids of our lines begin with it."""
    item = line.order_line_id.partition("_")[0]
    return item if item.isdecimal() else ""


def build_feed(refunds: Sequence[SentRefund], seller_id: str) -> bytes:
    """The feed's document. Every refund has at least one item (`group_by_item`)."""
    return build_envelope(seller_id, "OrderAdjustment", ((sent.key, _build_message(sent)) for sent in refunds))


def _build_message(sent: SentRefund) -> ET.Element:
    adjustment = ET.Element("OrderAdjustment")
    add_text(adjustment, "AmazonOrderID", sent.refund.order_id)
    for place, (item, amounts) in enumerate(group_by_item(sent).items(), 1):
        adjusted = ET.SubElement(adjustment, "AdjustedItem")
        add_text(adjusted, "AmazonOrderItemCode", item)
        add_text(adjusted, "MerchantAdjustmentItemID", f"{sent.token}-{place}")
        add_text(adjusted, "AdjustmentReason", REASON)
        prices = ET.SubElement(adjusted, "ItemPriceAdjustments")
        for kind, amount in amounts.items():
            component = ET.SubElement(prices, "Component")
            add_text(component, "Type", kind)
            value = add_text(component, "Amount", str(to_decimal(amount, sent.refund.currency)))
            value.set("currency", sent.refund.currency)
    return adjustment
