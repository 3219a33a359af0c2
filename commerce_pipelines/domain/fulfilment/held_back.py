"""Parcels that a channel does not take yet: which refusals pass by themselves, and when such a parcel is told again.

Telling it again does no harm: a refusal is certain, so nothing has happened, and a channel that gives one of these
codes reads the order anew before each call.

What belongs here: this pure rule. What does not: other refusals, for which the parcel has to change (shipment_plan.py),
what a channel's states mean (channels/*/fulfilment/).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

PASSING = frozenset(("on_hold", "scheduled", "assigned_elsewhere", "closed"))  # codes of such outcomes
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=10), timedelta(hours=1)


class HeldBack(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel that the channel has refused for a reason that passes. at: the last time. tries: how often."""

    code: str
    at: datetime
    tries: int


def is_due(held: HeldBack, changed_at: datetime, now: datetime) -> bool:
    """Whether the parcel is told again: the channel's order has changed since, or it has waited long enough, longer
    each time. changed_at: the order's last change, as far as we know."""
    wait = min(FIRST_WAIT * 2 ** min(held.tries - 1, 10), LONGEST_WAIT)
    return changed_at > held.at or now >= held.at + wait
