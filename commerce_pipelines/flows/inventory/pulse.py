"""Has anything changed that a channel should be told? The stock sensor's brain.

What belongs here: one look at Odoo and a digest per channel. What does not: Dagster's run requests
(sensors/inventory.py), deciding anything (publish.py). Importing it takes seconds, because it brings pandas.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from ...domain.inventory.availability import feeds
from ...domain.outbox.effects import Kind
from ...resources.connections import Connections
from ...warehouse.inventory import listings
from ...warehouse.outbox import holds
from .readings import Snapshot, in_pipe, take_stock


def pulses(connections: Connections, names: Sequence[str]) -> dict[str, str]:
    """A digest for each channel that changes when, and only when, one of its targets might. Writes nothing."""
    snapshot = take_stock(connections, store=False)
    ordered = in_pipe(connections, snapshot)
    result = {}
    for name in names:
        settings = connections.settings.channel(name)
        with connections.warehouse.transaction() as connection:
            locations = listings.locations(connection, name)
        fed = feeds(name, settings.inventory, settings, snapshot.places, locations or {""})
        result[name] = pulse(snapshot, ordered, {code for codes in fed.values() for code in codes})
    return result


def pulse(snapshot: Snapshot, ordered: Mapping[int, int | Fraction], warehouses: Iterable[str]) -> str:
    """A digest of what these warehouses have left to offer."""
    feeding = snapshot.levels[snapshot.levels["warehouse"].isin(list(warehouses))]
    free = feeding["free"].astype("float64").groupby(feeding["product_id"].to_numpy()).sum()
    text = "\n".join(
        f"{product} {units - float(ordered.get(product, 0)):.3f}"
        for product, units in zip(free.index.tolist(), free.tolist(), strict=True)
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def held_back(connections: Connections, name: str) -> bool:
    """Whether the breaker holds a run of this channel back: a person, or the schedule, tries it again."""
    with connections.warehouse.transaction() as connection:
        return holds.held(connection, name, Kind.QUANTITY) is not None
