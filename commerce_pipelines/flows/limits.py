"""What is used and left of each channel's call budgets.

What belongs here: budgets by channel and operation, and which of them are short. What does not: how they are spent
(core/throttle.py, warehouse/shared/buckets.py), how they are shown (assets/limits.py, cli/limits.py).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from ..core.errors import CommerceError
from ..core.throttle import Plan, Quota
from ..resources.connections import Connections

SHORT_SHARE = 0.1  # of a day's calls


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """One budget. left, used: calls, for Shopify points. waited, closed: seconds. learned_at: when the marketplace
    stated the limit, None for the default of its documentation."""

    channel: str
    operation: str
    plan: Plan
    left: float
    used: float
    waited: float
    closed: float
    learned_at: datetime | None = None

    @property
    def rate(self) -> str:
        """The limit for a person: `0.0056 a second, 20 at once`, `100,000 a day`."""
        if isinstance(self.plan, Quota):
            return f"{self.plan.limit:,.0f} a day"
        return f"{self.plan.per_second:.4g} a second, {self.plan.burst:,.0f} at once"

    @property
    def is_shared(self) -> bool:
        """Whether several operations count to it, each of which has a limit of its own as well."""
        return isinstance(self.plan, Quota)

    @property
    def is_short(self) -> bool:
        """Whether calls must wait for long: the day's calls are nearly used up, or the marketplace refused one."""
        nearly = isinstance(self.plan, Quota) and self.left < SHORT_SHARE * self.plan.limit
        return nearly or self.closed > 60


def learn_limits(connections: Connections, name: str) -> str:
    """Ask the channel for its limits, where it tells them by a call of its own, and record them for all processes.
    Returns why they could not be read, '' where they were: the limits known so far hold on."""
    try:
        connections.channel(name).account.learn_limits()
    except CommerceError as error:
        return str(error)
    return ""


def read_limits(connections: Connections, channels: Collection[str] = ()) -> list[Limit]:
    """The budgets of these channels, of all by default, that were ever used, by channel and operation. Makes no call to
    a marketplace."""
    wanted = set(channels) or {channel.name for channel in connections.settings.channels}
    limits = []
    for budget in connections.buckets.read():
        channel, _, operation = budget.key.partition(":")
        if channel in wanted and not operation.startswith("revisions:"):
            limits.append(
                Limit(
                    channel=channel,
                    operation=operation,
                    plan=budget.plan,
                    left=budget.left,
                    used=budget.used,
                    waited=budget.waited,
                    closed=budget.closed,
                    learned_at=budget.learned_at,
                )
            )
    return limits


HEADINGS = ("channel", "operation", "rate", "stated", "left now", "used today", "waited today", "closed")
FIGURES = ("left now", "used today", "waited today", "closed")


def list_cells(limits: Sequence[Limit]) -> list[tuple[str, ...]]:
    """A row of text for each limit, under HEADINGS. Days are UTC, for a limit of calls a day those of eBay."""
    return [
        (
            limit.channel,
            limit.operation,
            limit.rate,
            "yes" if limit.learned_at else "no",
            f"{limit.left:,.0f}",
            f"{limit.used:,.0f}",
            f"{limit.waited:,.0f} s",
            f"for {limit.closed:,.0f} s" if limit.closed else "",
        )
        for limit in limits
    ]
