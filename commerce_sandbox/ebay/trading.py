"""How the Trading API answers: the same orders and listings as XML, in the schema's order of elements.

What belongs here: reading requests, writing answers. What does not: the orders (making.py), listings and what revising
them does (listings.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

from defusedxml.ElementTree import fromstring

from ..server import Reply

NAMESPACE = "urn:ebay:apis:eBLBaseComponents"
# A leaf is (name, text) or (name, text, attributes), a branch (name, [children]); None is left out.
Node = tuple[Any, ...] | None

SITES = {"EBAY_DE": "Germany", "EBAY_AT": "Austria", "EBAY_FR": "France", "EBAY_IT": "Italy", "EBAY_ES": "Spain",
         "EBAY_GB": "UK", "EBAY_US": "US", "EBAY_PL": "Poland"}  # fmt: skip
IMPOSITIONS = {"VAT": "VAT", "GST": "GST", "STATE_SALES_TAX": "SalesTax"}


def read(body: bytes) -> ET.Element:
    root = fromstring(body)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def answer(call: str, ack: str, now: datetime, nodes: Iterable[Node], errors: Iterable[Node] = ()) -> Reply:
    root = ET.Element(f"{call}Response", xmlns=NAMESPACE)
    head = (("Timestamp", now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")), ("Ack", ack))
    _grow(root, [*head, *errors, ("Version", "1379"), ("Build", "E1379_SANDBOX"), *nodes])
    return Reply(
        200, ET.tostring(root, encoding="utf-8", xml_declaration=True), {"Content-Type": "text/xml;charset=utf-8"}
    )


def failure(call: str, now: datetime, code: str, message: str, classification: str = "RequestError") -> Reply:
    return answer(call, "Failure", now, (), [error_node(code, message, classification)])


def error_node(code: str, message: str, classification: str = "RequestError", **parameters: str) -> Node:
    return (
        "Errors",
        [
            ("ShortMessage", message),
            ("LongMessage", message),
            ("ErrorCode", code),
            ("SeverityCode", "Error"),
            *(("ErrorParameters", [("Value", value)], {"ParamID": name}) for name, value in parameters.items()),
            ("ErrorClassification", classification),
        ],
    )


def get_orders(orders: Collection[dict[str, Any]], request: ET.Element, now: datetime) -> Reply:
    wanted = [node.text for node in request.findall("OrderIDArray/OrderID")]
    matching = [order for order in orders if (order["orderId"] in wanted if wanted else _is_within(order, request))]
    matching.sort(key=lambda order: (order["creationDate"], order["orderId"]))
    size = int(request.findtext("Pagination/EntriesPerPage", "25"))
    number = int(request.findtext("Pagination/PageNumber", "1"))
    if size > 100:
        return failure("GetOrders", now, "16104", "Entries per page must be between 1 and 100.")
    page = matching[(number - 1) * size : number * size]
    nodes = (
        ("PaginationResult", [("TotalNumberOfPages", str(-(-len(matching) // size))),
                              ("TotalNumberOfEntries", str(len(matching)))]),
        ("HasMoreOrders", "true" if number * size < len(matching) else "false"),
        ("OrderArray", [order_node(order) for order in page]),
        ("OrdersPerPage", str(size)),
        ("PageNumber", str(number)),
        ("ReturnedOrderCountActual", str(len(page))),
    )  # fmt: skip
    return answer("GetOrders", "Success", now, nodes)


def get_user(now: datetime) -> Reply:
    return answer("GetUser", "Success", now, [("User", [("UserID", "kettle_and_cup")])])


CARRIERS = ("DHL", "DeutschePost", "Hermes", "DPD", "GLS", "UPS", "FedEx", "iLoxx", "Other")


def get_details(request: ET.Element, now: datetime) -> Reply:
    """The carriers of the German site, the one kind of details that is known here."""
    if request.findtext("DetailName") != "ShippingCarrierDetails":
        return failure("GeteBayDetails", now, "37", "Input data for tag <DetailName> is invalid or missing.")
    nodes = [
        (
            "ShippingCarrierDetails",
            [("ShippingCarrierID", str(number)), ("Description", code), ("ShippingCarrier", code)],
        )
        for number, code in enumerate(CARRIERS, 1)
    ]
    return answer("GeteBayDetails", "Success", now, nodes)


def _is_within(order: dict[str, Any], request: ET.Element) -> bool:
    for field, name in (("creationDate", "CreateTime"), ("lastModifiedDate", "ModTime")):
        begin, end = request.findtext(f"{name}From"), request.findtext(f"{name}To")
        if begin and end:
            return begin <= order[field] <= end
    return False


def order_node(order: dict[str, Any]) -> Node:
    summary = order["pricingSummary"]
    paid = order["orderPaymentStatus"] not in ("PENDING", "FAILED")
    cancelled = order["cancelStatus"]["cancelState"] == "CANCELED"
    step = order["fulfillmentStartInstructions"][0]["shippingStep"]
    delivery = _read_cents(summary["deliveryCost"]) + _read_cents(summary.get("deliveryDiscount"))
    currency = summary["total"]["currency"]
    sold = _read_cents(summary["priceSubtotal"]) + _read_cents(summary.get("priceDiscount"))
    refunds = order["paymentSummary"]["refunds"]
    return (
        "Order",
        [
            ("OrderID", order["orderId"]),
            ("OrderStatus", "Cancelled" if cancelled else "Completed" if paid else "Active"),
            amount_node("AdjustmentAmount", 0, currency),
            amount_node("AmountPaid", _read_cents(summary["total"]) if paid else 0, currency),
            ("CheckoutStatus", [
                ("eBayPaymentStatus", "NoPaymentFailure"),
                ("LastModifiedTime", order["lastModifiedDate"]),
                ("Status", "Complete" if paid else "Incomplete"),
            ]),
            ("CreatedTime", order["creationDate"]),
            ("ShippingAddress", _build_address(step["shipTo"])),
            ("ShippingServiceSelected", [
                ("ShippingService", step["shippingServiceCode"]),
                amount_node("ShippingServiceCost", delivery, currency),
            ]),
            amount_node("Subtotal", sold, currency),
            amount_node("Total", _read_cents(summary["total"]), currency),
            ("TransactionArray", [_build_transaction(line, order) for line in order["lineItems"]]),
            ("BuyerUserID", order["buyer"]["username"]),
            ("PaidTime", order["creationDate"]) if paid else None,
            ("ShippedTime", order["lastModifiedDate"]) if order["orderFulfillmentStatus"] == "FULFILLED" else None,
            ("MonetaryDetails", [("Refunds", [
                ("Refund", [("RefundTime", refund["refundDate"]),
                            amount_node("RefundAmount", _read_cents(refund["amount"]), currency)])
                for refund in refunds
            ])]) if refunds else None,
            ("SellerUserID", order["sellerId"]),
            ("CancelStatus", "CancelComplete" if cancelled else "NotApplicable"),
            ("ExtendedOrderID", order["orderId"]),
            ("eBayCollectAndRemitTax", "true") if order.get("ebayCollectAndRemitTax") else None,
        ],
    )  # fmt: skip


def _build_transaction(line: dict[str, Any], order: dict[str, Any]) -> Node:
    """TransactionPrice is the price of a unit after discounts, so these must divide evenly among the units."""
    quantity, currency = line["quantity"], line["lineItemCost"]["currency"]
    price, rest = divmod(_read_cents(line.get("discountedLineItemCost", line["lineItemCost"])), quantity)
    assert rest == 0, "eBay's unit prices are whole cents"
    contact = order["buyer"]["buyerRegistrationAddress"]
    first, _, last = contact["fullName"].partition(" ")
    variation = line.get("variationAspects")
    return (
        "Transaction",
        [
            ("Buyer", [("Email", contact.get("email", "Invalid Request")), ("UserFirstName", first),
                       ("UserLastName", last)]),
            ("CreatedDate", order["creationDate"]),
            ("Item", [("ItemID", line["legacyItemId"]), ("Site", "Germany"), ("Title", line["title"]),
                      None if variation else ("SKU", line["sku"])]),
            ("QuantityPurchased", str(quantity)),
            ("TransactionID", line["lineItemId"]),
            amount_node("TransactionPrice", price, currency),
            ("TransactionSiteID", SITES.get(line["purchaseMarketplaceId"], "Germany")),
            ("Variation", [("SKU", line["sku"]), ("VariationTitle", f"{line['title']}[{variation[0]['value']}]")])
            if variation else None,
            ("OrderLineItemID", f"{line['legacyItemId']}-{line['lineItemId']}"),
            ("ExtendedOrderID", order["orderId"]),
            _build_remitted(line.get("ebayCollectAndRemitTaxes", ()), currency),
        ],
    )  # fmt: skip


def _build_remitted(taxes: Iterable[dict[str, Any]], currency: str) -> Node:
    taxes = list(taxes)
    if not taxes:
        return None
    reference = taxes[0].get("ebayReference")
    return (
        "eBayCollectAndRemitTaxes",
        [
            ("eBayReference", reference["value"], {"name": reference["name"]}) if reference else None,
            amount_node("TotalTaxAmount", sum(_read_cents(tax["amount"]) for tax in taxes), currency),
            *(
                ("TaxDetails", [("Imposition", IMPOSITIONS[tax["taxType"]]),
                                amount_node("TaxAmount", _read_cents(tax["amount"]), currency),
                                ("CollectionMethod", "NET")])
                for tax in taxes
            ),
        ],
    )  # fmt: skip


def _build_address(contact: dict[str, Any]) -> list[Node]:
    where = contact["contactAddress"]
    return [
        ("Name", contact["fullName"]),
        ("Street1", where["addressLine1"]),
        ("CityName", where["city"]),
        ("Country", where["countryCode"]),
        ("Phone", contact["primaryPhone"].get("phoneNumber", "Invalid Request")),
        ("PostalCode", where["postalCode"]),
    ]


def amount_node(name: str, cents: int, currency: str) -> Node:
    return name, f"{cents / 100:.2f}", {"currencyID": currency}


def _read_cents(amount: dict[str, str] | None) -> int:
    return round(float(amount["value"]) * 100) if amount else 0


def _grow(parent: ET.Element, nodes: Iterable[Node]) -> None:
    for node in nodes:
        if node is None:
            continue
        element = ET.SubElement(parent, node[0], node[2] if len(node) > 2 else {})
        if isinstance(node[1], list):
            _grow(element, node[1])
        else:
            element.text = node[1]
