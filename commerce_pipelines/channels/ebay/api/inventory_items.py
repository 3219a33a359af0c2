"""The items of the Inventory API, page by page.

What belongs here: following the pages. What does not: what an item says of stock (inventory/listings.py) or of a
product (content/specifics.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import msgspec

from ....core.errors import ProtocolError
from .account import Account

ITEMS_PATH = "/sell/inventory/v1/inventory_item"
PAGE_SIZE = 200


class ItemsPage(msgspec.Struct, rename="camel"):
    """`next` is the address of the next page. An account without such items answers 404 or a total of 0."""

    total: int = 0
    inventory_items: list[msgspec.Raw] = []
    next: str | None = None


def read_pages(account: Account) -> Iterator[ItemsPage]:
    """Pages are followed by `next`, because its `offset` counts pages, not items."""
    params = {"limit": str(PAGE_SIZE), "offset": "0"}
    visited = set()
    while True:
        response = account.rest("getInventoryItems", ITEMS_PATH, params, ok=(200, 404))
        if response.status == 404:
            return
        page = account.decode(response, ItemsPage)
        yield page
        if not page.next:
            return
        visited.add(params["offset"])
        params = {name: values[0] for name, values in parse_qs(urlsplit(page.next).query).items()}
        if params.get("offset", "0") in visited:
            raise ProtocolError(f"{account.settings.name}: getInventoryItems repeats a page; it is read again later.")
