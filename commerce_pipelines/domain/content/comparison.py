"""The difference between what listings show and what Odoo says, field by field.

What belongs here: which field has to change, which stays as it is and why, when a whole plan waits for a person. What
does not: reading either side, sending (flows/content/).

A field is left alone where the channel owns it, where Odoo has nothing to say, and where the channel has made something
else of exactly this text before: a text that it corrects by itself would otherwise be sent for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from ...core.reasons import Reason
from .entries import merge_specifics
from .fields import IMAGES, PRICE, SPECIFICS, Limit, base_of, fit, locale_of
from .listings import ShownListing, Slot
from .pricelists import show_price
from .products import Product, Rendered, normalise, render
from .rules import ContentBreaker, ContentRules

MOST_NAME = 1_000  # characters; the name of a specific that a listing shows already is never too long
MOST_REPEATS = 3  # times that one text is sent to one field, although the listing shows another text each time


class Action(StrEnum):
    """What happens to one field. CHANGE: it is to be sent. SAME: it shows what Odoo says. SETTLED: it shows what the
    channel made of what Odoo says. EMPTY: Odoo has nothing, so it stays. WAITS: it cannot be sent, the reason says why.
    NOT_SHOWN: the channel took it and shows something else."""

    CHANGE = "change"
    SAME = "same"
    SETTLED = "settled"
    SENT = "sent"
    EMPTY = "empty"
    WAITS = "waits"
    NOT_SHOWN = "not shown"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The last text that the channel accepted for a field. text: that text. before: what the field showed then. shown:
    what it was seen to show afterwards, None before anybody looked. times: how often this text was sent. refused: the
    channel's code where it refused the text, '' otherwise."""

    text: str
    before: str = ""
    shown: str | None = None
    times: int = 1
    refused: str = ""


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that we put at a place of a listing. id: the channel's."""

    checksum: str
    id: str


class FieldPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided about one field. after: what is sent, `before` where nothing is. adopt: pictures that the listing
    showed before ours, by place: they count as Odoo's present ones."""

    field: str
    action: Action
    before: str
    after: str
    reason: Reason | None = None
    slots: tuple[Slot, ...] = ()
    adopt: dict[int, Placed] = {}


class ListingPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided about one listing. why: why nothing of it is compared, '' where it is. product: the product whose
    page a person opens."""

    listing: ShownListing
    product: Product | None = None
    why: str = ""
    reason: Reason | None = None
    fields: tuple[FieldPlan, ...] = ()


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What we know of one listing from earlier. answers: by field. placed: by place."""

    answers: Mapping[str, Told] = {}
    placed: Mapping[int, Placed] = {}


def compare(
    listing: ShownListing, matches: Sequence[Sequence[Product]], rules: ContentRules, limits: Mapping[str, Limit],
    memory: Memory,
) -> ListingPlan:  # fmt: skip
    """The plan for one listing. matches: for each of its SKUs the products that it may mean, archived ones too."""
    active = [[product for product in candidates if product.active] for candidates in matches]
    linked = [candidates for candidates in active if candidates]
    if any(len(candidates) > 1 for candidates in active):
        return ListingPlan(listing=listing, why="ambiguous", reason=_build_ambiguous(linked))
    products = [candidates[0] for candidates in linked]
    if not products:
        return ListingPlan(listing=listing, why="archived" if any(matches) else "no product")
    if len({product.template_id for product in products}) > 1:
        return ListingPlan(listing=listing, product=products[0], why="several products")
    alone = len(listing.skus) == 1
    if not alone and products[0].variants < 2:  # it offers more than this product
        return ListingPlan(listing=listing, product=products[0], why="several products")
    wanted = render(products[0], rules, limits, alone=alone)
    fields = [
        (compare_specifics if field == SPECIFICS else compare_text)(
            field, listing.values[field], text, rules, limits[base_of(field)], memory.answers.get(field)
        )
        for field, text in wanted.values.items() if field in listing.values
    ]  # fmt: skip
    fields = _mark_outdated(fields, rules)
    if PRICE in rules.owned and PRICE in limits and PRICE in listing.values:
        fields.append(compare_price(listing, products[0], rules, limits[PRICE], memory.answers.get(PRICE)))
    if IMAGES in rules.owned and IMAGES in limits and listing.pictures is not None:
        fields.append(compare_pictures(listing, wanted, memory))
    return ListingPlan(listing=listing, product=products[0], fields=tuple(fields))


def compare_price(
    listing: ShownListing, product: Product, rules: ContentRules, limit: Limit, answer: Told | None
) -> FieldPlan:  # fmt: skip
    """The plan for the price of a listing of one variant. A product without a price above 0 leaves it alone."""
    shown, price = listing.values[PRICE], product.prices.get(rules.price.pricelist)
    reason: Reason | None = None
    text = ""
    try:
        text = show_price(price, product.tax, includes_tax=rules.price.includes_tax) if price else ""
    except ValueError:
        reason = Reason(
            "price_tax", "The sales taxes of the product in Odoo are no plain percentage of its price.",
            "Give the product taxes of one kind, all within its price or all on top of it, or take price out of "
            "`content.owned`.", PRICE,
        )  # fmt: skip
    if limit.includes_tax is not None and limit.includes_tax != rules.price.includes_tax:
        reason = refuse_basis(limit.includes_tax)
    elif price and text and price.currency != limit.currency:
        reason = Reason(
            "price_currency", f"The pricelist is in {price.currency}, the listing's prices are in {limit.currency}.",
            f"Name a pricelist in {limit.currency} under `content.price.pricelist`.", PRICE,
        )  # fmt: skip
    if reason:
        return FieldPlan(field=PRICE, action=Action.WAITS, before=shown, after=shown, reason=reason)
    return compare_text(PRICE, shown, text, rules, limit, answer)


def refuse_basis(holds: bool) -> Reason:
    """Why no price is sent to a channel whose prices hold tax, or hold none, where the settings say the other."""
    is_there, wanted = ("include", "true") if holds else ("do not include", "false")
    return Reason(
        "price_basis", f"The channel's prices {is_there} tax, and `content.price.includes_tax` says the other.",
        f"Set `content.price.includes_tax: {wanted}`, or change the tax settings of the shop.", PRICE,
    )  # fmt: skip


def recognise(listing: ShownListing, checksums: Mapping[str, str]) -> ShownListing:
    """The listing with those of its pictures marked that are Odoo's. checksums: of pictures that the channel was given,
    by its id of them."""
    if not checksums or not listing.pictures:
        return listing
    pictures = tuple(
        msgspec.structs.replace(picture, checksum=picture.checksum or checksums.get(picture.id, ""))
        for picture in listing.pictures
    )
    return msgspec.structs.replace(listing, pictures=pictures)


def _mark_outdated(fields: Sequence[FieldPlan], rules: ContentRules) -> list[FieldPlan]:
    """A text that changes makes its translations outdated, so those that are in line are sent with it."""
    changing = {field.field for field in fields if field.action is Action.CHANGE}
    return [
        msgspec.structs.replace(field, action=Action.CHANGE)
        if locale_of(field.field) and base_of(field.field) in changing and field.action in (Action.SAME, Action.SETTLED)
        else field
        for field in fields
    ]


def _build_ambiguous(linked: Sequence[Sequence[Product]]) -> Reason:
    several = next(candidates for candidates in linked if len(candidates) > 1)
    code = several[0].code
    return Reason(
        "ambiguous_sku", f"{len(several)} products in Odoo have the internal reference {code}.",
        "Give each its own internal reference, or map the SKU under the channel's skus.", code,
    )  # fmt: skip


def compare_text(
    field: str, shown: str, text: str, rules: ContentRules, limit: Limit, answer: Told | None
) -> FieldPlan:  # fmt: skip
    """The plan for one field with text. shown: what the listing shows; text: what Odoo says."""

    def decide(action: Action, reason: Reason | None = None) -> FieldPlan:
        return FieldPlan(field=field, action=action, before=shown, after=shown, reason=reason)

    if not text and base_of(field) not in rules.blank:
        return decide(Action.EMPTY)
    fitting = fit(field, text, limit, rules.too_long) if text else ""
    if isinstance(fitting, Reason):
        is_there = normalise(text, limit) == normalise(shown, limit)
        return decide(Action.SAME) if is_there else decide(Action.WAITS, fitting)
    if normalise(fitting, limit) == normalise(shown, limit):
        return decide(Action.SAME)
    if answer is not None and answer.text == fitting:
        if answer.refused and shown == answer.before:
            return decide(Action.WAITS, _build_refused(field, answer.refused))
        if not answer.refused and answer.shown is None and shown == answer.before:
            return decide(Action.SENT)
        if not answer.refused and answer.shown is not None and answer.shown == shown:
            is_ignored = normalise(shown, limit) == normalise(answer.before, limit)
            return decide(Action.NOT_SHOWN, _build_not_shown(field)) if is_ignored else decide(Action.SETTLED)
        if answer.times >= MOST_REPEATS:
            return decide(Action.NOT_SHOWN, _build_contested(field, answer.times))
    return FieldPlan(field=field, action=Action.CHANGE, before=shown, after=fitting)


def compare_specifics(
    field: str, shown: str, text: str, rules: ContentRules, limit: Limit, answer: Told | None
) -> FieldPlan:  # fmt: skip
    """The plan for item specifics: those that Odoo has none of stay. A limit is for Odoo's own, and for their number
    with those that stay."""
    fitting = fit(field, text, limit, rules.too_long) if text else ""
    if isinstance(fitting, Reason):
        is_there = merge_specifics(shown, text) == merge_specifics(shown, "")
        action, reason = (Action.SAME, None) if is_there else (Action.WAITS, fitting)
        return FieldPlan(field=field, action=action, before=shown, after=shown, reason=reason)
    merged = merge_specifics(shown, fitting) if fitting else ""
    limit = msgspec.structs.replace(limit, most=0, most_name=MOST_NAME)
    # Never shortened, because that would drop specifics of the listing's own.
    return compare_text(field, shown, merged, msgspec.structs.replace(rules, too_long="refuse"), limit, answer)


def _build_refused(field: str, code: str) -> Reason:
    return Reason(
        "content_refused", f"The channel refuses the {field} ({code}).",
        "Change it in Odoo so that the channel takes it; it is sent again as soon as it differs. Where the cause lay "
        "elsewhere, replay the exception.",
        field,
    )  # fmt: skip


def _build_not_shown(field: str) -> Reason:
    return Reason(
        "content_not_shown", f"The channel accepted the {field} and still shows the one from before.",
        "Look whether another seller or the brand's owner decides what is shown; otherwise take the field out of "
        "`content.owned`.",
        field,
    )  # fmt: skip


def _build_contested(field: str, times: int) -> Reason:
    return Reason(
        "content_not_shown", f"The {field} was sent {times} times, and each time something changed it on the channel.",
        "Find the person or app that changes it there, or take the field out of `content.owned`.", field,
    )  # fmt: skip


def compare_pictures(listing: ShownListing, wanted: Rendered, memory: Memory) -> FieldPlan:
    """The plan for the pictures of a listing: none of its own is ever removed, and none of ours is added twice.

    A listing that shows pictures before the first of ours keeps them: they count as what Odoo has now, place by place,
    and a place is replaced when its picture changes in Odoo.
    """
    shown = listing.pictures or ()
    before = ",".join(picture.id for picture in shown)
    ids = {picture.id for picture in shown}
    if any(not picture.ready for picture in shown):
        return FieldPlan(field=IMAGES, action=Action.SENT, before=before, after=before)
    if not wanted.pictures:
        # The main one counts as none of Odoo's, so that the first that Odoo gets takes its place.
        nothing = {0: Placed(checksum="", id=shown[0].id)} if shown and not memory.placed else {}
        return FieldPlan(field=IMAGES, action=Action.EMPTY, before=before, after=before, adopt=nothing)
    standing = {place: placed for place, placed in memory.placed.items() if placed.id in ids}
    taken = {placed.id for placed in standing.values()}
    adopt: dict[int, Placed] = {}
    marks = {picture.checksum: picture.id for picture in shown if picture.checksum and picture.id not in taken}
    slots = []
    for place, picture in enumerate(wanted.pictures):
        if place not in standing and picture.checksum in marks:
            adopt[place] = Placed(checksum=picture.checksum, id=marks[picture.checksum])
        elif place not in standing and not memory.placed and place < len(shown) and not marks:
            adopt[place] = Placed(checksum=picture.checksum, id=shown[place].id)
        placed = standing.get(place) or adopt.get(place)
        kept = placed is not None and placed.checksum == picture.checksum
        slots.append(Slot(place=place, picture=picture, replaces=placed.id if placed else "", kept=kept))
    if all(slot.kept for slot in slots):
        return FieldPlan(field=IMAGES, action=Action.SAME, before=before, after=before, adopt=adopt)
    after = ",".join(f"{slot.place}:{slot.picture.checksum}" for slot in slots)
    action, reason = _judge_answer(memory.answers.get(IMAGES), before, after)
    if action is not Action.CHANGE:
        return FieldPlan(field=IMAGES, action=action, before=before, after=before, reason=reason, adopt=adopt)
    return FieldPlan(field=IMAGES, action=Action.CHANGE, before=before, after=after, slots=tuple(slots), adopt=adopt)


def _judge_answer(answer: Told | None, before: str, after: str) -> tuple[Action, Reason | None]:
    """What the channel's answer to the same pictures says about sending them once more. before, after: as in
    FieldPlan."""
    if answer is None or answer.text != after:
        return Action.CHANGE, None
    if answer.refused:
        return Action.WAITS, _build_refused(IMAGES, answer.refused)
    if answer.shown is None and answer.before == before:  # a listing that is slow to show them would get them twice
        return Action.SENT, None
    if answer.shown == before == answer.before:
        return Action.NOT_SHOWN, _build_not_shown(IMAGES)
    if answer.times >= MOST_REPEATS:
        return Action.NOT_SHOWN, _build_contested(IMAGES, answer.times)
    return Action.CHANGE, None


def find_stop(plans: Sequence[ListingPlan], breaker: ContentBreaker) -> str:
    """Why a plan looks like a mistake, with the figures; '' where it does not."""
    linked = [plan for plan in plans if plan.fields]
    changed = sum(any(field.action is Action.CHANGE for field in plan.fields) for plan in linked)
    jump = max(map(_measure_jump, plans), default=Decimal(0))
    if jump > breaker.price_percent:
        return f"a price would change by {jump:.0f} % (at most {breaker.price_percent} %)"
    if changed >= breaker.from_listings and changed * 100 > breaker.changed_percent * len(linked):
        return f"{changed} of {len(linked)} listings would change (at most {breaker.changed_percent} %)"
    return ""


def _measure_jump(plan: ListingPlan) -> Decimal:
    """By how many percent the price of a listing would change; 0 where it has none yet."""
    for field in plan.fields:
        if field.field == PRICE and field.action is Action.CHANGE and field.before:
            before, after = (Decimal(text.split()[0]) for text in (field.before, field.after))
            return abs(after - before) / before * 100 if before else Decimal(0)
    return Decimal(0)
