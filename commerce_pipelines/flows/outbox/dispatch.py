"""Sending quantities to a channel so that a crash at any point leaves no doubt unrecorded.

What belongs here: what is on record before and after a call, and trying the failed part again. What does not: which
listings need a push (inventory/publish.py), the calls (channels/).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ...channels.capabilities import offered
from ...domain.inventory.listings import Push, PushOutcome
from ...domain.orders.order import FulfilledBy
from ...resources.connections import Connections

if TYPE_CHECKING:
    import pandas as pd

TRIES = 2  # how often one run sends the part that failed
TOGETHER = 200  # outcomes written down in one transaction

Sent = tuple[int, Push]  # sequence, push


def push(connections: Connections, name: str, rows: pd.DataFrame, taken_at: datetime, run_id: str) -> dict[str, str]:
    """Push rows (key, target, shown, free) and record each outcome; status by key.

    What failed is sent again alone, as the same change with the same token. Raises what stops everything; the outcomes
    known by then are on record, and the others stay `sent`: nobody knows.
    """
    due = _begin(connections, name, rows, taken_at, run_id)
    statuses: dict[str, str] = {}
    for _ in range(TRIES):
        if due:
            statuses |= _attempt(connections, name, due)
            due = [(sequence, push) for sequence, push in due if statuses[push.listing.key] == "failed"]
    return statuses


def _begin(connections: Connections, name: str, rows: pd.DataFrame, taken_at: datetime, run_id: str) -> list[Sent]:
    """Put the pushes on record. A listing that the channel fulfils itself is never among them."""
    from ...domain.inventory.publishing import token
    from ...warehouse.inventory.listings import listing_of
    from ...warehouse.inventory.rows import load_rows
    from ...warehouse.outbox import pushes

    if not len(rows):
        return []
    with connections.warehouse.transaction() as connection:
        listings = load_rows(connection, "listings", name)
        wanted = rows[["key", "target", "shown", "free"]].merge(listings, on="key")
        known = [_plain(row) for row in wanted.to_dict("records") if row["fulfilled_by"] != FulfilledBy.CHANNEL.value]
        records = [
            row | {"before": row["shown"], "quantity": row["target"], "taken_at": taken_at,
                   "token": partial(token, name, row["key"])}
            for row in known
        ]  # fmt: skip
        sequences = pushes.begin(connection, name, records, run_id)
        found_out = pushes.found_out(connection, name, [row["key"] for row in known])
    return [
        (
            sequence,
            Push(
                listing=listing_of(row, row["shown"], found_out.get(row["key"], {})),
                quantity=row["target"],
                token=token(name, row["key"], sequence),
            ),
        )
        for sequence, row in zip(sequences, known, strict=True)
    ]


def _attempt(connections: Connections, name: str, due: Sequence[Sent]) -> dict[str, str]:
    from ...warehouse.outbox import pushes

    sequences = {push.listing.key: sequence for sequence, push in due}
    statuses: dict[str, str] = {}
    unwritten: list[tuple[int, PushOutcome]] = []

    def write_down() -> None:
        if unwritten:
            with connections.warehouse.transaction() as connection:
                pushes.settle(connection, name, unwritten)
            unwritten.clear()

    channel = connections.channel(name)
    quantities = offered(channel.quantities, channel, "quantities")
    try:
        for outcome in quantities.push([push for _, push in due]):
            if outcome.key in sequences:
                statuses[outcome.key] = outcome.status
                unwritten.append((sequences[outcome.key], outcome))
                if len(unwritten) >= TOGETHER:
                    write_down()
        for key in sequences.keys() - statuses.keys():
            statuses[key] = "failed"
            unwritten.append((sequences[key], PushOutcome(key=key, status="failed", code="no_answer")))
    finally:
        write_down()
    return statuses


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A frame's row with None and int where it has pandas' NA and numpy's integers."""
    import pandas as pd

    plain: dict[str, Any] = {key: None if pd.isna(value) else value for key, value in row.items()}
    return plain | {key: int(plain[key]) for key in ("target", "shown", "free") if plain[key] is not None}
