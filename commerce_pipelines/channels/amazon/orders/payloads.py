"""Types of Amazon's Orders API v2026-01-01 (and of the token and error answers): only the fields that are used.

What belongs here: the vendor's shapes under the vendor's names, and reading them from bytes. What does not: what they
mean (translate.py), how they are asked for (reading.py). Source: orders_2026-01-01.json in the vendor's repository
amzn/selling-partner-api-models; fields are optional there unless marked required, and its lists of "possible values"
are open unless it says `enum`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeVar

import msgspec

from ....core.errors import RecordError
from ....core.legible import decode_json, says
from ..api.payloads import Pagination

Id = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z_-]{0,63}\Z")]  # `$` would take a line end
Instant = Annotated[datetime, msgspec.Meta(tz=True)]

Status = Literal[
    "PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED", "UNFULFILLABLE"
]


class _Payload(msgspec.Struct, rename="camel", gc=False):
    pass


class Money(_Payload):
    amount: str
    currency_code: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}\Z")]


class SalesChannel(_Payload):
    channel_name: str  # AMAZON, NON_AMAZON
    marketplace_id: str = ""


class Buyer(_Payload):
    buyer_name: str | None = None
    buyer_email: str | None = None
    buyer_company_name: str | None = None


class CustomerAddress(_Payload):
    name: str | None = None
    company_name: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    address_line3: str | None = None
    city: str | None = None
    district_or_county: str | None = None
    state_or_region: str | None = None
    municipality: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone: str | None = None


class Recipient(_Payload):
    delivery_address: CustomerAddress | None = None


class DetailedBreakdown(_Payload):
    subtype: str = ""
    value: Money | None = None


class Breakdown(_Payload):
    """One category of proceeds of an item or of the order; `status` is PENDING or FINALIZED for a delivery tip."""

    type: str
    subtotal: Money
    detailed_breakdowns: list[DetailedBreakdown] | None = None
    status: str | None = None


class ItemProceeds(_Payload):
    proceeds_total: Money | None = None
    breakdowns: list[Breakdown] | None = None


class OrderProceeds(_Payload):
    grand_total: Money | None = None
    breakdowns: list[Breakdown] | None = None


class ItemPrice(_Payload):
    unit_price: Money | None = None


class Product(_Payload):
    asin: str | None = None
    title: str | None = None
    seller_sku: str | None = None
    price: ItemPrice | None = None


class CancellationExecution(_Payload):
    cancelled_by: str | None = None


class Cancellation(_Payload):
    """A `cancellationRequest` is only a wish of the buyer and changes nothing; a cancellation that is executed
    counts."""

    cancellation_execution: CancellationExecution | None = None


class InternationalShipping(_Payload):
    ioss_number: str | None = None


class ItemShipping(_Payload):
    international_shipping: InternationalShipping | None = None


class ItemFulfillment(_Payload):
    quantity_fulfilled: int | None = None
    shipping: ItemShipping | None = None


class TaxCalculation(_Payload):
    reporting_scheme: str | None = None  # UOSS, IOSS


class TaxCollection(_Payload):
    model: str | None = None  # MARKETPLACE_FACILITATOR
    responsible_party: str | None = None


class ItemTax(_Payload):
    tax_calculation_breakdowns: list[TaxCalculation] | None = None
    tax_collections: list[TaxCollection] | None = None


class OrderItem(_Payload):
    order_item_id: Id
    quantity_ordered: int
    product: Product
    proceeds: ItemProceeds | None = None
    cancellation: Cancellation | None = None
    fulfillment: ItemFulfillment | None = None
    tax: ItemTax | None = None


class DateTimeRange(_Payload):
    """Its time is text, because an order is not refused for a promise that cannot be read."""

    latest_date_time: str | None = None


class Fulfillment(_Payload):
    fulfillment_status: Status
    fulfilled_by: Literal["AMAZON", "MERCHANT"] | None = None
    fulfillment_service_level: str | None = None
    deliver_by_window: DateTimeRange | None = None


class MerchantAddress(_Payload):
    country_code: str | None = None


class Package(_Payload):
    ship_from_address: MerchantAddress | None = None
    ship_time: str | None = None


class TaxRegistration(_Payload):
    entity_type: str | None = None  # BUYER, MERCHANT, MARKETPLACE
    legal_name: str | None = None
    tax_registration_type: str | None = None  # BUSINESS, VAT, CST, CPF, CNPJ
    tax_registration_number: str | None = None
    tax_registration_address: CustomerAddress | None = None


class OrderTax(_Payload):
    tax_registrations: list[TaxRegistration] | None = None


class PaymentExecution(_Payload):
    payment_method: str | None = None
    payment_amount: Money | None = None


class OrderPayment(_Payload):
    payment_executions: list[PaymentExecution] | None = None


class AssociatedOrder(_Payload):
    association_type: str | None = None  # REPLACEMENT_ORIGINAL_ID, EXCHANGE_ORIGINAL_ID
    order_id: str | None = None


class Order(_Payload):
    order_id: Id
    created_time: Instant
    last_updated_time: Instant
    sales_channel: SalesChannel
    order_items: list[OrderItem]
    programs: list[str] | None = None
    associated_orders: list[AssociatedOrder] | None = None
    buyer: Buyer | None = None
    recipient: Recipient | None = None
    proceeds: OrderProceeds | None = None
    payment: OrderPayment | None = None
    tax: OrderTax | None = None
    fulfillment: Fulfillment | None = None
    packages: list[Package] | None = None


class Head(_Payload):
    """The few fields of an order that the landing needs; the others are not decoded."""

    order_id: Id
    created_time: Instant
    last_updated_time: Instant
    buyer: Buyer | None = None


class SearchOrdersResponse(_Payload):
    """Orders stay the bytes that came, because they are landed unchanged."""

    orders: list[msgspec.Raw]
    pagination: Pagination | None = None
    last_updated_before: Instant | None = None
    created_before: Instant | None = None


class GetOrderResponse(_Payload):
    order: msgspec.Raw


T = TypeVar("T")

_ORDER = msgspec.json.Decoder(Order)
_HEAD = msgspec.json.Decoder(Head)


def read_order(raw: bytes) -> Order:
    """One order. Raises RecordError(`bad_payload`); its message ends with the path of the wrong field."""
    return _read(_ORDER, raw)


def read_head(raw: bytes) -> Head:
    """One order's head. Raises RecordError(`bad_payload`)."""
    return _read(_HEAD, raw)


def _read(decoder: msgspec.json.Decoder[T], raw: bytes) -> T:
    try:
        return decode_json(decoder, raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        reason = says(error)
        raise bad_payload(reason, subject=_read_path(reason)) from None


def bad_payload(reason: str, *, subject: str = "") -> RecordError:
    return RecordError(
        "bad_payload",
        f"Amazon's order is not shaped as its API says: {reason}.",
        fix="Look at the landed answer; where Amazon changed its API, channels/amazon/orders/payloads.py must follow.",
        subject=subject,
    )


def _read_path(reason: str) -> str:
    return reason.partition(" - at `")[2].rstrip("`")
