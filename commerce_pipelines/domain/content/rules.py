"""The `content:` section of a channel: what Odoo is the master of, and what feeds it.

What belongs here: the keys, their defaults and their checks. What does not: what is made of them (products.py,
comparison.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Literal

from ...core import urls
from ...core.section import Secret, Section
from .fields import (
    BARCODE,
    BULLETS,
    DESCRIPTION,
    FIELDS,
    HS_CODE,
    IMAGES,
    ORIGIN,
    PRICE,
    SPECIFICS,
    TITLE,
    TRANSLATED,
    WEIGHT,
)
from .listing_rules import CREATED, NewListingRules

_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
# The fields of product.template and product.product that feed a listing's field: the first that Odoo has and that is
# not empty. description_ecommerce is there with Odoo's shop only.
DEFAULT_SOURCES: Mapping[str, tuple[str, ...]] = {
    TITLE: ("name",),
    DESCRIPTION: ("description_ecommerce", "description_sale"),
    SPECIFICS: ("attributes",),
    IMAGES: ("image_1920", "documents"),
    BARCODE: ("barcode",),
    WEIGHT: ("weight",),
    HS_CODE: ("hs_code",),
    ORIGIN: ("country_of_origin",),
}


class ContentBreaker(Section, kw_only=True, frozen=True):
    """When a plan waits for a person although `approve` is off: it looks like a faulty read, or like a mistake."""

    changed_percent: Decimal = Decimal(20)  # of the linked listings: at most so many may change in one run
    from_listings: int = 10  # a run with fewer listings is never stopped
    price_percent: Decimal = Decimal(30)  # no price may change by more


class PriceRules(Section, kw_only=True, frozen=True):
    """Where prices come from, if `owned` names them. pricelist: its name in Odoo; '' for the product's sales price.
    includes_tax: whether the channel's prices hold the sales taxes that the product has in Odoo."""

    pricelist: str = ""
    includes_tax: bool = True


class ImageHost(Section, kw_only=True, frozen=True):
    """Where pictures are put for a marketplace that fetches them from a public address. put: the folder that takes
    files by HTTP PUT. public: the same folder as everybody sees it. header, secret: by which a PUT is allowed."""

    put: str
    public: str
    secret: Secret
    header: str = "Authorization"

    def problems(self) -> Iterator[tuple[str, str]]:
        for key in ("put", "public"):
            if problem := urls.problem(getattr(self, key), path=True):
                yield key, problem
        if not _HEADER.fullmatch(self.header):
            yield "header", "is no name of an HTTP header; write one such as Authorization."


class ContentRules(Section, kw_only=True, frozen=True):
    """The `content:` section of a channel: the fields that Odoo owns, their sources, and what happens before a push."""

    enabled: bool = False
    owned: tuple[str, ...] = (TITLE, DESCRIPTION)  # every other field is the channel's and is never touched
    sources: dict[str, tuple[str, ...]] = {}  # field -> fields in Odoo; what is not named here has its default
    blank: tuple[str, ...] = ()  # fields that an empty source in Odoo may empty
    too_long: Literal["refuse", "shorten"] = "refuse"
    language: str = ""  # Odoo's language of the listings' own texts, as de_DE; '' is that of odoo.username
    translations: dict[str, str] = {}  # the channel's locale -> Odoo's language
    approve: bool = True  # every plan waits for `commerce-pipelines release CHANNEL --flow content`
    price: PriceRules = PriceRules()
    image_host: ImageHost | None = None  # for marketplaces that fetch pictures from an address
    breaker: ContentBreaker = ContentBreaker()
    new_listings: NewListingRules = NewListingRules()  # of products that the channel does not offer yet
    dry_run: bool = False  # read and compare, but change nothing

    def sources_of(self, field: str) -> tuple[str, ...]:
        return self.sources.get(field) or DEFAULT_SOURCES.get(field, ())

    def read_fields(self) -> tuple[str, ...]:
        """The fields whose sources are read from Odoo."""
        new = CREATED if self.new_listings.enabled else ()
        return tuple(field for field in FIELDS if field in self.owned or field in new)

    def fields(self) -> tuple[str, ...]:
        """Every field that Odoo owns, translations included."""
        own = [field for field in FIELDS if field in self.owned]
        translated = [field for field in own if field in TRANSLATED]
        return (*own, *(f"{field}/{locale}" for field in translated for locale in sorted(self.translations)))

    def languages(self) -> frozenset[str]:
        """Odoo's languages that are read; '' is that of the user."""
        return frozenset((self.language, *self.translations.values()))

    def problems(self) -> Iterator[tuple[str, str]]:
        """(key, problem and fix) for keys that contradict one another."""
        names = ", ".join(FIELDS)
        for key in ("owned", "sources", "blank"):
            for field in getattr(self, key):
                if field not in FIELDS:
                    yield key, f"names {field!r}, which is no field of a listing; the fields are {names}."
        for field in self.blank:
            if field in (TITLE, IMAGES, PRICE):
                yield "blank", f"names {field}, without which no listing can be shown; leave it out."
        if SPECIFICS in self.blank:
            yield "blank", "names specifics; those that Odoo has none of stay, so they are never emptied. Leave it out."
        if BULLETS in self.owned and not self.sources_of(BULLETS):
            yield "owned", "names bullets: name the field of yours that holds them under content.sources.bullets."
        if PRICE in self.sources:
            yield "sources", "names price, which comes from a pricelist: write its name under content.price.pricelist."
        if not 0 < self.breaker.price_percent <= 100:
            yield "breaker.price_percent", "must lie above 0 and be at most 100 percent."
        if not 0 <= self.breaker.changed_percent <= 100:
            yield "breaker.changed_percent", "must lie between 0 and 100 percent."
        if self.breaker.from_listings < 1:
            yield "breaker.from_listings", "must be at least 1."
        for key, problem in self.image_host.problems() if self.image_host else ():
            yield f"image_host.{key}", problem
        for key, problem in self.new_listings.problems():
            yield f"new_listings.{key}", problem
        for locale, language in self.translations.items():
            if not language or language == self.language:
                yield f"translations[{locale}]", "names the language of the listings' own texts; name another one."
