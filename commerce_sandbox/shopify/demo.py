"""The demo shop's orders: mostly plain ones, spread over some days, and one of every unusual kind that merchants meet.

What belongs here: what is sold to whom. What does not: how Shopify states an order (making.py).
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ..catalogue import REDUCED_RATE, Article
from .making import Data, Line, make_order
from .shop import instant

PER_DAY = 7


class Person(NamedTuple):
    """A buyer and the address that the order names."""

    first: str
    last: str
    street: str
    zip: str
    city: str
    country: str
    language: str


PEOPLE = (
    Person("Anna", "Müller", "Venloer Straße 241", "50823", "Köln", "DE", "de-DE"),
    Person("Jörg", "Weiß", "Kastanienallee 7", "10435", "Berlin", "DE", "de-DE"),
    Person("Zeynep", "Çelik", "Münchner Straße 12", "60329", "Frankfurt am Main", "DE", "de-DE"),
    Person("Søren", "Ødegård", "Große Bergstraße 160", "22767", "Hamburg", "DE", "de-DE"),
    Person("Katharina", "Gruber", "Neubaugasse 31/4", "1070", "Wien", "AT", "de-AT"),
    Person("Éloïse", "Lefèvre", "12 rue de l’Église", "67000", "Strasbourg", "FR", "fr-FR"),
    Person("Łukasz", "Wójcik", "ul. Święty Marcin 40/7", "61-807", "Poznań", "PL", "pl-PL"),
)
ABROAD = {
    "CHF": Person("Reto", "Ammann", "Langstrasse 88", "8004", "Zürich", "CH", "de-CH"),
    "GBP": Person("Siân", "O’Neill", "3 Mill Lane", "CF10 1FL", "Cardiff", "GB", "en-GB"),
    "JPY": Person("健太", "佐藤", "神宮前1-5-8", "150-0001", "東京都渋谷区", "JP", "ja-JP"),
}
STANDARD = {"DE": "0.19", "AT": "0.20", "FR": "0.20", "PL": "0.23"}


def demo_orders(seed: int, days: int, start: datetime, catalogue: list[Article]) -> Iterator[Data]:
    """Orders of the `days` days before `start`, oldest first, with the unusual ones evenly among them. The same seed
    gives the same orders."""
    rng = random.Random(seed)
    base = 5_500_000_000_000 + seed * 1_000_000
    odd = _make_odd(rng, catalogue)
    count = days * PER_DAY + len(odd)
    places = {round(place * count / len(odd)): sort for place, sort in enumerate(odd)}
    for place in range(count):
        # The last order is an hour old, so that none lies in the future.
        moment = start - timedelta(days=days) + (timedelta(days=days, hours=-1) * (place + rng.random()) / count)
        made = places.get(place) or _make_plain_order(rng, catalogue)
        person = made.pop("person", None)
        if person:
            made = {**build_customer(person), **made}
        yield make_order(made.pop("lines"), number=base + place, created=instant(moment), **made)


def sell(article: Article, country: str = "DE", **more: Any) -> Line:
    """An article at the rate of the buyer's country."""
    reduced = country == "DE" and article.sku in REDUCED_RATE
    rate = "0.07" if reduced else STANDARD.get(country)
    return Line(**{"sku": article.sku, "title": article.title, "price": article.price_minor_eur, "rate": rate, **more})


def _make_plain_order(rng: random.Random, catalogue: list[Article]) -> Data:
    person = PEOPLE[min(int(rng.expovariate(0.5)), len(PEOPLE) - 1)]
    sold = (
        catalogue
        if person.country == "DE"
        else [candidate for candidate in catalogue if candidate.sku not in REDUCED_RATE]
    )
    lines = [
        sell(article, person.country, quantity=rng.choice((1, 1, 1, 2, 3)))
        for article in rng.sample(sold, rng.choice((1, 1, 2, 2, 3, 4)))
    ]
    shipped = rng.random() < 0.3
    return {
        "lines": lines,
        "person": person,
        "shipping": 490 if person.country == "DE" else 1290,
        "shipping_rate": STANDARD[person.country],
        "fulfilment": "FULFILLED" if shipped else "UNFULFILLED",
    }


def _make_odd(rng: random.Random, catalogue: list[Article]) -> list[Data]:
    anna, joerg, zeynep, soeren = PEOPLE[:4]
    normal = [article for article in catalogue if article.sku not in REDUCED_RATE]
    first, two, three, *_ = rng.sample(normal, 6)
    book = next(article for article in catalogue if article.sku in REDUCED_RATE)
    ten_percent = tuple(("SOMMER10", (article.price_minor_eur + 5) // 10) for article in (first, book))
    company = {
        "__typename": "PurchasingCompany",
        "company": {"name": "Kaffeehaus Weiß GmbH"},
        "location": {"taxSettings": {"taxRegistrationId": "DE123456788"}},
    }
    abroad = [
        {"lines": [sell(two, person.country, quantity=2, rate=None)], "person": person, "shipping": 1890,
         "shipping_rate": None, "currency": currency}
        for currency, person in ABROAD.items()
    ]  # fmt: skip
    abroad[0]["lines"] = [sell(first, "CH", quantity=3, rate=None, duty=412)]
    return [
        {"lines": [sell(first, discounts=ten_percent[:1]), sell(book, discounts=ten_percent[1:])], "person": anna},
        {"lines": [sell(two, quantity=3, discounts=(("Mengenrabatt", 333),))], "person": joerg},
        {"lines": [sell(three)], "person": zeynep, "shipping": 490, "shipping_discounts": (("VERSANDFREI", 490),)},
        {"lines": [Line("GIFT-50", "Geschenkgutschein", 5000, rate=None, gift_card=True)], "person": soeren,
         "shipping": 0},
        {"lines": [sell(first), sell(two)], "person": anna, "gift_card": 3000},
        {"lines": [sell(three)], "person": joerg, "tip": 300},
        {"lines": [sell(first, discounts=(("GRATIS100", first.price_minor_eur),))], "person": zeynep, "shipping": 0},
        {"lines": [sell(rng.choice(normal)) for _ in range(60)], "person": soeren, "shipping": 0},
        {"lines": [sell(two, quantity=3, removed=1), sell(three)], "person": anna},
        *abroad,
        {"lines": [sell(first, quantity=12, price=first.price_minor_eur * 100 // 119)], "person": joerg,
         "included": False, "purchasingEntity": company},
        {"lines": [sell(book), sell(two)], "shipping": 0, "fulfilment": "FULFILLED"},  # sold at the till: no buyer
        {"lines": [sell(first)], "person": zeynep, "test": True},
        {"lines": [sell(two)], "person": soeren, "cancelledAt": "2026-01-01T00:00:00Z", "financial": "VOIDED"},
        {"lines": [sell(three)], "person": anna, "financial": "PENDING"},
        {"lines": [sell(first, quantity=2)], "person": joerg, "financial": "PARTIALLY_REFUNDED",
         "fulfilment": "FULFILLED", "refunded": first.price_minor_eur},
        {"lines": [Line("OLD-KET-99", "Kettle, discontinued", 3990)], "person": zeynep},
    ]  # fmt: skip


def build_customer(person: Person) -> Data:
    """The fields of an order that say who bought."""
    name = f"{person.first} {person.last}"
    address = {
        "name": name,
        "company": None,
        "address1": person.street,
        "address2": None,
        "city": person.city,
        "zip": person.zip,
        "provinceCode": None,
        "province": None,
        "countryCodeV2": person.country,
        "phone": None,
    }
    plain = ".".join(f"{person.first} {person.last}".lower().encode("ascii", "ignore").decode().split()) or "buyer"
    return {
        "email": f"{plain}.{person.country.lower()}@example.com",
        "customerLocale": person.language,
        "customer": {
            "id": f"gid://shopify/Customer/{7_000_000_000_000 + zlib.crc32(name.encode())}",
            "firstName": person.first,
            "lastName": person.last,
        },
        "purchasingEntity": {"__typename": "Customer"},
        "billingAddress": address,
        "shippingAddress": address,
    }
