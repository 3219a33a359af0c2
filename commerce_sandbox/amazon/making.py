"""Orders as Amazon would write them, made of the catalogue's articles and a seed.

What belongs here: one ordinary order and its parts. What does not: the unusual kinds (demo.py), serving them
(orders.py).

Consumers' amounts contain the tax (ITEM is unit price × quantity, the stated TAX lies inside); business buyers' amounts
do not (TAX on top, as in Amazon's own samples). Both add up to proceedsTotal in the one way that the amounts themselves
show, and the grand total is the sum of the items.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ..catalogue import CATALOGUE, REDUCED_RATE, Article
from .answers import written
from .places import DE, Place

LEVELS = ("STANDARD", "STANDARD", "STANDARD", "EXPEDITED", "FREE_ECONOMY", "NEXT_DAY")


class Maker:
    """Makes orders of one seed. All orders of two seeds differ in their ids."""

    def __init__(self, seed: int, catalogue: Sequence[Article]) -> None:
        self.random = random.Random(seed)
        self.seed, self.catalogue, self.numbers = seed, catalogue, itertools.count(1)
        self.full_rate = [article for article in catalogue if article.sku not in REDUCED_RATE]

    def articles(self, place: Place, count: int, by_amazon: bool = False) -> list[Article]:
        """Articles at reduced rates are sold in Germany only, because other countries reduce other goods. Amazon sends
        the articles in its warehouses."""
        offered = self.catalogue if place is DE else self.full_rate
        return self.random.choices([article for article in offered if is_fba(article) == by_amazon], k=count)

    def order(self, place: Place, placed: datetime, items: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """A paid order of a consumer, which the merchant has not shipped yet; `more` replaces whole parts of it."""
        number = next(self.numbers)
        order_id = f"{300 + len(place.cities)}-{self.seed:07d}-{number:07d}"
        for at, item in enumerate(items, 1):
            item["orderItemId"] = f"{self.seed:04d}{number:06d}{at:04d}"
        order: dict[str, Any] = {
            "orderId": order_id,
            "createdTime": written(placed),
            "lastUpdatedTime": written(placed + timedelta(minutes=self.random.randint(1, 90))),
            "programs": [],
            "salesChannel": {"channelName": "AMAZON", "marketplaceId": place.id, "marketplaceName": place.name},
            "buyer": self.buyer(place, number),
            "recipient": self.recipient(place),
            "proceeds": grand_total(items),
            "fulfillment": self.fulfillment(placed),
            "orderItems": items,
        }
        order.update(more)
        return {name: value for name, value in order.items() if value is not None}

    def buyer(self, place: Place, number: int) -> dict[str, Any]:
        mail = f"{self.seed:x}q{number:05x}z@marketplace.{place.name.lower()}"
        return {"buyerName": self.random.choice(place.names), "buyerEmail": mail}

    def recipient(self, place: Place) -> dict[str, Any]:
        postcode, city = self.random.choice(place.cities)
        return {
            "deliveryAddress": {
                "name": self.random.choice(place.names),
                "addressLine1": self.random.choice(place.streets),
                "city": city,
                "postalCode": postcode,
                "countryCode": place.country,
                "addressType": "RESIDENTIAL",
            }
        }

    def fulfillment(self, placed: datetime, status: str = "UNSHIPPED", by: str = "MERCHANT") -> dict[str, Any]:
        windows = {
            name: {"earliestDateTime": written(placed + first), "latestDateTime": written(placed + last)}
            for name, first, last in (
                ("shipByWindow", timedelta(hours=6), timedelta(days=2)),
                ("deliverByWindow", timedelta(days=2), timedelta(days=5)),
            )
        }
        return {
            "fulfillmentStatus": status,
            "fulfilledBy": by,
            "fulfillmentServiceLevel": self.random.choice(LEVELS),
            **windows,
        }

    def item(self, place: Place, article: Article, quantity: int = 1, **more: Any) -> dict[str, Any]:
        """A consumer's item: tax inside. more: shipping, gift_wrap, discount in minor units; net=True: tax on top."""
        net, rate = more.get("net", False), rate_of(place, article)
        unit = local_price(place, article.price_minor_eur)
        if net:
            unit = round(unit / (1 + rate / 100))
        parts = {"ITEM": unit * quantity, "SHIPPING": more.get("shipping", 0), "GIFT_WRAP": more.get("gift_wrap", 0)}
        parts = {name: amount for name, amount in parts.items() if amount or name == "ITEM"}
        discount = more.get("discount", 0)
        base = sum(parts.values()) - discount
        tax = 0 if more.get("untaxed") else round(base * rate / (100 if net else 100 + rate))
        return {
            "quantityOrdered": quantity,
            "product": {
                "asin": asin(article),
                "title": article.title,
                "sellerSku": article.sku,
                "condition": {"conditionType": "NEW", "conditionSubtype": "NEW"},
                "price": {"unitPrice": money(place, unit)},
            },
            "proceeds": proceeds(place, parts, discount, tax, base + (tax if net else 0)),
            "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": quantity},
        }


def rate_of(place: Place, article: Article) -> int:
    return 7 if place is DE and article.sku in REDUCED_RATE else place.vat


def local_price(place: Place, cents: int) -> int:
    """Minor units of the place's currency; other currencies than the euro are rounded to tens."""
    return cents if place.per_euro == 1000 else round(cents * place.per_euro / 10_000) * 10


def money(place: Place, minor: int) -> dict[str, str]:
    sign, minor = ("-", -minor) if minor < 0 else ("", minor)
    return {"amount": f"{sign}{minor // 100}.{minor % 100:02d}", "currencyCode": place.currency}


def proceeds(place: Place, parts: dict[str, int], discount: int, tax: int, total: int) -> dict[str, Any]:
    breakdowns: list[dict[str, Any]] = [
        {"type": name, "subtotal": money(place, amount)} for name, amount in parts.items()
    ]
    if discount:
        off = {"subtype": "ITEM", "value": money(place, -discount)}
        breakdowns.append({"type": "DISCOUNT", "subtotal": money(place, -discount), "detailedBreakdowns": [off]})
    if tax:
        breakdowns.append({"type": "TAX", "subtotal": money(place, tax)})
    return {"proceedsTotal": money(place, total), "breakdowns": breakdowns}


def grand_total(items: list[dict[str, Any]]) -> dict[str, Any]:
    totals = [item["proceeds"]["proceedsTotal"] for item in items if "proceeds" in item]
    cents = sum(int(total["amount"].replace(".", "")) for total in totals)
    currency = totals[0]["currencyCode"] if totals else "EUR"
    return {"grandTotal": {"amount": f"{cents // 100}.{cents % 100:02d}", "currencyCode": currency}}


def is_fba(article: Article) -> bool:
    """Every fifth article is in Amazon's warehouses."""
    return CATALOGUE.index(article) % 5 == 4


def asin(article: Article) -> str:
    return f"B0{abs(hash_of(article.sku)):08d}"


def hash_of(sku: str) -> int:
    """A hash that is the same in every process, unlike hash()."""
    return sum(ord(letter) * 31**at for at, letter in enumerate(sku)) % 10**8
