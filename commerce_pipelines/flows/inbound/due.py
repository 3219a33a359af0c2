"""What waits of a marketplace's warehouses is looked at again on a person's command.

What belongs here: making it due, and whether it is. What does not: when it is looked at by itself (ledger_days.py,
receive.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ...core.topics import Topic
from ...resources.connections import Connections
from ...warehouse import exceptions


def replay(connections: Connections, name: str, *, code: str = "", record_ids: Iterable[str] = ()) -> int:
    """Make what waits due: of one reason, those records, or all; returns how many. The channel's schedules then request
    the runs."""
    wanted = set(record_ids)
    with connections.warehouse.transaction() as connection:
        waiting = exceptions.open_exceptions(connection, name, Topic.INBOUND, code=code)
        due = sorted({row.record_id for row in waiting if not wanted or row.record_id in wanted})
        return exceptions.ask_again(connection, name, Topic.INBOUND, due, connections.instruments.now()) if due else 0


def find_asked(connections: Connections, name: str, stages: Iterable[str]) -> datetime | None:
    """When a person last asked for another look at what waits in these stages; None for nobody, or once it was had."""
    of = set(stages)
    with connections.warehouse.transaction() as connection:
        waiting = exceptions.open_exceptions(connection, name, Topic.INBOUND)
    return max((row.retry_at for row in waiting if row.stage in of and row.retry_at), default=None)
