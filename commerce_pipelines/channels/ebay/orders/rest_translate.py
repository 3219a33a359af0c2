"""An eBay order as the business sees it: Fulfillment API payload -> domain `Order`. Pure.

What belongs here: states, people, addresses, programmes, which amounts are whose. What does not: adding them up
(charges.py), the API's shapes (rest_payloads.py), orders of the Trading API (trading_translate.py). Quotations are
field descriptions of sell_fulfillment_v1_oas3.json.

An order with `cancelState` CANCELED is cancelled as a whole. A cancel request (IN_PROGRESS) is only a wish and changes
nothing. Where some units are cancelled, eBay keeps the order's lines and total and refunds the buyer: `Order.refunded`
says how much.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from ....core.errors import RecordError
from ....domain.keys import is_relay
from ....domain.money import to_minor
from ....domain.orders.order import Address, Buyer, FulfilledBy, Order, OrderStatus, Payment, Review, Shipped, check
from ...capabilities import Head
from ..api.payloads import Amount, subject
from ..marketplaces import BY_ID
from . import rest_payloads
from .charges import Item, Priced, Summary, price, to_order_currency, unpriced
from .parties import first_email, phone, state, with_reference

PAID = frozenset(("PAID", "PARTIALLY_REFUNDED", "FULLY_REFUNDED"))
CANCELLED = frozenset(("CANCELED", "CANCELLED"))
HELD = frozenset(("HELD", "HELD_PENDING", "RELEASE_FAILED"))
SHIPPED = {"NOT_STARTED": Shipped.NO, "IN_PROGRESS": Shipped.PARTLY, "FULFILLED": Shipped.YES}
# The kind of number that only a business has. Private persons may have a CODICE_FISCALE, DNI, NIE, NIF or NIT too.
TRADER_ID = "VATIN"


def head(raw: bytes) -> Head:
    order = rest_payloads.read_head(raw)
    return Head(
        record_id=order.order_id,
        created_at=order.creation_date.astimezone(UTC),
        updated_at=order.last_modified_date.astimezone(UTC),
        subject=subject((order.buyer and order.buyer.username) or "", order.order_id),
    )


def translate(raw: bytes, channel: str, home: str, prices_include_tax: bool | None) -> Order:
    """Raises RecordError, see translate.translate."""
    order = rest_payloads.read_order(raw)
    currency = order.pricing_summary.total.currency
    status = status_of(order)
    marketplace = marketplace_of(order, home)
    if prices_include_tax is None:
        prices_include_tax = BY_ID[marketplace].tax_included if marketplace in BY_ID else True
    items: list[Item] = []
    try:
        items = [_read_item(line, currency) for line in order.line_items]
        money = price(items, _read_summary(order.pricing_summary, currency), prices_include_tax)
    except RecordError:
        if status is OrderStatus.PAID:
            raise
        money = Priced(
            unpriced(items or [_read_bare_item(line) for line in order.line_items]), 0, 0, prices_include_tax
        )
    step = _find_shipping_step(order)
    result = Order(
        channel=channel,
        order_id=order.order_id,
        number=order.order_id,
        placed_at=order.creation_date.astimezone(UTC),
        updated_at=order.last_modified_date.astimezone(UTC),
        status=status,
        currency=currency,
        total=money.total,
        prices_include_tax=money.prices_include_tax,
        lines=money.lines,
        collected=money.collected,
        collected_as=_name_collection_scheme(order) if money.collected else "",
        fulfilled_by=_decide_fulfilled_by(order),
        shipped=SHIPPED[order.order_fulfillment_status],
        marketplace=marketplace,
        service=(step and step.shipping_service_code) or "",
        departure_country=_find_departure(order),
        payments=_read_payments(order, currency),
        refunded=_sum_refunds(order, currency),
        review=_find_review(order),
        buyer=_read_buyer(order, marketplace),
        shipping=_read_shipping_address(step),
        billing=_read_address(order.buyer.buyer_registration_address) if order.buyer else None,
    )
    check(result)
    return result


def status_of(order: rest_payloads.Order) -> OrderStatus:
    if order.cancel_status and order.cancel_status.cancel_state in CANCELLED:
        return OrderStatus.CANCELLED
    return OrderStatus.PAID if order.order_payment_status in PAID else OrderStatus.WAITING


def marketplace_of(order: rest_payloads.Order, home: str) -> str:
    """The marketplace where the buyer bought; a listing also appears on other marketplaces than its own."""
    line = order.line_items[0]
    return line.purchase_marketplace_id or line.listing_marketplace_id or home


def minor(amount: Amount | None, currency: str) -> int:
    """Minor units, 0 for no amount. An amount that eBay converted is not the order's money:
    RecordError(`mixed_currency`)."""
    return to_order_currency(amount.value, amount.currency, currency) if amount else 0


def _read_minor_in(amount: Amount | None, currency: str) -> int | None:
    """The amount in the order's currency. Payments and refunds are stated in the currency of the seller's payout, with
    the order's currency beside it."""
    if amount is None:
        return None
    if amount.currency == currency:
        return to_minor(amount.value, currency)
    if amount.converted_from_value and amount.converted_from_currency == currency:
        return to_minor(amount.converted_from_value, currency)
    return None


def _read_item(line: rest_payloads.LineItem, currency: str) -> Item:
    cost = minor(line.line_item_cost, currency)
    delivery = line.delivery_cost or rest_payloads.DeliveryCost()
    remitted = [((t.tax_type or ""), minor(t.amount, currency)) for t in line.ebay_collect_and_remit_taxes or ()]
    own = [((t.tax_type or ""), minor(t.amount, currency)) for t in line.taxes or ()]
    stated = len(own)
    for tax in remitted:  # "the lineItems.taxes container also appears for this line item with the same tax amount"
        if tax in own:
            own.remove(tax)
    charges = line.ebay_collected_charges or rest_payloads.CollectedCharges()
    return Item(
        line_id=line.line_item_id,
        title=line.title,
        quantity=line.quantity,
        cost=cost,
        sku=line.sku or "",
        discount=cost - minor(line.discounted_line_item_cost, currency) if line.discounted_line_item_cost else 0,
        discount_title=", ".join(p.description for p in line.applied_promotions or () if p.description),
        shipping=minor(delivery.shipping_cost, currency),
        handling=minor(delivery.handling_cost, currency),
        shipping_discount=abs(minor(delivery.discount_amount, currency)),
        tax=sum(amount for kind, amount in own if not kind.endswith("_FEE")),
        fees=sum(amount for kind, amount in own if kind.endswith("_FEE")),
        remitted=sum(amount for _, amount in remitted),
        repeated=len(own) < stated,
        shipped=_count_shipped(line),
        withheld=minor(delivery.import_charges, currency)
        + minor(delivery.shipping_intermediation_fee, currency)
        + minor(charges.ebay_shipping, currency)
        + sum(minor(charge.amount, currency) for charge in charges.charges or ()),
    )


def _read_bare_item(line: rest_payloads.LineItem) -> Item:
    return Item(
        line_id=line.line_item_id, title=line.title, quantity=line.quantity, cost=0, sku=line.sku or "",
        shipped=_count_shipped(line),
    )  # fmt: skip


def _count_shipped(line: rest_payloads.LineItem) -> int:
    """All units of a line that is fulfilled, else 0: of a line that is partly shipped eBay counts no units here."""
    return max(line.quantity, 0) if line.line_item_fulfillment_status == "FULFILLED" else 0


def _read_summary(stated: rest_payloads.PricingSummary, currency: str) -> Summary:
    def positive(amount: Amount | None) -> int | None:
        return None if amount is None else abs(minor(amount, currency))

    return Summary(
        total=minor(stated.total, currency),
        adjustment=minor(stated.adjustment, currency),
        delivery=positive(stated.delivery_cost),
        delivery_discount=positive(stated.delivery_discount),
        price_discount=positive(stated.price_discount),
    )


def _name_collection_scheme(order: rest_payloads.Order) -> str:
    """IOSS, OSS, VOEC … as eBay names the scheme; else a name by the kind of tax."""
    taxes = [tax for line in order.line_items for tax in line.ebay_collect_and_remit_taxes or ()]
    names = sorted({tax.ebay_reference.name for tax in taxes if tax.ebay_reference and tax.ebay_reference.name})
    if names:
        return "+".join(names)
    if any(tax.tax_type == "STATE_SALES_TAX" for tax in taxes):
        return "US_FACILITATOR"
    return "deemed_supplier" if taxes else "ebay_charges"


def _decide_fulfilled_by(order: rest_payloads.Order) -> FulfilledBy:
    program = order.program.fulfillment_program if order.program else None
    instructions = order.fulfillment_start_instructions or ()
    by_ebay = any(instruction.fulfillment_instructions_type == "FULFILLED_BY_EBAY" for instruction in instructions)
    return FulfilledBy.CHANNEL if by_ebay or (program and program.fulfilled_by == "EBAY") else FulfilledBy.MERCHANT


def _find_departure(order: rest_payloads.Order) -> str:
    countries = {line.item_location.country_code for line in order.line_items if line.item_location} - {None, ""}
    return str(countries.pop()) if len(countries) == 1 else ""


def _read_payments(order: rest_payloads.Order, currency: str) -> tuple[Payment, ...]:
    stated = (order.payment_summary and order.payment_summary.payments) or ()
    paid = [payment for payment in stated if payment.payment_status == "PAID"]
    amounts = [(payment.payment_method or "", _read_minor_in(payment.amount, currency)) for payment in paid]
    return tuple(Payment(method=method, amount=amount) for method, amount in amounts if amount)


def _find_review(order: rest_payloads.Order) -> Review | None:
    """A payment that eBay holds for a review. A hold that the seller can end (a new seller's hold ends with the
    tracking number) does not count, because the parcel has to be sent to end it."""
    payments = (order.payment_summary and order.payment_summary.payments) or ()
    holds = [hold for payment in payments for hold in payment.payment_holds or ()]
    held = any(hold.hold_state in HELD and not hold.seller_actions_to_release for hold in holds)
    return Review.PAYMENT if held else None


def _sum_refunds(order: rest_payloads.Order, currency: str) -> int:
    """The seller's part of the refunds. eBay lists refunds of the order and refunds of lines apart; one that stands in
    both lists all the same counts once."""
    stated = [(refund, _read_minor_in(refund.amount, currency) or 0) for line in order.line_items
              for refund in line.refunds or ()]  # fmt: skip
    by_id: Counter[str | None] = Counter()
    by_date: Counter[datetime | None] = Counter()
    for refund, amount in stated:
        by_id[refund.refund_id] += amount
        by_date[refund.refund_date] += amount
    total = sum(amount for _, amount in stated)
    for refund in (order.payment_summary and order.payment_summary.refunds) or ():
        amount = _read_minor_in(refund.amount, currency) or 0
        has_id = refund.refund_id is not None and refund.refund_id in by_id
        is_nameless = refund.refund_id is None or None in by_id
        has_date = is_nameless and refund.refund_date is not None and by_date[refund.refund_date] == amount
        if refund.refund_status in (None, "REFUNDED") and not has_id and not has_date:
            total += amount
    return total


def _find_shipping_step(order: rest_payloads.Order) -> rest_payloads.ShippingStep | None:
    return next(
        (
            instruction.shipping_step
            for instruction in order.fulfillment_start_instructions or ()
            if instruction.shipping_step
        ),
        None,
    )


def _read_buyer(order: rest_payloads.Order, marketplace: str) -> Buyer:
    buyer = order.buyer or rest_payloads.Buyer()
    registered = buyer.buyer_registration_address or rest_payloads.Contact()
    step = _find_shipping_step(order)
    ship_to = (step and step.ship_to) or rest_payloads.Contact()
    email = first_email(registered.email, ship_to.email)
    tax_id = buyer.tax_identifier or rest_payloads.TaxIdentifier()
    trader = tax_id.tax_identifier_type == TRADER_ID
    return Buyer(
        ref=buyer.username or "",
        name=registered.full_name or ship_to.full_name or "",
        email=email,
        email_is_relay=is_relay(email),
        phone=_read_phone(registered) or _read_phone(ship_to),
        company=registered.company_name or "",
        vat_number=(tax_id.taxpayer_id or "") if trader else "",
        language=BY_ID[marketplace].language if marketplace in BY_ID else "",
        is_business=bool(registered.company_name) or trader,
    )


def _read_shipping_address(step: rest_payloads.ShippingStep | None) -> Address | None:
    """Where the parcel goes; with the Global Shipping Program or eBay International Shipping that is eBay's hub."""
    return with_reference(_read_address(step.ship_to), step.ship_to_reference_id) if step else None


def _read_address(contact: rest_payloads.Contact | None) -> Address | None:
    if contact is None or contact.contact_address is None:
        return None
    where = contact.contact_address
    return Address(
        name=contact.full_name or "",
        company=contact.company_name or "",
        street=where.address_line1 or "",
        street2=where.address_line2 or "",
        city=where.city or "",
        postcode=where.postal_code or "",
        state=state(where.state_or_province),
        country=where.country_code or "",
        phone=_read_phone(contact),
    )


def _read_phone(contact: rest_payloads.Contact) -> str:
    return phone(contact.primary_phone.phone_number if contact.primary_phone else None)
