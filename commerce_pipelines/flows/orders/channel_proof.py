"""The verdict that a person reads: all proofs of a channel together, whatever days the last run was about.

What belongs here: adding up the newest proof of each day, and what no proof can know: orders that wait, days that no
run has dealt with. What does not: proving (prove.py), how it is shown (assets/complete.py), alerts (flows/alerts.py).
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

import msgspec

from ...core.topics import Topic
from ...domain.sales.completeness import RUN_GRACE, add_up
from ...resources.connections import Connections
from .prove import Proof

LOOK_BACK = timedelta(days=7)  # failed runs have already caused alerts about older answers


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """proof: of all days ever proved. waiting: orders of any day that are not in Odoo and wait for something. undealt:
    days whose newest answers no run has brought to Odoo for more than an hour."""

    proof: Proof
    waiting: int
    undealt: tuple[date, ...]

    @property
    def complete(self) -> bool:
        return all(proof.complete for proof in self.proof.days.values())

    @property
    def settled(self) -> bool:
        """Complete, and nothing is on its way, waits for a person, or has a difference that a note explains."""
        open_ones = self.proof.whole.exceptions or self.proof.whole.flagged or self.waiting or self.undealt
        return self.complete and not open_ones


def verdict(connections: Connections, name: str, now: datetime) -> Verdict:
    """The newest proof of every day, added up. An incomplete day stays incomplete until it is proved again."""
    from ...warehouse import exceptions
    from ...warehouse.orders import proof_rows

    channel = connections.settings.channel(name)
    with connections.warehouse.transaction() as connection:
        days = proof_rows.read(connection, name)
        waiting = {
            record.record_id for record in exceptions.open_exceptions(connection, name, Topic.ORDERS) if record.blocking
        }
    tomorrow = now.astimezone(channel.zone).date() + timedelta(days=1)
    pending = connections.landing(name, Topic.ORDERS).pending(channel.start_date, tomorrow, now - LOOK_BACK)
    undealt = tuple(day for day, seen in sorted(pending.items()) if seen < now - RUN_GRACE)
    return Verdict(proof=Proof(whole=add_up(days.values()), days=days), waiting=len(waiting), undealt=undealt)


def red_days(connections: Connections, name: str, before: date) -> list[date]:
    """The days before that one whose last proof was incomplete, oldest first."""
    from ...warehouse.orders import proof_rows

    with connections.warehouse.transaction() as connection:
        return proof_rows.red_days(connection, name, before)
