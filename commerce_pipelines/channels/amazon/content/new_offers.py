"""New offers of one account on products that Amazon's catalogue has: an ASIN, a condition, a price, no units.

What belongs here: which ASIN a product is, the preview, the call that makes an offer, what an issue means. What does
not: which offers are made (domain/content/new_listings.py), listings that are there (texts.py).

putListingsItem replaces a listing as a whole, so the SKU is looked up right before, and again after a lost answer. It
names the SKU, so that it cannot make two. Each offer is sent as VALIDATION_PREVIEW first, which makes nothing: what
Amazon finds wrong, such as a brand that the account may not sell, is refused there. New pages of the catalogue are
never made: that takes what only the brand's owner knows.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from ....core.legible import one_word
from ....core.reasons import Reason
from ....core.words import Words
from ....domain.content.fields import BARCODE, PRICE, TITLE, Limit, is_gtin
from ....domain.content.listing_rules import NewOnAmazon
from ....domain.content.listings import PictureSource, ShownListing
from ....domain.content.new_listings import THERE, MadeListing, SentListing, Shape
from ....domain.content.pricelists import read_amount
from ....domain.content.products import OWN, Product
from ...http.session import Repeat, Response
from ...new_listings import NewListings, attempt, list_seen
from ..api.api import MEANINGS, Api, decode, errors, items_path
from ..api.payloads import Issue, Submission
from ..marketplaces import BY_ID
from .shown import EVERYBODY, PURCHASABLE_OFFER
from .texts import check_gone

CATALOG = "/catalog/2022-04-01/items"
AT_ONCE = 20  # barcodes of one search, and items of one page
MOST_SKU = 40  # characters, Seller Central "SKU"
COMMON = "PRODUCT"  # the product type of an offer whose page has none that is known
ASIN, PRODUCT_TYPE = "asin", "product_type"
_ASIN = re.compile(r"[A-Z0-9]{10}")
_KINDS = {8: "EAN", 12: "UPC", 13: "EAN", 14: "GTIN"}  # of barcodes, by their length


class Identifier(msgspec.Struct, rename="camel"):
    identifier: str = ""


class Identifiers(msgspec.Struct, rename="camel"):
    marketplace_id: str = ""
    identifiers: list[Identifier] = []


class TypeThere(msgspec.Struct, rename="camel"):
    marketplace_id: str = ""
    product_type: str = ""


class CatalogItem(msgspec.Struct, rename="camel"):
    asin: str
    identifiers: list[Identifiers] = []
    product_types: list[TypeThere] = []


class NextPage(msgspec.Struct, rename="camel"):
    next_token: str | None = None


class CatalogPage(msgspec.Struct, rename="camel"):
    items: list[CatalogItem]
    pagination: NextPage | None = None


class AmazonNewOffers(NewListings):
    """Offers that are made for one account. marketplaces: returns where it sells; offers are made in the first one."""

    def __init__(self, api: Api, marketplaces: Callable[[], Sequence[str]], rules: NewOnAmazon | None) -> None:
        self._api, self._marketplaces, self._rules = api, marketplaces, rules or NewOnAmazon()
        self._seen: dict[str, tuple[CatalogItem, ...]] = {}

    def read_shape(self) -> Shape:
        """The title is for people who read the plan: it is never sent."""
        currency = BY_ID[self._place].currency
        return Shape(limits={TITLE: Limit(), PRICE: Limit(currency=currency)}, needs=(PRICE,), most_sku=MOST_SKU)

    @property
    def _place(self) -> str:
        return self._marketplaces()[0]

    def find_more(self, products: Sequence[Product]) -> Mapping[int, dict[str, str] | Reason]:
        more: dict[int, dict[str, str] | Reason] = {}
        by_barcode = {}
        for product in products:
            text = _read_field(product, self._rules.asin)
            if text and not _ASIN.fullmatch(text):
                more[product.product_id] = Reason(
                    "new_listing_unsuited", f"The field {self._rules.asin} of {product.code} holds no ASIN.",
                    "Write the ten letters and digits of the page's ASIN there, or nothing.", self._rules.asin,
                )  # fmt: skip
            elif text:
                more[product.product_id] = {ASIN: text, PRODUCT_TYPE: COMMON}
            else:
                by_barcode[product.product_id] = product
        if self._rules.by_barcode:
            self._search([product.values.get(BARCODE, "") for product in by_barcode.values()])
        for id_, product in by_barcode.items():
            more[id_] = self._choose(product)
        return more

    def _choose(self, product: Product) -> dict[str, str] | Reason:
        """The one page with the product's barcode."""
        barcode = product.values.get(BARCODE, "")
        if not self._rules.by_barcode or not is_gtin(barcode):
            what = f"neither an ASIN in {self._rules.asin} nor a" if self._rules.asin else "no"
            return Reason(
                "new_listing_incomplete", f"The product {product.code} has {what} GTIN to find Amazon's page by.",
                "Give it a right barcode in Odoo, or name the field that holds the ASIN under "
                "`content.new_listings.amazon.asin`.",
                BARCODE,
            )  # fmt: skip
        items = self._seen.get(_strip(barcode), ())
        if len(items) != 1:
            count = len(items) or "no"
            return Reason(
                "new_listing_unsuited", f"Amazon's catalogue shows {count} pages with the barcode of {product.code}.",
                "Write the ASIN of the right page into the field of `content.new_listings.amazon.asin`; a page that is "
                "not there has to be made in Seller Central.",
                BARCODE,
            )  # fmt: skip
        types = [row.product_type for row in items[0].product_types if row.marketplace_id == self._place]
        return {ASIN: items[0].asin, PRODUCT_TYPE: next(filter(None, types), COMMON)}

    def _search(self, barcodes: Sequence[str]) -> None:
        """Keep the pages with these barcodes; each is searched once."""
        due: dict[str, list[str]] = defaultdict(list)
        for barcode in dict.fromkeys(barcodes):
            if is_gtin(barcode) and _strip(barcode) not in self._seen:
                due[_KINDS[len(barcode)]].append(barcode)
        for kind, some in due.items():
            for start in range(0, len(some), AT_ONCE):
                part = some[start : start + AT_ONCE]
                pages: dict[str, dict[str, CatalogItem]] = {_strip(barcode): {} for barcode in part}
                for item in self._read_items(kind, part):
                    for code in {_strip(row.identifier) for group in item.identifiers for row in group.identifiers}:
                        pages.get(code, {})[item.asin] = item
                self._seen |= {code: tuple(items.values()) for code, items in pages.items()}

    def _read_items(self, kind: str, barcodes: Sequence[str]) -> Iterator[CatalogItem]:
        token, seen = "", {""}
        while True:
            query = {
                "identifiers": ",".join(barcodes), "identifiersType": kind, "marketplaceIds": self._place,
                "includedData": "identifiers,productTypes", "pageSize": str(AT_ONCE),
                **({"pageToken": token} if token else {}),
            }  # fmt: skip
            page = decode(self._api.call("searchCatalogItems", CATALOG, query), CatalogPage)
            yield from page.items
            token = (page.pagination and page.pagination.next_token) or ""
            if token in seen:
                return
            seen.add(token)

    def send(self, listings: Sequence[SentListing], pictures: PictureSource) -> Iterator[MadeListing]:
        for sent in listings:
            yield attempt(sent, partial(self._make, sent))

    def look(self, listings: Sequence[SentListing]) -> Iterator[MadeListing]:
        return list_seen(attempt(sent, partial(self._look, sent)) for sent in listings)

    def _look(self, sent: SentListing) -> MadeListing:
        return _settle_made(sent) if self._is_there(sent) else MadeListing(key=sent.key, status="absent")

    def _make(self, sent: SentListing) -> MadeListing:
        if self._is_there(sent):
            if sent.attempt > 1:
                return _settle_made(sent)
            return MadeListing(key=sent.key, status="refused", code=THERE, message="Amazon has this SKU already.")
        body = self._build_body(sent)
        issues = _list_issues(self._put(sent, body, preview=True), "VALID")
        if not issues:
            issues = _list_issues(self._put(sent, body, preview=False), "ACCEPTED")
        return _refuse(sent, issues) if issues else _settle_made(sent)

    def _is_there(self, sent: SentListing) -> bool:
        query = {"marketplaceIds": self._place, "includedData": "summaries"}
        path = f"{items_path(self._api)}/{quote(sent.listing.skus[0], safe='')}"
        answer = self._api.call("getListingsItem", path, query, ok=(200, 404))
        if answer.status == 404:
            check_gone(answer)
        return answer.status == 200

    def _put(self, sent: SentListing, body: Any, *, preview: bool) -> Response:
        params = {"marketplaceIds": self._place, "includedData": "issues", "issueLocale": "en_US"}
        return self._api.send(
            "PUT", "previewListingsItem" if preview else "putListingsItem",
            f"{items_path(self._api)}/{quote(sent.listing.skus[0], safe='')}", body, repeat=Repeat.STATE,
            params=params | ({"mode": "VALIDATION_PREVIEW"} if preview else {}), ok=(200, 400),
        )  # fmt: skip

    def _build_body(self, sent: SentListing) -> dict[str, Any]:
        place, listing = {"marketplace_id": self._place}, sent.listing
        amount, currency = read_amount(listing.offers[0].values[PRICE])
        ours = [{"schedule": [{"value_with_tax": float(amount)}]}]
        return {
            "productType": listing.more[PRODUCT_TYPE], "requirements": "LISTING_OFFER_ONLY",
            "attributes": {
                "merchant_suggested_asin": [{**place, "value": listing.more[ASIN]}],
                "condition_type": [{**place, "value": self._rules.condition}],
                PURCHASABLE_OFFER: [{**place, "currency": currency, "audience": EVERYBODY, "our_price": ours}],
                # Stock is published later, by its own flow.
                "fulfillment_availability": [{"fulfillment_channel_code": "DEFAULT", "quantity": 0}],
            },
        }  # fmt: skip


def _read_field(product: Product, field: str) -> str:
    return (product.texts.get(OWN, {}).get(field) or product.values.get(field, "")).strip() if field else ""


def _strip(barcode: str) -> str:
    """Barcodes of different lengths are the same apart from zeros at their beginning."""
    return barcode.lstrip("0")


def _list_issues(answer: Response, well: str) -> list[Issue]:
    """Why Amazon does not take an offer; a warning is no reason."""
    if answer.status != 200:
        return [Issue(code=error.code, message=error.message) for error in errors(answer)] or [Issue(code="INVALID")]
    submission = decode(answer, Submission)
    faults = [issue for issue in submission.issues if issue.severity == "ERROR"]
    return faults or ([] if submission.status == well else [Issue(code=submission.status)])


def _refuse(sent: SentListing, issues: Sequence[Issue]) -> MadeListing:
    code = one_word(issues[0].code) or "INVALID"
    names = sorted({one_word(name) for issue in issues for name in issue.attribute_names} - {""})[:5]
    message = f"Amazon refuses the new offer: {MEANINGS.get(code, f'code {code}')}"
    message += f" (attributes {', '.join(names)})." if names else "."
    return MadeListing(key=sent.key, status="refused", code=code, message=message,
                       words=Words("; ".join(issue.message for issue in issues)))  # fmt: skip


def _settle_made(sent: SentListing) -> MadeListing:
    sku = sent.listing.skus[0]
    return MadeListing(
        key=sent.key, status="accepted", reference=sku, listings=(ShownListing(key=sku, skus=(sku,), values={}),)
    )
