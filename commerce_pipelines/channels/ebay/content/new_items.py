"""New listings of one eBay account by the Inventory API: an item, its offer, and last the offer's publication.

    look up   the item of the SKU, its offers, and listings that another API made
    item      with uploaded pictures; only where eBay has none of the SKU, or the one that an earlier attempt made
    offer     the one that is there and was never published, else a new one
    publish   until then nobody sees anything

What belongs here: these calls, what an answer means for the listing. What does not: which listings are made
(domain/content/new_listings.py), listings that are there (texts.py, managed.py).

eBay publishes nothing without stock, so an offer is published with one unit, where the stock target of that moment
permits it; stock shows the target with its next run. A lost answer makes nothing twice: an item is named by its SKU, a
SKU has one offer in a marketplace, and an offer that has a listing is never published again.
Source: sell_inventory_v1_oas3.json 1.18.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from ....core.errors import ProtocolError
from ....core.legible import decode_as
from ....core.reasons import Reason
from ....core.words import NO_WORDS, Words
from ....domain.content.entries import read_specifics
from ....domain.content.fields import BARCODE, DESCRIPTION, IMAGES, PRICE, SPECIFICS, TITLE, WEIGHT, Limit, is_gtin
from ....domain.content.listing_rules import NewOnEbay
from ....domain.content.listings import PictureSource, ShownListing
from ....domain.content.new_listings import NOTHING_LEFT, THERE, MadeListing, SentListing, Shape
from ....domain.content.pricelists import read_amount
from ....domain.content.products import OWN, Product
from ...http.session import Repeat, Response
from ...new_listings import NewListings, attempt, list_seen
from ..api.account import MEANINGS, Account
from ..settings import ACCOUNT_SCOPES
from .managed import ITEM, LOCALE, OF_ANSWERS, OFFER, read_errors
from .payloads import Offers
from .pictures import upload
from .texts import LIMITS, EbayContent

LOCATION, POLICIES = "/sell/inventory/v1/location", "/sell/account/v1"
MOST_SKU = 50  # characters
UNITS = 1  # that a new listing offers, until stock shows the target
CATEGORY = "category"


class Location(msgspec.Struct, rename="camel"):
    merchant_location_status: str = ""


class Policy(msgspec.Struct, rename="camel"):
    marketplace_id: str = ""


class MadeOffer(msgspec.Struct, rename="camel"):
    offer_id: str


class Published(msgspec.Struct, rename="camel"):
    listing_id: str


class EbayNewItems(NewListings):
    """Listings that are made in the account's marketplace. content: reads what is there already."""

    def __init__(self, account: Account, content: EbayContent, rules: NewOnEbay) -> None:
        self._account, self._content, self._rules = account, content, rules
        self._home = account.settings.home
        self._language = self._home.language or LOCALE
        self._ours: set[str] = set()  # SKUs of which we made the item that eBay has

    def read_shape(self) -> Shape:
        limits = {**LIMITS, BARCODE: Limit(), WEIGHT: Limit(), PRICE: Limit(currency=self._home.currency)}
        return Shape(limits=limits, needs=(DESCRIPTION, IMAGES, PRICE), most_sku=MOST_SKU, needs_stock=True)

    def find_more(self, products: Sequence[Product]) -> Mapping[int, dict[str, str] | Reason]:
        return {product.product_id: self._choose_category(product) for product in products}

    def _choose_category(self, product: Product) -> dict[str, str] | Reason:
        field = self._rules.category_field
        text = (product.texts.get(OWN, {}).get(field) or product.values.get(field, "")).strip() if field else ""
        category = text or self._rules.category
        if category.isascii() and category.isdigit():
            return {CATEGORY: category}
        return Reason(
            "new_listing_incomplete", f"The product {product.code} has no number of a category of eBay's.",
            "Write it into the field of `content.new_listings.ebay.category_field`, or name one for all under "
            "`content.new_listings.ebay.category`.",
            CATEGORY,
        )  # fmt: skip

    def verify(self) -> Iterator[str]:
        """Policies need a scope of their own; without it eBay judges them when the first listing is published."""
        rules = self._rules
        answer = self._account.rest("getInventoryLocation", f"{LOCATION}/{quote(rules.location, safe='')}",
                                    ok=(200, 404))  # fmt: skip
        if answer.status == 404:
            yield f"eBay has no location {rules.location!r}; write its merchantLocationKey under `ebay.location`."
        elif self._account.decode(answer, Location).merchant_location_status == "DISABLED":
            yield f"the location {rules.location!r} is disabled at eBay; enable it there, or name another."
        if not ACCOUNT_SCOPES & set(self._account.settings.scopes):
            return
        for operation, kind, id_ in (
            ("getFulfillmentPolicy", "fulfillment_policy", rules.fulfillment_policy),
            ("getPaymentPolicy", "payment_policy", rules.payment_policy),
            ("getReturnPolicy", "return_policy", rules.return_policy),
        ):  # fmt: skip
            answer = self._account.rest(operation, f"{POLICIES}/{kind}/{quote(id_, safe='')}", ok=(200, 400, 404))
            if answer.status != 200:
                yield f"eBay has no {kind} {id_!r}; write the id of one under `ebay.{kind}`."
            elif self._account.decode(answer, Policy).marketplace_id != self._home.id:
                yield f"the {kind} {id_!r} is for another marketplace than {self._home.id}; name one of that."

    def send(self, listings: Sequence[SentListing], pictures: PictureSource) -> Iterator[MadeListing]:
        for sent in listings:
            yield self._attempt(sent, partial(self._make, sent, pictures))

    def look(self, listings: Sequence[SentListing]) -> Iterator[MadeListing]:
        return list_seen(self._attempt(sent, partial(self._look, sent)) for sent in listings)

    def _attempt(self, sent: SentListing, work: Callable[[], MadeListing]) -> MadeListing:
        """The outcome of one listing. Its reference is the SKU as soon as the item is ours."""
        try:
            made = attempt(sent, work)
        except _Refused as refused:
            message = f"eBay refuses the new listing: {MEANINGS.get(refused.code, f'code {refused.code}')}."
            made = MadeListing(key=sent.key, status="refused", code=refused.code, message=message, words=refused.words)
        return msgspec.structs.replace(made, reference=_name(sent) if _name(sent) in self._ours else sent.reference)

    def _look(self, sent: SentListing) -> MadeListing:
        if not self._has_item(sent, begun=True):
            return MadeListing(key=sent.key, status="absent")
        if listing_id := _find_listing(self._read_offers(sent), self._home.id):
            return _settle_made(sent, listing_id)
        return MadeListing(key=sent.key, status="absent")

    def _make(self, sent: SentListing, pictures: PictureSource) -> MadeListing:
        sku, is_there = _name(sent), self._has_item(sent, begun=sent.attempt > 1)
        offers = self._read_offers(sent)
        if is_there and (listing_id := _find_listing(offers, self._home.id)):
            return _settle_made(sent, listing_id)
        if any(map(_read_listing, offers)) or self._content.is_listed(sku):
            raise _Refused(THERE)  # by a person, since
        if sent.units.get(sku, 0) < UNITS:
            raise _Refused(NOTHING_LEFT)
        addresses = [
            upload(self._account, picture, pictures) for picture in sent.listing.pictures[: LIMITS[IMAGES].most]
        ]
        self._put_item(sent, addresses)
        return self._put_on_sale(sent, self._place_offer(sent, offers))

    def _has_item(self, sent: SentListing, *, begun: bool) -> bool:
        """Whether eBay has the item. begun: an earlier attempt may have made it. Raises _Refused for one that none
        made."""
        answer = self._account.rest("getInventoryItem", f"{ITEM}/{quote(_name(sent), safe='')}", ok=(200, 404))
        if answer.status == 404:
            self._ours.discard(_name(sent))
            return False
        product = _read_object(answer).get("product")
        title = product.get("title") if isinstance(product, dict) else None
        if sent.reference != _name(sent) and not (begun and title == sent.listing.values[TITLE]):
            raise _Refused(THERE)
        self._ours.add(_name(sent))
        return True

    def _read_offers(self, sent: SentListing) -> list[dict[str, Any]]:
        answer = self._account.rest("getOffers", OFFER, {"sku": _name(sent)}, ok=(200, 404))
        return [] if answer.status == 404 else self._account.decode(answer, Offers).offers

    def _put_item(self, sent: SentListing, addresses: Sequence[str]) -> None:
        path = f"{ITEM}/{quote(_name(sent), safe='')}"
        body = _build_item(sent, addresses, self._rules.condition)
        answer = self._account.put(
            "createOrReplaceInventoryItem", path, body, repeat=Repeat.STATE, language=self._language,
            ok=(200, 201, 204, 400),
        )  # fmt: skip
        if answer.status == 400:
            raise self._build_refusal(answer)
        self._ours.add(_name(sent))

    def _place_offer(self, sent: SentListing, offers: Sequence[dict[str, Any]]) -> str:
        """The id of the SKU's offer in the marketplace, as it shall be."""
        body = self._build_offer(sent)
        if offer_id := _find_offer(offers, self._home.id):
            changed = {name: value for name, value in body.items() if name not in OF_ANSWERS["offer"]}
            path = f"{OFFER}/{quote(offer_id, safe='')}"
            answer = self._account.put(
                "updateOffer", path, changed, repeat=Repeat.STATE, language=self._language, ok=(200, 204, 400)
            )
            if answer.status == 400:
                raise self._build_refusal(answer)
            return offer_id
        # Never repeated by itself: a look tells whether there is an offer.
        answer = self._account.post(
            "createOffer", OFFER, body, repeat=Repeat.NEVER, language=self._language, ok=(200, 201, 400)
        )
        if answer.status != 400:
            return self._account.decode(answer, MadeOffer).offer_id
        if offer_id := _find_offer(self._read_offers(sent), self._home.id):
            return offer_id  # eBay says that it is there, and did not show it before
        raise self._build_refusal(answer)

    def _put_on_sale(self, sent: SentListing, offer_id: str) -> MadeListing:
        path = f"{OFFER}/{quote(offer_id, safe='')}/publish"
        answer = self._account.post(
            "publishOffer", path, None, repeat=Repeat.NEVER, language=self._language, ok=(200, 400)
        )
        if answer.status != 400:
            return _settle_made(sent, self._account.decode(answer, Published).listing_id)
        if listing_id := _find_listing(self._read_offers(sent), self._home.id):
            return _settle_made(sent, listing_id)
        raise self._build_refusal(answer)

    def _build_offer(self, sent: SentListing) -> dict[str, Any]:
        rules, listing = self._rules, sent.listing
        amount, currency = read_amount(listing.offers[0].values[PRICE])
        return {
            "sku": _name(sent), "marketplaceId": self._home.id, "format": "FIXED_PRICE", "listingDuration": "GTC",
            "availableQuantity": UNITS, "categoryId": listing.more[CATEGORY],
            "listingDescription": listing.values[DESCRIPTION], "merchantLocationKey": rules.location,
            "listingPolicies": {
                "fulfillmentPolicyId": rules.fulfillment_policy, "paymentPolicyId": rules.payment_policy,
                "returnPolicyId": rules.return_policy,
            },
            "pricingSummary": {"price": {"value": amount, "currency": currency}},
        }  # fmt: skip

    def _build_refusal(self, answer: Response) -> _Refused:
        errors = read_errors(self._account, answer)
        code = str(errors[0].error_id) if errors else "refused"
        words = "; ".join(error.long_message or error.message for error in errors)
        return _Refused(code, Words(words))


class _Refused(Exception):
    """eBay, or what is there already, stands against the listing."""

    def __init__(self, code: str, words: Words = NO_WORDS) -> None:
        super().__init__()
        self.code, self.words = code, words


def _name(sent: SentListing) -> str:
    return sent.listing.skus[0]


def _build_item(sent: SentListing, addresses: Sequence[str], condition: str) -> dict[str, Any]:
    values = {**sent.listing.values, **sent.listing.offers[0].values}
    product: dict[str, Any] = {"title": values[TITLE], "imageUrls": list(addresses)}
    if specifics := read_specifics(values.get(SPECIFICS, "")):
        product["aspects"] = specifics
    barcode = values.get(BARCODE, "")
    if is_gtin(barcode) and len(barcode) in (8, 12, 13):
        product["upc" if len(barcode) == 12 else "ean"] = [barcode]
    item: dict[str, Any] = {
        "condition": condition, "product": product,
        "availability": {"shipToLocationAvailability": {"quantity": UNITS}},
    }  # fmt: skip
    if WEIGHT in values:
        item["packageWeightAndSize"] = {"weight": {"value": float(values[WEIGHT]), "unit": "GRAM"}}
    return item


def _read_object(answer: Response) -> dict[str, Any]:
    try:
        return decode_as(dict[str, Any], answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProtocolError("eBay's answer to getInventoryItem is no JSON object.") from None


def _read_listing(offer: Mapping[str, Any]) -> str:
    """The id of an offer's listing, '' of one that was never published."""
    listing = offer.get("listing")
    return str(listing.get("listingId") or "") if isinstance(listing, dict) else ""


def _find_listing(offers: Sequence[Mapping[str, Any]], marketplace: str) -> str:
    """The listing of the marketplace's offer; also one that has ended since, which is not made again."""
    return next((_read_listing(row) for row in offers if row.get("marketplaceId") == marketplace
                 and _read_listing(row)), "")  # fmt: skip


def _find_offer(offers: Sequence[Mapping[str, Any]], marketplace: str) -> str:
    """The marketplace's offer at a fixed price that was never published."""
    fitting = [row for row in offers if row.get("marketplaceId") == marketplace and not _read_listing(row)]
    return next((str(row["offerId"]) for row in fitting if row.get("offerId") and row.get("format") == "FIXED_PRICE"),
                "")  # fmt: skip


def _settle_made(sent: SentListing, listing_id: str) -> MadeListing:
    sku = _name(sent)
    shown = ShownListing(key=listing_id, skus=(sku,), values={})
    return MadeListing(key=sent.key, status="accepted", reference=sku, listings=(shown,))
