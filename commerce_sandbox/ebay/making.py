"""Orders as eBay's Fulfillment API writes them, made from a few figures.

What belongs here: one order's payload, complete as getOrder with fieldGroups=TAX_BREAKDOWN gives it. What does not:
which orders the demo has (demo.py), what lists leave out (rest.py), the Trading API's XML (trading.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

MARKETPLACES = {"DE": "EBAY_DE", "AT": "EBAY_AT", "FR": "EBAY_FR", "IT": "EBAY_IT", "ES": "EBAY_ES", "GB": "EBAY_GB",
                "US": "EBAY_US", "PL": "EBAY_PL"}  # fmt: skip


class Sold(NamedTuple):
    """One line: `price` cents per unit, `discount` cents off the line, `variation` value of a multi-variation
    listing."""

    sku: str
    title: str
    price: int
    quantity: int = 1
    discount: int = 0
    variation: str = ""
    item_id: str = "110000000001"


class Person(NamedTuple):
    name: str
    street: str
    city: str
    postcode: str
    country: str
    username: str
    email: str = ""
    phone: str = ""


class Remitted(NamedTuple):
    """Tax that eBay collects on top: per cent of the line with its delivery."""

    tax_type: str  # VAT, GST, STATE_SALES_TAX
    percent: int
    reference: tuple[str, str] | None = None  # (IOSS, IM3720000224)


def written(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def money(cents: int, currency: str) -> dict[str, str]:
    return {"value": f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}", "currency": currency}


def make_order(
    number: int,
    placed: datetime,
    sold: Sequence[Sold],
    buyer: Person,
    *,
    currency: str = "EUR",
    delivery: int = 0,
    delivery_discount: int = 0,
    remitted: Remitted | None = None,
    payment: str = "PAID",
    cancel: str = "NONE_REQUESTED",
    shipped: bool = False,
    refund: int = 0,
    location: str = "DE",
) -> dict[str, Any]:
    """One order. Delivery and its discount are on the first line."""
    order_id = f"{number % 90 + 10:02d}-{number:05d}-{10000 + number * 7919 % 90000:05d}"
    marketplace = MARKETPLACES.get(buyer.country, "EBAY_DE")

    def amount(cents: int) -> dict[str, str]:
        return money(cents, currency)

    lines, taxes = [], 0
    for at, sale in enumerate(sold):
        shipping, off = (delivery, delivery_discount) if at == 0 else (0, 0)
        net = sale.price * sale.quantity - sale.discount + shipping - off
        tax = net * remitted.percent // 100 if remitted else 0
        taxes += tax
        lines.append(
            _build_line(number, at, sale, amount, shipping, off, net, tax, remitted, marketplace, shipped, location)
        )
    cost, discount = sum(s.price * s.quantity for s in sold), sum(s.discount for s in sold)
    total = cost - discount + delivery - delivery_discount + taxes
    summary = {"priceSubtotal": amount(cost), "deliveryCost": amount(delivery), "total": amount(total)}
    if discount:
        summary["priceDiscount"] = amount(-discount)
    if delivery_discount:
        summary["deliveryDiscount"] = amount(-delivery_discount)
    if taxes:
        summary["tax"] = amount(taxes)
    paid = payment != "PENDING"
    contact = _build_contact(buyer)
    order: dict[str, Any] = {
        "orderId": order_id,
        "creationDate": written(placed),
        "lastModifiedDate": written(placed + timedelta(seconds=7)),
        "orderFulfillmentStatus": "FULFILLED" if shipped else "NOT_STARTED",
        "orderPaymentStatus": payment,
        "sellerId": "kettle_and_cup",
        "buyer": {
            "username": buyer.username,
            "taxAddress": {"postalCode": buyer.postcode, "countryCode": buyer.country},
            "buyerRegistrationAddress": contact,
        },
        "pricingSummary": summary,
        "cancelStatus": {"cancelState": cancel, "cancelRequests": _build_requests(cancel, placed)},
        "paymentSummary": {
            "totalDueSeller": amount(total - taxes - refund),
            "refunds": [_build_refund(number, amount(refund), placed)] if refund else [],
            "payments": [_build_payment(number, amount(total - taxes), placed, paid)],
        },
        "fulfillmentStartInstructions": [
            {
                "fulfillmentInstructionsType": "SHIP_TO",
                "minEstimatedDeliveryDate": written(placed + timedelta(days=2)),
                "maxEstimatedDeliveryDate": written(placed + timedelta(days=4)),
                "ebaySupportedFulfillment": False,
                "shippingStep": {
                    "shipTo": contact,
                    "shippingCarrierCode": "DHL",
                    "shippingServiceCode": "DE_DHLPaket" if buyer.country == "DE" else "DE_DHLPaketInternational",
                },
            }
        ],
        "fulfillmentHrefs": [],
        "lineItems": lines,
        "salesRecordReference": str(number),
        "totalFeeBasisAmount": amount(total),
        "totalMarketplaceFee": amount(total * 11 // 100),
    }
    if taxes:
        order["ebayCollectAndRemitTax"] = True
    if buyer.country == "IT":
        order["buyer"]["taxIdentifier"] = {
            "taxpayerId": "RSSMRA80A01H501U",
            "taxIdentifierType": "CODICE_FISCALE",
            "issuingCountry": "IT",
        }
    return order


def _build_line(
    number: int,
    at: int,
    sold: Sold,
    amount: Any,
    shipping: int,
    off: int,
    net: int,
    tax: int,
    remitted: Remitted | None,
    marketplace: str,
    shipped: bool,
    location: str,
) -> dict[str, Any]:
    line: dict[str, Any] = {
        "lineItemId": f"{10_000_000_000 + number * 100 + at}",
        "legacyItemId": sold.item_id,
        "title": sold.title,
        "sku": sold.sku,
        "lineItemCost": amount(sold.price * sold.quantity),
        "quantity": sold.quantity,
        "soldFormat": "FIXED_PRICE",
        "listingMarketplaceId": "EBAY_DE",
        "purchaseMarketplaceId": marketplace,
        "lineItemFulfillmentStatus": "FULFILLED" if shipped else "NOT_STARTED",
        "total": amount(net + tax),
        "deliveryCost": {"shippingCost": amount(shipping)},
        "appliedPromotions": [],
        "taxes": [],
        "properties": {"buyerProtection": True},
        "itemLocation": {"location": "Bremen", "countryCode": location, "postalCode": "28195"},
        "refunds": [],
    }
    if off:
        line["deliveryCost"]["discountAmount"] = amount(off)
    if sold.discount:
        line["discountedLineItemCost"] = amount(sold.price * sold.quantity - sold.discount)
        line["appliedPromotions"] = [
            {"promotionId": "5000001@77", "description": "Buy more, save more", "discountAmount": amount(sold.discount)}
        ]
    if sold.variation:
        line["legacyVariationId"] = "510000000001"
        line["variationAspects"] = [{"name": "Color", "value": sold.variation}]
    if remitted and tax:
        line["taxes"] = [{"amount": amount(tax), "taxType": remitted.tax_type}]
        taken = {"taxType": remitted.tax_type, "amount": amount(tax), "collectionMethod": "NET"}
        if remitted.reference:
            taken["ebayReference"] = dict(zip(("name", "value"), remitted.reference, strict=True))
        line["ebayCollectAndRemitTaxes"] = [taken]
    return line


def _build_contact(buyer: Person) -> dict[str, Any]:
    contact: dict[str, Any] = {
        "fullName": buyer.name,
        "contactAddress": {
            "addressLine1": buyer.street,
            "city": buyer.city,
            "postalCode": buyer.postcode,
            "countryCode": buyer.country,
        },
        "primaryPhone": {"phoneNumber": buyer.phone} if buyer.phone else {},
    }
    if buyer.email:
        contact["email"] = buyer.email
    return contact


def _build_payment(number: int, amount: dict[str, str], placed: datetime, paid: bool) -> dict[str, Any]:
    payment: dict[str, Any] = {
        "paymentMethod": "EBAY",
        "amount": amount,
        "paymentStatus": "PAID" if paid else "PENDING",
    }
    if paid:
        payment |= {"paymentDate": written(placed), "paymentReferenceId": f"{number}!7"}
    return payment


def _build_refund(number: int, amount: dict[str, str], placed: datetime) -> dict[str, Any]:
    return {
        "refundId": str(5_000_000 + number),
        "amount": amount,
        "refundDate": written(placed + timedelta(hours=3)),
        "refundStatus": "REFUNDED",
    }


def _build_requests(cancel: str, placed: datetime) -> list[dict[str, Any]]:
    if cancel == "NONE_REQUESTED":
        return []
    state = "COMPLETED" if cancel == "CANCELED" else "REQUESTED"
    return [
        {
            "cancelRequestId": "5100001",
            "cancelInitiator": "BUYER",
            "cancelReason": "ORDER_PLACED_BY_MISTAKE",
            "cancelRequestState": state,
            "cancelRequestedDate": written(placed + timedelta(minutes=20)),
        }
    ]
