"""One bulk operation: a query that Shopify runs by itself and answers with a file, for a handful of points.

What belongs here: starting it, waiting for it, fetching the file and proving that the file is complete. What does not:
when a bulk operation is worth it and what its lines mean (inventory/quantities.py), the query (queries.py).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ....core.errors import CredentialError, ProtocolError, TransientError
from ....core.legible import one_word
from ....core.words import Words
from ...http.session import HttpSession, Repeat
from ..settings import FILES_HOST
from .graphql import GraphQL
from .queries import BULK_RUN, BULK_STATE

__all__ = ["FILES_HOST", "run_bulk"]

# Seconds: the first and the longest pause between two looks, and the longest wait altogether.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, BULK_WAIT_SECONDS = 1.0, 15.0, 1_800.0
LARGEST_FILE_BYTES = 512 << 20


class Operation(msgspec.Struct, frozen=True):
    id: str
    status: str
    errorCode: str | None = None
    objectCount: int | str = 0  # an UnsignedInt64, which JSON writes as a string
    url: str | None = None


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
    """The lines of the file, one JSON object each.

    Raises TransientError where another operation is running, where this one failed or took too long, or where its file
    lacks lines. Incomplete data is never returned.
    """
    account = session.account
    # May be repeated: two operations only read twice, and Shopify refuses the second where it runs one at a time.
    started = graphql.change(BULK_RUN, {"query": query}, Run, repeat=Repeat.STATE).bulkOperationRunQuery
    operation = started.bulkOperation
    if started.userErrors or operation is None:
        code = one_word(started.userErrors[0].code) if started.userErrors else "no operation"
        raise TransientError(
            f"{account}: Shopify did not start a bulk operation ({code or 'without a code'}); it is tried again later.",
            words=Words("; ".join(error.message for error in started.userErrors)),
        )
    waited, wait = 0.0, FIRST_PAUSE_SECONDS
    while operation.status in ("CREATED", "RUNNING"):
        if waited >= BULK_WAIT_SECONDS:
            raise TransientError(f"{account}: a bulk operation of Shopify took longer than {BULK_WAIT_SECONDS:.0f} s.")
        sleep(wait)
        waited, wait = waited + wait, min(LONGEST_PAUSE_SECONDS, wait * 1.5)
        state = graphql.ask(BULK_STATE, {"id": operation.id}, State).bulkOperation
        if state is None:
            raise ProtocolError(f"{account}: Shopify does not know its own bulk operation.")
        operation = state
    if operation.errorCode == "ACCESS_DENIED":
        raise CredentialError(
            f"{account}: the app may not read everything that a bulk operation asks for; grant it read_products, "
            "read_inventory and read_locations and install it again."
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
    return lines
