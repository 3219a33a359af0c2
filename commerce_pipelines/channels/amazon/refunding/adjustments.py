"""The feed of order adjustments and its processing report, as XML.

What belongs here: both documents. What does not: sending and looking after a feed (buyer_refunds.py). Sources:
OrderAdjustment.xsd, amzn-base.xsd and ProcessingReport.xsd of Seller Central.

A message is an order; its number is the key of the effect, so that the report's lines find it again. Amounts are totals
of an item by kind of price, positive for what the buyer gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET  # only builds; defusedxml reads

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ....core.errors import ProtocolError
from ....core.legible import one_word
from ....domain.money import to_decimal
from ....domain.refunding.buyer_refunds import PaidLine, SentRefund
from ....domain.returns.records import RefundKind

KIND = "POST_PAYMENT_ADJUSTMENT_DATA"
CONTENT_TYPE = "text/xml; charset=UTF-8"
REASON = "GeneralAdjustment"  # of Amazon's reasons the one that says nothing of who is to blame
_COMPONENTS = {
    RefundKind.GOODS: "Principal", RefundKind.PRICE: "Principal", RefundKind.SHIPPING: "Shipping",
    RefundKind.GOODWILL: "Goodwill",
}  # fmt: skip


class Result(msgspec.Struct, frozen=True):
    """An error of the processing report."""

    code: str
    text: str


class Report(msgspec.Struct, frozen=True):
    """processed, successful: how many messages. errors: by message."""

    processed: int
    successful: int
    errors: Mapping[str, Result]


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
    envelope = ET.Element("AmazonEnvelope")
    header = ET.SubElement(envelope, "Header")
    _add_text(header, "DocumentVersion", "1.01")
    _add_text(header, "MerchantIdentifier", seller_id)
    _add_text(envelope, "MessageType", "OrderAdjustment")
    for sent in refunds:
        message = ET.SubElement(envelope, "Message")
        _add_text(message, "MessageID", sent.key)
        adjustment = ET.SubElement(message, "OrderAdjustment")
        _add_text(adjustment, "AmazonOrderID", sent.refund.order_id)
        for place, (item, amounts) in enumerate(group_by_item(sent).items(), 1):
            adjusted = ET.SubElement(adjustment, "AdjustedItem")
            _add_text(adjusted, "AmazonOrderItemCode", item)
            _add_text(adjusted, "MerchantAdjustmentItemID", f"{sent.token}-{place}")
            _add_text(adjusted, "AdjustmentReason", REASON)
            prices = ET.SubElement(adjusted, "ItemPriceAdjustments")
            for kind, amount in amounts.items():
                component = ET.SubElement(prices, "Component")
                _add_text(component, "Type", kind)
                value = _add_text(component, "Amount", str(to_decimal(amount, sent.refund.currency)))
                value.set("currency", sent.refund.currency)
    return ET.tostring(envelope, encoding="utf-8", xml_declaration=True)


def _add_text(parent: ET.Element, name: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, name)
    element.text = text
    return element


def read_report(content: bytes) -> Report:
    """Raises ProtocolError for a document that is no processing report."""
    try:
        report = fromstring(content, forbid_dtd=True).find(".//ProcessingReport")
        if report is None:
            raise ValueError
        summary = {name: int(report.findtext(f"ProcessingSummary/{name}", "")) for name in (
            "MessagesProcessed", "MessagesSuccessful"
        )}  # fmt: skip
    except (ET.ParseError, DefusedXmlException, ValueError):
        raise ProtocolError("The processing report of a feed is not the XML that Amazon describes.") from None
    errors: dict[str, Result] = {}
    for result in report.iter("Result"):
        if result.findtext("ResultCode", "") == "Error":
            code = one_word(result.findtext("ResultMessageCode", "")) or "error"
            errors.setdefault(
                result.findtext("MessageID", "").strip(), Result(code, result.findtext("ResultDescription", ""))
            )
    return Report(processed=summary["MessagesProcessed"], successful=summary["MessagesSuccessful"], errors=errors)
