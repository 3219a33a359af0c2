"""Stock, listings, targets and pushes as rows: the newest snapshot wins, a push is on record before it is sent.

What belongs here: replacing and reading these tables. What does not: the rules (domain/), when to read and push
(flows/inventory/publish.py), orders that are not in Odoo yet (pipe.py). Import it inside functions: it loads pandas.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pandas as pd

from ...domain.inventory.publishing import LATE
from ..tables.database import Warehouse
from ..tables.frames import read_frame

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


@contextmanager
def channel_lock(warehouse: Warehouse, channel: str) -> Iterator[None]:
    """One reader or writer of a channel's listings at a time, among all processes; freed even if this one is killed."""
    with warehouse.lock(f"inventory {channel}", wait=True):
        yield


def load_rows(connection: Connection, table: str, channel: str) -> pd.DataFrame:
    """A channel's rows of listings, inventory_targets or inventory_beliefs."""
    return read_frame(connection, table, None, "channel = %s", (channel,))


def beliefs(connection: Connection, channel: str) -> pd.DataFrame:
    """BELIEF_COLUMNS of domain/inventory/publishing.py for each listing of a channel, from its last reading and our
    pushes.

    A cancelled order counts as a sale at its cancellation: the channel may have put its units back.
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
