"""Orders from the files of bulk operations, in the shape that a page gives them.

What belongs here: the query's form for bulk operations, and putting lines back into their orders. What does not: the
operation and its counts (api/bulk.py), which way is taken (strategy.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from ....core.errors import ProtocolError
from ...capabilities import Window
from ..api.queries import search_created

# A connection in a page, with its slice and its place, and in a bulk operation, which gives all of it.
_CONNECTION = re.compile(r"(\w+)\(first: \d+\) \{ nodes \{ (.*?) \} pageInfo \{[^}]*\} \}")
_SPREAD = re.compile(r"\.\.\.(Line|Shipping|Address)\b")
# The connections of an order in the order of the query, and the ids of what is in them.
_PARTS = {
    "shippingLines": ("gid://shopify/ShippingLine/", {"hasNextPage": False}),
    "lineItems": ("gid://shopify/LineItem/", {"hasNextPage": False, "endCursor": None}),
}
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_texts = msgspec.json.Decoder(str)


def write_query(orders: str, window: Window) -> str:
    """The bulk query for all orders created in the window, with the fields of the query `orders` of a page."""
    _, *fragments = orders.split("fragment ")
    bodies = {text.split(" ", 1)[0]: text[text.index("{") + 1 : text.rindex("}")] for text in fragments}
    fields = _CONNECTION.sub(r"\1 { edges { node { \2 } } }", bodies["OrderFields"])
    fields = _SPREAD.sub(lambda spread: bodies[spread[1]], fields)
    return f'{{ orders(query: "{search_created(window.start, window.end)}") {{ edges {{ node {{ {fields} }} }} }} }}'


def assemble(lines: Sequence[bytes]) -> list[msgspec.Raw]:
    """The orders of a file. Its lines may come in any order. Raises ProtocolError for a line without its order, and for
    one that cannot be read: nobody knows which order would lack it."""
    orders: dict[str, dict[str, msgspec.Raw]] = {}
    parts: dict[tuple[str, str], list[msgspec.Raw]] = {}
    try:
        for line in lines:
            fields = _fields.decode(line)
            parent, gid = fields.pop("__parentId", None), _texts.decode(fields["id"])
            if parent is None:
                orders[gid] = fields
                continue
            name = next((name for name, (prefix, _) in _PARTS.items() if gid.startswith(prefix)), "")
            parts.setdefault((_texts.decode(parent), name), []).append(msgspec.Raw(msgspec.json.encode(fields)))
    except (msgspec.DecodeError, KeyError, UnicodeDecodeError):
        raise ProtocolError("Shopify's bulk file holds a line that is no record of the query.") from None
    if any(gid not in orders or not name for gid, name in parts):
        raise ProtocolError("Shopify's bulk file holds a line that belongs to no order of it.")
    return [msgspec.Raw(msgspec.json.encode(fields | _list_parts(gid, parts))) for gid, fields in orders.items()]


def _list_parts(gid: str, parts: dict[tuple[str, str], list[msgspec.Raw]]) -> dict[str, object]:
    return {name: {"nodes": parts.get((gid, name), []), "pageInfo": info} for name, (_, info) in _PARTS.items()}
