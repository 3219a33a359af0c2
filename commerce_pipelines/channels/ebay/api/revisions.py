"""How often a listing may be revised: 250 times a day, stock and content together ("the seller will be blocked from
revising the item until the next calendar day"). We stop before that, so that eBay does not block the listing.

What belongs here: that count, shared by all processes. What does not: what is revised (inventory/, content/).
"""

from __future__ import annotations

from ...http.throttle import BucketStore, Priority, Rate

# A bucket of 100 that gets 147 back in a day allows at most 247 revisions in any day.
REVISION_RATE = Rate(147 / 86_400, 100)


def may_revise(buckets: BucketStore, channel: str, item_id: str, priority: Priority, times: int = 1) -> bool:
    """Whether a listing may be revised so often now; it counts as revised then. Content leaves half of it to stock."""
    return not buckets.take(f"{channel}:revisions:{item_id}", REVISION_RATE, float(times), priority=priority)


def count_again(buckets: BucketStore, channel: str, item_id: str) -> None:
    """Count one more revision of a listing that has to be made whatever is left: it takes off what was sold meanwhile,
    or tells apart which of several changes was refused."""
    buckets.take(f"{channel}:revisions:{item_id}", REVISION_RATE, priority=Priority.ORDERS)
