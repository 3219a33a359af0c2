"""New products of one shop: made in steps, each of which can be gone on with after a lost answer.

    look up   by the id of an earlier attempt, by the handle, by the SKUs
    create    a draft with the first variant's options, and a mark that says whose it is
    variants  the first is filled, the others are added; stock is counted, with no unit
    places    stocked where the shop publishes stock
    pictures, sales channels, and last the status: until then nobody sees it

What belongs here: these calls, what an answer means for the listing. What does not: which products are made
(domain/content/new_listings.py), the documents (new_product_queries.py).

A handle is unique in a shop, and Shopify finds a product by it at once, while its search for SKUs lags behind writes:
so a product of ours whose answer was lost is found by the handle that it was given.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from ....core.errors import UnknownOutcome
from ....core.words import Words
from ....domain.content.fields import BARCODE, DESCRIPTION, HS_CODE, IMAGES, ORIGIN, PRICE, TITLE, WEIGHT
from ....domain.content.listing_rules import NewOnShopify
from ....domain.content.listings import PictureSource, SentChange, ShownListing, ShownPicture, Slot
from ....domain.content.new_listings import THERE, MadeListing, NewListing, Offered, SentListing, Shape
from ....domain.content.pricelists import read_amount
from ...http.session import HttpSession, Repeat
from ...new_listings import NewListings, attempt, list_seen
from ..api.graphql import GraphQL
from ..api.payloads import number
from .new_product_queries import (
    ADD_VARIANTS,
    CREATE,
    FILL_VARIANTS,
    FIND,
    FIND_SKUS,
    FINISH,
    KEY,
    NAMESPACE,
    PUBLICATIONS,
    PUBLISH,
    STOCK_ITEM,
    AddAnswer,
    CreateAnswer,
    FillAnswer,
    FindAnswer,
    FinishAnswer,
    NewProduct,
    NewVariant,
    PublicationsAnswer,
    PublishAnswer,
    SkusAnswer,
    StockAnswer,
)
from .payloads import ShopAnswer, UserError
from .pictures import ProductPictures
from .queries import MOST_VARIANTS, SHOP
from .shown import OF_PRODUCT, OF_VARIANT, PRODUCT, VARIANT, build_picture

MOST_OPTIONS = 3  # shopify.dev "ProductCreateInput.productOptions"
MOST_HANDLE = 200  # characters of the 255 that Shopify takes
SKUS_AT_ONCE = 20
HANDLE_TAKEN = "HANDLE_TAKEN"  # our code: another product, with none of the SKUs, has the handle
DONE = " done"  # ends the mark of a product that is complete
_NO_LETTERS = re.compile(r"[^a-z0-9]+")


class ShopifyNewProducts(NewListings):
    """Products that are made in one shop."""

    def __init__(
        self, graphql: GraphQL, session: HttpSession, sleep: Callable[[float], None], rules: NewOnShopify | None
    ) -> None:
        self._graphql, self._rules = graphql, rules or NewOnShopify()
        self._pictures = ProductPictures(graphql, session, sleep)
        self._publications: dict[str, str] | None = None
        self._begun: dict[str, str] = {}  # ids of products that are there, by the listing's key

    def read_shape(self) -> Shape:
        shop = self._graphql.ask(SHOP, {}, ShopAnswer).shop
        price = msgspec.structs.replace(OF_VARIANT[PRICE], currency=shop.currencyCode, includes_tax=shop.taxesIncluded)
        return Shape(
            limits={**OF_PRODUCT, **OF_VARIANT, PRICE: price}, by_template=True, needs=(PRICE,),
            most_variants=MOST_VARIANTS, most_options=MOST_OPTIONS,
        )  # fmt: skip

    def verify(self) -> Iterator[str]:
        missing = [name for name in self._rules.publish_to if name not in self._read_publications()]
        for name in missing:
            there = ", ".join(sorted(self._read_publications())) or "none"
            yield f"the shop has no sales channel {name!r}; there are {there}. Correct `publish_to`."

    def send(self, listings: Sequence[SentListing], pictures: PictureSource) -> Iterator[MadeListing]:
        for sent in listings:
            yield self._attempt(sent, partial(self._make, sent, pictures))

    def look(self, listings: Sequence[SentListing]) -> Iterator[MadeListing]:
        return list_seen(self._attempt(sent, partial(self._look, sent)) for sent in listings)

    def _attempt(self, sent: SentListing, work: Callable[[], MadeListing]) -> MadeListing:
        """The outcome of one listing. One that was begun keeps its id, whatever came of it."""
        try:
            made = attempt(sent, work)
        except _Refused as refused:
            message = f"Shopify refuses the new product ({refused.code})."
            return MadeListing(key=sent.key, status="refused", code=refused.code, message=message,
                               words=refused.words, reference=refused.reference)  # fmt: skip
        return msgspec.structs.replace(made, reference=made.reference or self._begun.get(sent.key, ""))

    def _look(self, sent: SentListing) -> MadeListing:
        product = self._find(sent)
        if product is None:
            return MadeListing(key=sent.key, status="absent")
        if _is_done(product, sent.key):
            return _settle_made(sent, product, self._rules.status.upper())
        return MadeListing(key=sent.key, status="absent", reference=product.id)

    def _make(self, sent: SentListing, pictures: PictureSource) -> MadeListing:
        product = self._find(sent)
        if product is not None and _is_done(product, sent.key):
            return _settle_made(sent, product, self._rules.status.upper())
        self._find_publications()
        product = product or self._create(sent)
        self._begun[sent.key] = product.id
        variants = self._fill(sent.listing, product)
        self._stock(sent, product, variants)
        self._place(sent, product, pictures)
        if self._rules.publish_to:
            self._put_on_sale(product)
        self._complete(sent, product)
        return _settle_made(sent, product, self._rules.status.upper(), variants)

    def _find(self, sent: SentListing) -> NewProduct | None:
        """The product that an earlier attempt made, None without one. Raises _Refused where the shop has one of the
        SKUs, or the handle, in a product of somebody else's."""
        wanted = {sku.casefold() for sku in sent.listing.skus}
        identifiers = [{"id": sent.reference}] if sent.reference else []
        for identifier in [*identifiers, {"handle": build_handle(sent.listing)}]:
            product = self._graphql.ask(FIND, {"identifier": identifier}, FindAnswer).productByIdentifier
            if product is not None:
                skus = {(variant.sku or "").casefold() for variant in product.variants.nodes}
                return _check_ours(product, sent.key, THERE if skus & wanted else HANDLE_TAKEN)
        for gid in self._find_skus(sent.listing.skus):
            product = self._graphql.ask(FIND, {"identifier": {"id": gid}}, FindAnswer).productByIdentifier
            if product is not None:
                return _check_ours(product, sent.key, THERE)
        return None

    def _find_skus(self, skus: Sequence[str]) -> Iterator[str]:
        """Ids of products that have one of these SKUs. Shopify tells no `a-1` from `A-1`, and its search finds parts of
        words, too."""
        for start in range(0, len(skus), SKUS_AT_ONCE):
            some = skus[start : start + SKUS_AT_ONCE]
            wanted, after, more = {sku.casefold() for sku in some}, None, True
            query = " OR ".join(f"sku:{_quote(sku)}" for sku in sorted(some))
            while more:
                page = self._graphql.ask(FIND_SKUS, {"query": query, "after": after}, SkusAnswer).productVariants
                yield from (node.product.id for node in page.nodes if (node.sku or "").casefold() in wanted)
                after, more = page.pageInfo.endCursor, page.pageInfo.hasNextPage and bool(page.nodes)

    def _create(self, sent: SentListing) -> NewProduct:
        listing = sent.listing
        product: dict[str, Any] = {
            "title": listing.values[TITLE], "descriptionHtml": listing.values.get(DESCRIPTION, ""),
            "handle": build_handle(listing), "status": "DRAFT", "metafields": [_build_mark(sent.key)],
        }  # fmt: skip
        if options := listing.offers[0].options:
            product["productOptions"] = [{"name": name, "values": [{"name": value}]} for name, value in options]
        # Never repeated by itself: a look tells whether a product was made.
        answer = self._graphql.change(CREATE, {"product": product}, CreateAnswer, repeat=Repeat.NEVER).productCreate
        if answer.userErrors or answer.product is None:
            raise _build_refusal(answer.userErrors)
        return answer.product

    def _fill(self, listing: NewListing, product: NewProduct) -> list[NewVariant]:
        """Every variant with its SKU and figures. Those of an earlier attempt are kept."""
        there = {_read_options(variant): variant for variant in product.variants.nodes}
        by_sku = {variant.sku: variant for variant in product.variants.nodes if variant.sku}
        standing: list[dict[str, Any]] = []
        fresh: list[dict[str, Any]] = []
        for offer in listing.offers:
            variant = by_sku.get(offer.sku) or there.get(offer.options)
            if variant is None and not offer.options and len(product.variants.nodes) == 1:
                variant = product.variants.nodes[0]  # of a product without options
            if variant is not None:
                standing.append({"id": variant.id, **_build_variant(offer)})
            else:
                options = [{"optionName": name, "name": value} for name, value in offer.options]
                fresh.append({"optionValues": options, **_build_variant(offer)})
        made: list[NewVariant] = []
        if standing:
            variables = {"product": product.id, "variants": standing}
            filled = self._graphql.change(FILL_VARIANTS, variables, FillAnswer, repeat=Repeat.STATE)
            made += _read_variants(filled.productVariantsBulkUpdate, product)
        if fresh:
            variables = {"product": product.id, "variants": fresh}
            added = self._graphql.change(ADD_VARIANTS, variables, AddAnswer, repeat=Repeat.NEVER)
            made += _read_variants(added.productVariantsBulkCreate, product)
        return made

    def _stock(self, sent: SentListing, product: NewProduct, variants: Sequence[NewVariant]) -> None:
        """Stocked where the shop publishes stock, without a unit: quantities are set where an item is stocked only."""
        updates = [
            {"locationId": f"gid://shopify/Location/{location}", "activate": True} for location in sent.locations
        ]
        for variant in variants if updates else ():
            variables = {"item": variant.inventoryItem.id, "updates": updates}
            answer = self._graphql.change(STOCK_ITEM, variables, StockAnswer, repeat=Repeat.STATE)
            if errors := answer.inventoryBulkToggleActivation.userErrors:
                raise _build_refusal(errors, product.id)

    def _place(self, sent: SentListing, product: NewProduct, pictures: PictureSource) -> None:
        """The pictures that the product does not show yet, added at its end. Whose a picture is can be told as soon as
        Shopify has processed it: what an earlier attempt added is waited for."""
        working = [media.id for media in product.media.nodes if not build_picture(media).ready]
        if working:
            change = _build_change(sent, product, (), ())
            if self._pictures.wait(change, dict(enumerate(working))).status != "accepted":
                raise UnknownOutcome("Shopify is still at work on a picture of the new product.")
            product = (
                self._graphql.ask(FIND, {"identifier": {"id": product.id}}, FindAnswer).productByIdentifier or product
            )
        shown = [build_picture(media) for media in product.media.nodes]
        there = {picture.checksum for picture in shown}
        slots = tuple(
            Slot(place=place, picture=picture, kept=picture.checksum in there)
            for place, picture in enumerate(sent.listing.pictures)
        )
        if all(slot.kept for slot in slots):
            return
        outcome = self._pictures.place(_build_change(sent, product, shown, slots), pictures, lambda: None)
        if outcome.status in ("refused", "stale"):
            raise _Refused(outcome.code, outcome.words, product.id)

    def _put_on_sale(self, product: NewProduct) -> None:
        variables = {"id": product.id, "input": [{"publicationId": gid} for gid in self._find_publications()]}
        answer = self._graphql.change(PUBLISH, variables, PublishAnswer, repeat=Repeat.STATE).publishablePublish
        if answer.userErrors:
            raise _build_refusal(answer.userErrors, product.id)

    def _complete(self, sent: SentListing, product: NewProduct) -> None:
        """The status, and the mark that it is complete. The texts once more: an earlier attempt may have had others."""
        values = sent.listing.values
        wanted = {
            "id": product.id, "title": values[TITLE], "descriptionHtml": values.get(DESCRIPTION, ""),
            "status": self._rules.status.upper(), "metafields": [_build_mark(f"{sent.key}{DONE}")],
        }  # fmt: skip
        answer = self._graphql.change(FINISH, {"product": wanted}, FinishAnswer, repeat=Repeat.STATE).productUpdate
        if answer.userErrors:
            raise _build_refusal(answer.userErrors, product.id)

    def _find_publications(self) -> list[str]:
        """Ids of those that the settings name. Raises _Refused where one is missing: before anything is made."""
        if any(name not in self._read_publications() for name in self._rules.publish_to):
            raise _Refused("NO_SALES_CHANNEL", Words(""))
        return [self._read_publications()[name] for name in self._rules.publish_to]

    def _read_publications(self) -> dict[str, str]:
        """Ids of the shop's sales channels by name."""
        if self._publications is None:
            nodes = self._graphql.ask(PUBLICATIONS, {}, PublicationsAnswer).publications.nodes
            self._publications = {node.name: node.id for node in nodes}
        return self._publications


class _Refused(Exception):
    """Shopify, or what is there already, stands against the product. reference: its id, where it was begun."""

    def __init__(self, code: str, words: Words, reference: str = "") -> None:
        super().__init__()
        self.code, self.words, self.reference = code, words, reference


def _build_change(
    sent: SentListing, product: NewProduct, shown: Sequence[ShownPicture], slots: Sequence[Slot]
) -> SentChange:  # fmt: skip
    """Pictures of a new product, as a change of what it shows."""
    listing = ShownListing(
        key=f"{PRODUCT}:{number(product.id)}", skus=sent.listing.skus, values={}, pictures=tuple(shown),
        reference={"product_id": product.id},
    )  # fmt: skip
    return SentChange(
        key=sent.key, token=sent.token, listing=listing, field=IMAGES, before="", after="", slots=tuple(slots)
    )  # fmt: skip


def build_handle(listing: NewListing) -> str:
    """The handle of a new product: its title and its first SKU, in the letters that Shopify takes. The same listing has
    the same."""
    sku = _make_slug(listing.skus[0])
    title = _make_slug(listing.values[TITLE])[: MOST_HANDLE - len(sku)].strip("-")
    return "-".join(filter(None, (title, sku))) or listing.key


def _make_slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return _NO_LETTERS.sub("-", plain.lower()).strip("-")


def _quote(sku: str) -> str:
    """As a term of Shopify's search."""
    escaped = sku.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _build_mark(value: str) -> dict[str, str]:
    return {"namespace": NAMESPACE, "key": KEY, "type": "single_line_text_field", "value": value}


def _check_ours(product: NewProduct, key: str, code: str) -> NewProduct:
    """The product. Raises _Refused with this code where its mark is another's, or none."""
    mark = product.mark.value.removesuffix(DONE) if product.mark else ""
    if mark != key:
        raise _Refused(code, Words(""))
    return product


def _is_done(product: NewProduct, key: str) -> bool:
    return product.mark is not None and product.mark.value == f"{key}{DONE}"


def _build_variant(offer: Offered) -> dict[str, Any]:
    values = offer.values
    item: dict[str, Any] = {"sku": offer.sku, "tracked": True}
    if WEIGHT in values:
        item["measurement"] = {"weight": {"unit": "GRAMS", "value": float(values[WEIGHT])}}
    if HS_CODE in values:
        item["harmonizedSystemCode"] = values[HS_CODE]
    if ORIGIN in values:
        item["countryCodeOfOrigin"] = values[ORIGIN]
    variant: dict[str, Any] = {"price": read_amount(values[PRICE])[0], "inventoryItem": item}
    return {**variant, "barcode": values[BARCODE]} if BARCODE in values else variant


def _read_options(variant: NewVariant) -> tuple[tuple[str, str], ...]:
    return tuple((option.name, option.value) for option in variant.selectedOptions)


def _read_variants(payload: Any, product: NewProduct) -> list[NewVariant]:
    if payload.userErrors or payload.productVariants is None:
        raise _build_refusal(payload.userErrors, product.id)
    return list(payload.productVariants)


def _build_refusal(errors: Sequence[UserError], reference: str = "") -> _Refused:
    code = (errors[0].code if errors else None) or "USER_ERROR"
    return _Refused(code, Words(errors[0].message if errors else ""), reference)


def _settle_made(
    sent: SentListing, product: NewProduct, status: str, variants: Sequence[NewVariant] = ()
) -> MadeListing:  # fmt: skip
    """listings: none of a draft, which buyers do not see."""
    gid = {"product_id": product.id}
    keys = [f"{PRODUCT}:{number(product.id)}"]
    keys += [f"{VARIANT}:{number(variant.id)}" for variant in variants or product.variants.nodes]
    shown = tuple(ShownListing(key=key, skus=sent.listing.skus, values={}, reference=gid) for key in keys)
    return MadeListing(
        key=sent.key, status="accepted", reference=product.id, listings=shown if status == "ACTIVE" else ()
    )  # fmt: skip
