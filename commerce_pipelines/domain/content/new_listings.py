"""Listings of products that a channel does not offer yet: what each would be, or why none is made.

What belongs here: their shapes, and the decision from products, settings and what is on record. What does not: which
products a person chose in Odoo (odoo/catalogue/chosen.py), listings that exist (comparison.py), the calls (channels/).

A listing is made once. What was made, or may have been, is never made again, also where somebody deleted it there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal

import msgspec

from ...core.reasons import Reason
from ...core.words import NO_WORDS, Words
from ..outbox.effects import Status, digest
from .comparison import Action, compare_price
from .fields import DESCRIPTION, FIELDS, IMAGES, PRICE, TITLE, Limit, fit
from .listing_rules import CREATED
from .listings import Picture, ShownListing
from .products import OWN, Product, render
from .rules import ContentRules

Text = Mapping[str, str]
WHOLE = (TITLE, DESCRIPTION)  # what the variants of one listing share
# Words of people for what a product lacks.
_LACKS = {
    TITLE: "has no title", DESCRIPTION: "has no description", IMAGES: "has no picture", PRICE: "has no price above 0",
}  # fmt: skip


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """One variant of a new listing. values: by field, those that are not empty; the price as `11.90 EUR`. options:
    (name, value) of the attributes that make it this variant, where the listing has several."""

    sku: str
    product_id: int
    values: dict[str, str] = {}
    options: tuple[tuple[str, str], ...] = ()


class NewListing(msgspec.Struct, frozen=True, kw_only=True):
    """A listing that shall be there. key: unique within the channel and the same for ever. values: what its variants
    share, by field. more: what a marketplace needs besides, by the name that its folder gives it."""

    key: str
    template_id: int
    offers: tuple[Offered, ...]
    values: dict[str, str]
    pictures: tuple[Picture, ...] = ()
    more: dict[str, str] = {}

    @property
    def skus(self) -> tuple[str, ...]:
        return tuple(offer.sku for offer in self.offers)


class SentListing(msgspec.Struct, frozen=True, kw_only=True):
    """A listing that is to be made now. token: the same for every attempt at it. reference: what an earlier attempt was
    answered with. attempt: its number. locations: the channel's own ids of places where stock is published. units: what
    may be offered of each SKU now, with Shape.needs_stock."""

    key: str
    listing: NewListing
    token: str
    reference: str = ""
    locations: tuple[str, ...] = ()
    units: Mapping[str, int] = {}
    attempt: int = 1


class MadeListing(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one. absent: it is certainly not there, or not complete, so it may be sent again. listings: by
    which the channel's content is read again, where buyers can see it."""

    key: str
    status: Literal["accepted", "refused", "unknown", "absent"]
    code: str = ""
    message: str = ""
    words: Words = NO_WORDS
    reference: str = ""
    listings: tuple[ShownListing, ...] = ()


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What a marketplace makes of products. limits: by field; a field that is missing is none of its. by_template:
    variants of a template are one listing; otherwise a listing each. needs: fields that it takes no listing without.
    most_variants, most_options, most_sku: of one listing. needs_stock: none is made without a unit to offer."""

    limits: Mapping[str, Limit]
    by_template: bool = False
    needs: tuple[str, ...] = ()
    most_variants: int = 1
    most_options: int = 0
    most_sku: int = 255
    needs_stock: bool = False


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """The newest effect on record for a listing. digest, skus: of its body. code: of a refusal. reference: what the
    channel called it."""

    status: Status
    digest: str = ""
    code: str = ""
    reference: str = ""
    skus: tuple[str, ...] = ()


class State(StrEnum):
    """MAKE: it is to be made. LATER: there were enough of the day. WAITS: it cannot be made, the reason says why. MADE:
    it was made. UNDER_WAY: a call for it was made, and its outcome is not known."""

    MAKE = "would be made"
    LATER = "later, enough for a day"
    WAITS = "waits"
    MADE = "made"
    UNDER_WAY = "under way"


class NewPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided about one listing that a person chose products for. skus: of its variants."""

    key: str
    state: State
    skus: tuple[str, ...]
    product: Product
    listing: NewListing | None = None
    reason: Reason | None = None


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """What decides about new listings of a channel. taken: whether the channel offers a SKU already. is_plain: whether
    a SKU means one unit of the product with that internal reference. is_alone: whether one active product of Odoo has
    it. recorded: by key. again: keys that a person wants tried once more although just this was refused. more: what a
    marketplace needs besides, by product, or why it cannot be had. units: what may be offered of each SKU, with
    Shape.needs_stock."""

    rules: ContentRules
    shape: Shape
    taken: Callable[[str], bool]
    is_plain: Callable[[str], bool]
    is_alone: Callable[[str], bool]
    recorded: Mapping[str, Made] = {}
    again: Collection[str] = ()
    more: Mapping[int, dict[str, str] | Reason] = {}
    units: Mapping[str, int] = {}


def plan_listings(chosen: Sequence[Product], market: Market, left: int) -> list[NewPlan]:
    """The plan for the products that a person chose: active ones, by their record ids. left: how many may still be made
    today."""
    groups: dict[str, list[Product]] = defaultdict(list)
    for product in chosen:
        groups[key_listing(product, market.shape)].append(product)
    plans = []
    for key, products in groups.items():
        plan = _plan_group(key, products, market)
        if plan is not None and plan.state is State.MAKE:
            left -= 1
            plan = plan if left >= 0 else msgspec.structs.replace(plan, state=State.LATER)
        if plan is not None:
            plans.append(plan)
    return plans


def key_listing(product: Product, shape: Shape) -> str:
    """The key of the listing that a product would be in."""
    return f"template-{product.template_id}" if shape.by_template else f"product-{product.product_id}"


def list_undecided(chosen: Sequence[Product], market: Market) -> list[Product]:
    """Those of which a listing may have to be made: of no other the marketplace is asked anything."""
    begun = (Status.ACCEPTED, Status.SENT, Status.PENDING, Status.UNKNOWN)
    return [
        product for product in chosen
        if not market.taken(product.code)
        and ((made := market.recorded.get(key_listing(product, market.shape))) is None or made.status not in begun)
    ]  # fmt: skip


def _plan_group(key: str, products: Sequence[Product], market: Market) -> NewPlan | None:
    """The plan for one listing; None where the channel offers all of its SKUs already."""
    skus = tuple(product.code for product in products)
    there = [sku for sku in skus if market.taken(sku)]
    if len(there) == len(skus):
        return None
    base = NewPlan(key=key, state=State.WAITS, skus=skus, product=products[0])
    made = market.recorded.get(key)
    if made is not None and made.status is Status.ACCEPTED:
        added = [sku for sku in skus if made.skus and sku not in made.skus and not market.taken(sku)]
        if added:
            return msgspec.structs.replace(base, reason=_refuse_added(added[0]))
        return msgspec.structs.replace(base, state=State.MADE)
    if made is not None and made.status in (Status.SENT, Status.PENDING, Status.UNKNOWN):
        return msgspec.structs.replace(base, state=State.UNDER_WAY)
    listing = _refuse(products, there, market) or build_listing(key, products, market)
    if isinstance(listing, Reason):
        return msgspec.structs.replace(base, reason=listing)
    if (
        made
        and made.status is Status.REFUSED
        and made.digest == digest(build_body(listing))
        and key not in market.again
        and made.code != NOTHING_LEFT
    ):
        return msgspec.structs.replace(base, reason=build_refused(base, made.code))
    if market.shape.needs_stock and (sold_out := [sku for sku in skus if market.units.get(sku, 0) < 1]):
        return msgspec.structs.replace(base, reason=_refuse_empty(sold_out[0]))
    return msgspec.structs.replace(base, state=State.MAKE, listing=listing)


def build_body(listing: NewListing) -> dict[str, Any]:
    """What an effect holds of a listing: a release is for exactly this."""
    body: dict[str, Any] = msgspec.to_builtins(listing)
    return body


def read_body(body: Mapping[str, Any]) -> NewListing:
    return msgspec.convert(body, type=NewListing)


def _refuse(products: Sequence[Product], there: Sequence[str], market: Market) -> Reason | None:
    """Why these products can be no listing of the channel's, whatever they hold."""
    shape = market.shape
    if there:
        return Reason(
            "new_listing_unsuited", f"The channel offers the SKU {there[0]} already, and not the other variants.",
            "Add the missing variants to the listing there; its texts are kept in line then.", there[0],
        )  # fmt: skip
    for product in products:
        code = product.code
        if not market.is_alone(code):
            return Reason(
                "ambiguous_sku", f"Several products in Odoo have the internal reference {code}.",
                "Give each its own internal reference.", code,
            )  # fmt: skip
        if not market.is_plain(code):
            return Reason(
                "new_listing_unsuited", f"By the settings the SKU {code} is another product, or a pack.",
                "Take it out of the channel's `skus`, or give the product another internal reference.", code,
            )  # fmt: skip
        if len(code) > shape.most_sku:
            return Reason(
                "new_listing_unsuited", f"The internal reference {code} is longer than {shape.most_sku} characters.",
                "Shorten it in Odoo.", code,
            )  # fmt: skip
    if len(products) > shape.most_variants:
        return Reason(
            "new_listing_unsuited", f"It has {len(products)} variants; a listing is made with {shape.most_variants}.",
            "Make the listing there yourself, or choose fewer variants.", products[0].code,
        )  # fmt: skip
    return None


def build_listing(key: str, products: Sequence[Product], market: Market) -> NewListing | Reason:
    """The listing of these variants of one template, or what it lacks."""
    shape, alone = market.shape, len(products) == 1
    rules = msgspec.structs.replace(market.rules, owned=CREATED, translations={})
    wanted = render(products[0], rules, shape.limits, alone=alone)
    needs = {TITLE, *shape.needs, *(field for field in rules.new_listings.needs if field in shape.limits)}
    shared = _check_texts(
        {field: wanted.values.get(field, "") for field in WHOLE if field in shape.limits}, rules, shape
    )
    if isinstance(shared, Reason):
        return shared
    more = market.more.get(products[0].product_id, {})
    if isinstance(more, Reason):
        return more
    offers = []
    for product, options in zip(products, _read_options(products, rules.language), strict=True):
        offer = _build_offer(product, rules, shape, alone=alone)
        if isinstance(offer, Reason):
            return offer
        offers.append(msgspec.structs.replace(offer, options=() if alone else options))
    for offer in offers:
        there = {*shared, *offer.values, *((IMAGES,) if wanted.pictures else ())}
        if lacking := [field for field in FIELDS if field in needs and field not in there]:
            return refuse_lacking(lacking[0], offer.sku)
    if not alone and (reason := _check_options(offers, shape)):
        return reason
    return NewListing(
        key=key, template_id=products[0].template_id, offers=tuple(offers), values=shared,
        pictures=wanted.pictures if IMAGES in shape.limits else (), more=more,
    )  # fmt: skip


def _build_offer(product: Product, rules: ContentRules, shape: Shape, *, alone: bool) -> Offered | Reason:
    """A variant with its own values."""
    texts = render(product, rules, shape.limits, alone=alone).values
    values = _check_texts({field: text for field, text in texts.items() if field not in WHOLE}, rules, shape)
    if isinstance(values, Reason):
        return values
    if PRICE in shape.limits:
        nothing = ShownListing(key="", skus=(product.code,), values={PRICE: ""})
        plan = compare_price(nothing, product, rules, shape.limits[PRICE], None)
        if plan.reason:
            return plan.reason
        values |= {PRICE: plan.after} if plan.action is Action.CHANGE else {}
    return Offered(sku=product.code, product_id=product.product_id, values=values)


def _check_texts(texts: Text, rules: ContentRules, shape: Shape) -> dict[str, str] | Reason:
    """Those that are not empty, as the channel takes them; why it would not take one."""
    fitting = {}
    for field, text in texts.items():
        fitted = fit(field, text, shape.limits[field], rules.too_long) if text else ""
        if isinstance(fitted, Reason):
            return fitted
        if fitted:
            fitting[field] = fitted
    return fitting


def refuse_lacking(field: str, sku: str) -> Reason:
    """Why no listing is made of a product without this field."""
    what = _LACKS.get(field, f"has no {field}")
    return Reason(
        "new_listing_incomplete", f"The product {sku} {what}, which a new listing needs.",
        "Add it in Odoo; where it comes from is said under `content.sources` and `content.price`, what is needed under "
        "`content.new_listings.needs`.",
        field,
    )  # fmt: skip


def _refuse_added(sku: str) -> Reason:
    """Why a listing that was made gets nothing more."""
    return Reason(
        "new_listing_unsuited", f"The listing was made without the SKU {sku}, and the channel does not offer it.",
        "Add it to the listing there; its texts are kept in line then.", sku,
    )  # fmt: skip


def _refuse_empty(sku: str) -> Reason:
    """Why none is made of a product without stock."""
    return Reason(
        "new_listing_incomplete", f"Nothing of the product {sku} is in stock that the channel may offer.",
        "It is made as soon as its stock target is 1 or more; `inventory` of the channel says which warehouses, "
        "reserve and share count.",
        "stock",
    )  # fmt: skip


def _read_options(products: Sequence[Product], language: str) -> Iterator[tuple[tuple[str, str], ...]]:
    """(name, value) of the attributes that make each variant. Odoo names the values; the attribute of each is the one
    that has it."""
    for product in products:
        values = product.options.get(language) or product.options.get(OWN, ())
        pairs = list(product.attributes.get(language) or product.attributes.get(OWN, ()))
        options = []
        for value in values:
            pair = next((pair for pair in pairs if pair[1] == value), None)
            if pair is not None:
                pairs.remove(pair)
                options.append(pair)
        yield tuple(options) if len(options) == len(values) else ()


def _check_options(offers: Sequence[Offered], shape: Shape) -> Reason | None:
    """Why a buyer could not choose between these variants."""
    names = {tuple(name for name, _ in offer.options) for offer in offers}
    chosen = {tuple(value for _, value in offer.options) for offer in offers}
    sku = offers[0].sku
    if len(names) != 1 or () in names or len(chosen) < len(offers):
        return Reason(
            "new_listing_unsuited", f"The variants of {sku} are not told apart by the same attributes.",
            "Give all of them a value of each attribute in Odoo, or make the listing there yourself.", sku,
        )  # fmt: skip
    if len(offers[0].options) > shape.most_options:
        count = len(offers[0].options)
        return Reason(
            "new_listing_unsuited", f"{count} attributes make the variants of {sku}, of {shape.most_options} possible.",
            "Make the listing there yourself.", sku,
        )  # fmt: skip
    return None


def build_refused(plan: NewPlan, code: str) -> Reason:
    """Why a listing that the channel refused is not made."""
    if code == THERE:
        return Reason(
            "new_listing_there", f"The channel has the SKU {plan.skus[0]} already, in a listing that is not offered.",
            "Activate that listing there, or delete it and replay the exception.", plan.skus[0],
        )  # fmt: skip
    return Reason(
        "new_listing_refused", f"The channel refuses the new listing of {plan.skus[0]} ({code}).",
        "Put right what the channel names, in Odoo or in the settings; a changed product is sent again by itself, "
        "otherwise replay the exception.",
        plan.skus[0],
    )  # fmt: skip


NOTHING_LEFT = "nothing_in_stock"  # the code of a refusal that goes by itself when there is stock again
THERE = "listed_already"  # the code of a refusal because the channel has the SKU
