"""The personal fields of eBay's answers: what each is for, and what is cut before an answer is stored.

What belongs here: the lists. What does not: cutting JSON (domain/privacy/personal.py), reading the fields
(orders/rest_payloads.py, api/trading_payloads.py).
"""

from __future__ import annotations

from xml.etree import ElementTree as ET  # only for types; api/xml.py reads

from ...core.errors import ProtocolError
from ...domain.privacy.personal import PersonalFields, Tree, Use, build_tree, cut_json
from .api import xml

_BUYER, _SHIP_TO = "buyer.buyerRegistrationAddress", "fulfillmentStartInstructions.shippingStep.shipTo"
_CONTACT = ("fullName", "companyName", "contactAddress")

REST_ORDERS = PersonalFields(
    "eBay: orders (Fulfillment API)",
    {
        "buyer.username": (Use.MATCHING, Use.SUBJECT),
        **dict.fromkeys((f"{_BUYER}.{field}" for field in _CONTACT), (Use.INVOICE,)),
        f"{_BUYER}.email": (Use.MATCHING, Use.SUBJECT),
        f"{_BUYER}.primaryPhone": (Use.SHIPPING,),
        "buyer.taxIdentifier": (Use.INVOICE, Use.VAT),
        **dict.fromkeys((f"{_SHIP_TO}.{field}" for field in _CONTACT), (Use.SHIPPING, Use.VAT)),
        f"{_SHIP_TO}.email": (Use.MATCHING, Use.SUBJECT),
        f"{_SHIP_TO}.primaryPhone": (Use.SHIPPING,),
        "fulfillmentStartInstructions.shippingStep.shipToReferenceId": (Use.SHIPPING,),
    },
    (
        "buyer.taxAddress",
        f"{_BUYER}.secondaryPhone",
        "buyerCheckoutNotes",
        "fulfillmentStartInstructions.finalDestinationAddress",
        "fulfillmentStartInstructions.appointment",
        f"{_SHIP_TO}.secondaryPhone",
        "lineItems.giftDetails",
        "lineItems.linkedOrderLineItems",
    ),
)
_ADDRESS = ("Name", "CompanyName", "Street1", "Street2", "CityName", "StateOrProvince", "PostalCode", "Country")
_UNREAD = (  # of an address
    "Street", "County", "CountryName", "PhoneCountryCode", "PhoneCountryPrefix", "PhoneAreaOrCityCode",
    "PhoneLocalNumber", "Phone2", "AddressID", "AddressOwner", "AddressStatus", "AddressRecordType", "AddressAttribute",
    "InternationalName", "InternationalStateAndCity", "InternationalStreet", "FirstName", "LastName",
)  # fmt: skip
_UNREAD_BUYER = (
    "AboutMePage", "BiddingSummary", "BusinessRole", "BuyerInfo", "EIASToken", "EnterpriseSeller", "FeedbackPrivate",
    "FeedbackRatingStar", "FeedbackScore", "IDVerified", "Membership", "NewUser", "PositiveFeedbackPercent",
    "QualifiesForSelling", "RegistrationAddress", "RegistrationDate", "SellerInfo", "ShippingAddress", "Site",
    "StaticAlias", "Status", "TUVLevel", "UniqueNegativeFeedbackCount", "UniqueNeutralFeedbackCount",
    "UniquePositiveFeedbackCount", "UserAnonymized", "UserID", "UserIDChanged", "UserIDLastChanged",
    "UserSubscription", "VATID", "VATStatus", "eBayGoodStanding", "eBayWikiReadOnly",
)  # fmt: skip
_LINE = "TransactionArray.Transaction"
_HUB = "MultiLegShippingDetails.SellerShipmentToLogisticsProvider.ShipToAddress"
_PLACES = ("ShippingAddress", _HUB)
TRADING_ORDERS = PersonalFields(
    "eBay: orders (Trading API)",
    {
        "BuyerUserID": (Use.MATCHING, Use.SUBJECT),
        "EIASToken": (Use.MATCHING, Use.SUBJECT),
        "BuyerTaxIdentifier": (Use.INVOICE, Use.VAT),
        **dict.fromkeys((f"{place}.{field}" for place in _PLACES for field in _ADDRESS), (Use.SHIPPING, Use.VAT)),
        **dict.fromkeys((f"{place}.Phone" for place in _PLACES), (Use.SHIPPING,)),
        **dict.fromkeys((f"{place}.ReferenceID" for place in _PLACES), (Use.SHIPPING,)),
        f"{_LINE}.Buyer.Email": (Use.MATCHING, Use.SUBJECT),
        f"{_LINE}.Buyer.UserFirstName": (Use.INVOICE,),
        f"{_LINE}.Buyer.UserLastName": (Use.INVOICE,),
        f"{_LINE}.ShippingDetails.ShipmentTrackingDetails": (Use.PARCEL,),
        "ShippingDetails.ShipmentTrackingDetails": (Use.PARCEL,),
    },
    (
        "BuyerCheckoutMessage", "BuyerPackageEnclosures", "SellerEmail", "PickupDetails", "PickupMethodSelected",
        *(f"{place}.{field}" for place in _PLACES for field in _UNREAD),
        "MultiLegShippingDetails.LogisticsProviderShipmentToBuyer",
        *(f"{_LINE}.{field}" for field in (
            "BuyerCheckoutMessage", "BuyerMessage", "BuyerPackageEnclosures", "CodiceFiscale", "ContainingOrder",
            "DigitalDeliverySelected", "FeedbackLeft", "FeedbackReceived", "GiftSummary", "LinkedLineItemArray",
            "MultiLegShippingDetails", "PickupDetails", "PickupMethodSelected",
        )),
        *(f"{_LINE}.Buyer.{field}" for field in _UNREAD_BUYER),
    ),
)  # fmt: skip
REFUNDS = PersonalFields("eBay: refunds", {"buyer.username": (Use.SUBJECT,)})
ALL = (REST_ORDERS, TRADING_ORDERS, REFUNDS)

_REST, _TRADING = build_tree(REST_ORDERS.cut), build_tree(TRADING_ORDERS.cut)


def cut_order(raw: bytes) -> bytes:
    """An order of either API."""
    if not raw.lstrip().startswith(b"<"):
        return cut_json(raw, _REST)
    try:
        root = xml.parse(raw)
    except ProtocolError:
        return raw
    _remove_elements(root, _TRADING)
    return xml.write(root)


def _remove_elements(element: ET.Element, tree: Tree) -> None:
    for child in list(element):
        branch = tree.get(child.tag)
        if branch == {}:
            element.remove(child)
        elif branch:
            _remove_elements(child, branch)
