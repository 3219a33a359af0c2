"""Refunds that cannot be read, and that a person credited in Odoo: its credit note is recognised as theirs.

Without this, the refund would wait for ever although a person did what its exception says, and refunds out would pay
the credit note back once more (flows/refunding/).

What belongs here: looking for such credit notes, and recording them. What does not: which one stands for which refund
(domain/returns/by_hand.py), refunds that can be read (load.py).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...core.failpoints import failpoint
from ...core.topics import Topic
from ...domain.returns.by_hand import match_notes
from ...domain.returns.outcomes import CreditAction
from ...domain.returns.records import Outline
from ...resources.connections import Connections
from ..odoo_writer import odoo_writer
from .stage import STAGE

if TYPE_CHECKING:
    from ...domain.returns.sale_books import Move
    from ...odoo.rpc.client import OdooClient
    from ...warehouse.returns.unread_refunds import UnreadRefund


def recognise(connections: Connections, name: str, now: datetime) -> int:
    """Record the credit notes that people made for refunds that cannot be read; returns how many are new. No other run
    takes the same credit notes meanwhile."""
    from ...warehouse.returns import unread_refunds

    with connections.warehouse.transaction() as connection:
        if not unread_refunds.list_waiting(connection, name):
            return 0
    with odoo_writer(connections, name) as writer:
        return _match_waiting(connections, name, writer, now)


def _match_waiting(connections: Connections, name: str, writer: OdooClient, now: datetime) -> int:
    from ...odoo.returns.invoiced_orders import read_books
    from ...warehouse import exceptions
    from ...warehouse.returns import ledger, unread_refunds

    with connections.warehouse.transaction() as connection:
        waiting = unread_refunds.list_waiting(connection, name)
        order_ids = sorted({row.order_id for row in waiting})
        standing = ledger.read_standing(connection, name, order_ids)
        paid = set(ledger.read_begun(connection, name, order_ids))
    books = read_books(writer, connections.label(name), order_ids)
    matched: list[tuple[UnreadRefund, Move]] = []
    for order_id in books:
        of_order = {row.refund_id: row for row in waiting if row.order_id == order_id}
        taken = {note for refund_id, note in standing.items() if refund_id not in of_order} | paid
        refunds = [(row.refund_id, _describe_refund(row)) for row in of_order.values()]
        notes = match_notes(books[order_id], refunds, taken)
        matched += [(of_order[refund_id], note) for refund_id, note in notes.items()]
    failpoint("notes_matched")
    with connections.warehouse.transaction() as connection:
        ledger.keep(connection, Topic.REFUNDS, [_build_row(name, row, note, now) for row, note in matched])
        exceptions.resolve(connection, name, Topic.REFUNDS, STAGE, [row.refund_id for row, _ in matched], now)
    return sum(row.refund_id not in standing for row, _ in matched)


def _describe_refund(row: UnreadRefund) -> Outline:
    return Outline(order_id=row.order_id, currency=row.currency, total=row.total)


def _build_row(name: str, row: UnreadRefund, note: Move, now: datetime) -> tuple[Any, ...]:
    """The refund's row of the ledger, values in the order of its columns."""
    action = CreditAction.RECOGNISED.value
    return (
        *(name, row.refund_id, row.order_id, row.day, row.digest, action, note.move_id, note.name, note.state),
        *(note.payment_state, note.currency, note.total if row.total is None else row.total, note.total, note.tax),
        *("", "", now),
    )  # fmt: skip
