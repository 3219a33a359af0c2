"""The personal fields of Shopify's answers, and what each is for. Nothing is cut: a query asks for what it needs and no
more (api/queries.py), so that this list is what the queries may ask for.

What belongs here: the lists. What does not: the queries.
"""

from __future__ import annotations

from ...domain.privacy.personal import PersonalFields, Use

_ADDRESS = ("name", "company", "address1", "address2", "city", "zip", "provinceCode", "province", "countryCodeV2")

ORDERS = PersonalFields(
    "Shopify: orders",
    {
        "email": (Use.MATCHING, Use.SUBJECT),
        "phone": (Use.SHIPPING,),
        "customerLocale": (Use.LANGUAGE,),
        "customer.id": (Use.MATCHING, Use.SUBJECT),
        "customer.firstName": (Use.INVOICE,),
        "customer.lastName": (Use.INVOICE,),
        "purchasingEntity.company.name": (Use.INVOICE,),
        "purchasingEntity.location.taxSettings.taxRegistrationId": (Use.INVOICE, Use.VAT),
        **dict.fromkeys((f"billingAddress.{field}" for field in (*_ADDRESS, "phone")), (Use.INVOICE,)),
        **dict.fromkeys((f"shippingAddress.{field}" for field in _ADDRESS), (Use.SHIPPING, Use.VAT)),
        "shippingAddress.phone": (Use.SHIPPING,),
    },
)
_ORDER = {"order.email": (Use.SUBJECT,), "order.customer.id": (Use.SUBJECT,)}
RETURNS = PersonalFields(
    "Shopify: returns",
    {**_ORDER, "reverseFulfillmentOrders.nodes.reverseDeliveries.nodes.deliverable.tracking.number": (Use.PARCEL,)},
)
REFUNDS = PersonalFields("Shopify: refunds", _ORDER)
ALL = (ORDERS, RETURNS, REFUNDS)
