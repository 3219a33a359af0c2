"""An Amazon order as the business sees it: payload -> domain `Order`. Pure.

What belongs here: states, people, addresses, who ships, who collects tax. What does not: the money of the items
(proceeds.py), the API's shapes (payloads.py). Quotations are field descriptions of orders_2026-01-01.json.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ....core.errors import RecordError
from ....domain.keys import email_key
from ....domain.money import to_minor
from ....domain.orders.order import Address, Buyer, FulfilledBy, Order, OrderStatus, Payment, Shipped
from ...capabilities import Head
from ..marketplaces import BY_ID, Marketplace
from . import payloads, proceeds

# UNFULFILLABLE "only applies to Amazon-fulfilled orders that were not placed on Amazon's retail website".
# How an order is associated with the one that it follows: its goods again, free of charge, or other goods.
_REPLACEMENT, _EXCHANGE = "REPLACEMENT_ORIGINAL_ID", "EXCHANGE_ORIGINAL_ID"
STATUS: dict[str, tuple[OrderStatus, Shipped]] = {
    "PENDING_AVAILABILITY": (OrderStatus.WAITING, Shipped.NO),
    "PENDING": (OrderStatus.WAITING, Shipped.NO),
    "UNSHIPPED": (OrderStatus.PAID, Shipped.NO),
    "PARTIALLY_SHIPPED": (OrderStatus.PAID, Shipped.PARTLY),
    "SHIPPED": (OrderStatus.PAID, Shipped.YES),
    "CANCELLED": (OrderStatus.CANCELLED, Shipped.NO),
    "UNFULFILLABLE": (OrderStatus.CANCELLED, Shipped.NO),
}
FULFILLED_BY = {"AMAZON": FulfilledBy.CHANNEL, "MERCHANT": FulfilledBy.MERCHANT}
# Kinds of numbers that a business has. A CPF or CST is a private person's number.
VAT_TYPES = frozenset(("VAT", "BUSINESS", "CNPJ"))
# Countries where an address needs the district; elsewhere the field only repeats the city's county.
DISTRICT_COUNTRIES = frozenset(("AE", "BR", "EG", "IN", "MX", "SA", "TR"))
# Where an IOSS number applies, Regulation (EU) 2017/2454: goods imported into the Union.
IOSS_COUNTRIES = frozenset(
    ("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
     "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK")
)  # fmt: skip


def head(raw: bytes) -> Head:
    """What the landing needs. The buyer's e-mail is Amazon's anonymised address, which stays the same for a buyer."""
    order = payloads.read_head(raw)
    email = email_key((order.buyer and order.buyer.buyer_email) or "")
    return Head(
        record_id=order.order_id,
        created_at=order.created_time,
        updated_at=order.last_updated_time,
        subject=f"email:{email}" if email else f"order:{order.order_id}",
    )


def subjects(raw: bytes) -> tuple[str, ...]:
    """Amazon removes the address with time; refunds name the order alone."""
    top = head(raw)
    return tuple(dict.fromkeys((top.subject, f"order:{top.record_id}")))


def translate(raw: bytes, channel: str, prices_include_tax: bool | None = None) -> Order:
    """One order. prices_include_tax: the setting, for orders whose amounts do not show it; None: the marketplace's.
    Raises RecordError: `bad_payload`, `missing_proceeds`, and those of proceeds.price for an order to be loaded.
    """
    order = payloads.read_order(raw)
    if order.fulfillment is None:
        raise payloads.bad_payload("Object missing required field `fulfillment`", subject="$.fulfillment")
    market = BY_ID.get(order.sales_channel.marketplace_id)
    status, shipped, other = _read_standing(order, order.fulfillment.fulfillment_status)
    if status is OrderStatus.PAID and order.fulfillment.fulfilled_by is None:
        raise payloads.bad_payload(
            "Object missing required field `fulfilledBy` - at `$.fulfillment`", subject="$.fulfillment.fulfilledBy"
        )
    paid = status is OrderStatus.PAID
    prices_include_tax = _decide_tax_included(market, prices_include_tax)
    collects = {item.order_item_id: _is_tax_collected(item, order, strict=paid) for item in order.order_items}
    currency = market.currency if market else ""
    try:
        currency = proceeds.currency_of(order, currency)
        money = proceeds.price(order, currency, prices_include_tax, collects)
    except RecordError:
        if paid and not other:
            raise
        money = proceeds.Priced(proceeds.unpriced(order), 0, 0, prices_include_tax)
    return Order(
        channel=channel,
        order_id=order.order_id,
        number=order.order_id,
        placed_at=order.created_time,
        updated_at=order.last_updated_time,
        status=status,
        currency=currency,
        total=money.total,
        prices_include_tax=money.prices_include_tax,
        lines=money.lines,
        collected=money.collected,
        collected_as=_name_collection_scheme(order, collects),
        fulfilled_by=FULFILLED_BY[order.fulfillment.fulfilled_by or "MERCHANT"],
        shipped=shipped,
        delivered_by=_read_delivered_by(order, order.fulfillment),
        marketplace=order.sales_channel.marketplace_id,
        service=order.fulfillment.fulfillment_service_level or "",
        departure_country=_find_departure(order),
        is_other_channel=other,
        replaces=_find_first_order(order),
        payments=_read_payments(order, currency),
        buyer=_read_buyer(order, market.language if market else ""),
        billing=_read_billing_address(order),
        shipping=_read_address(order.recipient.delivery_address) if order.recipient else None,
    )


def _decide_tax_included(market: Marketplace | None, setting: bool | None) -> bool:
    if setting is None:
        return market.tax_included if market else True
    return setting


def _read_standing(order: payloads.Order, fulfilment_status: str) -> tuple[OrderStatus, Shipped, bool]:
    """(status of the order, what has been shipped, whether the order is no sale of ours: sold elsewhere, or impossible
    to fulfil)."""
    status, shipped = STATUS[fulfilment_status]
    other = order.sales_channel.channel_name == "NON_AMAZON" or fulfilment_status == "UNFULFILLABLE"
    if (
        status is OrderStatus.PAID
        and all(proceeds.is_cancelled(i) for i in order.order_items)
        and _read_amount_due(order) == 0
    ):
        status = OrderStatus.CANCELLED
    if status is OrderStatus.PAID and not other:
        status = _check_priced(order, shipped)
    return status, shipped, other


def _read_amount_due(order: payloads.Order) -> int:
    """The stated grand total in minor units, 0 if it is missing."""
    total = order.proceeds.grand_total if order.proceeds else None
    return to_minor(total.amount, total.currency_code) if total else 0


def _find_first_order(order: payloads.Order) -> str:
    """The order whose goods this one sends again or exchanges, '' where there is none."""
    others = order.associated_orders or ()
    return next((other.order_id or "" for other in others if other.association_type in (_REPLACEMENT, _EXCHANGE)), "")


def _check_priced(order: payloads.Order, shipped: Shipped) -> OrderStatus:
    """PAID for a priced order. Before shipment an order without proceeds waits, because Amazon updates it when
    it has a price. A replacement costs nothing. Any other shipped order without a price would wait for ever, so it is
    refused."""
    replaces = any(other.association_type == _REPLACEMENT for other in order.associated_orders or ())
    if proceeds.is_priced(order) or replaces:
        return OrderStatus.PAID
    if shipped is Shipped.NO:
        return OrderStatus.WAITING
    raise RecordError(
        "missing_proceeds",
        "The order is shipped, but Amazon states no proceeds for it.",
        fix="Look whether the application has the role for pricing data in Seller Central, then replay the order.",
    )


def _is_tax_collected(item: payloads.OrderItem, order: payloads.Order, *, strict: bool) -> bool:
    """Whether Amazon remits this item's tax: "Tax is withheld and remitted to the taxing authority by Amazon".

    The data set TAX needs a role that not every application has. Without it, the IOSS number is the only evidence:
    sellers "must provide this IOSS number to their carrier when Amazon has collected the VAT on the sale".
    """
    if item.tax is None or item.tax.tax_collections is None:
        return bool(_read_ioss_number(item)) and _read_destination(order) in IOSS_COUNTRIES
    models = {collection.model for collection in item.tax.tax_collections} - {None}
    if strict and models - {proceeds.FACILITATOR}:
        raise RecordError(
            "unknown_tax_model",
            "The order's tax is collected under a model that is not known.",
            fix="Say in channels/amazon/orders/translate.py who remits the tax under it; Amazon added it lately.",
            subject=item.order_item_id,
        )
    return proceeds.FACILITATOR in models


def _name_collection_scheme(order: payloads.Order, collects: dict[str, bool]) -> str:
    items = [item for item in order.order_items if collects[item.order_item_id]]
    if not items:
        return ""
    schemes = {
        scheme.reporting_scheme for item in items if item.tax for scheme in item.tax.tax_calculation_breakdowns or ()
    }
    if "IOSS" in schemes or any(_read_ioss_number(item) for item in items):
        return "IOSS"
    return "US_FACILITATOR" if _read_destination(order) == "US" else "deemed_supplier"


def _read_ioss_number(item: payloads.OrderItem) -> str:
    shipping = item.fulfillment.shipping if item.fulfillment else None
    return (shipping and shipping.international_shipping and shipping.international_shipping.ioss_number) or ""


def _read_destination(order: payloads.Order) -> str:
    address = order.recipient.delivery_address if order.recipient else None
    return (address and address.country_code) or ""


def _read_delivered_by(order: payloads.Order, fulfilment: payloads.Fulfillment) -> datetime | None:
    """The end of "the promised time period within which the order should be delivered", or the time when its last
    parcel left, where that was later. Amazon tells no delivery itself."""
    window = fulfilment.deliver_by_window or payloads.DateTimeRange()
    promised = _read_time(window.latest_date_time)
    left = [_read_time(parcel.ship_time) for parcel in order.packages or ()]
    return max(filter(None, (promised, *left))) if promised else None


def _read_time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _find_departure(order: payloads.Order) -> str:
    """The country that all parcels left from; Amazon states it only for orders that the merchant ships."""
    countries = {p.ship_from_address.country_code for p in order.packages or () if p.ship_from_address} - {None, ""}
    return str(countries.pop()) if len(countries) == 1 else ""


def _read_payments(order: payloads.Order, currency: str) -> tuple[Payment, ...]:
    executions = (order.payment.payment_executions if order.payment else None) or ()
    return tuple(
        Payment(method=execution.payment_method or "", amount=to_minor(execution.payment_amount.amount, currency))
        for execution in executions
        if execution.payment_amount and execution.payment_amount.currency_code == currency
    )


def _find_registration(order: payloads.Order) -> payloads.TaxRegistration:
    every = (order.tax.tax_registrations if order.tax else None) or ()
    return next(
        (registration for registration in every if registration.entity_type == "BUYER"), payloads.TaxRegistration()
    )


def _read_buyer(order: payloads.Order, language: str) -> Buyer:
    buyer, registration = order.buyer or payloads.Buyer(), _find_registration(order)
    trader = registration.tax_registration_type in VAT_TYPES
    address = order.recipient.delivery_address if order.recipient else None
    company = buyer.buyer_company_name or (registration.legal_name if trader else "") or ""
    return Buyer(
        name=buyer.buyer_name or "",
        email=buyer.buyer_email or "",
        email_is_relay=bool(buyer.buyer_email),
        phone=(address and address.phone) or "",
        company=company,
        vat_number=(registration.tax_registration_number or "") if trader else "",
        language=language,
        is_business=bool(company) or trader or "AMAZON_BUSINESS" in (order.programs or ()),
    )


def _read_billing_address(order: payloads.Order) -> Address | None:
    """The invoice address. Amazon states it only where the buyer registered one for tax."""
    return _read_address(_find_registration(order).tax_registration_address)


def _read_address(address: payloads.CustomerAddress | None) -> Address | None:
    """The address. For a delivery to Amazon's own warehouse partners it may be a city, postcode and country only."""
    if address is None:
        return None
    country = address.country_code or ""
    lines = [address.address_line1, address.address_line2, address.address_line3]
    if country in DISTRICT_COUNTRIES:
        lines += [address.district_or_county, address.municipality]
    texts = [line.strip() for line in lines if line and line.strip()]
    return Address(
        name=address.name or "",
        company=address.company_name or "",
        street=texts[0] if texts else "",
        street2=", ".join(texts[1:]),
        city=address.city or "",
        postcode=address.postal_code or "",
        state=address.state_or_region or "",
        country=country,
        phone=address.phone or "",
    )
