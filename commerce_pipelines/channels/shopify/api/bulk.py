"""Bulk operations: queries that Shopify runs by itself and answers with a file each, for a handful of points.

What belongs here: starting them, waiting for them, fetching each file and proving that the file is complete. What does
not: when a bulk operation is worth it and what its lines mean (inventory/quantities.py, orders/bulk_reading.py), the
queries (queries.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import msgspec

from ....core.errors import CredentialError, ProtocolError, TransientError
from ....core.legible import one_word
from ....core.words import Words
from ...http.session import HttpSession, Repeat
from ..settings import FILES_HOST
from .graphql import GraphQL
from .queries import BULK_RUN, BULK_STATE

__all__ = ["FILES_HOST", "MOST_BULKS", "run_bulk", "run_bulks"]

# Shopify runs so many for an app and shop since 2026-01, and one before: it refuses the next one then.
MOST_BULKS = 5
BUSY = frozenset(("OPERATION_IN_PROGRESS", "LIMIT_REACHED"))
# Seconds: the first and the longest pause between two looks, the longest wait for the next file, and for a place.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, BULK_WAIT_SECONDS, PLACE_WAIT_SECONDS = 1.0, 15.0, 1_800.0, 600.0
LARGEST_FILE_BYTES = 512 << 20
PARENT = b'"__parentId":'


class Operation(msgspec.Struct, frozen=True):
    id: str
    status: str
    errorCode: str | None = None
    objectCount: int | str = 0  # an UnsignedInt64, which JSON writes as a string
    rootObjectCount: int | str | None = None
    url: str | None = None

    @property
    def is_at_work(self) -> bool:
        return self.status in ("CREATED", "RUNNING", "CANCELING")


class Problem(msgspec.Struct, frozen=True):
    message: str
    code: str | None = None


class Started(msgspec.Struct, frozen=True):
    userErrors: list[Problem]
    bulkOperation: Operation | None = None


class Run(msgspec.Struct, frozen=True):
    bulkOperationRunQuery: Started


class State(msgspec.Struct, frozen=True):
    bulkOperation: Operation | None = None


def run_bulk(graphql: GraphQL, session: HttpSession, query: str, sleep: Callable[[float], None]) -> list[bytes]:
    """The lines of the file of one query, one JSON object each. Raises what run_bulks raises."""
    return next(run_bulks(graphql, session, [query], sleep))


def run_bulks(
    graphql: GraphQL, session: HttpSession, queries: Sequence[str], sleep: Callable[[float], None]
) -> Iterator[list[bytes]]:
    """The lines of each query's file as soon as it is there, in any order. As many run at once as Shopify takes.

    Where it takes none, those of a process that was killed may still be at work: their end is waited for.

    Raises TransientError where other operations leave no room for too long, where one of ours failed or took too long,
    or where its file lacks lines. Incomplete data is never handed out, nor the file of an operation that failed
    in its middle.
    """
    account = session.account
    waiting, running, most = deque(queries), list[Operation](), MOST_BULKS
    waited, wait = 0.0, FIRST_PAUSE_SECONDS
    while waiting or running:
        while waiting and len(running) < most:
            operation = _start_bulk(graphql, account, waiting[0])
            if operation is None:
                most = max(len(running), 1)
                break
            waiting.popleft()
            running.append(operation)
        done = [operation for operation in running if not operation.is_at_work]
        running = [operation for operation in running if operation.is_at_work]
        for operation in done:
            yield _fetch_lines(session, operation)
        if done:
            waited, wait = 0.0, FIRST_PAUSE_SECONDS
        elif running and waited >= BULK_WAIT_SECONDS:
            raise TransientError(f"{account}: a bulk operation of Shopify took longer than {BULK_WAIT_SECONDS:.0f} s.")
        elif not running and waited >= PLACE_WAIT_SECONDS:
            raise TransientError(
                f"{account}: Shopify runs other bulk operations of this app for longer than {PLACE_WAIT_SECONDS:.0f} "
                "s, and none beside them; it is tried again later."
            )
        if running or (waiting and not done):
            sleep(wait)
            waited, wait = waited + wait, min(LONGEST_PAUSE_SECONDS, wait * 1.5)
            running = [_look(graphql, account, operation) for operation in running]


def _start_bulk(graphql: GraphQL, account: str, query: str) -> Operation | None:
    """The operation; None where Shopify runs no more at once."""
    # May be repeated: two operations only read twice, and Shopify refuses the second where it runs one at a time.
    started = graphql.change(BULK_RUN, {"query": query}, Run, repeat=Repeat.STATE).bulkOperationRunQuery
    if not started.userErrors and started.bulkOperation is not None:
        return started.bulkOperation
    code = one_word(started.userErrors[0].code) if started.userErrors else "no operation"
    if code in BUSY:
        return None
    raise TransientError(
        f"{account}: Shopify did not start a bulk operation ({code or 'without a code'}); it is tried again later.",
        words=Words("; ".join(error.message for error in started.userErrors)),
    )


def _look(graphql: GraphQL, account: str, operation: Operation) -> Operation:
    state = graphql.ask(BULK_STATE, {"id": operation.id}, State).bulkOperation
    if state is None:
        raise ProtocolError(f"{account}: Shopify does not know its own bulk operation.")
    return state


def _fetch_lines(session: HttpSession, operation: Operation) -> list[bytes]:
    """The lines of an ended operation's file, as many as Shopify counts: all of them, and those without a parent."""
    account = session.account
    if operation.errorCode == "ACCESS_DENIED":
        raise CredentialError(
            f"{account}: the app may not read everything that a bulk operation asks for; grant it read_orders, "
            "read_products, read_inventory and read_locations and install it again."
        )
    if operation.status != "COMPLETED":
        code = one_word(operation.errorCode) or one_word(operation.status) or "something unknown"
        raise TransientError(f"{account}: a bulk operation of Shopify ended as {code}; it is tried again later.")
    if operation.url is None:
        lines = []  # without results there is no file
    else:
        response = session.get(operation.url, operation="bulk", max_bytes=LARGEST_FILE_BYTES, deadline=600.0)
        lines = response.body.splitlines()
    if len(lines) != int(operation.objectCount):
        raise TransientError(
            f"{account}: Shopify's bulk file has {len(lines)} lines of {operation.objectCount}; it is read again later."
        )
    roots = sum(PARENT not in line for line in lines)
    if operation.rootObjectCount is not None and roots != int(operation.rootObjectCount):
        raise TransientError(
            f"{account}: Shopify's bulk file has {roots} records of {operation.rootObjectCount}; it is read again "
            "later."
        )
    return lines
