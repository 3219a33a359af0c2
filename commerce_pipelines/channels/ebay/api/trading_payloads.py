"""Types of eBay's Trading API (XML): only the elements that are used, under the vendor's names.

What belongs here: the vendor's shapes, and reading them from elements. What does not: what they mean
(orders/trading_translate.py, inventory/listings.py), how they are asked for (orders/trading_reading.py). Source:
eBaySvc.xsd 1379, in which nearly everything is optional. Elements that are not listed are ignored: answers hold more
than the schema declares.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar
from xml.etree import ElementTree as ET

import msgspec

from ....core.errors import ProtocolError
from ....core.legible import says, where
from . import xml
from .payloads import Currency, Id, bad_payload

Instant = Annotated[datetime, msgspec.Meta(tz=True)]

REPEATED = frozenset(
    ("BuyerTaxIdentifier", "Errors", "InventoryStatus", "Item", "NameValueList", "PictureURL", "Refund",
     "ShipToAddress", "ShippingCarrierDetails", "TaxDetails", "Transaction", "Value", "Variation")
)  # fmt: skip


class _Element(msgspec.Struct, gc=False):
    pass


class Amount(_Element):
    value: str
    currencyID: Currency


class Reference(_Element):
    """`eBayReference`: the text is an identifier, `name` is its kind (IOSS, OSS …)."""

    value: str = ""
    name: str = ""


class TaxDetails(_Element):
    Imposition: str = ""
    TaxAmount: Amount | None = None


class TaxesType(_Element):
    """`TotalTaxAmount` is not read, because it has been seen in another currency than its parts."""

    TaxDetails: list[TaxDetails] = []
    eBayReference: Reference | str | None = None


class SalesTax(_Element):
    SalesTaxPercent: str = "0"
    SalesTaxAmount: Amount | None = None


class ShippingDetails(_Element):
    SalesTax: SalesTax | None = None


class ShippingService(_Element):
    ShippingService: str = ""
    ShippingServiceCost: Amount | None = None
    ImportCharge: Amount | None = None


class Address(_Element):
    Name: str = ""
    Street1: str = ""
    Street2: str = ""
    CityName: str = ""
    StateOrProvince: str = ""
    Country: str = ""
    Phone: str = ""
    PostalCode: str = ""
    CompanyName: str = ""
    ReferenceID: str = ""


class TransactionBuyer(_Element):
    Email: str = ""
    UserFirstName: str = ""
    UserLastName: str = ""


class OrderedItem(_Element):
    ItemID: str = ""
    Site: str = ""
    Title: str = ""
    SKU: str = ""


class OrderedVariation(_Element):
    SKU: str = ""
    VariationTitle: str = ""


class Transaction(_Element):
    """A line of an order. TransactionPrice is the price of one unit. The SKU of a variation stands in the variation,
    not in Item."""

    OrderLineItemID: Id
    TransactionPrice: Amount
    QuantityPurchased: int
    Item: list[OrderedItem] = []
    Variation: list[OrderedVariation] = []
    Buyer: TransactionBuyer | None = None
    Taxes: TaxesType | None = None
    eBayCollectAndRemitTaxes: TaxesType | None = None
    VATPercent: str = "0"
    TransactionSiteID: str = ""


class TransactionArray(_Element):
    Transaction: list[Transaction] = []


class CheckoutStatus(_Element):
    eBayPaymentStatus: str = ""
    LastModifiedTime: Instant | None = None
    PaymentMethod: str = ""
    Status: str = ""


class Refund(_Element):
    RefundAmount: Amount | None = None


class Refunds(_Element):
    Refund: list[Refund] = []


class MonetaryDetails(_Element):
    Refunds: Refunds | None = None


class Leg(_Element):
    ShipToAddress: list[Address] = []


class MultiLegShippingDetails(_Element):
    SellerShipmentToLogisticsProvider: Leg | None = None


class BuyerTaxIdentifier(_Element):
    Type: str = ""
    ID: str = ""


class Order(_Element):
    OrderID: Id
    OrderStatus: Literal[
        "Active", "Inactive", "Completed", "Cancelled", "Shipped", "Default", "Authenticated", "InProcess", "Invalid",
        "CustomCode", "All", "CancelPending",
    ]  # fmt: skip
    CreatedTime: Instant
    Total: Amount
    TransactionArray: TransactionArray
    ExtendedOrderID: Id | None = None
    CheckoutStatus: CheckoutStatus | None = None
    AdjustmentAmount: Amount | None = None
    AmountPaid: Amount | None = None
    ShippingDetails: ShippingDetails | None = None
    ShippingServiceSelected: ShippingService | None = None
    ShippingAddress: Address | None = None
    IsMultiLegShipping: bool = False
    MultiLegShippingDetails: MultiLegShippingDetails | None = None
    MonetaryDetails: MonetaryDetails | None = None
    BuyerTaxIdentifier: list[BuyerTaxIdentifier] = []
    BuyerUserID: str = ""
    EIASToken: str = ""  # id of the buyer's account, which stays when the user name changes
    PaymentHoldStatus: str = ""  # PaymentReview and others, see trading_translate.py
    PaidTime: Instant | None = None
    ShippedTime: Instant | None = None
    CancelStatus: str = ""
    SellerUserID: str = ""


class Error(_Element):
    """ShortMessage and LongMessage are eBay's own texts; the parameters that follow them are not read."""

    ErrorCode: str = ""
    ShortMessage: str = ""
    LongMessage: str = ""
    SeverityCode: str = ""
    ErrorClassification: str = ""


class PaginationResult(_Element):
    TotalNumberOfPages: int = 0
    TotalNumberOfEntries: int = 0


class Answer(_Element):
    """The fields of every answer. The HTTP status is 200 whatever `Ack` says."""

    Ack: Literal["Success", "Failure", "Warning", "PartialFailure", "CustomCode"]
    Errors: list[Error] = []


class OrdersAnswer(_Element):
    HasMoreOrders: bool = False
    PaginationResult: PaginationResult = msgspec.field(default_factory=PaginationResult)


class UserAnswer(_Element):
    class _User(_Element):
        UserID: str = ""

    User: _User


class DetailsAnswer(_Element):
    """What GeteBayDetails tells of the site."""

    class _Carrier(_Element):
        ShippingCarrier: str = ""

    ShippingCarrierDetails: list[_Carrier] = []


class SellingStatus(_Element):
    QuantitySold: int = 0


class Variation(_Element):
    """A variation of a listing. `Quantity` is everything that was ever offered, sold units included."""

    SKU: str = ""
    Quantity: int | None = None
    SellingStatus: SellingStatus | None = None
    VariationTitle: str = ""


class Variations(_Element):
    Variation: list[Variation] = []


class ListedItem(_Element):
    ItemID: str
    SKU: str = ""
    Title: str = ""
    ListingType: str = ""
    QuantityAvailable: int | None = None
    Quantity: int | None = None
    SellingStatus: SellingStatus | None = None
    Variations: Variations | None = None


class ListedItems(_Element):
    Item: list[dict[str, Any]] = []  # each a ListedItem, converted by itself


class ActiveList(_Element):
    ItemArray: ListedItems | None = None
    PaginationResult: PaginationResult = msgspec.field(default_factory=PaginationResult)


class SellingAnswer(_Element):
    """The answer has no `ActiveList` if the account lists nothing."""

    ActiveList: ActiveList | None = None


class InventoryStatus(_Element):
    """The state of a listing, or of its variation, after the call. A listing without SKU has none here."""

    ItemID: str = ""
    SKU: str = ""
    Quantity: int | None = None


class ReviseAnswer(_Element):
    InventoryStatus: list[InventoryStatus] = []
    Errors: list[Error] = []


T = TypeVar("T")


def read_order(raw: bytes) -> Order:
    """One landed `<Order>`. Raises RecordError(`bad_payload`); its message ends with the path of the wrong field."""
    try:
        root = xml.parse(raw)
        if root.find(f".//{xml.TOO_DEEP}") is not None:
            raise bad_payload("its elements nest without end")
        return _convert(root, Order)
    except ProtocolError as error:
        raise bad_payload(str(error).rstrip(".")) from None
    except msgspec.ValidationError as error:
        raise bad_payload(says(error)) from None


def read_answer(element: ET.Element, shape: type[T], operation: str) -> T:
    """Raises ProtocolError with the path of the wrong field."""
    try:
        return _convert(element, shape)
    except msgspec.ValidationError as error:
        raise ProtocolError(
            f"The answer to {operation} is not shaped as eBay's schema says, at {where(error)}."
        ) from None


def _convert(element: ET.Element, shape: type[T]) -> T:
    return convert(xml.as_mapping(element, REPEATED), shape)


def convert(mapping: dict[str, Any], shape: type[T]) -> T:
    """Raises msgspec.ValidationError."""
    return msgspec.convert(mapping, shape, strict=False)
