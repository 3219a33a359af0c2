"""Lists of orders that prove their own completeness.

What belongs here: search terms, paging by cursor, page sizes by cost, starting a new list before Shopify's limit of
25,000 objects, comparing the list with Shopify's own count. What does not: what is listed (orders/reading.py), the
queries (queries.py).

**Changes during the reading.** A list is sorted by the time that it filters by and has a fixed upper bound: an order
that changes meanwhile leaves the window, never enters it, and the next poll reads it. So the number of listed orders is
never below the count that the last page states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Generic, Literal, TypeVar

import msgspec

from ....core.errors import PermanentError, ProtocolError, TransientError
from .graphql import GraphQL, TooExpensive
from .payloads import PageInfo
from .queries import MOST_AT_ONCE, MOST_POINTS, search_created

N = TypeVar("N")
SortKey = Literal["CREATED_AT", "UPDATED_AT"]

FIELDS = {"CREATED_AT": "created_at", "UPDATED_AT": "updated_at"}
LISTED_AT_ONCE = 20_000  # objects; Shopify lists at most 25,000
# The part of the allowed points that is used, because the cost of equal queries varies a little.
USED_PART_OF_POINTS = 0.9


class Count(msgspec.Struct, frozen=True):
    count: int
    precision: str = "EXACT"


class Connection(msgspec.Struct, Generic[N], frozen=True):
    nodes: list[N]
    pageInfo: PageInfo


class Listing(msgspec.Struct, Generic[N], frozen=True):
    orders: Connection[N]
    ordersCount: Count


class Resume(msgspec.Struct, frozen=True):
    """Where a list continues: from this time, after this cursor; so many orders are listed already."""

    since: datetime
    after: str | None = None
    listed: int = 0

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


_resumes = msgspec.json.Decoder(Resume)


def second(instant: datetime) -> datetime:
    """The instant rounded down to the second, because Shopify stores and filters whole seconds."""
    return instant.astimezone(UTC).replace(microsecond=0)


def resumed(text: str | None, start: datetime) -> Resume:
    """The stored place; without a readable one, the list's start, because reading an order again changes nothing."""
    try:
        return _resumes.decode(text) if text else Resume(second(start))
    except msgspec.DecodeError:
        return Resume(second(start))


class PageSizes:
    """How many objects to request from each query: as many as the query's own last cost allows."""

    def __init__(self, graphql: GraphQL, first: int) -> None:
        self._graphql, self._first = graphql, first
        self._sizes: dict[str, int] = {}

    def ask(self, query: str, variables: dict[str, object], shape: type[N]) -> N:
        """The page, requested with `first`. Raises PermanentError if even one object costs too much."""
        while True:
            size = self._sizes.get(query, self._first)
            try:
                answer = self._graphql.ask(query, {**variables, "first": size}, shape)
            except TooExpensive as error:
                if size == 1:
                    raise PermanentError(str(error), words=error.words) from None
                self._sizes[query] = max(1, size // 2)
                continue
            if requested := self._graphql.cost(query).requestedQueryCost:
                fit = int(size * USED_PART_OF_POINTS * MOST_POINTS / requested)
                self._sizes[query] = max(1, min(MOST_AT_ONCE, fit))
            return answer


def listed(
    sizes: PageSizes,
    query: str,
    shape: type[Listing[N]],
    by: SortKey,
    start: Resume,
    end: datetime,
    when: Callable[[N], datetime | None],
) -> Iterator[tuple[list[N], Resume | None]]:
    """Pages of the orders whose time `by` lies in `[start.since, end)`, each with the place where the next begins.

    A list that ends before its count says is read once more from its start, because an order may have become visible
    late, in front of the cursor. Raises TransientError if the list is short again, ProtocolError for a list that
    repeats itself.
    """
    at, seen, again = start, set[str | None](), False
    while True:
        search = search_created(at.since, end, FIELDS[by])
        answer = sizes.ask(query, {"after": at.after, "query": search, "sortKey": by}, shape)
        page, count = answer.orders, answer.ordersCount
        total = at.listed + len(page.nodes)
        if not page.pageInfo.hasNextPage:
            short = total < count.count and count.precision == "EXACT"
            if short and again:
                raise TransientError(
                    f"Shopify counts {count.count} orders and listed {total}; the list is read again later."
                )
            following = Resume(at.since) if short else None
            yield page.nodes, following
            if following is None:
                return
            at, again = following, True
            seen.clear()
            continue
        newest = next(filter(None, map(when, reversed(page.nodes))), None) if total >= LISTED_AT_ONCE else None
        if newest is not None:
            following = Resume(second(newest))
            if following.since <= at.since:
                raise ProtocolError(f"Shopify has {total} orders of one second, more than it lists.")
        else:
            following = Resume(at.since, page.pageInfo.endCursor, total)
            if following.after is None or following.after in seen:
                raise ProtocolError("Shopify repeats a page; the list is read again from its start later.")
            seen.add(following.after)
        yield page.nodes, following
        at = following
