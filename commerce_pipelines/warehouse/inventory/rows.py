"""What is known of a channel's listings: the lock on them, their rows, what they probably show.

What belongs here: reading these tables together. What does not: the rules (domain/), when to read and push
(flows/inventory/publish.py), orders that are not in Odoo yet (pipe.py). Import it inside functions: it loads pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ...domain.inventory.push_plan import LATE, Belief
from ...domain.outbox.effects import Kind
from ..outbox import holds
from ..tables.database import clock
from ..tables.frames import read_frame
from .runs import last_read

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def lock_name(channel: str) -> str:
    """The lock under which one process at a time reads or changes a channel's listings."""
    return f"inventory {channel}"


def load_rows(connection: Connection, table: str, channel: str) -> pd.DataFrame:
    """A channel's rows of listings, inventory_targets or inventory_beliefs."""
    return read_frame(connection, table, None, "channel = %s", (channel,))


def beliefs(connection: Connection, channel: str) -> pd.DataFrame:
    """BELIEF_COLUMNS of domain/inventory/push_plan.py for each listing of a channel, from its last reading and our
    pushes.

    A cancelled order counts as a sale at the time of its cancellation, because the channel may have put its units back.
    """
    frame = load_rows(connection, "inventory_beliefs", channel)
    unanswered = pd.to_datetime(frame["unanswered_at"], utc=True) + LATE["sent"]
    pending = pd.to_datetime(frame["pending_at"], utc=True) + LATE["pending"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.sku, max(CASE WHEN o.status = 'cancelled' THEN o.updated_at ELSE o.placed_at END)"
            " FROM commerce.orders o JOIN commerce.order_lines l USING (channel, order_id)"
            " WHERE o.channel = %s AND o.day >= current_date - 8 AND l.kind = 'product' AND o.fulfilled_by = 'merchant'"
            " GROUP BY l.sku",
            (channel,),
        )
        sold = dict(cursor.fetchall())
    return frame.assign(
        late_until=pd.concat([unanswered, pending], axis=1).max(axis=1),
        sold_at=pd.to_datetime(pd.Series([sold.get(sku) for sku in frame["sku"]], dtype="object"), utc=True),
    )


def load_targets(connection: Connection, channel: str) -> dict[str, dict[str, int | None]]:
    """The newest targets of a channel's listings by SKU and key; None for a listing that is linked to no product. None
    at all while a plan waits for a person: it may come from a faulty read."""
    if holds.held(connection, channel, Kind.QUANTITY):
        return {}
    targets: dict[str, dict[str, int | None]] = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT sku, key, target FROM commerce.inventory_targets WHERE channel = %s", (channel,))
        for sku, key, target in cursor:
            targets.setdefault(sku, {})[key] = target
    return targets


def read_belief(connection: Connection, channel: str) -> Belief:
    """What a plan of a channel needs besides its targets, as of now."""
    agreed, read_before = holds.agreed(connection, channel, Kind.QUANTITY), last_read(connection, channel)
    if agreed is not None:
        read_before = min(read_before, agreed.figures.get("read", read_before))
    return Belief(
        listings=beliefs(connection, channel),
        now=clock(connection),
        agreed={key: int(body["quantity"]) for key, body in agreed.bodies.items()} if agreed else {},
        read_before=read_before,
    )
