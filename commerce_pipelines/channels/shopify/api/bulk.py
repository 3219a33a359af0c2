"""One bulk operation: a query that Shopify runs by itself and answers as a file, at a handful of points.

What belongs here: starting, waiting, fetching the file and proving that it is whole. What does not: when it is worth
it and what its lines mean (inventory/quantities.py), the query (queries.py).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ....core.errors import CredentialError, ProtocolError, TransientError
from ...http.session import HttpSession, Repeat
from .graphql import GraphQL
from .queries import BULK_RUN, BULK_STATE

FILES = "storage.googleapis.com"  # where Shopify puts the files
FIRST_WAIT, LONGEST_WAIT, PATIENCE = 1.0, 15.0, 1_800.0  # seconds between looks, and altogether
LARGEST_FILE = 512 << 20


class Operation(msgspec.Struct, frozen=True):
    id: str
    status: str
    errorCode: str | None = None
    objectCount: int | str = 0  # an UnsignedInt64: a string in JSON
    url: str | None = None


class Problem(msgspec.Struct, frozen=True):
    message: str


class Started(msgspec.Struct, frozen=True):
    userErrors: list[Problem]
    bulkOperation: Operation | None = None


class Run(msgspec.Struct, frozen=True):
    bulkOperationRunQuery: Started


class State(msgspec.Struct, frozen=True):
    bulkOperation: Operation | None = None


def run_bulk(graphql: GraphQL, session: HttpSession, query: str, sleep: Callable[[float], None]) -> list[bytes]:
    """The lines of the file, one JSON object each.

    Raises TransientError where another operation is under way, where it failed, took too long or its file lacks lines.
    Partial data is never taken.
    """
    account = session.account
    # Two operations read the same twice; where Shopify runs one at a time it refuses the second.
    started = graphql.change(BULK_RUN, {"query": query}, Run, repeat=Repeat.STATE).bulkOperationRunQuery
    operation = started.bulkOperation
    if started.userErrors or operation is None:
        says = started.userErrors[0].message[:200] if started.userErrors else "no operation"
        raise TransientError(f"{account}: Shopify did not start a bulk operation: {says}.")
    waited, wait = 0.0, FIRST_WAIT
    while operation.status in ("CREATED", "RUNNING"):
        if waited >= PATIENCE:
            raise TransientError(f"{account}: a bulk operation of Shopify took longer than {PATIENCE:.0f} s.")
        sleep(wait)
        waited, wait = waited + wait, min(LONGEST_WAIT, wait * 1.5)
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
        code = operation.errorCode or operation.status
        raise TransientError(f"{account}: a bulk operation of Shopify ended as {code}; it is tried again later.")
    if operation.url is None:
        lines = []  # nothing matched: there is no file then
    else:
        response = session.get(operation.url, operation="bulk", max_bytes=LARGEST_FILE, deadline=600.0)
        lines = response.body.splitlines()
    if len(lines) != int(operation.objectCount):
        raise TransientError(
            f"{account}: Shopify's bulk file has {len(lines)} lines of {operation.objectCount}; it is read again later."
        )
    return lines
