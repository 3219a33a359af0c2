"""After the sale: the demo's merchant ships, invoices and credits in Odoo, buyers send goods back, marketplaces pay
back.

What belongs here: which orders it happens to, and what each marketplace shows of it then. What does not: what Odoo
makes of the merchant's clicks (odoo/working.py), how a marketplace states a refund (amazon/finances.py,
ebay/refunding.py, shopify/returning.py).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from .amazon import AmazonStandIn
from .amazon.finances import make_item
from .amazon.finances import make_refund as make_amazon_refund
from .amazon.return_rows import make_return as make_amazon_return
from .ebay import EbayStandIn
from .ebay.refunding import refund_lines, refund_order
from .odoo import OdooStandIn
from .shopify import Line, ShopifyStandIn, make_order
from .shopify.returning import Back, add_exchange, dispose, make_refund, make_return, process_exchange
from .shopify.shop import instant, number

Data = dict[str, Any]
GOODWILL = 250  # cents
SHIPPED_AT_ONCE = 8  # deliveries of each marketplace that leave on the demo's first day
REFUNDED_AT_ONCE = 2  # refunds of each marketplace on that day: one for goods, one as goodwill
SETTLED = timedelta(seconds=10)  # eBay shows a change a little after it happened
POSTED = timedelta(minutes=10)  # Amazon lists no transaction of the last two minutes


class Desk(Protocol):
    """One marketplace's side of it. Orders are named by the reference that the sale order in Odoo has."""

    def list_open(self) -> Iterator[str]:
        """Orders in euro, without anything unusual, of which nothing is shipped."""
        ...

    def pay_back(self, reference: str, number: int, now: datetime, *, goods: bool) -> None:
        """The first line is taken back, or the buyer gets `GOODWILL`."""
        ...


class AfterSale:
    """shipped: by marketplace, the references of orders that left and are not refunded, oldest first. is_open: whether
    further orders leave and are refunded, as others come in."""

    def __init__(self, channels: Mapping[str, Any], odoo: OdooStandIn) -> None:
        desks = {AmazonStandIn: AmazonDesk, EbayStandIn: EbayDesk, ShopifyStandIn: ShopifyDesk}
        self._desks: dict[str, Desk] = {name: desks[type(channel)](channel) for name, channel in channels.items()}
        self._odoo = odoo
        self._count = 0
        self.is_open = False
        self.shipped: dict[str, list[str]] = {name: [] for name in channels}

    def list_open(self, name: str) -> set[str]:
        """The references of a marketplace's orders in euro, without anything unusual, of which nothing is shipped."""
        return set(self._desks[name].list_open())

    def ship(self, most: int = SHIPPED_AT_ONCE, *, invoice: bool = True) -> int:
        """The oldest deliveries of each marketplace leave, some of them in two parcels, and a person invoices all that
        is sold, unless the pipelines are to do so first. Returns how many orders left."""
        ready = list(dict.fromkeys(self._odoo.list_waiting()))
        for name, desk in self._desks.items():
            waiting = set(desk.list_open())
            leaving = [reference for reference in ready if reference in waiting][:most]
            self._odoo.ship(leaving, in_two=leaving[:4])
            self.shipped[name] += leaving
        if invoice:
            self._odoo.invoice()
        return sum(map(len, self.shipped.values()))

    def ship_one(self, rng: random.Random) -> None:
        """Any delivery that is ready leaves and is invoiced, or goods arrive."""
        ready = self._odoo.list_waiting()
        if not ready or rng.random() < 0.3:
            self._odoo.stir(rng)
            return
        reference = rng.choice(ready)
        self.send(reference)
        self._odoo.invoice([reference])

    def send(self, reference: str) -> None:
        """The delivery of an order that is ready leaves. An order that leaves in two parcels may be refunded once."""
        is_first = not self._odoo.list_left([reference])
        for name, desk in self._desks.items():
            if is_first and reference in desk.list_open():
                self.shipped[name].append(reference)
        self._odoo.ship([reference])

    def pay_back(self, now: datetime, most: int = REFUNDED_AT_ONCE) -> None:
        """The oldest shipped orders of each marketplace are refunded, for goods and as goodwill in turn."""
        for name, desk in self._desks.items():
            refunded, self.shipped[name] = self.shipped[name][:most], self.shipped[name][most:]
            for at, reference in enumerate(refunded):
                self._count += 1
                desk.pay_back(reference, self._count, now, goods=at % 2 == 0)

    def pay_back_one(self, rng: random.Random, now: datetime) -> None:
        """Some marketplace refunds its oldest shipped order."""
        name = rng.choice(list(self._desks))
        if self.shipped[name]:
            self._count += 1
            self._desks[name].pay_back(self.shipped[name].pop(0), self._count, now, goods=rng.random() < 0.7)

    def exchange(self, name: str, now: datetime) -> datetime | None:
        """A buyer of a shop of Shopify sends a unit of the oldest shipped order back and gets the same again. Returns
        when the order was placed, None if there was none."""
        desk = self._desks[name]
        if not (self.shipped[name] and isinstance(desk, ShopifyDesk)):
            return None
        self._count += 1
        return desk.exchange(self.shipped[name].pop(0), self._count, now)

    def pay_back_to(self, name: str, reference: str, now: datetime, *, goods: bool) -> None:
        """A marketplace refunds this order, which has left: its first line, which is sent back, or `GOODWILL`. Raises
        ValueError for any other order."""
        self.shipped[name].remove(reference)
        self._count += 1
        self._desks[name].pay_back(reference, self._count, now, goods=goods)

    def credit(self, name: str) -> bool:
        """A person credits, in Odoo, the order of a marketplace that left last; it counts as refunded then. Returns
        whether there was one."""
        return bool(self.shipped[name]) and self._odoo.credit(self.shipped[name].pop(), GOODWILL / 100)


class AmazonDesk:
    """Refunds are transactions of the Finances API; returns stand in reports."""

    def __init__(self, stand_in: AmazonStandIn) -> None:
        self._stand_in = stand_in

    def list_open(self) -> Iterator[str]:
        with self._stand_in.lock:
            for order in list(self._stand_in.orders.values()):
                fulfilment = order["fulfillment"]
                is_open = fulfilment.get("fulfilledBy") == "MERCHANT" and fulfilment["fulfillmentStatus"] == "UNSHIPPED"
                if is_open and all(map(_is_plain_item, order["orderItems"])) and "tax" not in order:
                    yield order["orderId"]

    def pay_back(self, reference: str, number: int, now: datetime, *, goods: bool) -> None:
        with self._stand_in.lock:
            order = self._stand_in.orders[reference]
            item = order["orderItems"][0]
            parts = {row["type"]: _read_cents(row["subtotal"]["amount"]) for row in item["proceeds"]["breakdowns"]}
            tax = parts.get("TAX", 0) * parts["ITEM"] // (parts["ITEM"] + parts.get("SHIPPING", 0))
            leaves = {"OurPricePrincipal": tax - parts["ITEM"], "OurPriceTax": -tax}
            if not goods:
                leaves = {"GoodwillPrincipal": -GOODWILL}
            sku, units = item["product"]["sellerSku"], item["quantityOrdered"]
            row = make_item(sku, leaves, number=number, quantity=units)
            place = order["salesChannel"]["marketplaceId"]
            refund = make_amazon_refund(8_000_000 + number, reference, now - POSTED, row, marketplace=place)
            self._stand_in.finances.add(refund)
            if goods:
                at = now - POSTED
                back = make_amazon_return(reference, f"DJ{number}RMA", at, (sku, units), delivered=at)
                self._stand_in.returns.add(back)


def _is_plain_item(item: Data) -> bool:
    proceeds = item.get("proceeds")
    if proceeds is None or "tax" in item or "cancellation" in item:
        return False
    kinds = {row["type"] for row in proceeds["breakdowns"]}
    return kinds <= {"ITEM", "SHIPPING", "TAX"} and proceeds["proceedsTotal"]["currencyCode"] == "EUR"


def _read_cents(amount: str) -> int:
    return round(float(amount) * 100)


class EbayDesk:
    """Refunds stand inside the order; returns are not stated."""

    def __init__(self, stand_in: EbayStandIn) -> None:
        self._stand_in = stand_in

    def list_open(self) -> Iterator[str]:
        with self._stand_in.lock:
            for order_id, order in list(self._stand_in.orders.items()):
                is_open = order["orderFulfillmentStatus"] == "NOT_STARTED" and order["orderPaymentStatus"] == "PAID"
                is_plain = (
                    order["pricingSummary"]["total"]["currency"] == "EUR"
                    and not order.get("ebayCollectAndRemitTax")
                    and order["cancelStatus"]["cancelState"] == "NONE_REQUESTED"
                )
                if is_open and is_plain:
                    yield order_id

    def pay_back(self, reference: str, number: int, now: datetime, *, goods: bool) -> None:
        with self._stand_in.lock:
            order = self._stand_in.orders[reference]
            line = order["lineItems"][0]
            cost = line.get("discountedLineItemCost") or line["lineItemCost"]
            at = now - SETTLED
            if goods:
                refund_lines(order, {0: _read_cents(cost["value"])}, number=8_000_000 + number, at=at)
            else:
                refund_order(order, GOODWILL, number=8_000_000 + number, at=at)
            self._stand_in.touch(reference, at)


class ShopifyDesk:
    """Goods come back as a return whose units have arrived, with its refund."""

    def __init__(self, stand_in: ShopifyStandIn) -> None:
        self._stand_in = stand_in

    def list_open(self) -> Iterator[str]:
        with self._stand_in.lock:
            for order in list(self._stand_in.orders.rows.values()):
                is_open = order["displayFulfillmentStatus"] == "UNFULFILLED" and not order["cancelledAt"]
                is_paid = order["displayFinancialStatus"] == "PAID" and not order["test"] and not order["edited"]
                if is_open and is_paid and _is_plain_sale(order):
                    yield order["name"]

    def pay_back(self, reference: str, number_: int, now: datetime, *, goods: bool) -> None:
        with self._stand_in.lock:
            orders = self._stand_in.orders
            order = next(row for row in orders.rows.values() if row["name"] == reference)
            order_id, at = str(number(order["id"])), instant(now)
            sequence = 8_000_000 + number_
            if not goods:
                orders.add_refund(order_id, make_refund(order, number=sequence, created=at, adjustment=GOODWILL), now)
                return
            back = [Back(0)]
            record = make_return(order, back, number=sequence, created=at, status="OPEN")
            dispose(record, [(0, "RESTOCKED", 1)], tracking=f"RET{sequence}")
            orders.add_return(order_id, record, now)
            refund = make_refund(order, back, number=sequence, created=at, return_id=str(sequence))
            orders.add_refund(order_id, refund, now)

    def exchange(self, reference: str, number_: int, now: datetime) -> datetime:
        """A unit of the first line has arrived, and the order has another one as a line of its own; no money moves."""
        with self._stand_in.lock:
            orders = self._stand_in.orders
            order = next(row for row in orders.rows.values() if row["name"] == reference)
            order_id, at, sequence = str(number(order["id"])), instant(now), 8_000_000 + number_
            item = order["lineItems"][0]
            price = _read_cents(item["originalUnitPriceSet"]["shopMoney"]["amount"])
            rates = [str(tax["rate"]) for tax in item["taxLines"]]
            line = Line(item["sku"], item["name"], price, rate=rates[0] if rates else None)
            record = make_return(order, [Back(0)], number=sequence, created=at, status="OPEN")
            dispose(record, [(0, "RESTOCKED", 1)], tracking=f"RET{sequence}")
            process_exchange(
                order, add_exchange(record, line.sku or ""), make_order([line], number=sequence, created=at, shipping=0)
            )
            orders.add_return(order_id, record, now)
            refund = make_refund(
                order, [Back(0)], number=sequence, created=at, return_id=str(sequence), set_off=price
            )  # fmt: skip
            refund["return"]["exchangeLineItems"] = record["exchangeLineItems"]
            orders.add_refund(order_id, refund, now)
            return datetime.fromisoformat(order["createdAt"])


def _is_plain_sale(order: Data) -> bool:
    lines = order["lineItems"]
    return (
        order["presentmentCurrencyCode"] == "EUR"
        and order["taxesIncluded"]
        and all(line["requiresShipping"] and not line["discountAllocations"] for line in lines)
        and len(lines) < 10
    )
