"""The demo's eBay orders: ordinary ones and one of each unusual kind.

What belongs here: who buys what. What does not: how eBay writes it (making.py).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..catalogue import Article
from .listings import item_id
from .making import Person, Remitted, Sold, make_order

PER_DAY = 6
PEOPLE = (
    Person(
        "Anna Brandt", "Lindenallee 4", "Köln", "50668", "DE", "annab-77", "02a1anna7@members.ebay.de", "0221 555013"
    ),
    Person("Mehmet Yıldız", "Karl-Marx-Straße 101", "Berlin", "12043", "DE", "m.yildiz", "02b2mehm1@members.ebay.de"),
    Person(
        "Grażyna Kowalska", "ul. Świętojańska 9", "Gdynia", "81-368", "PL", "grazka_k", "02c3graz2@members.ebay.com"
    ),
    Person("Hélène Lefèvre", "12 rue de l’Église", "Lyon", "69002", "FR", "helene.lf", "02d4hele3@members.ebay.fr"),
    Person("Tobias Gruber", "Mariahilfer Straße 88", "Wien", "1070", "AT", "tobi_gruber", "02e5tobi4@members.ebay.at"),
    Person("Frieda Petersen", "Deichweg 2", "Husum", "25813", "DE", "friedap", "02f6frie5@members.ebay.de"),
)
BRITON = Person("Oliver Hughes", "7 Mill Lane", "Leeds", "LS1 4DY", "GB", "ollie_h", "02g7olli6@members.ebay.co.uk")
AMERICAN = Person("Kayla Reed", "18 Oak Street", "Portland", "97205", "US", "kayreed", "02h8kayl7@members.ebay.com")
NORWEGIAN = Person("Ingrid Nygård", "Storgata 5", "Tromsø", "9008", "NO", "ingridn", "02i9ingr8@members.ebay.com")
ITALIAN = Person("Mario Rossi", "Via Garibaldi 3", "Torino", "10122", "IT", "mrossi80", "02j0mari9@members.ebay.it")
NAMELESS = Person("周 伟", "Kantstraße 30", "Berlin", "10623", "DE", "zhou_wei_88")  # no e-mail: older than 14 days


class Maker:
    """Draws articles and buyers. The numbers of two seeds never overlap."""

    def __init__(self, seed: int, catalogue: Sequence[Article]) -> None:
        self.random = random.Random(seed)
        self.catalogue = catalogue
        self._number = seed % 90 * 1000

    def number(self) -> int:
        self._number += 1
        return self._number

    def sold(self, quantity: int = 1, discount: int = 0, article: Article | None = None) -> Sold:
        article = article or self.random.choice(self.catalogue)
        variation = "Blue" if article.sku.endswith("-BL") else "Green" if article.sku.endswith("-GR") else ""
        return Sold(article.sku, article.title, article.price_minor_eur, quantity, discount, variation,
                    item_id(self.catalogue, article.sku))  # fmt: skip

    def order(self, placed: datetime, sold: Sequence[Sold], buyer: Person, **more: Any) -> dict[str, Any]:
        return make_order(self.number(), placed, sold, buyer, **more)


def demo_orders(seed: int, days: int, start: datetime, catalogue: Sequence[Article]) -> Iterator[dict[str, Any]]:
    """Orders of the last `days` days before `start`, in no order; one of each unusual kind, the rest ordinary."""
    maker = Maker(seed, catalogue)
    kinds = [*ODD, *[_make_ordinary] * max(PER_DAY * days - len(ODD), 0)]
    maker.random.shuffle(kinds)
    for kind in kinds:
        yield kind(maker, start - timedelta(seconds=maker.random.randint(3600, days * 86_400)))


def _make_ordinary(maker: Maker, placed: datetime) -> dict[str, Any]:
    sold = [maker.sold(maker.random.choice((1, 1, 1, 2))) for _ in range(maker.random.choice((1, 1, 1, 2)))]
    buyer = maker.random.choice(PEOPLE)
    return maker.order(placed, sold, buyer, delivery=maker.random.choice((0, 449, 590)),
                       shipped=maker.random.random() < 0.4)  # fmt: skip


def _make_discounted(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(placed, [maker.sold(3, 333), maker.sold()], PEOPLE[0], delivery=590, delivery_discount=590)


def _make_many_units(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(placed, [maker.sold(12, 1_200)], PEOPLE[1], delivery=449)


def _make_variations(maker: Maker, placed: datetime) -> dict[str, Any]:
    mugs = [article for article in maker.catalogue if article.sku.endswith(("-BL", "-GR"))]
    return maker.order(placed, [maker.sold(2, article=article) for article in mugs], PEOPLE[5])


def _make_cancelled(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(placed, [maker.sold()], PEOPLE[5], payment="FULLY_REFUNDED", cancel="CANCELED")


def _make_cancel_requested(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(placed, [maker.sold()], PEOPLE[4], cancel="IN_PROGRESS")


def _make_unpaid(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(placed, [maker.sold()], PEOPLE[2], payment="PENDING")


def _make_refunded(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(placed, [maker.sold(2)], PEOPLE[3], payment="PARTIALLY_REFUNDED", shipped=True, refund=250)


def _make_british(maker: Maker, placed: datetime) -> dict[str, Any]:
    """In pounds; eBay collects the United Kingdom's VAT on consignments up to 135 GBP."""
    sold = [maker.sold()._replace(price=2_450)]
    return maker.order(placed, sold, BRITON, currency="GBP", delivery=999, remitted=Remitted("VAT", 20))


def _make_american(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(placed, [maker.sold()], AMERICAN, delivery=1_499, remitted=Remitted("STATE_SALES_TAX", 7))


def _make_norwegian(maker: Maker, placed: datetime) -> dict[str, Any]:
    remitted = Remitted("VAT", 25, ("VOEC", "VOEC NO:2020009"))
    return maker.order(placed, [maker.sold()], NORWEGIAN, delivery=1_299, remitted=remitted)


def _make_imported(maker: Maker, placed: datetime) -> dict[str, Any]:
    """Sent from London to Berlin: eBay pays the VAT through its import one-stop shop."""
    remitted = Remitted("VAT", 19, ("IOSS", "IM2760000742"))
    return maker.order(placed, [maker.sold()], PEOPLE[1], delivery=499, remitted=remitted, location="GB")


def _make_italian(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(placed, [maker.sold()], ITALIAN, delivery=899)


def _make_without_email(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(placed, [maker.sold()], NAMELESS)


def _make_invalid_request(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(placed, [maker.sold()], PEOPLE[0]._replace(email="Invalid Request", phone="Invalid Request"))


def _make_unknown_sku(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(placed, [maker.sold()._replace(sku="OLD-STOCK-1", title="Camping Mug, Enamel")], PEOPLE[5])


def _make_sixty_lines(maker: Maker, placed: datetime) -> dict[str, Any]:
    return maker.order(placed, [maker.sold(1 + at % 3) for at in range(60)], PEOPLE[4], delivery=590)


ODD: tuple[Callable[[Maker, datetime], dict[str, Any]], ...] = (
    _make_discounted, _make_many_units, _make_variations, _make_cancelled, _make_cancel_requested, _make_unpaid,
    _make_refunded, _make_british, _make_american, _make_norwegian, _make_imported, _make_italian, _make_without_email,
    _make_invalid_request, _make_unknown_sku, _make_sixty_lines,
)  # fmt: skip
