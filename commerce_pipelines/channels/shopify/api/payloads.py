"""Types that every topic shares: nodes, pages, ids.

What belongs here: shapes of the Admin GraphQL API under Shopify's names. What does not: orders (orders/payloads.py),
variants and levels (inventory/payloads.py), the envelope of an answer (graphql.py).
"""

from __future__ import annotations

import msgspec

from ....core.errors import RecordError


class Node(msgspec.Struct, gc=False, kw_only=True):
    pass


class PageInfo(Node):
    hasNextPage: bool
    endCursor: str | None = None


def number(gid: str) -> str:
    """The numeric id in `gid://shopify/Order/450789469`: the same in webhook bodies, and what a person sees.

    Raises RecordError(`bad_payload`) for anything else, because the number becomes part of ids in Odoo.
    """
    digits = gid.rpartition("/")[2]
    if "?" in digits:
        digits = digits.partition("?")[0]
    if digits.isdecimal() and digits.isascii() and len(digits) <= 20:
        return digits
    raise RecordError(
        "bad_payload",
        "Shopify's order holds an id that has no number.",
        fix="Report the payload's shape: ids end in a number in every version so far.",
        subject="id",
    )
