"""A listing of Amazon's in our shape: one for each SKU, with a text for each marketplace that it is listed in.

What belongs here: from Amazon's shapes to ours, the names of attributes, what a product type takes in each. What does
not: calls (texts.py).

The account's first marketplace is the listing's own language; a text in another one is a translation, under the
language tag of that marketplace (`title/fr_FR`). The title is what buyers see, whoever decides it; a description and a
country of origin are shown by Amazon to nobody but the seller, as he sent them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ....core.errors import RecordError
from ....core.legible import decode_json
from ....domain.content.fields import BULLETS, DESCRIPTION, IMAGES, ORIGIN, PRICE, TITLE, Limit, base_of
from ....domain.content.listings import ShownListing, ShownPicture, Slot
from ....domain.content.markup import collapse
from ....domain.content.pricelists import read_amount, write_price
from ..marketplaces import BY_ID
from .payloads import Entry, Item, Located, OfferEntry, Property

ATTRIBUTES: Mapping[str, str] = {
    TITLE: "item_name", DESCRIPTION: "product_description", BULLETS: "bullet_point", ORIGIN: "country_of_origin",
}  # fmt: skip
WITH_LANGUAGE = frozenset((TITLE, DESCRIPTION, BULLETS))
# Where a product type's definition does not tell. Seller Central, "Product title requirements" and "Product detail page
# rules".
GENERAL: Mapping[str, Limit] = {
    TITLE: Limit(most=200), DESCRIPTION: Limit(most=2000), BULLETS: Limit(most=500, lines=5), ORIGIN: Limit(most=2),
}  # fmt: skip
# Of pictures, in the order that buyers see.
LOCATORS = ("main_product_image_locator", *(f"other_product_image_locator_{number}" for number in range(1, 9)))
PURCHASABLE_OFFER, EVERYBODY = "purchasable_offer", "ALL"
_OFFERS = msgspec.json.Decoder(list[OfferEntry])
_LOCATED = msgspec.json.Decoder(list[Located])
_ENTRIES = msgspec.json.Decoder(list[Entry])
_RAW = msgspec.json.Decoder(list[dict[str, Any]])
_PROPERTY = msgspec.json.Decoder(Property)
_BYTES, _TIMES = "b", "*"


def build_listing(item: Item, places: Sequence[str], limits: Mapping[str, Mapping[str, Limit]]) -> ShownListing | None:
    """The listing of an item; None where it is in none of the account's marketplaces. places: the account's, the first
    one is that of the listing's own language. limits: by product type and field."""
    summaries = {summary.marketplace_id: summary for summary in item.summaries}
    entries = {field: _read_entries(item, name) for field, name in ATTRIBUTES.items()}
    values: dict[str, str] = {}
    reference: dict[str, str] = {}
    for place in places:
        summary, tag = summaries.get(place), find_tag(place, entries[TITLE])
        if summary is None or not tag:
            continue
        own = place == places[0]
        for field in ATTRIBUTES:
            name = field if own else f"{field}/{tag}"
            if (own or field in WITH_LANGUAGE) and name not in values:
                values[name] = _show(field, place, tag, entries[field])
                reference[f"at/{name}"] = f"{place} {tag} {summary.product_type or 'PRODUCT'}"
                if field == BULLETS and (others := _find_others(item, place, tag)):
                    reference[f"others/{name}"] = others
        if own and summary.item_name:
            values[TITLE] = summary.item_name
        elif summary.item_name:
            values[f"{TITLE}/{tag}"] = summary.item_name
        if own:
            values[PRICE] = _show_price(item, place)
            reference[f"at/{PRICE}"] = f"{place} {tag} {summary.product_type or 'PRODUCT'}"
            reference[f"at/{IMAGES}"] = f"{place} {tag} {summary.product_type or 'PRODUCT'}"
    if not values:
        return None
    types = [summary.product_type for summary in item.summaries]
    for field, limit in limits.get(types[0], {}).items() if types else ():
        reference[f"most/{field}"] = f"{limit.most}{_BYTES if limit.in_bytes else ''}{_TIMES}{limit.lines}"
    title = next((summary.item_name for summary in item.summaries if summary.item_name), "")
    pictures = _show_pictures(item, places[0]) if f"at/{IMAGES}" in reference else None
    return ShownListing(
        key=item.sku, skus=(item.sku,), values=values, title=title, reference=reference, pictures=pictures
    )


def _show_pictures(item: Item, place: str) -> tuple[ShownPicture, ...]:
    """Those that the seller named for a marketplace. A picture's id is its attribute: Amazon copies what it fetched to
    an address of its own, so that the address does not tell which picture it is."""
    shown = []
    for name in LOCATORS:
        raw = item.attributes.get(name)
        try:
            entries = decode_json(_LOCATED, raw) if raw is not None else []
        except (msgspec.DecodeError, UnicodeDecodeError):
            entries = []
        here = [
            entry.media_location for entry in entries if entry.marketplace_id in (place, "") and entry.media_location
        ]
        if here:
            shown.append(ShownPicture(id=name, address=here[0]))
    return tuple(shown)


def _show_price(item: Item, place: str) -> str:
    """What everybody pays in a marketplace by the seller's own offer, tax included; '' for none."""
    raw = item.attributes.get(PURCHASABLE_OFFER)
    try:
        entries = decode_json(_OFFERS, raw) if raw is not None else []
        for entry in entries:
            if entry.marketplace_id == place and entry.audience == EVERYBODY and entry.our_price:
                amount = entry.our_price[0].schedule[0].value_with_tax
                return write_price(str(amount), entry.currency or BY_ID[place].currency) if amount else ""
    except (msgspec.DecodeError, UnicodeDecodeError, IndexError, RecordError):
        pass
    return ""


def build_price_patch(price: str, place: str) -> dict[str, object]:
    """Everybody's price in one marketplace. `merge` leaves what else the offer has: a sale, limits of automatic
    pricing, other audiences."""
    amount, currency = read_amount(price)
    ours = [{"schedule": [{"value_with_tax": float(amount)}]}]
    value = [{"marketplace_id": place, "currency": currency, "audience": EVERYBODY, "our_price": ours}]
    return {"op": "merge", "path": f"/attributes/{PURCHASABLE_OFFER}", "value": value}


def assign(slots: Sequence[Slot], shown: Sequence[ShownPicture]) -> dict[int, str]:
    """The attribute of each picture that is to be put, by its place: that of the picture which it replaces, else the
    first that is free."""
    due = [slot for slot in slots if not slot.kept]
    free = [name for name in LOCATORS if name not in {picture.id for picture in shown}]
    return {slot.place: slot.replaces or free.pop(0) for slot in due if slot.replaces or free}


def build_picture_patch(name: str, address: str, place: str) -> dict[str, object]:
    value = [{"marketplace_id": place, "media_location": address}]
    return {"op": "merge", "path": f"/attributes/{name}", "value": value}


def find_tag(place: str, entries: Iterable[Entry]) -> str:
    """The language of a marketplace, as Amazon tags it; where it has several, that of what the seller wrote there; ''
    where nothing tells."""
    marketplace = BY_ID.get(place)
    if marketplace is not None and marketplace.language:
        return marketplace.language.replace("-", "_")
    tags = {entry.language_tag for entry in entries if entry.marketplace_id == place and entry.language_tag}
    return tags.pop() if len(tags) == 1 else ""


def find_place(listing: ShownListing, field: str) -> tuple[str, str, str]:
    """(marketplace, language tag, product type) that a field of the listing is written to."""
    place, tag, product_type = listing.reference[f"at/{field}"].split(" ", 2)
    return place, tag, product_type


def read_limits(listing: ShownListing) -> dict[str, Limit]:
    """What Amazon takes in the fields of this listing, as it was noted when the listing was read."""
    limits = dict(GENERAL)
    for field in GENERAL:
        if noted := listing.reference.get(f"most/{field}"):
            most, _, lines = noted.partition(_TIMES)
            limits[field] = Limit(
                most=int(most.rstrip(_BYTES)), in_bytes=most.endswith(_BYTES), lines=int(lines or GENERAL[field].lines)
            )
    if place := listing.reference.get(f"at/{PRICE}"):
        limits[PRICE] = Limit(currency=BY_ID[place.partition(" ")[0]].currency)
    return limits


def limits_of(properties: Mapping[str, msgspec.Raw]) -> dict[str, Limit]:
    """The limits in the schema of a product type, by field; the general ones where it has none."""
    limits = dict(GENERAL)
    for field in WITH_LANGUAGE:
        shape = _read_property(properties.get(ATTRIBUTES[field]))
        value, lines = shape.items.properties.value, GENERAL[field].lines
        lines = (shape.most_entries or lines) if lines else 0
        if value.max_bytes:  # of both, bytes are what Amazon counts: a letter with an accent has two
            limits[field] = Limit(most=value.max_bytes, in_bytes=True, lines=lines)
        elif value.max_length:
            limits[field] = Limit(most=value.max_length, lines=lines)
    return limits


def build_patch(field: str, text: str, place: str, tag: str) -> dict[str, object]:
    """One operation of patchListingsItem. `merge` changes the entry with the same marketplace and language, and leaves
    all others, where `replace` would drop them."""
    entry: dict[str, str] = {"marketplace_id": place}
    if base_of(field) in WITH_LANGUAGE:
        entry["language_tag"] = tag
    path = f"/attributes/{ATTRIBUTES[base_of(field)]}"
    if not text:
        return {"op": "delete", "path": path, "value": [entry]}
    return {"op": "merge", "path": path, "value": [{**entry, "value": text}]}


def build_bullets_patch(text: str, place: str, tag: str, others: str) -> dict[str, object]:
    """Bullet points are several entries with one marketplace and language, which `merge` cannot tell apart: so all of
    the marketplace are replaced. others: those of other languages there, as they were read, in JSON."""
    entries = [{"marketplace_id": place, "language_tag": tag, "value": line} for line in text.splitlines()]
    kept = decode_json(_RAW, others.encode()) if others else []
    path = f"/attributes/{ATTRIBUTES[BULLETS]}"
    if not entries and not kept:
        return {"op": "delete", "path": path, "value": [{"marketplace_id": place, "language_tag": tag}]}
    return {"op": "replace", "path": path, "value": [*kept, *entries]}


def _find_others(item: Item, place: str, tag: str) -> str:
    """The bullet points of a marketplace in other languages, as JSON; '' for none. One that names no marketplace is
    shown in this one too (`_show`), and named when it is sent along."""
    raw = item.attributes.get(ATTRIBUTES[BULLETS])
    try:
        entries = decode_json(_RAW, raw) if raw is not None else []
    except (msgspec.DecodeError, UnicodeDecodeError):
        entries = []
    kept = [
        {**entry, "marketplace_id": place} for entry in entries
        if (entry.get("marketplace_id") or place) == place and (entry.get("language_tag") or tag) != tag
    ]  # fmt: skip
    return msgspec.json.encode(kept).decode() if kept else ""


def _show(field: str, place: str, tag: str, entries: Sequence[Entry]) -> str:
    here = [entry for entry in entries if entry.marketplace_id in (place, "")]
    if field in WITH_LANGUAGE:
        here = [entry for entry in here if entry.language_tag in (tag, "")]
    if field == BULLETS:
        return "\n".join(collapse(entry.value) for entry in here if entry.value)
    return next((entry.value for entry in here if entry.value), "")


def _read_entries(item: Item, name: str) -> list[Entry]:
    """An attribute that is not shaped as texts are counts as one that shows nothing."""
    raw = item.attributes.get(name)
    try:
        return decode_json(_ENTRIES, raw) if raw is not None else []
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []


def _read_property(raw: msgspec.Raw | None) -> Property:
    try:
        return decode_json(_PROPERTY, raw) if raw is not None else Property()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Property()
