"""What stock permits a channel to offer of SKUs that it does not list yet.

What belongs here: the target that such a listing would have, stock's lock. What does not: the rule itself
(domain/inventory/availability.py), which listings are made (new_listings.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import msgspec

from ...channels.capabilities import Channel
from ...domain.orders.order import FulfilledBy
from ...resources.connections import Connections


def count_units(connections: Connections, name: str, skus: Sequence[str]) -> dict[str, int]:
    """The stock target that a listing of each SKU would have now, by the same rule and the same reading as those of
    listings that are there; nothing where stock publishes nothing. Reads Odoo's stock where the stored one is old."""
    import pandas as pd

    from ...domain.inventory import availability
    from ..inventory.inputs import read_offer, recent_stock

    rules = connections.settings.channel(name).inventory
    if not skus or not rules.enabled or rules.dry_run:
        return {}
    offer = read_offer(connections, name, recent_stock(connections, name))
    rows = [(sku, sku, "", FulfilledBy.MERCHANT.value) for sku in dict.fromkeys(skus)]
    listings = pd.DataFrame.from_records(rows, columns=["key", "sku", "location", "fulfilled_by"])
    targets = availability.targets(msgspec.structs.replace(offer, listings=listings))
    wanted = targets.loc[targets["target"].notna(), ["sku", "target"]]
    return {str(sku): int(target) for sku, target in wanted.itertuples(index=False)}


@contextlib.contextmanager
def hold_stock(connections: Connections, channel: Channel) -> Iterator[None]:
    """Nobody pushes a quantity meanwhile, where content writes one."""
    from ...warehouse.inventory.rows import lock_name

    if channel.content is None or not channel.content.writes_stock:
        yield
        return
    with connections.warehouse.lock(lock_name(channel.name), wait=True):
        yield
