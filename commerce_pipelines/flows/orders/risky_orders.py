"""Orders that the marketplace reviews: a person's acceptance, and asking the marketplace for its newest answer.

A marketplace does not always report an order as changed when it clears it. So an order that is held or waits because of
a review is read by its id from time to time, and the answer is landed like any other.

What belongs here: accepting an order, and reading it again. What does not: what a review means for an order
(domain/sales/review.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from ...channels.capabilities import Page
from ...core.errors import PermanentError
from ...core.topics import Topic
from ...domain.sales.review import HELD, WAITS
from ...resources.connections import Connections
from ..intake.pull import Landed, land
from .heal import replay

ASK_EVERY = timedelta(minutes=15)
ORDERS_A_LOOK = 20  # orders that are read at a time, beginning with those that were read longest ago
ASKED_FOR = timedelta(days=14)  # after this time only the nightly run and the poll read the order


def accept(connections: Connections, name: str, order_id: str) -> None:
    """Let an order go on although the marketplace calls it risky, on a person's command; its lane's next run carries it
    out.

    Raises PermanentError for an order that is neither held nor waits for a review.
    """
    from ...warehouse import exceptions
    from ...warehouse.orders import accepted

    with connections.warehouse.transaction() as connection:
        waiting = exceptions.open_exceptions(connection, name, Topic.ORDERS, record_ids=[order_id])
        if not any(record.code in (HELD, WAITS) for record in waiting):
            raise PermanentError(
                f"Order {order_id} of {name} neither waits nor is held because the marketplace calls it risky; "
                f"`commerce-pipelines exceptions show {name} {order_id}` says what it waits for."
            )
        accepted.accept(connection, name, order_id, connections.instruments.now())
    replay(connections, name, order_ids=[order_id])


def ask_again(connections: Connections, name: str, now: datetime) -> Landed:
    """Land the newest answers of orders under review, at most every quarter of an hour in a process. Raises the
    channel's errors."""
    from ...warehouse import exceptions

    landed, memory = Landed(), connections.warehouse.memory
    last = memory.get(("reviews asked", name))
    if last is not None and now - last < ASK_EVERY:
        return landed
    memory["reviews asked", name] = now
    with connections.warehouse.transaction() as connection:
        waiting = [
            record
            for code in (HELD, WAITS)
            for record in exceptions.open_exceptions(connection, name, Topic.ORDERS, code=code)
            if record.first_seen > now - ASKED_FOR
        ]
    source = connections.channel(name).orders
    for order_id in dict.fromkeys(
        record.record_id for record in sorted(waiting, key=lambda row: row.last_seen)[:ORDERS_A_LOOK]
    ):
        raw = source.fetch(order_id)
        if raw is not None:
            land(connections, name, Page(records=(raw,), resume=None, watermark=now), "poll", now, landed)
    return landed
