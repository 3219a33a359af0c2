"""A shop's orders as bytes: 6.6 KB of JSON each, varied, the same on every machine.

What belongs here: which orders there are. What does not: serving them (shop.py).

An order is the whole node of Shopify's Admin API as a general query gets it: both sides of each amount, 1 to 8 lines
(2.5 on average) with tax, some with discounts, addresses, the customer, transactions, totals. Money and discounts are
computed by the sandbox's Shopify arithmetic, so that every order balances. There are `TEMPLATES` different ones; order
`n` is one of them with ids, buyer and time of its own. Three in five orders come from a new buyer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from commerce_sandbox.shopify.making import Line, make_order

SEED = 20_260_101
TEMPLATES = 4_000
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 30
FIRST_ID = 5_100_000_000

_ID, _BUYER, _TIME = 7_777_777_777, 6_666_666_666, "2001-02-03T04:05:06Z"
_SLOTS = re.compile(rf"({_ID}|{_BUYER}|{_TIME})".encode())

_GOODS = ("Ethiopia Sidamo", "House blend", "Espresso Napoli", "Decaf Colombia", "Kräutertee Alpen", "Sencha Uji",
          "Hand grinder", "Gooseneck kettle", "Filter papers", "Travel mug", "Cold brew jar", "Milk frother",
          "Café crème", "Rooibos Vanille", "Descaler", "Gift box", "Tasting set", "Latte glass")  # fmt: skip
_KINDS = ("250 g", "500 g", "1 kg", "whole bean", "ground", "black", "oak", "set of 2", "100 pcs", "0.6 l")
_NAMES = ("Anna", "Björn", "Chloé", "David", "Elif", "François", "Greta", "Hannah", "Ivan", "Jürgen", "Zoë", "Łukasz")
_SURNAMES = ("Schmidt", "Müller", "Dubois", "van den Berg", "Kowalski", "Rossi", "García", "Øberg", "Smith", "Novák")
_STREETS = ("Hauptstraße", "Rue de la Paix", "Keizersgracht", "Via Roma", "Calle Mayor", "Lindenweg", "Market Street")
# Country, province, city, postcode, VAT, language.
_PLACES = (
    ("DE", "Germany", "BE", "Berlin", "10115", "0.19", "de-DE"),
    ("DE", "Germany", "BY", "München", "80331", "0.19", "de-DE"),
    ("AT", "Austria", None, "Wien", "1010", "0.2", "de-AT"),
    ("FR", "France", None, "Paris", "75002", "0.2", "fr-FR"),
    ("NL", "Netherlands", None, "Amsterdam", "1016 DK", "0.21", "nl-NL"),
    ("IT", "Italy", "RM", "Roma", "00184", "0.22", "it-IT"),
    ("ES", "Spain", "M", "Madrid", "28013", "0.21", "es-ES"),
    ("PL", "Poland", None, "Kraków", "31-042", "0.23", "pl-PL"),
)
_LINES = (1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 8)
_TAGS = ("newsletter", "wholesale", "gift", "repeat", "vip", "b-stock")

Data = dict[str, Any]
Template = list[bytes]


def templates(count: int = TEMPLATES) -> list[Template]:
    """The different orders, each cut at the places where its ids, buyer and time go."""
    draw = random.Random(SEED)
    return [_SLOTS.split(msgspec.json.encode(_draw_order(draw))) for _ in range(count)]


class Orders(Mapping[int, bytes]):
    """`count` orders by number, oldest first, evenly spread over `DAYS` days from `START`."""

    def __init__(self, count: int) -> None:
        self._count, self._templates = count, templates(min(count, TEMPLATES))
        self._apart = timedelta(days=DAYS) / count

    def __getitem__(self, number: int) -> bytes:
        if not 0 <= number < self._count:
            raise KeyError(number)
        draw = random.Random(number)
        buyer = number if draw.random() < 0.6 else draw.randrange(number + 1)
        slots = {
            b"%d" % _ID: b"%d" % (FIRST_ID + number),
            b"%d" % _BUYER: b"%d" % (FIRST_ID + buyer),
            _TIME.encode(): f"{self.placed(number):%Y-%m-%dT%H:%M:%SZ}".encode(),
        }
        return b"".join([slots.get(part, part) for part in self._templates[number % len(self._templates)]])

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._count))

    def __len__(self) -> int:
        return self._count

    def placed(self, number: int) -> datetime:
        return (START + number * self._apart).replace(microsecond=0)

    def first_placed_from(self, instant: datetime) -> int:
        """The number of the first order placed at this instant or later."""
        number = min(self._count, max(0, int((instant - START) / self._apart) - 1))
        while number < self._count and self.placed(number) < instant:
            number += 1
        return number


def _draw_order(draw: random.Random) -> Data:
    country, land, province, city, postcode, rate, language = draw.choice(_PLACES)
    first, last = draw.choice(_NAMES), draw.choice(_SURNAMES)
    lines = [_draw_line(draw, rate) for _ in range(draw.choice(_LINES))]
    address = {
        "firstName": first, "lastName": last, "name": f"{first} {last}",
        "company": draw.choice((None, None, None, f"{last} GmbH")),
        "address1": f"{draw.choice(_STREETS)} {draw.randrange(1, 200)}", "address2": draw.choice((None, None, "2nd")),
        "city": city, "zip": postcode, "province": province, "provinceCode": province, "country": land,
        "countryCodeV2": country, "phone": f"+49 30 {draw.randrange(10**6, 10**7)}",
        "latitude": round(draw.uniform(36, 60), 6), "longitude": round(draw.uniform(-9, 24), 6),
    }  # fmt: skip
    email = f"{first}.{last}.{_BUYER}@example.com".replace(" ", "").lower()
    order = make_order(
        lines,
        number=_ID,
        created=_TIME,
        shipping=draw.choice((0, 390, 490, 490, 690)),
        shipping_rate=rate,
        currency=draw.choice(("EUR", "EUR", "CHF", "GBP")) if country != "AT" else "EUR",
        fulfilment=draw.choice(("FULFILLED", "FULFILLED", "UNFULFILLED", "PARTIALLY_FULFILLED")),
        name=f"#{_ID}",
        email=email,
        phone=address["phone"],
        customerLocale=language,
        customer={
            "id": f"gid://shopify/Customer/{_BUYER}", "firstName": first, "lastName": last,
            "displayName": f"{first} {last}", "numberOfOrders": str(draw.randrange(1, 30)), "locale": language[:2],
            "createdAt": _TIME, "state": "ENABLED", "tags": draw.sample(_TAGS, 2), "verifiedEmail": True,
        },
        billingAddress=address,
        shippingAddress=address if draw.random() < 0.8 else {**address, "address1": "Packstation 123"},
    )  # fmt: skip
    return _complete(order, draw, lines)


def _draw_line(draw: random.Random, rate: str) -> Line:
    good, kind = draw.randrange(len(_GOODS)), draw.randrange(len(_KINDS))
    price, quantity = draw.randrange(290, 9_990, 10), draw.choice((1, 1, 1, 2, 3))
    discounts: tuple[tuple[str, int], ...] = ()
    if draw.random() < 0.3:
        discounts = ((draw.choice(("WELCOME10", "Spring sale", "B2B")), price * quantity // 10),)
    return Line(f"{_GOODS[good][:3].upper()}-{good:02d}{kind:02d}-{price}", f"{_GOODS[good]} - {_KINDS[kind]}",
                price, quantity, rate, discounts)  # fmt: skip


def _complete(order: Data, draw: random.Random, lines: list[Line]) -> Data:
    """The node, with connections where Shopify has them and the fields that only a general query asks for."""
    total, zero = order["totalPriceSet"], order["totalTipReceivedSet"]
    for line, item in zip(lines, order["lineItems"], strict=True):
        product = draw.randrange(10**12, 10**13)
        item.update(
            title=line.title.partition(" - ")[0],
            variantTitle=line.title.partition(" - ")[2],
            vendor="Sandbox Coffee",
            product={"id": f"gid://shopify/Product/{product}", "handle": line.title.lower().replace(" ", "-")},
            variant={"id": f"gid://shopify/ProductVariant/{product + 7}", "barcode": f"40{product}"[:13]},
            unfulfilledQuantity=item["quantity"],
            refundableQuantity=item["quantity"],
            originalTotalSet=item["originalUnitPriceSet"],
            customAttributes=[],
        )
    more = {"hasNextPage": False, "endCursor": f"c{_ID}"}
    return {
        **order,
        "returns": {"nodes": []},
        "processedAt": _TIME,
        "closedAt": None,
        "sourceName": draw.choice(("web", "web", "pos", "ios")),
        "tags": draw.sample(_TAGS, draw.randrange(3)),
        "note": draw.choice((None, None, "Bitte klingeln", "Please gift-wrap")),
        "statusPageUrl": f"https://demo.myshopify.com/81234567/orders/{draw.randbytes(16).hex()}/authenticate",
        "paymentGatewayNames": ["shopify_payments"],
        "customAttributes": [],
        "currentTotalPriceSet": total,
        "currentSubtotalPriceSet": total,
        "subtotalPriceSet": total,
        "netPaymentSet": total,
        "totalDiscountsSet": zero,
        "totalShippingPriceSet": zero,
        "lineItems": {"nodes": order["lineItems"], "pageInfo": more},
        "shippingLines": {"nodes": order["shippingLines"], "pageInfo": {"hasNextPage": False}},
    }
