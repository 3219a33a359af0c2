"""The returns and refunds of one order by its number: read now, landed like any other, and what became of them.

What belongs here: reading them, and their results from the ledgers and the exceptions. What does not: the runs in
between (cli/pull.py), the order itself (flows/orders/single.py).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from ...channels.capabilities import AfterSale, Page
from ...core.reasons import Reason
from ...core.topics import Topic
from ...resources.connections import Connections
from ..intake.pull import Landed, land
from .heal import replay
from .stage import TOPICS


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """What was read: how many records of each topic that the channel lists by order, and the business days of these
    records on which the channel is looked after. unlisted: topics that it lists by day only."""

    counts: dict[Topic, int]
    days: tuple[date, ...]
    unlisted: tuple[Topic, ...]


class Became(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a return's or refund's last run. action: '' where no run has dealt with it. waits: why it is not in
    Odoo."""

    topic: Topic
    record_id: str
    action: str = ""
    waits: tuple[Reason, ...] = ()


def fetch(connections: Connections, name: str, order_id: str) -> Fetched:
    """Read an order's returns and refunds from the channel and land the answers; waiting ones become due again."""
    channel, now = connections.channel(name), connections.instruments.now()
    start = connections.settings.channel(name).start_date
    counts: dict[Topic, int] = {}
    days: set[date] = set()
    unlisted = []
    sources: dict[Topic, AfterSale[Any] | None] = {Topic.RETURNS: channel.returns, Topic.REFUNDS: channel.refunds}
    for topic, source in sources.items():
        if source is None:
            continue
        raws = source.of_order(order_id)
        if raws is None:
            unlisted.append(topic)
            continue
        page = Page(records=tuple(raws), resume=None, watermark=now)
        ids = [head.record_id for head in land(connections, name, page, "pull", now, Landed(), topic)]
        landing = connections.landing(name, topic)
        histories = [history for record_id in ids if (history := landing.history(record_id))]
        days |= {history[-1].day for history in histories if history[-1].day >= start}
        counts[topic] = len(ids)
        if ids:
            replay(connections, name, record_ids=ids)
    return Fetched(counts=counts, days=tuple(sorted(days)), unlisted=tuple(unlisted))


def became(connections: Connections, name: str, order_id: str) -> list[Became]:
    """The results of an order's returns and refunds, from the ledgers and the exceptions."""
    from ...warehouse import exceptions
    from ...warehouse.returns import ledger, staged_rows

    results = []
    for topic in TOPICS:
        with connections.warehouse.transaction() as connection:
            ids = [row.record_id for row in staged_rows.read_of_orders(connection, name, topic, [order_id])]
            entries = ledger.read_entries(connection, name, topic, ids)
            waiting = exceptions.open_exceptions(connection, name, topic, record_ids=ids)
        for record_id in ids:
            entry = entries.get(record_id)
            waits = tuple(row.reason for row in waiting if row.blocking and row.record_id == record_id)
            action = entry.action if entry else ""
            results.append(Became(topic=topic, record_id=record_id, action=action, waits=waits))
    return results
