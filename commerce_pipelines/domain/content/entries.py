"""Lists of a listing as text: bullet points, one a line, and item specifics, one `Name: value` a line.

What belongs here: reading them from a field of Odoo, the form in which two are compared, putting Odoo's specifics among
those of a listing. What does not: how long they may be (fields.py), which attributes a product has (products.py).

A name with several values has a line for each. Specifics are sorted by their names, because their order means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from .fields import SEPARATOR
from .markup import collapse, split_lines

_MARKS = re.compile(r"^\s*[-*•·–]\s+")
Specifics = Mapping[str, Sequence[str]]


def read_list(text: str, *, is_html: bool) -> str:
    """The entries of a text: its lines, of HTML its paragraphs and items; without empty ones, repetitions and the signs
    that begin them."""
    lines = split_lines(text) if is_html else text.splitlines()
    entries = (collapse(_MARKS.sub("", line)) for line in lines)
    return "\n".join(dict.fromkeys(filter(None, entries)))


def read_specifics(text: str) -> dict[str, list[str]]:
    """Values by name. A line without a name or without a value is none."""
    specifics: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, _, value = line.partition(SEPARATOR.strip())
        name, value = collapse(name), collapse(value)
        if name and value and value not in specifics.setdefault(name, []):
            specifics[name].append(value)
    return {name: values for name, values in specifics.items() if values}


def write_specifics(specifics: Specifics) -> str:
    """Raises ValueError for a name that cannot be told from its value."""
    if any(SEPARATOR.strip() in name for name in specifics):
        raise ValueError("The name of a specific has a colon.")
    return "\n".join(
        f"{name}{SEPARATOR}{collapse(value)}"
        for name, values in sorted(specifics.items(), key=lambda pair: pair[0].casefold()) for value in values
    )  # fmt: skip


def join_attributes(pairs: Iterable[tuple[str, str]]) -> str:
    """Attributes of a product as specifics; those with a colon in their name are left out."""
    specifics: dict[str, list[str]] = {}
    for name, value in pairs:
        if (name := collapse(name)) and collapse(value) and SEPARATOR.strip() not in name:
            specifics.setdefault(name, []).append(value)
    return write_specifics(specifics)


def merge_specifics(shown: str, wanted: str) -> str:
    """What a listing shows with the values of those names that Odoo has. All others stay, and a name that is there
    stays as it is written there."""
    merged = read_specifics(shown)
    names = {name.casefold(): name for name in merged}
    for name, values in read_specifics(wanted).items():
        merged[names.get(name.casefold(), name)] = values
    return write_specifics(merged)


def normalise_list(text: str, *, named: bool) -> str:
    return write_specifics(read_specifics(text)) if named else read_list(text, is_html=False)
