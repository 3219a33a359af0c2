"""Products' texts and figures of one shop: reading them, and changing single fields.

What belongs here: lists of products, reading them again before a change, the calls, what an error means for a field.
What does not: which text is right (domain/content/), Shopify's shapes (payloads.py), what a product shows (shown.py).

A change names single fields, and Shopify leaves everything else as it is. The handle and what search engines see are
never among them. Each change may be repeated: it is a state.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from ....core.errors import ProtocolError, RateLimited, RecordError, TransientError
from ....core.legible import decode_json
from ....core.words import Words
from ....domain.content.fields import (
    BARCODE,
    DESCRIPTION,
    HS_CODE,
    IMAGES,
    ORIGIN,
    PRICE,
    TITLE,
    WEIGHT,
    Limit,
    base_of,
    locale_of,
)
from ....domain.content.listings import (
    ContentOutcome,
    Note,
    PictureSource,
    SentChange,
    ShownListing,
)
from ....domain.content.pricelists import read_amount
from ...http.session import HttpSession, Repeat
from ...product_content import FAILED, Attempts, Content, Failed, FreshListings, build_outcome, forget
from ..api.graphql import GraphQL
from ..api.pages import PageSizes
from ..api.queries import MOST_AT_ONCE
from .payloads import (
    MoreAnswer,
    Product,
    ProductsAnswer,
    Shop,
    ShopAnswer,
    SomeAnswer,
    UpdateAnswer,
    UserError,
    Variant,
    VariantsAnswer,
)
from .pictures import ProductPictures
from .queries import FIRST_PRODUCTS, MORE_VARIANTS, MOST_VARIANTS, SHOP, UPDATE_PRODUCT, UPDATE_VARIANTS, build_queries
from .shown import OF_PRODUCT, OF_VARIANT, build_listings, show_variant
from .translations import register

READ_AGAIN = 3  # times that a product is read whose variants change meanwhile
AT_ONCE = 5  # products that are read by their ids with one query
_OF_PRODUCT = {TITLE: "title", DESCRIPTION: "descriptionHtml"}
_products = msgspec.json.Decoder(Product)


class ShopifyContent(Content):
    """What the products of one shop show."""

    picture_hosts = ("cdn.shopify.com",)

    def __init__(
        self, graphql: GraphQL, session: HttpSession, sleep: Callable[[float], None], clock: Callable[[], float],
        locales: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._graphql, self._clock, self._locales = graphql, clock, locales
        self._all, self._some = build_queries(locales)
        self._pictures = ProductPictures(graphql, session, sleep)
        self._sizes = PageSizes(graphql, FIRST_PRODUCTS)

    def limits(self, listing: ShownListing) -> Mapping[str, Limit]:
        if "variant_id" not in listing.reference:
            return OF_PRODUCT
        taxes = {"1": True, "0": False}.get(listing.reference.get("taxes", ""))
        return {**OF_VARIANT, PRICE: Limit(currency=listing.reference["currency"], includes_tax=taxes)}

    def includes_tax(self) -> bool:
        return self._graphql.ask(SHOP, {}, ShopAnswer).shop.taxesIncluded

    def read(self) -> Iterator[tuple[ShownListing, ...]]:
        """Active products, each as one listing for what its variants share and one for each variant. Raises
        TransientError where a product changes as often as its variants are read."""
        after, seen = None, set[str | None]()
        while True:
            variables: dict[str, object] = {"after": after, "variants": MOST_VARIANTS}
            answer = self._sizes.ask(self._all, variables, ProductsAnswer)
            page, shop = answer.products, answer.shop
            yield tuple(listing for raw in page.nodes for listing in self._read_product(raw, shop))
            if not page.pageInfo.hasNextPage:
                return
            after = page.pageInfo.endCursor
            if after is None or after in seen:
                raise ProtocolError("Shopify repeats a page of products; the list is read again later.")
            seen.add(after)

    def reread(self, listings: Sequence[ShownListing]) -> Iterator[ShownListing]:
        """Those that cannot be read are left out, as those that are gone are."""
        return self._read_now(listings, {})

    def _read_now(self, listings: Sequence[ShownListing], failed: Failed) -> Iterator[ShownListing]:
        """failed: takes the error of each product that Shopify shows, and not so that it can be read."""
        wanted = {listing.key for listing in listings}
        ids = list(dict.fromkeys(listing.reference["product_id"] for listing in listings))
        for start in range(0, len(ids), AT_ONCE):
            some = ids[start : start + AT_ONCE]
            answer = self._graphql.ask(self._some, {"ids": some, "variants": MOST_VARIANTS}, SomeAnswer)
            for gid, raw in zip(some, answer.nodes, strict=False):
                if bytes(raw) == b"null":
                    continue
                try:
                    read = list(self._read_product(raw, answer.shop))
                except TransientError as error:
                    if isinstance(error, RateLimited):
                        raise
                    failed[gid] = error
                    continue
                if not read:
                    failed[gid] = ProtocolError("Shopify shows this product in a shape that cannot be read.")
                yield from (listing for listing in read if listing.key in wanted)

    def _read_product(self, raw: msgspec.Raw, shop: Shop) -> Iterator[ShownListing]:
        """The listings of a product; none of one that cannot be read. One that changes while its variants are read is
        read again; raises TransientError where it changes each time."""
        try:
            for _ in range(READ_AGAIN):
                product = decode_json(_products, raw)
                variants = self._read_variants(product)
                if variants is not None:
                    yield from list(build_listings(product, variants, self._locales, shop)) if variants else ()
                    return
                asked = {"ids": [product.id], "variants": MOST_VARIANTS}
                [raw] = self._graphql.ask(self._some, asked, SomeAnswer).nodes
        except (msgspec.DecodeError, UnicodeDecodeError, RecordError, ProtocolError):
            return
        raise TransientError("A product was changed while its variants were read; it is read again later.")

    def _read_variants(self, product: Product) -> list[Variant] | None:
        """All variants of a product, because what they share cannot be told from some of them; None where it changes
        while they are read. Raises ProtocolError for pages that repeat themselves."""
        variants, page = list(product.variants.nodes), product.variants.pageInfo
        while page.hasNextPage:
            asked = {"ids": [product.id], "variants": MOST_VARIANTS, "after": page.endCursor}
            [more] = self._graphql.ask(MORE_VARIANTS, asked, MoreAnswer).nodes or [None]
            if more is None or more.updatedAt != product.updatedAt:
                return None
            if more.variants.pageInfo.endCursor == page.endCursor:
                raise ProtocolError("Shopify repeats a page of variants.")
            variants += more.variants.nodes
            page = more.variants.pageInfo
        return variants

    def send(
        self, changes: Sequence[SentChange], pictures: PictureSource, note: Note = forget
    ) -> Iterator[ContentOutcome]:
        by_product: dict[str, list[SentChange]] = defaultdict(list)
        for change in changes:
            by_product[change.listing.reference["product_id"]].append(change)
        groups = {gid: [change.listing for change in own] for gid, own in by_product.items()}
        fresh = FreshListings("Shopify", self._read_now, self._clock, groups, AT_ONCE, self.includes_tax)
        attempts = Attempts(self.includes_tax)
        for gid, own in by_product.items():
            for due, outcomes in self._change_product(gid, own, fresh, pictures):
                yield from attempts.make(gid, due, outcomes) if due else outcomes

    def _change_product(
        self, gid: str, changes: Sequence[SentChange], fresh: FreshListings, pictures: PictureSource
    ) -> Iterator[tuple[list[SentChange], Iterator[ContentOutcome]]]:
        """The changes of one product by calls, each with its outcomes; at most one call for what its variants share and
        one for its variants. Translations come last, because a changed text makes them outdated."""
        changing = {change.field for change in changes}
        # Judged before its text changes: Shopify shows none of an outdated one afterwards.
        outdated = [change for change in changes if locale_of(change.field) and base_of(change.field) in changing]
        judged = {change.key: fresh.judge(gid, change, may_be_there=False) for change in outdated}
        calls: list[tuple[Any, list[SentChange]]] = [
            (self._update_product, [change for change in changes if change.field in _OF_PRODUCT]),
            (self._update_variants, [change for change in changes if change.field in OF_VARIANT]),
            (partial(register, self._graphql), [change for change in changes if locale_of(change.field)]),
            (partial(self._put_pictures, pictures, fresh), [change for change in changes if change.field == IMAGES]),
        ]
        for call, some in calls:
            due, settled = [], []
            for change in some:
                outcome = judged[change.key] if change.key in judged else fresh.judge(gid, change)
                if outcome is None:
                    due.append(change)
                else:
                    settled.append(outcome)
            yield [], iter(settled)
            if due:
                yield due, call(gid, due)

    def _put_pictures(
        self, pictures: PictureSource, fresh: FreshListings, gid: str, changes: Sequence[SentChange]
    ) -> Iterator[ContentOutcome]:
        for change in changes:
            yield self._pictures.place(change, pictures, partial(fresh.judge, gid, change))

    def look(self, changes: Sequence[SentChange]) -> Iterator[ContentOutcome]:
        """Only pictures are ever pending. One that cannot be looked at stays so and holds up no other."""
        attempts = Attempts()
        for change in changes:
            if change.field == IMAGES and change.reference:
                for outcome in attempts.make(change.key, [change], map(self._pictures.look, [change])):
                    yield msgspec.structs.replace(outcome, status="pending") if outcome.code == FAILED else outcome

    def _update_product(self, gid: str, changes: Sequence[SentChange]) -> Iterator[ContentOutcome]:
        fields = {_OF_PRODUCT[change.field]: change.after for change in changes}
        answer = self._graphql.change(
            UPDATE_PRODUCT, {"product": {"id": gid, **fields}}, UpdateAnswer, repeat=Repeat.STATE
        ).productUpdate
        if answer.userErrors:
            yield from self._refuse(self._update_product, gid, changes, answer.userErrors, _OF_PRODUCT)
            return
        shown = answer.product
        values = {TITLE: shown.title, DESCRIPTION: shown.descriptionHtml} if shown else {}
        for change in changes:
            yield ContentOutcome(key=change.key, status="accepted", shown=values.get(change.field))

    def _update_variants(self, gid: str, changes: Sequence[SentChange]) -> Iterator[ContentOutcome]:
        """At most MOST_AT_ONCE variants a call."""
        by_variant: dict[str, list[SentChange]] = defaultdict(list)
        for change in changes:
            by_variant[change.listing.reference["variant_id"]].append(change)
        groups = list(by_variant.items())
        for start in range(0, len(groups), MOST_AT_ONCE):
            yield from self._update_some(gid, dict(groups[start : start + MOST_AT_ONCE]))

    def _update_some(self, gid: str, by_variant: Mapping[str, list[SentChange]]) -> Iterator[ContentOutcome]:
        changes = [change for some in by_variant.values() for change in some]
        variants = [_build_variant(variant, some) for variant, some in by_variant.items()]
        answer = self._graphql.change(
            UPDATE_VARIANTS, {"product": gid, "variants": variants}, VariantsAnswer, repeat=Repeat.STATE
        ).productVariantsBulkUpdate
        if answer.userErrors:
            yield from self._refuse(self._update_variants, gid, changes, answer.userErrors, _OF_VARIANT)
            return
        shown = {variant.id: variant for variant in answer.productVariants or ()}
        for change in changes:
            variant = shown.get(change.listing.reference["variant_id"])
            values = show_variant(variant, change.listing.reference["currency"]) if variant else {}
            yield ContentOutcome(key=change.key, status="accepted", shown=values.get(change.field))

    def _refuse(
        self, update: Any, gid: str, changes: Sequence[SentChange], errors: Sequence[UserError],
        names: Mapping[str, str],
    ) -> Iterator[ContentOutcome]:  # fmt: skip
        """Shopify changes nothing where it refuses anything. What the errors name is refused; the rest is sent without
        it, one field at a time where they name nothing."""
        blamed = [change for change in changes if any(names[change.field] in (error.field or ()) for error in errors)]
        if not blamed and len(changes) > 1:
            for change in changes:
                yield from update(gid, [change])
            return
        for change in blamed or changes:
            code = errors[0].code or "USER_ERROR"
            yield build_outcome(change, "refused", code, f"Shopify refuses the {change.field} ({code}).",
                                 words=Words(errors[0].message))  # fmt: skip
        rest = [change for change in changes if blamed and change not in blamed]
        if rest:
            yield from update(gid, rest)


_OF_VARIANT = {
    BARCODE: "barcode", WEIGHT: "measurement", HS_CODE: "harmonizedSystemCode", ORIGIN: "countryCodeOfOrigin",
    PRICE: "price",
}  # fmt: skip


def _build_variant(gid: str, changes: Sequence[SentChange]) -> dict[str, Any]:
    variant: dict[str, Any] = {"id": gid}
    item: dict[str, Any] = {}
    for change in changes:
        if change.field == BARCODE:
            variant["barcode"] = change.after or None
        elif change.field == PRICE:
            variant["price"] = read_amount(change.after)[0]
        elif change.field == WEIGHT:
            item["measurement"] = {"weight": {"unit": "GRAMS", "value": float(change.after or 0)}}
        else:
            item[_OF_VARIANT[change.field]] = change.after or None
    return {**variant, "inventoryItem": item} if item else variant
