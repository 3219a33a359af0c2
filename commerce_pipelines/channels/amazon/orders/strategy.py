"""How Amazon's orders are read while they come in: one by one, or by a list; and who may use the last calls of a list.

What belongs here: the choice, as pure functions of the amount of work, and its reason in words. What does not: reading
(reading.py), messages (notices/), when orders are read (flows/notices/follow.py, flows/intake/).

getOrder gives one order for one call, at once: 30 calls, then one in two seconds. searchOrders gives a hundred for one
call, but only what has been unchanged for two and a half minutes: 20 calls, then one in three minutes. Together they
read 1.06 orders a second, if they do not read the same orders. So those who wait longest are read one by one, and when
that lags behind, the next list begins with the one who waits longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from ...capabilities import NamedPlan, Window

BUCKET = 30  # calls of getOrder that are there at once
# An upper bound must be "at least two minutes before the time of the request"; half a minute more allows for clocks
# that differ.
SETTLED = timedelta(minutes=2, seconds=30)
# A list at this age holds all orders of nearly a minute; earlier it holds few, later too many orders have waited long.
LISTED_AT = SETTLED + timedelta(seconds=55)


class Leaves(msgspec.Struct, frozen=True):
    """Calls of searchOrders that are left to what is more urgent: messages before polls before pulls of days."""

    poll: float
    pull: float


def choose(waiting: Sequence[datetime], now: datetime) -> NamedPlan:
    """waiting: when each order that messages named was changed."""
    count, oldest = len(waiting), min(waiting, default=now)
    if count <= BUCKET:
        return NamedPlan(span=None, why=f"one by one: {count} orders wait, and {BUCKET} calls may be made at once")
    if now - oldest < LISTED_AT:
        return NamedPlan(
            span=None,
            why=f"one by one: of {count} orders that wait, a list would show few, as it shows no change of the last "
            f"{SETTLED.total_seconds():.0f} s",
        )
    return NamedPlan(
        span=Window(oldest, now - SETTLED),
        why=f"a list of 100: {count} orders wait, more than {BUCKET} calls, the first for "
        f"{(now - oldest).total_seconds():.0f} s",
    )


def share_calls(receives: bool) -> Leaves:
    """receives: whether messages name orders. A poll finds what no message named, and a pull of days would take every
    call as soon as there is one: leaving one more, it goes on only while no poll waits."""
    return Leaves(poll=10.0, pull=11.0) if receives else Leaves(poll=0.0, pull=1.0)
