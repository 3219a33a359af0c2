"""What a channel has to pay back: credit notes found in Odoo, and what is decided about each.

What belongs here: whose order a credit note is about, gathering what decides about it. What does not: the decision
(domain/refunding/refund_plan.py), sending (issue.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.orders.order import LineKind, Order, business_day
from ...domain.outbox.effects import Status
from ...domain.refunding.buyer_refunds import BuyerRefund
from ...domain.refunding.refund_plan import Case, Decision, Nothing, Recorded, ReportedRefund, decide
from ...domain.sales.draft import order_xid
from ...domain.sales.mapping import goods_of
from ...resources.connections import Connections
from ...warehouse.refunding import manual_credit_notes as notes
from ...warehouse.refunding import staged_orders
from ...warehouse.refunding.manual_credit_notes import Row

if TYPE_CHECKING:
    from ...odoo.rpc.client import OdooClient

OVERLAP = timedelta(minutes=10)  # a write is stamped with the start of its transaction, so it may appear late
WHOLE_DAYS = 92  # of which the nightly run looks at every credit note
_ORDERS_AT_ONCE = 200
_STAMP = "%Y-%m-%d %H:%M:%S"


class Work(msgspec.Struct, kw_only=True):
    """The due credit notes of a channel by record id. cases: of those that can be decided; others: of the others."""

    rows: dict[int, Row] = msgspec.field(default_factory=dict)
    cases: dict[int, Case] = msgspec.field(default_factory=dict)
    others: dict[int, Decision] = msgspec.field(default_factory=dict)

    def decide(self) -> dict[int, Decision]:
        return {odoo_id: decide(case) for odoo_id, case in self.cases.items()} | self.others

    def recorded(self, odoo_id: int) -> Recorded | None:
        case = self.cases.get(odoo_id)
        return case.recorded.get(odoo_id) if case else None

    def stands(self, odoo_id: int) -> bool:
        """Whether the credit note of a refund that was begun is still the one that it was begun for."""
        recorded, case = self.recorded(odoo_id), self.cases[odoo_id]
        move = next((move for move in case.books.moves if move.move_id == odoo_id), None)
        is_posted = move is not None and move.state == "posted"
        return bool(is_posted and recorded and move and move.total == recorded.refund.total)

    def accounted(self, odoo_id: int) -> frozenset[str]:
        """Refunds of the order that are for something else than this credit note."""
        case = self.cases[odoo_id]
        settled = {refund.refund_id for refund in case.refunds if refund.is_settled}
        others = {row.reference for of, row in case.recorded.items() if of != odoo_id and row.is_begun}
        return frozenset((settled | others) - {""})


def read_new(connections: Connections, name: str, *, whole: bool) -> None:
    """Keep the credit notes that were written to since the last look. whole: every one of the last weeks, because a
    stamp may miss a change."""
    from ...odoo.refunding.manual_notes import read_manual_notes

    channel, client, now = connections.settings.channel(name), connections.odoo_of(name), connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        cursor = notes.read_cursor(connection, name)
        made = notes.list_wizard_made(connection, name)
    since = channel.refunding.since or business_day(now, channel.zone)
    if cursor and whole:
        since = max(since, business_day(now, channel.zone) - timedelta(days=WHOLE_DAYS))
    written_since = cursor - OVERLAP if cursor and not whole else None
    manual = [note for note in read_manual_notes(client, since, written_since) if note.odoo_id not in made]
    owners = _find_owners(connections, client, name, {sale for note in manual for sale in note.sales})
    rows = [
        Row(odoo_id=note.odoo_id, order_id=owners[sale], sale_id=sale, name=note.name, day=note.day,
            written_at=note.written_at)
        for note in manual
        if (sale := next((sale for sale in note.sales if sale in owners), None))
    ]  # fmt: skip
    newest = max((_read_stamp(note.written_at) for note in manual), default=None)
    with connections.warehouse.transaction() as connection:
        notes.keep_rows(connection, name, rows, now)
        notes.keep_cursor(connection, name, newest or cursor or now - OVERLAP)


def _find_owners(connections: Connections, client: OdooClient, name: str, sales: Iterable[int]) -> dict[int, str]:
    """The orders of these sale orders that are the channel's: those of the ledger that have our external id."""
    from ...odoo.rpc.load import names_of

    with connections.warehouse.transaction() as connection:
        orders = notes.find_orders(connection, name, sales)
    there = names_of(client, "sale.order", orders) if orders else {}
    label = connections.label(name)
    return {sale: order_id for sale, order_id in orders.items() if there.get(sale) == order_xid(label, order_id)}


def _read_stamp(text: str) -> datetime:
    return datetime.strptime(text[:19], _STAMP).replace(tzinfo=UTC)


def prepare(connections: Connections, name: str) -> Work:
    """Everything that decides about the due credit notes. Reads Odoo anew, because a person may have changed them."""
    from ...odoo.returns.invoiced_orders import read_books

    channel = connections.settings.channel(name)
    with connections.warehouse.transaction() as connection:
        work = Work(rows={row.odoo_id: row for row in notes.list_due(connection, name)})
    order_ids = sorted({row.order_id for row in work.rows.values()})
    for start in range(0, len(order_ids), _ORDERS_AT_ONCE):
        part = order_ids[start : start + _ORDERS_AT_ONCE]
        books = read_books(connections.odoo_of(name), connections.label(name), part)
        with connections.warehouse.transaction() as connection:
            orders = staged_orders.read_orders(connection, name, part)
        for row in work.rows.values():
            if row.order_id not in part:
                continue
            if row.order_id not in books:
                work.others[row.odoo_id] = Nothing("its order is not in Odoo any more")
            elif row.order_id not in orders:
                work.others[row.odoo_id] = _describe_forgotten(row)
            else:
                order = orders[row.order_id]
                work.cases[row.odoo_id] = Case(
                    move_id=row.odoo_id, since=channel.refunding.since or date.max, books=books[row.order_id],
                    order=order, packs=_count_packs(connections, name, order),
                    not_before=_find_wait(row, compute_wait(connections, name), connections.instruments.now()),
                )  # fmt: skip
    refresh(connections, name, work)
    return work


def compute_wait(connections: Connections, name: str) -> timedelta:
    """How long a credit note waits for what the channel may still report."""
    hours = connections.settings.channel(name).refunding.wait_hours
    channel = connections.channel(name)
    if hours is not None or channel.buyer_refunds is None:
        return timedelta(hours=hours or 0)
    return channel.buyer_refunds.late_by


def _find_wait(row: Row, wait: timedelta, now: datetime) -> datetime | None:
    """Until when a credit note waits; None where that is over."""
    until = row.first_seen + wait if row.first_seen else None
    return until if until and until > now else None


def refresh(connections: Connections, name: str, work: Work) -> None:
    """Read anew what the channel reports of the orders and what is on record of their credit notes."""
    order_ids = sorted({case.order.order_id for case in work.cases.values()})
    with connections.warehouse.transaction() as connection:
        reported: Mapping[str, list[ReportedRefund]] = notes.read_reported(connection, name, order_ids)
        recorded = notes.read_recorded(connection, name, order_ids)
    for odoo_id, case in work.cases.items():
        order_id = case.order.order_id
        work.cases[odoo_id] = msgspec.structs.replace(
            case, refunds=tuple(reported.get(order_id, ())), recorded=recorded.get(order_id, {})
        )


def _count_packs(connections: Connections, name: str, order: Order) -> dict[str, int]:
    rules = connections.settings.channel(name)
    return {
        line.line_id: goods_of(line.sku, line.title, rules).quantity
        for line in order.lines
        if line.kind is LineKind.PRODUCT
    }


def _describe_forgotten(row: Row) -> Reason:
    return Reason(
        "forgotten", f"What the channel said of the order of {row.name} is erased.",
        "Pay it back in the marketplace yourself, or another way.", row.name,
    )  # fmt: skip


def has_work(connections: Connections, name: str) -> bool:
    """Whether a run would do something: pay back, look after a lost answer, or notice a change."""
    from ...warehouse import exceptions

    read_new(connections, name, whole=False)
    work = prepare(connections, name)
    with connections.warehouse.transaction() as connection:
        if notes.has_unsettled(connection, name):
            return True
        waiting = {
            row.record_id: row for row in exceptions.open_exceptions(connection, name, Topic.REFUNDING) if row.blocking
        }
    for odoo_id, decision in work.decide().items():
        before = waiting.get(work.rows[odoo_id].order_id)
        if isinstance(decision, Nothing) or (before and before.retry_at):
            return True
        if isinstance(decision, Reason) and (before is None or before.code != decision.code):
            return True
        if isinstance(decision, BuyerRefund) and is_news(decision, work.recorded(odoo_id)):
            return True
    return False


def is_news(refund: BuyerRefund, recorded: Recorded | None) -> bool:
    """Whether a refund is neither held for a person nor was refused just so for a lasting reason."""
    if recorded is None or recorded.refund != refund:
        return True
    if recorded.status is Status.REFUSED:
        return recorded.code in PASSING
    return recorded.status is not Status.HELD


PASSING = frozenset(("other_refund", "credit_gone", "not_sent"))  # refusals whose reason passes by itself
