"""The credit notes of one order that people made, for its lineage: what was paid back for each, and every attempt.

What belongs here: gathering it. What does not: the order's own story (flows/orders/trace.py), showing it
(cli/orders.py). No personal data is read, except what the channel said in its own words, on request.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...core.topics import Topic
from ...domain.money import to_decimal
from ...resources.connections import Connections
from ...warehouse.refunding import manual_credit_notes as notes
from ..orders.trace import Event, describe_waiting, read_words


def trace(connections: Connections, name: str, order_id: str, *, personal: bool = False) -> list[Event]:
    """Credit notes of the order that people made, the attempts to pay them back, and what waits."""
    from ...warehouse import exceptions

    with connections.warehouse.transaction() as connection:
        rows = notes.read_rows(connection, name, order_id)
        attempts = notes.read_attempts(connection, name, order_id)
        waiting = exceptions.open_exceptions(connection, name, Topic.REFUNDING, record_ids=[order_id])
    url = connections.settings.odoo.url.rstrip("/")
    labels = {str(row["odoo_id"]): str(row["name"]) for row in rows}
    events = [_describe_note(row, url) for row in rows]
    events += [_describe_attempt(attempt, labels.get(attempt.key, attempt.key)) for attempt in attempts]
    events += describe_waiting(waiting, "refund out: ")
    if personal:
        events += read_words(connections, name, Topic.REFUNDING, order_id)
    return events


def _describe_note(row: Mapping[str, Any], url: str) -> Event:
    amount = f"{to_decimal(row['total'], row['currency'])} {row['currency']}" if row["currency"] else ""
    details = {
        "dated": str(row["day"]), "amount": amount, "paying back": row["state"] or "not looked at yet",
        "reason": row["code"], "link": f"{url}/odoo/account.move/{row['odoo_id']}",
    }  # fmt: skip
    first_seen: datetime = row["first_seen"]
    return Event(what=f"credit note {row['name']} of a person seen in Odoo", at=first_seen, details=_drop(details))


def _describe_attempt(attempt: notes.Attempt, label: str) -> Event:
    if attempt.number is None:
        details = {"status": attempt.status}
        return Event(what=f"credit note {label}: to be paid back", at=attempt.planned_at, details=details)
    details = {
        "outcome": attempt.outcome or "no answer yet", "code": attempt.code, "says": attempt.message,
        "known there as": attempt.reference, "run": attempt.run_id,
    }  # fmt: skip
    what = f"credit note {label}: refund, attempt {attempt.number}"
    return Event(what=what, at=attempt.started_at, details=_drop(details))


def _drop(details: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in details.items() if value}
