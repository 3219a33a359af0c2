"""Fields of listings that no list of the channel shows: read listing by listing, some of them each night.

What belongs here: which listings are read so, what is kept of the others. What does not: the calls (channels/), what
differs (domain/content/comparison.py).

A call reads one listing, and a channel grants few. So only listings are read whose product says something of such a
field: first those that were never read so, then those whose reading is oldest. What was read before stays until then;
before a field is written it is read again anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from ...channels.product_content import Content
from ...core.errors import RateLimited
from ...domain.content.fields import SPECIFICS
from ...domain.content.listings import ShownListing
from ...domain.content.products import Product, render
from ...resources.connections import Connections
from .matching import group_by_code, match

DETAILED = "detailed"  # in the reference of a listing: when such fields were read, '' for never


def add_details(
    connections: Connections, name: str, content: Content, listings: Sequence[ShownListing]
) -> list[ShownListing]:
    """The listings with those fields: as they were read before, and of some of them as they are now."""
    if not content.details_a_night:
        return list(listings)
    before, by_code = _load(connections, name)
    rows = {row.key: _carry(row, before.get(row.key)) if content.lacks_details(row) else row for row in listings}
    wanted = [
        row for row in rows.values()
        if content.lacks_details(row) and _has_something_to_say(connections, name, content, row, by_code)
    ]  # fmt: skip
    wanted.sort(key=lambda row: (row.reference[DETAILED], row.key))
    with suppress(RateLimited):  # the next night goes on
        for row in content.read_details(wanted[: content.details_a_night]):
            rows[row.key] = row
    return list(rows.values())


def _load(
    connections: Connections, name: str
) -> tuple[Mapping[str, ShownListing], Mapping[str, Sequence[Product]]]:  # fmt: skip
    from ...warehouse.content import products, shown

    fold = connections.settings.channel(name).sku_fold_case
    with connections.warehouse.transaction() as connection:
        before = {row.key: row for row in shown.load_listings(connection, name)}
        catalogue = products.load_products(connection, connections.company_of(name))
    return before, group_by_code(catalogue, fold)


def _carry(row: ShownListing, before: ShownListing | None) -> ShownListing:
    """What was read before of fields that this reading does not show."""
    read_at = before.reference.get(DETAILED, "") if before else ""
    if before is None or not read_at:
        return row
    kept = {SPECIFICS: before.values[SPECIFICS]} if SPECIFICS in before.values else {}
    return msgspec.structs.replace(
        row, values={**row.values, **kept}, reference={**row.reference, DETAILED: read_at}
    )  # fmt: skip


def _has_something_to_say(
    connections: Connections, name: str, content: Content, row: ShownListing, by_code: Mapping[str, Sequence[Product]]
) -> bool:  # fmt: skip
    """Whether Odoo has a product of this listing alone that says something of those fields."""
    settings = connections.settings.channel(name)
    products = [product for some in match(row, by_code, settings) for product in some if product.active]
    if len(products) != 1:
        return False
    return bool(render(products[0], settings.content, content.limits(row), alone=True).values.get(SPECIFICS))
