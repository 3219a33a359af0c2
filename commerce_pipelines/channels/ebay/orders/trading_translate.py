"""An eBay order as the Trading API's GetOrders gives it: `<Order>` -> domain `Order`. Pure.

What belongs here: states, people, addresses, which amounts are whose. What does not: adding them up (charges.py), the
elements (api/trading_payloads.py), asking (trading_reading.py).

The order's id is `ExtendedOrderID` where there is one: that is the Fulfillment API's `orderId`. `TransactionPrice` is
the price of one unit after the seller's discounts, so these orders have no discounts of their own. An order has one
delivery cost for all lines.
"""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal

from ....core.errors import RecordError
from ....domain.keys import is_relay
from ....domain.money import allocate, to_minor
from ....domain.orders.order import Address, Buyer, Order, OrderStatus, Payment, Review, Shipped, check
from ...capabilities import Head
from ..api import trading_payloads as payloads
from ..api.payloads import bad_payload, subject
from ..marketplaces import BY_ID, BY_SITE_NAME
from .charges import Item, Priced, Summary, price, to_order_currency, unpriced
from .parties import first_email, phone, state, with_reference

CANCELLED = frozenset(
    ("CancelComplete", "CancelClosedNoRefund", "CancelClosedWithRefund", "CancelClosedUnknownRefund",
     "CancelClosedForCommitment")
)  # fmt: skip
# "A possible issue with the buyer that needs to be reviewed by eBay". Other holds concern the seller, who gets the
# money once the parcel has arrived.
REVIEWED = "PaymentReview"
DISPATCHED = frozenset(("Shipped",))


def head(raw: bytes) -> Head:
    order = payloads.read_order(raw)
    order_id = order.ExtendedOrderID or order.OrderID
    changed = (order.CheckoutStatus and order.CheckoutStatus.LastModifiedTime) or order.CreatedTime
    return Head(
        record_id=order_id,
        created_at=order.CreatedTime.astimezone(UTC),
        updated_at=max(changed, order.PaidTime or changed, order.ShippedTime or changed).astimezone(UTC),
        subject=subject(order.BuyerUserID, order_id),
    )


def translate(raw: bytes, channel: str, home: str, prices_include_tax: bool | None) -> Order:
    """Raises RecordError as translate.translate does."""
    order = payloads.read_order(raw)
    lines = order.TransactionArray.Transaction
    if not lines:
        raise bad_payload("Object missing required field `Transaction` - at `$.TransactionArray`")
    currency, status, top = order.Total.currencyID, status_of(order), head(raw)
    market = BY_SITE_NAME.get(lines[0].TransactionSiteID) or BY_ID[home]
    if prices_include_tax is None:
        prices_include_tax = market.tax_included
    items: list[Item] = []
    try:
        items = [_read_item(line, currency, is_shipped(order)) for line in lines]
        _spread_sales_tax(order, items, currency)
        money = price(items, _read_summary(order, currency), prices_include_tax)
    except RecordError:
        if status is OrderStatus.PAID:
            raise
        money = Priced(unpriced(items or [_read_bare_item(line) for line in lines]), 0, 0, prices_include_tax)
    service = order.ShippingServiceSelected
    result = Order(
        channel=channel,
        order_id=top.record_id,
        number=top.record_id,
        placed_at=top.created_at,
        updated_at=top.updated_at,
        status=status,
        currency=currency,
        total=money.total,
        prices_include_tax=money.prices_include_tax,
        lines=money.lines,
        collected=money.collected,
        collected_as=_name_collection_scheme(lines) if money.collected else "",
        shipped=Shipped.YES if is_shipped(order) else Shipped.NO,
        marketplace=market.id,
        service=service.ShippingService if service else "",
        payments=_read_payments(order, currency),
        refunded=_sum_refunds(order, currency),
        review=Review.PAYMENT if order.PaymentHoldStatus == REVIEWED else None,
        buyer=_read_buyer(order, market.language),
        shipping=_read_shipping_address(order),
    )
    check(result)
    return result


def status_of(order: payloads.Order) -> OrderStatus:
    """Completed means paid: "the buyer has paid … and checkout is complete". A cancelled sale has the status Cancelled,
    CancelComplete, or, if it was never paid, Inactive."""
    if order.CancelStatus in CANCELLED or order.OrderStatus in ("Cancelled", "Inactive"):
        return OrderStatus.CANCELLED
    checkout = order.CheckoutStatus
    complete = checkout and (checkout.Status, checkout.eBayPaymentStatus) == ("Complete", "NoPaymentFailure")
    return OrderStatus.PAID if order.PaidTime or complete else OrderStatus.WAITING


def minor(amount: payloads.Amount | None, currency: str) -> int:
    """Minor units, 0 for no amount. Raises RecordError(`mixed_currency`)."""
    return to_order_currency(amount.value, amount.currencyID, currency) if amount else 0


def is_shipped(order: payloads.Order) -> bool:
    """The Trading API says it of whole orders."""
    return order.ShippedTime is not None or order.OrderStatus in DISPATCHED


def _read_item(line: payloads.Transaction, currency: str, shipped: bool) -> Item:
    item = _read_bare_item(line)
    item.shipped = max(line.QuantityPurchased, 0) if shipped else 0
    item.cost = minor(line.TransactionPrice, currency) * line.QuantityPurchased
    own, remitted = _read_taxes(line.Taxes, currency), _read_taxes(line.eBayCollectAndRemitTaxes, currency)
    stated = len(own)
    for tax in remitted:
        if tax in own:
            own.remove(tax)
    item.repeated = len(own) < stated
    item.fees = sum(amount for kind, amount in own if kind.endswith("Fee"))
    item.tax = sum(amount for kind, amount in own if not kind.endswith("Fee"))
    item.remitted = sum(amount for _, amount in remitted)
    item.rate = _read_rate(line.VATPercent)
    return item


def _read_taxes(taxes: payloads.TaxesType | None, currency: str) -> list[tuple[str, int]]:
    return [(detail.Imposition, minor(detail.TaxAmount, currency)) for detail in taxes.TaxDetails] if taxes else []


def _read_bare_item(line: payloads.Transaction) -> Item:
    article = line.Item[0] if line.Item else payloads.OrderedItem()
    variation = line.Variation[0] if line.Variation else payloads.OrderedVariation()
    return Item(
        line_id=line.OrderLineItemID,
        title=variation.VariationTitle or article.Title,
        quantity=line.QuantityPurchased,
        cost=0,
        sku=variation.SKU or article.SKU,
    )


def _spread_sales_tax(order: payloads.Order, items: list[Item], currency: str) -> None:
    """Sales tax that is stated only for the whole order is divided among the items in proportion to their cost."""
    stated = order.ShippingDetails.SalesTax if order.ShippingDetails else None
    if stated is None or any(item.tax or item.remitted for item in items):
        return
    amount = minor(stated.SalesTaxAmount, currency)
    for item, part in zip(items, allocate(amount, [item.cost for item in items]), strict=True):
        item.tax = part
        item.rate = item.rate or (_read_rate(stated.SalesTaxPercent) if amount else None)


def _read_rate(percent: str) -> int | None:
    """'19.0' -> 190_000. A rate of 0 means that no VAT is stated."""
    try:
        return int(Decimal(percent) * 10_000) or None
    except (ArithmeticError, ValueError):
        return None


def _read_summary(order: payloads.Order, currency: str) -> Summary:
    service = order.ShippingServiceSelected
    return Summary(
        total=minor(order.Total, currency),
        adjustment=minor(order.AdjustmentAmount, currency),
        delivery=minor(service.ShippingServiceCost, currency) if service else 0,
    )


def _name_collection_scheme(lines: list[payloads.Transaction]) -> str:
    taxes = [tax for tax in (line.eBayCollectAndRemitTaxes for line in lines) if tax]
    references = [tax.eBayReference for tax in taxes]
    names = sorted({r.name for r in references if isinstance(r, payloads.Reference) and r.name})
    if names:
        return "+".join(names)
    kinds = {detail.Imposition for tax in taxes for detail in tax.TaxDetails}
    return "US_FACILITATOR" if "SalesTax" in kinds else "deemed_supplier"


def _read_payments(order: payloads.Order, currency: str) -> tuple[Payment, ...]:
    paid = order.AmountPaid
    if paid is None or paid.currencyID != currency or not (amount := to_minor(paid.value, currency)):
        return ()
    return (Payment(method=order.CheckoutStatus.PaymentMethod if order.CheckoutStatus else "", amount=amount),)


def _sum_refunds(order: payloads.Order, currency: str) -> int:
    refunds = order.MonetaryDetails.Refunds if order.MonetaryDetails else None
    amounts = [refund.RefundAmount for refund in refunds.Refund] if refunds else []
    return sum(abs(to_minor(a.value, currency)) for a in amounts if a and a.currencyID == currency)


def _read_buyer(order: payloads.Order, language: str) -> Buyer:
    who = order.TransactionArray.Transaction[0].Buyer or payloads.TransactionBuyer()
    ship_to = order.ShippingAddress or payloads.Address()
    email = first_email(who.Email)
    vat = next((identifier.ID for identifier in order.BuyerTaxIdentifier if identifier.Type == "VATIN"), "")
    name = f"{who.UserFirstName} {who.UserLastName}".strip()
    return Buyer(
        ref=order.BuyerUserID,
        account=order.EIASToken,
        name=name or ship_to.Name,
        email=email,
        email_is_relay=is_relay(email),
        phone=phone(ship_to.Phone),
        vat_number=vat,
        language=language,
        is_business=bool(vat),
    )


def _read_shipping_address(order: payloads.Order) -> Address | None:
    """Where the parcel goes; with the Global Shipping Program that is the first leg's address, under its reference."""
    legs = order.MultiLegShippingDetails if order.IsMultiLegShipping else None
    leg = legs.SellerShipmentToLogisticsProvider if legs else None
    if leg and leg.ShipToAddress:
        hub = leg.ShipToAddress[0]
        return with_reference(_read_address(hub), hub.ReferenceID)
    return _read_address(order.ShippingAddress)


def _read_address(address: payloads.Address | None) -> Address | None:
    """The address; None where eBay states no place, as it does until checkout."""
    if address is None or not (address.Country or address.CityName or address.Street1):
        return None
    return Address(
        name=address.Name,
        company=address.CompanyName,
        street=address.Street1,
        street2=address.Street2,
        city=address.CityName,
        postcode=address.PostalCode,
        state=state(address.StateOrProvince),
        country=address.Country,
        phone=phone(address.Phone),
    )
