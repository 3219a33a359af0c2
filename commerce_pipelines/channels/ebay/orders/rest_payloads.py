"""Types of eBay's Fulfillment API v1: only the fields that are used.

What belongs here: the vendor's shapes under the vendor's names, and reading them from bytes. What does not: what they
mean (translate.py), how they are asked for (rest_reading.py), the Trading API (api/trading_payloads.py). Source:
sell_fulfillment_v1_oas3.json 1.20.7, in which every field is optional; the fields without which an order cannot be
loaded are required here.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import msgspec

from ....core.legible import decode_json, says
from ..api.payloads import Amount, Id, Instant, bad_payload

PaymentStatus = Literal["FAILED", "FULLY_REFUNDED", "PAID", "PARTIALLY_REFUNDED", "PENDING"]
FulfillmentStatus = Literal["FULFILLED", "IN_PROGRESS", "NOT_STARTED"]
CancelState = Literal["CANCELED", "CANCELLED", "IN_PROGRESS", "NONE_REQUESTED"]


class _Payload(msgspec.Struct, rename="camel", gc=False):
    pass


class Address(_Payload):
    address_line1: str | None = None
    address_line2: str | None = None
    city: str | None = None
    county: str | None = None
    state_or_province: str | None = None
    postal_code: str | None = None
    country_code: str | None = None


class Phone(_Payload):
    phone_number: str | None = None


class Contact(_Payload):
    full_name: str | None = None
    company_name: str | None = None
    contact_address: Address | None = None
    primary_phone: Phone | None = None
    email: str | None = None


class TaxIdentifier(_Payload):
    taxpayer_id: str | None = None
    tax_identifier_type: str | None = None  # CODICE_FISCALE, DNI, NIE, NIF, NIT, VATIN
    issuing_country: str | None = None


class Buyer(_Payload):
    username: str | None = None
    buyer_registration_address: Contact | None = None
    tax_identifier: TaxIdentifier | None = None


class CancelStatus(_Payload):
    cancel_state: CancelState = "NONE_REQUESTED"


class PricingSummary(_Payload):
    total: Amount
    price_subtotal: Amount | None = None
    price_discount: Amount | None = None
    adjustment: Amount | None = None
    delivery_cost: Amount | None = None
    delivery_discount: Amount | None = None
    tax: Amount | None = None
    fee: Amount | None = None


class PaymentHold(_Payload):
    """seller_actions_to_release: what the seller can do to have the money released, such as to send the parcel."""

    hold_state: str | None = None  # HELD, HELD_PENDING, NOT_HELD, RELEASED, RELEASE_CONFIRMED, _FAILED, _PENDING
    seller_actions_to_release: list[msgspec.Raw] | None = None


class Payment(_Payload):
    payment_method: str | None = None
    payment_status: str | None = None
    amount: Amount | None = None
    payment_holds: list[PaymentHold] | None = None


class Refund(_Payload):
    """A refund of the order has a status (FAILED, PENDING, REFUNDED), a refund of a line has none."""

    amount: Amount | None = None
    refund_date: Instant | None = None
    refund_id: str | None = None
    refund_status: str | None = None


class PaymentSummary(_Payload):
    payments: list[Payment] | None = None
    refunds: list[Refund] | None = None


class ShippingStep(_Payload):
    ship_to: Contact | None = None
    ship_to_reference_id: str | None = None
    shipping_service_code: str | None = None


class StartInstruction(_Payload):
    fulfillment_instructions_type: str | None = None  # SHIP_TO, FULFILLED_BY_EBAY, DIGITAL, PREPARE_FOR_PICKUP
    ebay_supported_fulfillment: bool = False
    shipping_step: ShippingStep | None = None


class DeliveryCost(_Payload):
    shipping_cost: Amount | None = None
    handling_cost: Amount | None = None
    discount_amount: Amount | None = None
    import_charges: Amount | None = None
    shipping_intermediation_fee: Amount | None = None


class Promotion(_Payload):
    description: str | None = None


class Tax(_Payload):
    amount: Amount | None = None
    tax_type: str | None = None


class TaxReference(_Payload):
    name: str | None = None  # ABN, DDG, IOSS, IRD, OSS, SST, VOEC


class CollectAndRemitTax(_Payload):
    amount: Amount | None = None
    tax_type: str | None = None
    ebay_reference: TaxReference | None = None


class Charge(_Payload):
    amount: Amount | None = None


class CollectedCharges(_Payload):
    ebay_shipping: Amount | None = None
    charges: list[Charge] | None = None


class ItemLocation(_Payload):
    country_code: str | None = None


class LineItem(_Payload):
    line_item_id: Id
    line_item_cost: Amount
    quantity: int
    title: str = ""
    sku: str | None = None
    legacy_item_id: str | None = None
    legacy_variation_id: str | None = None
    discounted_line_item_cost: Amount | None = None
    applied_promotions: list[Promotion] | None = None
    delivery_cost: DeliveryCost | None = None
    taxes: list[Tax] | None = None
    ebay_collect_and_remit_taxes: list[CollectAndRemitTax] | None = None
    ebay_collected_charges: CollectedCharges | None = None
    refunds: list[Refund] | None = None
    listing_marketplace_id: str | None = None
    purchase_marketplace_id: str | None = None
    item_location: ItemLocation | None = None
    line_item_fulfillment_status: str | None = None  # of FULFILLED alone the count of units is known


class FulfillmentProgram(_Payload):
    fulfilled_by: str | None = None


class Program(_Payload):
    fulfillment_program: FulfillmentProgram | None = None


class Order(_Payload):
    order_id: Id
    creation_date: Instant
    last_modified_date: Instant
    order_payment_status: PaymentStatus
    order_fulfillment_status: FulfillmentStatus
    pricing_summary: PricingSummary
    line_items: Annotated[list[LineItem], msgspec.Meta(min_length=1)]
    buyer: Buyer | None = None
    cancel_status: CancelStatus | None = None
    payment_summary: PaymentSummary | None = None
    fulfillment_start_instructions: list[StartInstruction] | None = None
    program: Program | None = None
    total_fee_basis_amount: Amount | None = None
    seller_id: str | None = None


class HeadLine(_Payload):
    listing_marketplace_id: str | None = None
    purchase_marketplace_id: str | None = None


class HeadCancel(_Payload):
    cancel_state: str = "NONE_REQUESTED"


class Head(_Payload):
    """The few fields of an order that the landing and the client need; the others are not decoded."""

    order_id: Id
    creation_date: Instant
    last_modified_date: Instant
    buyer: Buyer | None = None
    cancel_status: HeadCancel | None = None
    line_items: list[HeadLine] = []
    seller_id: str | None = None


class OrdersPage(_Payload):
    """Orders stay the bytes that came, because they are landed unchanged."""

    total: int
    orders: list[msgspec.Raw] = []


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
        raise bad_payload(says(error)) from None
