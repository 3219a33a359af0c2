"""The arithmetic of a call budget: how long a call must wait so that a vendor's limit is never exceeded.

What belongs here: the pure step from one state of a budget to the next, and who may use its last share. What does not:
the numbers (each marketplace's api/ has its table), waiting (channels/), where budgets are kept
(warehouse/shared/buckets.py).
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

import msgspec

ROUNDING = 1e-6  # tokens: a wait is computed in binary fractions and may end slightly too early
PACIFIC = ZoneInfo("America/Los_Angeles")  # eBay's days begin at midnight there
# Two calls that leave in the vendor's own rhythm may arrive closer together than they left. The budget therefore keeps
# what flows in within so many seconds, but never more than half of what it may hold.
JITTER_SECONDS = 0.5
CLAIM_SECONDS = 5.0  # that a claim outlives the wait of its caller, who may have been killed


class Priority(IntEnum):
    """What a call is for. A lower number is served first where a budget is short."""

    ORDERS = 0
    STOCK = 1
    CONTENT = 2


# The share of a budget that a class leaves to the classes above it.
LEFT_FOR_HIGHER = {Priority.ORDERS: 0.0, Priority.STOCK: 0.2, Priority.CONTENT: 0.5}
# The share of what flows in that a class gets, however much those above it call. Without it a pull of many days, which
# spends every token as soon as there is one, would keep stock from being told for hours.
SURE_SHARE = {Priority.ORDERS: 1.0, Priority.STOCK: 0.2, Priority.CONTENT: 0.1}


class Rate(msgspec.Struct, frozen=True):
    """A vendor's rate: per_second tokens flow in, at most `burst` are kept (Amazon: 0.0056/s, burst 20)."""

    per_second: float
    burst: float

    @property
    def capacity(self) -> float:
        return self.burst


class Quota(msgspec.Struct, frozen=True):
    """So many calls a day, all of which come back at midnight Pacific time (eBay)."""

    limit: float

    @property
    def capacity(self) -> float:
        return self.limit


Plan = Rate | Quota


class Claim(msgspec.Struct, frozen=True):
    """A class was told to wait for so many tokens: until this instant, the classes below leave them alone. since: when
    it was first told so, after which its share is due some time. beyond: tokens that will be there besides, for a class
    below whose share was due already."""

    priority: Priority
    tokens: float
    until: float
    since: float = 0.0
    beyond: float = 0.0


class Bucket(msgspec.Struct, frozen=True):
    """The tokens that are available at the instant `at`: seconds of any clock that only goes forward, for a Quota those
    since 1970."""

    tokens: float
    at: float
    claims: tuple[Claim, ...] = ()


def take(
    bucket: Bucket | None,
    plan: Plan,
    now: float,
    cost: float = 1.0,
    *,
    need: float = 0.0,
    priority: Priority = Priority.ORDERS,
) -> tuple[Bucket, float]:
    """Spend `cost` tokens if the bucket has them: returns (the bucket afterwards, 0.0). Otherwise nothing is spent:
    returns (the bucket as it is now, the seconds until it has them), and the caller asks again then.

    need: tokens that must be there, where that is more than is spent. A call leaves the share of LEFT_FOR_HIGHER and
    what a higher class waits for; a bucket that is full and that nobody waits for suffices for every call. A class that
    has waited until its SURE_SHARE would have brought it the tokens is due: it need leave no share, those above leave
    it its tokens, and what they wait for includes them.

    A caller that waits holds no token, so that a caller that is killed while it waits leaves nothing behind but a claim
    that ends by itself. For a cost above its capacity the bucket fills up to that cost. A negative cost gives tokens
    back. A clock that was set back yields no tokens.
    """
    need = max(need, cost)
    tokens, at = _fill(bucket, plan, now, need)
    capacity = max(plan.capacity, need)
    claims = tuple(claim for claim in bucket.claims if claim.until > now) if bucket else ()
    own = next((claim for claim in claims if claim.priority == priority), None)
    since, most = (own.since, max(need, own.tokens)) if own else (now, need)
    due = own is not None and _is_due(msgspec.structs.replace(own, tokens=most), plan, now)
    above = [claim for claim in claims if claim.priority < priority and not (due and claim.beyond >= need - ROUNDING)]
    share = 0.0 if due else min(LEFT_FOR_HIGHER[priority] * plan.capacity, capacity - need)
    below = max(
        (claim.tokens for claim in claims if claim.priority > priority and _is_due(claim, plan, now)), default=0.0
    )
    below = min(below, own.beyond) if own else below  # who waits already waits no longer than it was told
    kept = max([share, *(claim.tokens for claim in above)])
    below = min(below, max(0.0, capacity - need - kept))
    lacking = need + kept + below - tokens
    if cost > 0 and lacking > ROUNDING:
        wait = _count_seconds(plan, now, lacking)
        if above:
            wait = min(wait, max(claim.until for claim in above) - now)
        if not due and isinstance(plan, Rate):
            wait = min(wait, max(ROUNDING, _count_seconds_of_share(most, priority, plan) - (now - since)))
        claim = Claim(priority, need, now + wait + CLAIM_SECONDS, since, below)
        return Bucket(tokens, at, _claim(claims, plan, claim)), wait
    left = tuple(
        _take_beyond(claim, priority, cost) for claim in claims if claim.priority != priority or claim.tokens > need
    )
    return Bucket(min(plan.capacity, max(0.0, tokens - cost)), at, left), 0.0


def available(bucket: Bucket | None, plan: Plan, now: float) -> float:
    """The tokens that a bucket has now."""
    return max(0.0, _fill(bucket, plan, now, 0.0)[0])


def correct(bucket: Bucket | None, plan: Plan, now: float, *, left: float | None = None, cost: float = 0.0) -> Bucket:
    """The bucket after the vendor's answer. cost: what the call cost beyond what was taken for it. left: what the
    vendor says is left.

    A rate's bucket is only lowered to `left`: other processes' calls that are on their way are missing in the vendor's
    figure. A quota's is set to it, because other programs of the seller use it too. What a call cost too much is owed:
    the bucket may be below nothing then.
    """
    tokens, at = _fill(bucket, plan, now, 0.0)
    tokens -= cost
    if left is not None:
        tokens = left if isinstance(plan, Quota) else min(tokens, left)
    return Bucket(min(plan.capacity, tokens), at, bucket.claims if bucket else ())


def soften(rate: Rate) -> Rate:
    """The rate that is safe to call at: with a little less at once than the vendor grants."""
    return Rate(rate.per_second, rate.burst - min(rate.per_second * JITTER_SECONDS, rate.burst / 2))


def next_reset(now: float) -> float:
    """The next midnight Pacific time."""
    local = datetime.fromtimestamp(now, UTC).astimezone(PACIFIC)
    return datetime.combine(local.date() + timedelta(days=1), time(), PACIFIC).timestamp()


def _fill(bucket: Bucket | None, plan: Plan, now: float, need: float) -> tuple[float, float]:
    """(tokens now, the later of both instants). need: what the bucket may hold, where that is above its capacity."""
    if bucket is None:
        return plan.capacity, now
    at = max(now, bucket.at)
    if isinstance(plan, Quota):
        tokens = plan.limit if next_reset(bucket.at) <= now else bucket.tokens
        return min(plan.limit, tokens), at
    elapsed = max(0.0, now - bucket.at)
    return min(max(plan.burst, need), bucket.tokens + elapsed * plan.per_second), at


def _count_seconds(plan: Plan, now: float, lacking: float) -> float:
    return next_reset(now) - now if isinstance(plan, Quota) else lacking / plan.per_second


def _claim(claims: tuple[Claim, ...], plan: Plan, new: Claim) -> tuple[Claim, ...]:
    """The claims with a new one: of each class, the largest. Only what refills soon can be claimed."""
    if isinstance(plan, Quota):
        return claims
    own = [claim for claim in claims if claim.priority == new.priority and claim.tokens > new.tokens]
    return (*(claim for claim in claims if claim.priority != new.priority), *(own or [new]))


def _is_due(claim: Claim, plan: Plan, now: float) -> bool:
    """Whether the class's share of what flowed in since it waits is as much as it waits for."""
    if isinstance(plan, Quota):
        return False  # comes back at once, not by and by
    return now - claim.since + ROUNDING >= _count_seconds_of_share(claim.tokens, claim.priority, plan)


def _count_seconds_of_share(tokens: float, priority: Priority, plan: Rate) -> float:
    return tokens / plan.per_second / SURE_SHARE[priority]


def _take_beyond(claim: Claim, priority: Priority, cost: float) -> Claim:
    """The claim of a higher class after a lower one took tokens that were to be there besides."""
    if claim.priority >= priority or not claim.beyond:
        return claim
    return msgspec.structs.replace(claim, beyond=max(0.0, claim.beyond - cost))
