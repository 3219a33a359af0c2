"""Attributes of a listing that hold texts or name pictures: entries by marketplace and language, patches, schema.

What belongs here: which entry a patch changes, what is wrong with it. What does not: whose text buyers see
(listings.py). Sources: listingsItems_2021-08-01.json, definitionsProductTypes_2020-09-01.json; the shape of attributes
and the words of JSON Schema as Amazon's documentation of both shows them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from .places import PLACES

Entries = list[dict[str, Any]]
NAME, DESCRIPTION, ORIGIN = "item_name", "product_description", "country_of_origin"
BULLETS = "bullet_point"
OFFER = "purchasable_offer"
LOCATORS = ("main_product_image_locator", *(f"other_product_image_locator_{number}" for number in range(1, 9)))
SELECTORS = {
    NAME: ("marketplace_id", "language_tag"), DESCRIPTION: ("marketplace_id", "language_tag"),
    BULLETS: ("marketplace_id", "language_tag"),
    **dict.fromkeys((ORIGIN, *LOCATORS), ("marketplace_id",)),
    OFFER: ("marketplace_id", "currency", "audience"),
}  # fmt: skip
MOST_BYTES = {NAME: 200, DESCRIPTION: 2000, BULLETS: 300}
MOST_BULLETS = 5  # in one marketplace and language
CURRENCIES = {place.id: place.currency for place in PLACES}
LANGUAGES = {place.id: place.language for place in PLACES}


def first_attributes(title: str, places: Iterable[str], price: int) -> dict[str, Entries]:
    """What a merchant wrote when he made the listing. price: in cents, the same in every currency."""
    ours = [{"schedule": [{"value_with_tax": price / 100}]}]
    return {
        NAME: [{"value": title, "language_tag": LANGUAGES[place], "marketplace_id": place} for place in places],
        ORIGIN: [{"value": "CN", "marketplace_id": place} for place in places],
        OFFER: [
            {"marketplace_id": place, "currency": CURRENCIES[place], "audience": "ALL", "our_price": ours}
            for place in places
        ],
    }


def find_fault(name: str, patch: dict[str, Any], place: str) -> str:
    """What Amazon says of a patch of one attribute; '' where it takes it."""
    value = patch.get("value")
    if name not in SELECTORS or patch["op"] not in ("add", "replace", "merge", "delete"):
        return f"The attribute '{name}' is not supported."
    if not isinstance(value, list) or not value:
        return f"A value for '{name}' is required but missing."
    for entry in value:
        lacking = [selector for selector in SELECTORS[name] if not entry.get(selector)]
        if lacking or entry["marketplace_id"] != place:
            return f"The provided selectors for '{name}' are invalid."
        if name == OFFER:
            if not entry.get("our_price") and patch["op"] != "delete":
                return "A value for 'our_price' is required but missing."
            continue
        text = entry.get("media_location" if name in LOCATORS else "value", "")
        if patch["op"] != "delete" and (not isinstance(text, str) or not text):
            return f"A value for '{name}' is required but missing."
        if len(text.encode()) > MOST_BYTES.get(name, 1000):
            return f"The value for '{name}' has more than {MOST_BYTES.get(name, 1000)} bytes."
    alike = Counter((entry["marketplace_id"], entry.get("language_tag")) for entry in value)
    if name == BULLETS and max(alike.values()) > MOST_BULLETS:
        return f"The field '{name}' has more than {MOST_BULLETS} values."
    return ""


def apply_patch(entries: Entries, name: str, patch: dict[str, Any], place: str) -> Entries:
    """The entries after a patch. `merge` and `delete` change those that their selectors name, `add` and `replace` all
    of the marketplace."""

    def select(entry: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(entry.get(selector) for selector in SELECTORS[name])

    named = {select(entry): entry for entry in patch["value"]}
    if patch["op"] == "delete":
        return [entry for entry in entries if select(entry) not in named]
    if patch["op"] == "merge":
        merged = {select(entry): entry for entry in entries}
        return list((merged | {key: {**merged.get(key, {}), **entry} for key, entry in named.items()}).values())
    return [entry for entry in entries if entry["marketplace_id"] != place] + patch["value"]


def build_schema() -> dict[str, Any]:
    """The JSON Schema of every product type, as far as texts go."""
    return {
        "$schema": "https://schemas.amazon.com/selling-partners/definitions/product-types/meta-schema/v1",
        "type": "object",
        "properties": {
            name: {
                "type": "array",
                "selectors": list(selectors),
                **({"maxUniqueItems": MOST_BULLETS} if name == BULLETS else {}),
                "items": {
                    "type": "object",
                    "required": [*selectors, "value"],
                    "properties": {
                        "value": {"type": "string", "maxLength": 2000}
                        | ({"maxUtf8ByteLength": MOST_BYTES[name]} if name in MOST_BYTES else {}),
                        **{selector: {"type": "string"} for selector in selectors},
                    },
                },
            }
            for name, selectors in SELECTORS.items()
            if name not in (*LOCATORS, OFFER)
        },
    }
