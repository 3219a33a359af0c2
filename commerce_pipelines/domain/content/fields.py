"""The fields of a listing that Odoo may be the master of, and what a channel takes of each.

What belongs here: their names, a channel's limits as data, shortening at a word, checking a text before any call. What
does not: which Odoo field feeds which (rules.py), what a marketplace's limits are (channels/<kind>/content/).

A translation is a field of its own: `title/fr` is the title in the channel's locale `fr`.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from ...core.reasons import Reason

TITLE, DESCRIPTION, IMAGES = "title", "description", "images"
BULLETS, SPECIFICS = "bullets", "specifics"
BARCODE, WEIGHT, HS_CODE, ORIGIN, PRICE = "barcode", "weight", "hs_code", "origin", "price"
FIELDS = (TITLE, DESCRIPTION, BULLETS, SPECIFICS, IMAGES, BARCODE, WEIGHT, HS_CODE, ORIGIN, PRICE)
TRANSLATED = (TITLE, DESCRIPTION, BULLETS)  # of these a listing may have translations
SEPARATOR = ": "  # between a name and its value, in a list of both
_GTIN = re.compile(r"\d{8}|\d{12,14}")


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel takes in one field. most: characters, bytes with `in_bytes`, pictures of `images`; 0 for no limit.
    tags: the elements of HTML that it may hold; none for plain text. lines: of a list, how many entries it may have,
    each a line of its own and with `most`; 0 for what is no list. most_name: of a list of `Name: value`, how long a
    name may be. currency: of a price. includes_tax: whether a price holds tax, None where the channel does not tell."""

    most: int = 0
    in_bytes: bool = False
    lines: int = 0
    most_name: int = 0
    tags: frozenset[str] = frozenset()
    currency: str = ""
    includes_tax: bool | None = None

    @property
    def is_html(self) -> bool:
        return bool(self.tags)

    def measure(self, text: str) -> int:
        return len(text.encode()) if self.in_bytes else len(text)


def base_of(field: str) -> str:
    """The field that a translation is of; any other field is its own."""
    return field.partition("/")[0]


def locale_of(field: str) -> str:
    """The channel's locale of a translation, '' for the listing's own language."""
    return field.partition("/")[2]


def fit(field: str, text: str, limit: Limit, too_long: Literal["refuse", "shorten"]) -> str | Reason:
    """The text as it may be sent, or why it may not. A text that is too long is cut after a whole word where the
    settings say so; HTML never is, because a cut would leave elements open."""
    base = base_of(field)
    if base == BARCODE and not is_gtin(text):
        return Reason(
            "bad_barcode", f"The barcode {text!r} is no GTIN: it has another length, or its check digit is wrong.",
            "Correct the barcode of the product in Odoo.", field,
        )  # fmt: skip
    if limit.lines:
        return fit_list(field, text, limit, too_long)
    size = limit.measure(text)
    if not limit.most or size <= limit.most:
        return text
    shortened = shorten(text, limit) if too_long == "shorten" and not limit.is_html else ""
    if shortened:
        return shortened
    unit = "bytes" if limit.in_bytes else "characters"
    return Reason(
        "content_too_long", f"The {base} has {size} {unit}, the channel takes {limit.most}.",
        f"Shorten it in Odoo, or feed {base} from another field under `content.sources`"
        + ("." if limit.is_html else ", or set `content.too_long: shorten`."),
        field,
    )  # fmt: skip


def fit_list(field: str, text: str, limit: Limit, too_long: Literal["refuse", "shorten"]) -> str | Reason:
    """A list as it may be sent, or why it may not: `shorten` cuts its values after a whole word and takes its first
    entries; names are never cut."""
    base, unit = base_of(field), "bytes" if limit.in_bytes else "characters"
    fix = f"Shorten them in Odoo, or feed {base} from another field under `content.sources`."
    fitting = []
    for line in text.splitlines():
        name, sign, value = line.partition(SEPARATOR) if limit.most_name else ("", "", line)
        if limit.most_name and len(name) > limit.most_name:
            message = f"A name of the {base} has {len(name)} characters, the channel takes {limit.most_name}."
            return Reason("content_too_long", message, fix, field)
        size = limit.measure(value)
        if limit.most and size > limit.most:
            value = shorten(value, limit) if too_long == "shorten" else ""
            if not value:
                message = f"An entry of the {base} has {size} {unit}, the channel takes {limit.most}."
                return Reason("content_too_long", message, fix, field)
        fitting.append(f"{name}{sign}{value}")
    names = [line.partition(SEPARATOR)[0] if limit.most_name else line for line in fitting]
    taken = list(dict.fromkeys(names))[: limit.lines]
    if len(set(names)) > limit.lines and too_long == "refuse":
        message = f"The {base} have {len(set(names))} entries, the channel takes {limit.lines}."
        return Reason("content_too_long", message, fix, field)
    return "\n".join(line for name, line in zip(names, fitting, strict=True) if name in taken)


def shorten(text: str, limit: Limit) -> str:
    """As many whole words as fit, without a separator at the end; '' if not even the first word fits."""
    words = text.split()
    while words and limit.measure(" ".join(words)) > limit.most:
        words.pop()
    return " ".join(words).rstrip(" ,;:-–—/|&(")


def is_gtin(text: str) -> bool:
    """Whether a barcode is a GTIN-8, -12, -13 or -14 with the right check digit (GS1 General Specifications 7.9)."""
    if not _GTIN.fullmatch(text) or not text.isascii():
        return False
    digits = [int(digit) for digit in reversed(text)]
    return sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0
