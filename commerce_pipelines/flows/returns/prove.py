"""The proof of the returns lane: does Odoo have every refund as a credit note, once, to the minor unit?

What belongs here: gathering both sides for domain/sales/completeness.py, and adding up what is open. What does not: the
comparison itself, storing its result (warehouse/returns/proof_rows.py), how it is shown (assets/, cli/).

A refund that made its order worth less, because nothing of it was delivered or invoiced, counts like a credit note.

A refund that is done counts on its business day. Those whose order is no sale of the channel, or was cancelled before
anything was invoiced, need no credit note and are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ...channels.capabilities import Window
from ...core.errors import RecordError
from ...core.topics import Topic
from ...domain.orders.order import business_day
from ...domain.returns.outcomes import CreditAction
from ...domain.returns.records import RefundState, ReturnState
from ...domain.sales.completeness import RUN_GRACE, SOLD, Booked, Claim, Completeness, add_up, compare
from ...resources.connections import Connections
from ..intake.answers import read_answer
from ..intake.pull import window_of
from .load import NEVER_SOLD, NOT_A_SALE

if TYPE_CHECKING:
    from ...odoo.returns.totals import Note
    from ...warehouse.returns.staged_rows import Staged

NO_NOTE_DUE = frozenset((str(CreditAction.NOT_DUE), str(CreditAction.NOT_DONE), NOT_A_SALE, NEVER_SOLD))
IN_ODOO = frozenset(("draft", "posted"))
RECEIPT_GRACE = timedelta(days=2)  # how long after the channel received goods Odoo may not have received them
LOOK_BACK = timedelta(days=7)  # failed runs have already caused alerts about older answers


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The whole span, and each of its business days by currency. The figures named after orders count refunds, those
    named after sale orders credit notes and the refunds that reduced their orders instead: `reduced`, by id."""

    whole: Completeness
    days: dict[tuple[date, str], Completeness]
    reduced: tuple[str, ...] = ()


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """What is not settled between goods and money, by ids of the channel. unreceived: returns whose goods the channel
    received days ago and Odoo did not. unrefunded: received returns of orders without a refund that is done. goodless:
    refunds of goods that come back, of orders without a return."""

    unreceived: tuple[str, ...] = ()
    unrefunded: tuple[str, ...] = ()
    goodless: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """proof: of all days ever proved. waiting: refunds and returns of any day that wait for something. undealt: days
    whose newest answers no run has dealt with for more than an hour."""

    proof: Proof
    waiting: int
    undealt: tuple[date, ...]
    open: Open

    @property
    def complete(self) -> bool:
        return all(proof.complete for proof in self.proof.days.values())

    @property
    def settled(self) -> bool:
        """Complete, and nothing is on its way or waits for a person."""
        return self.complete and not (self.proof.whole.exceptions or self.waiting or self.undealt)


def prove(
    connections: Connections, name: str, start: date, end: date, *, afresh: bool = False, now: datetime | None = None
) -> Proof:
    """Compare the refunds of the days `[start, end)` with the credit notes in Odoo, and store the figures.

    afresh: read the channel again instead of trusting what is staged; a run that pulled the days has just done so.
    """
    from ...odoo.returns.totals import read_notes
    from ...warehouse import exceptions
    from ...warehouse.returns import ledger, proof_rows, staged_rows, unread_refunds

    now = now or connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        rows = staged_rows.read_days(connection, name, Topic.REFUNDS, start, end)
        waiting = {row.record_id for row in exceptions.open_exceptions(connection, name, Topic.REFUNDS) if row.blocking}
    claimed = _ask(connections, name, start, end, now) if afresh else _list_claims(rows)
    with connections.warehouse.transaction() as connection:
        for row in unread_refunds.list_credited(connection, name, start, end):
            claim = Claim(order_id=row.refund_id, currency=row.currency, total=row.total or 0)
            claimed.setdefault(row.refund_id, (row.day, claim))
        entries = ledger.read_days(connection, name, Topic.REFUNDS, start, end)
        entries |= ledger.read_entries(connection, name, Topic.REFUNDS, claimed)
    none_due = {entry.record_id for entry in entries.values() if entry.action in NO_NOTE_DUE}
    claims: dict[tuple[date, str], list[Claim]] = defaultdict(list)
    for refund_id, (day, claim) in claimed.items():
        if refund_id not in none_due:
            claims[day, claim.currency].append(claim)
    notes = read_notes(connections.odoo_of(name), {entry.odoo_id for entry in entries.values() if entry.odoo_id})
    group_of = {refund_id: (day, claim.currency) for refund_id, (day, claim) in claimed.items()}
    booked: dict[tuple[date, str], dict[str, Booked]] = defaultdict(dict)
    for entry in entries.values():
        if entry.odoo_id and (note := notes.get(entry.odoo_id)):
            group = group_of.get(entry.record_id, (entry.day, note.currency))
            booked[group][entry.record_id] = _build_booked(entry.record_id, note)
    reduced = _read_reduced(connections, name, claimed)
    for refund_id, part in reduced.items():
        booked[group_of[refund_id]][refund_id] = part
    days = {group: compare(claims[group], booked[group], waiting) for group in sorted({*claims, *booked})}
    with connections.warehouse.transaction() as connection:
        proof_rows.keep(connection, name, (start, end), days, now)
    return Proof(whole=add_up(days.values()), days=days, reduced=tuple(sorted(reduced)))


def _list_claims(rows: Iterable[Staged]) -> dict[str, tuple[date, Claim]]:
    """The refunds that are done, by id, with their days."""
    return {
        row.record_id: (row.day, Claim(order_id=row.record_id, currency=row.currency, total=row.total))
        for row in rows
        if row.state == RefundState.DONE and row.total
    }


def _ask(connections: Connections, name: str, start: date, end: date, now: datetime) -> dict[str, tuple[date, Claim]]:
    """As the channel tells them now. A refund that cannot be read is left out: it waits in the exceptions."""
    source, zone = connections.channel(name).refunds, connections.settings.channel(name).zone
    whole = window_of(start, end, zone)
    window = Window(whole.start, min(whole.end, now))
    claims: dict[str, tuple[date, Claim]] = {}
    if source is None or window.start >= window.end:
        return claims
    for raw in (raw for page in source.created(window) for raw in page.records):
        try:
            refund = read_answer(source, raw, "refund")
        except RecordError:
            continue
        if refund.state is RefundState.DONE and refund.total:
            claim = Claim(
                order_id=refund.refund_id, currency=refund.currency, total=refund.total, placed_at=refund.created_at
            )
            claims[refund.refund_id] = (business_day(refund.created_at, zone), claim)
    return claims


def _read_reduced(connections: Connections, name: str, claimed: Mapping[str, tuple[date, Claim]]) -> dict[str, Booked]:
    """The refunds that made their orders in Odoo worth less, by id, where the order is still there, or is cancelled
    because all of it was refunded."""
    from ...odoo.sales.sale_orders import sale_totals
    from ...warehouse.orders import reductions

    with connections.warehouse.transaction() as connection:
        rows = reductions.read_of_refunds(connection, name, claimed)
    orders = sale_totals(connections.odoo_of(name), connections.label(name), sorted({row.order_id for row in rows}))
    booked = {}
    for row in rows:
        refund_id = row.reduction.refund_id
        state = min(SOLD) if row.applied_at and row.order_id in orders else "gone"
        booked[refund_id] = Booked(order_id=refund_id, currency=row.currency, total=row.reduction.total, state=state)
    return booked


def _build_booked(refund_id: str, note: Note) -> Booked:
    state = min(SOLD) if note.state in IN_ODOO else note.state
    return Booked(order_id=refund_id, currency=note.currency, total=note.total, state=state)


def verdict(connections: Connections, name: str, now: datetime) -> Verdict:
    """The newest proof of every day, added up, and what is open between goods and money."""
    from ...warehouse import exceptions
    from ...warehouse.returns import proof_rows

    channel = connections.settings.channel(name)
    tomorrow = now.astimezone(channel.zone).date() + timedelta(days=1)
    with connections.warehouse.transaction() as connection:
        days = proof_rows.read(connection, name)
        waiting = {
            (topic, row.record_id)
            for topic in (Topic.RETURNS, Topic.REFUNDS)
            for row in exceptions.open_exceptions(connection, name, topic)
            if row.blocking
        }
    undealt: set[date] = set()
    for topic in (Topic.RETURNS, Topic.REFUNDS):
        pending = connections.landing(name, topic).pending(channel.start_date, tomorrow, now - LOOK_BACK)
        undealt |= {day for day, seen in pending.items() if seen < now - RUN_GRACE}
    return Verdict(
        proof=Proof(whole=add_up(days.values()), days=days), waiting=len(waiting), undealt=tuple(sorted(undealt)),
        open=find_open(connections, name, now),
    )  # fmt: skip


def find_open(connections: Connections, name: str, now: datetime) -> Open:
    """Goods without their receipt or their money, and money without its goods, of all days, from our tables alone."""
    returned = f"r.channel = %s AND r.state = '{ReturnState.RECEIVED}'"
    done = f"SELECT FROM commerce.refunds f WHERE f.channel = r.channel AND f.state = '{RefundState.DONE}'"
    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.return_id FROM commerce.returns r LEFT JOIN commerce.return_pickings p USING (channel, return_id)"
            f" WHERE {returned} AND r.updated_at < %s AND r.received > 0 AND coalesce(p.received, 0) = 0"
            f" AND coalesce(p.action, '') NOT IN ('{NOT_A_SALE}', '{NEVER_SOLD}') ORDER BY 1",
            (name, now - RECEIPT_GRACE),
        )
        unreceived = tuple(row[0] for row in cursor)
        cursor.execute(
            f"SELECT r.return_id FROM commerce.returns r WHERE {returned} AND r.updated_at < %s"
            f" AND NOT EXISTS ({done} AND f.order_id = r.order_id) ORDER BY 1",
            (name, now - RECEIPT_GRACE),
        )
        unrefunded = tuple(row[0] for row in cursor)
        cursor.execute(
            "SELECT DISTINCT l.refund_id FROM commerce.refund_lines l WHERE l.channel = %s AND l.is_returned"
            " AND NOT EXISTS (SELECT FROM commerce.returns r WHERE r.channel = l.channel AND r.order_id = l.order_id)"
            " ORDER BY 1",
            (name,),
        )
        goodless = tuple(row[0] for row in cursor)
    return Open(unreceived=unreceived, unrefunded=unrefunded, goodless=goodless)
