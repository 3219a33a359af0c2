"""The personal fields of Amazon's answers: what each is for, and what is cut before an answer is stored.

What belongs here: the lists. What does not: cutting (domain/privacy/personal.py), reading the fields
(orders/payloads.py).
"""

from __future__ import annotations

from ...domain.privacy.personal import PersonalFields, Use, build_tree, cut_json

_DELIVERY = (Use.SHIPPING, Use.VAT)
_TAX, _INVOICE = (Use.INVOICE, Use.VAT), (Use.INVOICE,)
_ADDRESS = ("addressLine1", "addressLine2", "addressLine3", "city", "districtOrCounty", "stateOrRegion", "municipality",
            "postalCode", "countryCode")  # fmt: skip
_RECIPIENT, _REGISTRATION = "recipient.deliveryAddress", "tax.taxRegistrations"
_OFFICE = f"{_REGISTRATION}.taxRegistrationAddress"

ORDERS = PersonalFields(
    "Amazon: orders",
    {
        "buyer.buyerName": (Use.INVOICE, Use.MATCHING),
        "buyer.buyerEmail": (Use.MATCHING, Use.SUBJECT),
        "buyer.buyerCompanyName": (Use.INVOICE,),
        **dict.fromkeys((f"{_RECIPIENT}.{field}" for field in ("name", "companyName", *_ADDRESS)), _DELIVERY),
        f"{_RECIPIENT}.phone": (Use.SHIPPING,),
        **dict.fromkeys(
            (f"{_REGISTRATION}.{field}" for field in ("entityType", "legalName", "taxRegistrationType",
                                                      "taxRegistrationNumber")),
            _TAX,
        ),
        **dict.fromkeys((f"{_OFFICE}.{field}" for field in ("name", "companyName", "phone", *_ADDRESS)), _INVOICE),
        "packages.trackingNumber": (Use.PARCEL,),
    },
    (
        "buyer.buyerPurchaseOrderNumber",
        f"{_RECIPIENT}.extendedFields",
        f"{_RECIPIENT}.addressType",
        "recipient.deliveryPreference",
        f"{_OFFICE}.extendedFields",
        f"{_OFFICE}.addressType",
        f"{_REGISTRATION}.taxRegistrationAttributes",
        "tax.taxInvoicing.buyerInvoicePreference",
        "payment.paymentExecutions.authorizationCode",
        "payment.paymentExecutions.cardBrand",
        "orderItems.product.customization",
        "orderItems.fulfillment.packing.giftOption.giftMessage",
    ),
)  # fmt: skip
RETURNS = PersonalFields("Amazon: returns (rows of its reports)", {"tracking_ids": (Use.PARCEL,)})
REFUNDS = PersonalFields("Amazon: refunds (transactions)", {})
ALL = (ORDERS, RETURNS, REFUNDS)

_TREE = build_tree(ORDERS.cut)


def cut_order(raw: bytes) -> bytes:
    return cut_json(raw, _TREE)
