"""The returns and refunds of one order, for its lineage: answers received, what they became in Odoo, what waits.

What belongs here: gathering it. What does not: the order's own story (flows/orders/trace.py), showing it
(cli/orders.py). No personal data is read.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ...core.topics import Topic
from ...domain.money import to_decimal
from ...resources.connections import Connections
from ..orders.trace import Event
from .stage import TOPICS

_WORDS = {Topic.RETURNS: "return", Topic.REFUNDS: "refund"}


def order_of(connections: Connections, name: str, record_id: str) -> str:
    """The order that a return or refund of this id belongs to, '' if none is staged."""
    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id FROM commerce.refunds WHERE channel = %(name)s AND refund_id = %(id)s UNION"
            " SELECT order_id FROM commerce.returns WHERE channel = %(name)s AND return_id = %(id)s LIMIT 1",
            {"name": name, "id": record_id},
        )
        row = cursor.fetchone()
    return row[0] if row else ""


def trace(connections: Connections, name: str, order_id: str) -> list[Event]:
    """Every return and refund of the order: received, read, brought to Odoo, waiting; and the documents there now."""
    from ...odoo.returns.totals import read_notes

    events: list[Event] = []
    note_ids: set[int] = set()
    for topic in TOPICS:
        rows = _select(connections, name, topic, order_id)
        events += [event for row in rows for event in _tell_record(connections, name, topic, row)]
        note_ids |= {row["odoo_id"] for row in rows if row.get("odoo_id")}
    url = connections.settings.odoo.url.rstrip("/")
    if note_ids:
        for note in read_notes(connections.odoo_of(name), note_ids).values():
            events.append(Event(
                what="credit note in Odoo now",
                details={
                    "credit note": f"{note.name or 'draft'} (id {note.odoo_id})", "state": note.state,
                    "payment": note.payment_state, "total": f"{to_decimal(note.total, note.currency)} {note.currency}",
                    "tax": f"{to_decimal(note.tax, note.currency)} {note.currency}",
                    "link": f"{url}/odoo/accounting/customer-invoices/{note.odoo_id}",
                },
            ))  # fmt: skip
    return events


def _select(connections: Connections, name: str, topic: Topic, order_id: str) -> list[dict[str, Any]]:
    """The order's staged records of a topic, beside their ledger's rows."""
    if topic is Topic.REFUNDS:
        columns = "s.refund_id AS id, s.state, s.currency, s.total, s.return_id, l.action, l.odoo_id, l.name, l.code"
        tables = "commerce.refunds s LEFT JOIN commerce.credit_notes l USING (channel, refund_id)"
    else:
        columns = "s.return_id AS id, s.state, s.rma, s.units, s.received, l.action, l.pickings, l.code"
        tables = "commerce.returns s LEFT JOIN commerce.return_pickings l USING (channel, return_id)"
    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns}, l.loaded_at FROM {tables} WHERE s.channel = %s AND s.order_id = %s ORDER BY 1",
            (name, order_id),
        )
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def _tell_record(connections: Connections, name: str, topic: Topic, row: dict[str, Any]) -> list[Event]:
    from ...warehouse import exceptions

    what = f"{_WORDS[topic]} {row['id']}"
    events = [
        Event(
            what=f"{what}: answer received by {answer.how}", at=answer.first_seen,
            details={"changed in the channel": f"{answer.updated_at:%Y-%m-%d %H:%M:%S}Z",
                     "business day": answer.day.isoformat(), "digest": answer.digest[:12]},
        )
        for answer in connections.landing(name, topic).history(row["id"])
    ]  # fmt: skip
    events.append(Event(what=f"{what}: read as", details=_describe(topic, row)))
    if row["action"]:
        details = {"outcome": row["action"], "reason": row["code"], "credit note": row.get("name") or ""}
        for odoo_id, number, state in msgspec.json.decode(row.get("pickings") or "[]"):
            details[f"transfer {number}"] = f"{state} (id {odoo_id})"
        kept = {key: value for key, value in details.items() if value}
        events.append(Event(what=f"{what}: decided and loaded", at=row["loaded_at"], details=kept))
    with connections.warehouse.transaction() as connection:
        waiting = exceptions.open_exceptions(connection, name, topic, record_ids=[row["id"]])
    events += [
        Event(
            what=f"{what}: {'waits in exceptions' if reason.blocking else 'flagged for a person'}", at=reason.last_seen,
            details={"reason": reason.code, "says": reason.message, "what to do": reason.fix,
                     "tries": str(reason.tries), "run": reason.run_id},
        )
        for reason in waiting
    ]  # fmt: skip
    return events


def _describe(topic: Topic, row: dict[str, Any]) -> dict[str, str]:
    if topic is Topic.RETURNS:
        details = {
            "state": row["state"],
            "RMA": row["rma"],
            "units": f"{row['units']}, of these {row['received']} back",
        }
    else:
        amount = f"{to_decimal(row['total'], row['currency'])} {row['currency']}"
        details = {"state": row["state"], "total": amount, "return": row["return_id"]}
    return {name: value for name, value in details.items() if value}
