"""Which personal fields a marketplace's answers hold, what each that is kept is for, and cutting out the others.

What a rule reads is kept: shipping, invoice, VAT, finding the same customer again, telling whom an answer is about. All
other personal fields are cut before an answer is stored. What is about nobody stays as it was sent, so that a later
rule can read it.

What belongs here: the shapes of such a list, cutting JSON, purposes and legal bases. What does not: a marketplace's
list (channels/*/personal.py), where and how long things are stored (article_30.py, warehouse/landing/).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec


class Use(StrEnum):
    """What a personal field is needed for."""

    SHIPPING = "delivering the order"
    INVOICE = "the invoice"
    VAT = "deciding and proving the VAT"
    MATCHING = "finding the same customer again"
    SUBJECT = "telling whom an answer is about, for access and erasure"
    LANGUAGE = "writing to the customer in their language"
    PARCEL = "telling the parcel and its return"


# GDPR Art. 6(1).
LEGAL_BASES = {
    Use.SHIPPING: "contract, Art. 6(1)(b)",
    Use.INVOICE: "legal obligation, Art. 6(1)(c)",
    Use.VAT: "legal obligation, Art. 6(1)(c)",
    Use.MATCHING: "legitimate interest, Art. 6(1)(f): one customer, one contact",
    Use.SUBJECT: "legal obligation, Art. 6(1)(c)",
    Use.LANGUAGE: "contract, Art. 6(1)(b)",
    Use.PARCEL: "contract, Art. 6(1)(b)",
}


class PersonalFields(NamedTuple):
    """The personal fields of one kind of answer. kept: what each path is for; a path names members with dots, whatever
    lists lie in between, and stands for everything below it. cut: what is removed before an answer is stored."""

    answer: str
    kept: Mapping[str, tuple[Use, ...]]
    cut: tuple[str, ...] = ()


Tree = dict[str, "Tree"]
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])


def build_tree(paths: Iterable[str]) -> Tree:
    """Paths as a tree; a path ends at an empty branch."""
    tree: Tree = {}
    for path in paths:
        branch = tree
        for name in path.split("."):
            branch = branch.setdefault(name, {})
    return tree


def cut_json(raw: bytes, tree: Tree) -> bytes:
    """The answer without the members at which a path of the tree ends. Every other value keeps its bytes. What is no
    JSON is returned as it is: it is stored for a person to look at."""
    try:
        return _cut_value(raw, tree)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw


def _cut_value(raw: bytes, tree: Tree) -> bytes:
    kind = raw.lstrip()[:1]
    if kind == b"[":
        return b"[" + b",".join(_cut_value(bytes(item), tree) for item in _items.decode(raw)) + b"]"
    if kind != b"{":
        return raw
    members = _members.decode(raw)
    if not members.keys() & tree.keys():
        return raw
    kept = []
    for name, value in members.items():
        branch = tree.get(name)
        if branch == {}:
            continue
        kept.append(msgspec.json.encode(name) + b":" + (_cut_value(bytes(value), branch) if branch else bytes(value)))
    return b"{" + b",".join(kept) + b"}"
