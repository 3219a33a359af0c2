"""The report as of a time: what the proofs that were made until then said, and what had come here and to Odoo by then.

Only what is on record is told. Deliveries, invoices and refunds out are proved anew by each report and not kept.

What belongs here: gathering it. What does not: proving (orders/prove.py, returns/prove.py), how it is shown (cli/).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import msgspec

from ..core.topics import Topic
from ..domain.sales.completeness import RUN_GRACE, Completeness, add_up, set_aside
from ..resources.connections import Connections
from ..warehouse.shared import proof_history


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """One topic of a channel at a time. proof: the newest proofs of its days until then, added up; proved: how many of
    the days of the span had one. heard: records of the span of which an answer had come by then, written: of these, in
    Odoo by then."""

    proof: Completeness
    proved: int
    days: int
    heard: int
    written: int


class PastChannel(msgspec.Struct, frozen=True, kw_only=True):
    """refunds: None where the channel's refunds are not followed. first: when the first proof that is kept was made."""

    orders: Past
    refunds: Past | None
    first: datetime | None


def read_past(connections: Connections, name: str, first: date, last: date, at: datetime) -> PastChannel:
    """What was on record of a channel at `at`, of the days from `first` to `last`. Asks nobody."""
    follows = connections.settings.channel(name).returns.enabled
    return PastChannel(
        orders=_read(connections, Topic.ORDERS, name, (first, last), at),
        refunds=_read(connections, Topic.REFUNDS, name, (first, last), at) if follows else None,
        first=_read_first(connections, name),
    )


def _read(connections: Connections, topic: Topic, name: str, span: tuple[date, date], at: datetime) -> Past:
    days = span[0], span[1] + timedelta(days=1)
    with connections.warehouse.transaction() as connection:
        kept = proof_history.read(connection, topic, name, days, at)
        heard, written = proof_history.count_known(connection, topic, name, days, at)
    proofs = (set_aside(proof, at - RUN_GRACE) for proof in kept.values())
    return Past(
        proof=add_up(proofs), proved=len({day for day, _ in kept}),
        days=(days[1] - days[0]).days, heard=heard, written=written,
    )  # fmt: skip


def _read_first(connections: Connections, name: str) -> datetime | None:
    with connections.warehouse.transaction() as connection:
        return proof_history.read_first(connection, name)
