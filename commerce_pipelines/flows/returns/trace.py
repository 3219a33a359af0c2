"""The returns and refunds of one order, for its lineage: answers received, what they became in Odoo, what waits.

What belongs here: gathering it. What does not: the order's own story (flows/orders/trace.py), showing it
(cli/orders.py). No personal data is read, except what Odoo said in its own words, on request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ...core.topics import Topic
from ...domain.money import to_decimal
from ...domain.returns.sale_books import Move, credit_xid
from ...resources.connections import Connections
from ..orders.trace import Event, ask_odoo, describe_waiting, read_words
from .stage import TOPICS

if TYPE_CHECKING:
    from ...odoo.returns.totals import Note

_WORDS = {Topic.RETURNS: "return", Topic.REFUNDS: "refund"}


def order_of(connections: Connections, name: str, record_id: str) -> str:
    """The order that a return or refund of this id belongs to, or the one that people call so, as Shopify's #1001;
    '' if none is staged, or if several are called so."""
    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id FROM commerce.refunds WHERE channel = %(name)s AND refund_id = %(id)s UNION"
            " SELECT order_id FROM commerce.returns WHERE channel = %(name)s AND return_id = %(id)s UNION"
            " SELECT order_id FROM commerce.orders WHERE channel = %(name)s AND number = %(id)s AND NOT EXISTS"
            " (SELECT FROM commerce.orders WHERE channel = %(name)s AND order_id = %(id)s)",
            {"name": name, "id": record_id},
        )
        rows = cursor.fetchall()
    return rows[0][0] if len(rows) == 1 else ""


def trace(connections: Connections, name: str, order_id: str, *, personal: bool = False) -> list[Event]:
    """Every return and refund of the order: received, read, brought to Odoo, waiting; and the documents there now."""
    events: list[Event] = []
    by_topic = {topic: _select(connections, name, topic, order_id) for topic in TOPICS}
    for topic, rows in by_topic.items():
        events += [event for row in rows for event in _tell_record(connections, name, topic, row)]
        if personal:
            events += [event for row in rows for event in read_words(connections, name, topic, row["id"])]
    events += _tell_reductions(connections, name, order_id)
    if any(by_topic.values()):
        events += ask_odoo(lambda: _read_documents(connections, name, order_id, by_topic))
    return events


def _tell_reductions(connections: Connections, name: str, order_id: str) -> list[Event]:
    """What refunds took off the order, because nothing of it was delivered or invoiced."""
    from ...warehouse.orders import reductions

    with connections.warehouse.transaction() as connection:
        rows = reductions.read(connection, name, [order_id]).get(order_id, [])
    events = []
    for row in rows:
        details = {"less": f"{to_decimal(row.reduction.total, row.currency)} {row.currency}"}
        for cut in row.reduction.cuts:
            units = f"{cut.units} units, " if cut.units else ""
            details[f"line {cut.line_id}"] = f"{units}{to_decimal(-cut.amount, row.currency)} {row.currency}"
        state = "the order in Odoo was reduced" if row.applied_at else "the order in Odoo is to be reduced"
        events.append(Event(what=f"refund {row.reduction.refund_id}: {state}", at=row.applied_at, details=details))
    return events


def _read_documents(
    connections: Connections, name: str, order_id: str, by_topic: Mapping[Topic, Sequence[Mapping[str, Any]]]
) -> list[Event]:
    """The order's return transfers, invoices and credit notes in Odoo now, each with what it belongs to."""
    from ...odoo.returns.claims import list_claims
    from ...odoo.returns.invoiced_orders import read_books
    from ...odoo.returns.totals import read_notes, read_transfers

    client, label = connections.odoo_of(name), connections.label(name)
    url = connections.settings.odoo.url.rstrip("/")
    pickings = {
        odoo_id: row["id"]
        for row in by_topic[Topic.RETURNS]
        for odoo_id, _, _ in msgspec.json.decode(row["pickings"] or "[]")
    }
    events = [
        Event(what="return transfer in Odoo now", details={
            "transfer": f"{transfer.name} (id {transfer.odoo_id})", "of return": pickings[transfer.odoo_id],
            "of delivery": transfer.delivery, "state": transfer.state,
            "link": f"{url}/odoo/receipts/{transfer.odoo_id}",
        })
        for transfer in read_transfers(client, pickings)
    ]  # fmt: skip
    events += [
        Event(what="claim in Odoo now", details={
            "claim": f"{claim.number} (id {claim.claim_id})", "of return": claim.return_id, "state": claim.state,
            "link": f"{url}/odoo/m-rma/{claim.claim_id}",
        })
        for claim in list_claims(client, label, [row["id"] for row in by_topic[Topic.RETURNS]])
    ]  # fmt: skip
    refund_of = {credit_xid(label, row["id"]): row["id"] for row in by_topic[Topic.REFUNDS]}
    by_id = {row["odoo_id"]: row["id"] for row in by_topic[Topic.REFUNDS] if row["odoo_id"]}
    books = read_books(client, label, [order_id], refund_of).get(order_id)
    moves = books.moves if books else ()
    labels = {move.move_id: move.label for move in moves}
    for move in moves:
        refund = refund_of.get(move.xid) or by_id.get(move.move_id, "")
        events.append(_describe_move(move, refund, labels.get(move.reversed_id, ""), url))
    others = read_notes(client, by_id.keys() - labels.keys())  # such as those of a sale order that is gone
    return [*events, *(_describe_note(note, by_id[note.odoo_id], url) for note in others.values())]


def _describe_note(note: Note, refund: str, url: str) -> Event:
    details = {
        "credit note": f"{note.name or 'draft'} (id {note.odoo_id})", "of refund": refund, "state": note.state,
        "payment": note.payment_state, "total": f"{to_decimal(note.total, note.currency)} {note.currency}",
        "tax": f"{to_decimal(note.tax, note.currency)} {note.currency}",
        "link": f"{url}/odoo/customer-credit-notes/{note.odoo_id}",
    }  # fmt: skip
    return Event(what="credit note in Odoo now", details=details)


def _describe_move(move: Move, refund: str, corrected: str, url: str) -> Event:
    what = "credit note" if move.is_credit else "invoice"
    place = "customer-credit-notes" if move.is_credit else "customer-invoices"
    details = {
        what: f"{move.label} (id {move.move_id})", "of refund": refund, "corrects": corrected, "state": move.state,
        "payment": move.payment_state, "total": f"{to_decimal(move.total, move.currency)} {move.currency}",
        "tax": f"{to_decimal(move.tax, move.currency)} {move.currency}",
        "link": f"{url}/odoo/{place}/{move.move_id}",
    }  # fmt: skip
    return Event(what=f"{what} in Odoo now", details={key: value for key, value in details.items() if value})


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
    return [*events, *describe_waiting(waiting, f"{what}: ")]


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
