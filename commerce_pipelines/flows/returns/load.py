"""Staged returns and refunds -> Odoo: which orders are due, and what came of their records.

The order is the unit: a credit note depends on the order's other refunds and on what came back of it. Orders go in
small groups, and Odoo's one writer is free between two groups, so that no sale waits for a long list of refunds.

What belongs here: choosing what is due, keeping the ledgers and the exceptions. What does not: how Odoo is written to
(odoo/returns/documents.py), staging (stage.py), when a cause is gone (heal.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ...core.failpoints import failpoint
from ...core.reasons import Reason
from ...core.topics import Topic
from ...core.words import NO_WORDS, Words
from ...domain.orders.order import LineKind
from ...domain.returns.outcomes import Books, CreditAction, CreditOutcome, ReturnOutcome
from ...domain.returns.records import Refund, Return
from ...domain.sales.draft import Action
from ...domain.sales.lifecycle import next_try
from ...domain.sales.mapping import goods_of
from ...resources.connections import Connections
from ...settings.fingerprint import fingerprint
from ..odoo_writer import odoo_writer
from .by_hand import recognise
from .reduce import NOT_INVOICED, Records, find_reduced, reduce_orders
from .stage import TOPICS, offered_topics, read_landed
from .unsold import find_edited, find_sold

if TYPE_CHECKING:
    from ...warehouse.exceptions import Failure, OpenException
    from ...warehouse.landing.landing import Snapshot
    from ...warehouse.returns.ledger import SaleEntry
    from ...warehouse.returns.staged_rows import Staged

STAGE = "load"
NO_ORDER = "order_not_in_odoo"
ORDERS_A_GROUP = 50  # in one call of Odoo and under its writers' lock, as of invoices
NO_SALES = frozenset((str(Action.NOT_A_SALE), str(Action.TEST)))
# Ledger actions of records whose order is no sale of this channel, or was cancelled before it came to Odoo.
NOT_A_SALE, NEVER_SOLD = "not_a_sale", "never_sold"
WAITING = "waiting"
Outcome = CreditOutcome | ReturnOutcome
Done = tuple["Snapshot", Return | Refund, Outcome | str]


class Loaded(msgspec.Struct, kw_only=True):
    """Figures of one run: records of both topics by outcome (`refunds created`), reasons, money of the credit notes
    that are in Odoo and money by which refunds reduced orders there, by currency; and the same for each of its
    days."""

    actions: Counter[str] = msgspec.field(default_factory=Counter)
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    by_currency: Counter[str] = msgspec.field(default_factory=Counter)
    reduced: Counter[str] = msgspec.field(default_factory=Counter)
    days: dict[date, Loaded] = msgspec.field(default_factory=dict)

    def of(self, day: date) -> Loaded:
        return self.days.setdefault(day, Loaded())


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What is common to the groups of a run. topics: those that the channel has sources for."""

    connections: Connections
    name: str
    topics: tuple[Topic, ...]
    stamp: str
    run_id: str
    now: datetime


def load(
    connections: Connections,
    name: str,
    span: tuple[date, date],
    *,
    run_id: str = "",
    again: bool = True,
    advance: Callable[[int], None] | None = None,
) -> Loaded:
    """Bring Odoo in step with the returns and refunds of the days `[start, end)` and with the others of their orders.

    Every step may be repeated: documents have external ids, and Odoo is read before it is written to. A refused record
    waits in the exceptions under its own topic; the others go on. again: also records for which nothing changed (runs
    by hand, backfills, the nightly run).
    """
    now = connections.instruments.now()
    stamp = fingerprint(connections.settings, name, Topic.RETURNS)
    topics = offered_topics(connections, name)
    work = Work(connections=connections, name=name, topics=topics, stamp=stamp, run_id=run_id, now=now)
    loaded = Loaded()
    order_ids = list_due(work, span, again)
    for start in range(0, len(order_ids), ORDERS_A_GROUP):
        group = order_ids[start : start + ORDERS_A_GROUP]
        _load_group(work, group, loaded)
        if advance:
            advance(len(group))
    if count := recognise(connections, name, now):
        loaded.actions["refunds credited by hand"] += count
    return loaded


def list_due(work: Work, span: tuple[date, date], again: bool) -> list[str]:
    """The orders of the days' records for which there is something to do, in the order of their records."""
    from ...warehouse import exceptions
    from ...warehouse.returns import ledger, staged_rows

    due: dict[str, None] = {}
    for topic in work.topics:
        with work.connections.warehouse.transaction() as connection:
            rows = staged_rows.read_days(connection, work.name, topic, *span)
            ids = [row.record_id for row in rows]
            entries = ledger.read_entries(connection, work.name, topic, ids)
            waiting = exceptions.open_exceptions(connection, work.name, topic, record_ids=ids)
        refused = {record.record_id: record for record in waiting if record.blocking and record.stage == STAGE}
        for row in rows:
            entry = entries.get(row.record_id)
            same = entry is not None and entry.digest == row.digest
            if again or not same or _is_due(refused.get(row.record_id), row, work):
                due.setdefault(row.order_id)
    return list(due)


def _is_due(refusal: OpenException | None, row: Staged, work: Work) -> bool:
    """Whether a refused record is tried again: another answer, other settings, or its time has come."""
    if refusal is None:
        return False
    if (refusal.digest, refusal.settings) != (row.digest, work.stamp):
        return True
    return refusal.retry_at is not None and refusal.retry_at <= work.now


def _load_group(work: Work, order_ids: Sequence[str], loaded: Loaded) -> None:
    """All returns and refunds of some orders. What their orders take no document for is recorded without Odoo."""
    from ...warehouse.returns import ledger

    with work.connections.warehouse.transaction() as connection:
        sales = ledger.read_sales(connection, work.name, order_ids)
    verdicts = {order_id: judge_order(sales.get(order_id)) for order_id in order_ids}
    apart = [order_id for order_id, verdict in verdicts.items() if verdict]
    for topic in work.topics if apart else ():
        done = [(snapshot, record, verdicts[record.order_id]) for snapshot, record in _read(work, topic, apart)]
        _keep(work, topic, done, loaded)
    if ready := [order_id for order_id, verdict in verdicts.items() if not verdict]:
        _write_group(work, ready, loaded)


def _write_group(work: Work, order_ids: Sequence[str], loaded: Loaded) -> None:
    """Goods first, because the lines of a credit note depend on what came back."""
    from ...odoo.returns.documents import credit_refunds, move_returns, settle_claims

    connections, name = work.connections, work.name
    channel = connections.settings.channel(name)
    books = Books(
        channel=name, label=connections.label(name), zone=channel.zone, rules=channel.returns,
        issued=_read_issued(work, order_ids),
    )  # fmt: skip
    with odoo_writer(connections, name) as writer:
        # Read while nobody else writes, so that of two runs at once the later one sees what the earlier one staged.
        returns, refunds = (_read(work, topic, order_ids) for topic in TOPICS)
        packs = _read_packs(work, order_ids)
        goods = [record for _, record in returns if isinstance(record, Return)]
        moved = {moved.return_id: moved for moved in move_returns(writer, books, goods, packs)} if goods else {}
        failpoint("returns_moved")
        _keep(work, Topic.RETURNS, _join_outcomes(returns, moved), loaded)
        money = [record for _, record in refunds if isinstance(record, Refund)]
        taken_off = find_reduced(connections, name, order_ids)
        open_ones = [refund for refund in money if refund.refund_id not in taken_off]
        books = msgspec.structs.replace(
            books, edited=find_edited(connections, name, open_ones), sold=find_sold(connections, name, open_ones)
        )
        credited = {credited.refund_id: credited for credited in credit_refunds(writer, books, open_ones, packs)}
        failpoint("refunds_credited")
        unbilled = {key for key, outcome in credited.items() if outcome.reason and outcome.reason.code == NOT_INVOICED}
        if unbilled or taken_off:
            records = Records(refunds=money, returns=goods, unbilled=unbilled)
            credited |= reduce_orders(connections, name, writer, records, work.now)
        _note(work, returns, settle_claims(writer, books, goods, (money, credited, packs)))
        _keep(work, Topic.REFUNDS, _join_outcomes(refunds, credited), loaded)


def _note(work: Work, records: Iterable[tuple[Snapshot, Return | Refund]], reasons: Mapping[str, Reason]) -> None:
    """Add notes to returns, beside those that moving their goods left."""
    from ...warehouse import exceptions

    failures = [
        _build_failure(work, snapshot, reasons[snapshot.record_id])
        for snapshot, _ in records if snapshot.record_id in reasons
    ]  # fmt: skip
    if failures:
        with work.connections.warehouse.transaction() as connection:
            exceptions.record(connection, work.name, Topic.RETURNS, STAGE, failures, work.run_id, work.now)


def _read_issued(work: Work, order_ids: Sequence[str]) -> dict[str, int]:
    from ...warehouse.returns import ledger

    with work.connections.warehouse.transaction() as connection:
        recognised = ledger.read_recognised(connection, work.name, order_ids)
        return recognised | ledger.read_issued(connection, work.name, order_ids)


def _read_packs(work: Work, order_ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """Units of Odoo's product in one unit sold, by order and line, where it is not one."""
    rules = work.connections.settings.channel(work.name)
    with work.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, line_id, sku, title FROM commerce.order_lines WHERE channel = %s AND order_id = ANY(%s)"
            " AND kind = %s",
            (work.name, list(order_ids), LineKind.PRODUCT.value),
        )
        units = {(order, line): goods_of(sku, title, rules).quantity for order, line, sku, title in cursor}
    return {key: quantity for key, quantity in units.items() if quantity != 1}


def judge_order(sale: SaleEntry | None) -> str:
    """Why a record's order takes no document: '' where it does."""
    if sale is None:
        return WAITING
    if sale.action in NO_SALES:
        return NOT_A_SALE
    if sale.odoo_id is None:
        return NEVER_SOLD if sale.action == Action.CANCELLED else WAITING
    return ""


def _read(work: Work, topic: Topic, order_ids: Sequence[str]) -> list[tuple[Snapshot, Return | Refund]]:
    """The records of these orders, oldest first."""
    from ...warehouse.returns import staged_rows

    if topic not in work.topics:
        return []
    with work.connections.warehouse.transaction() as connection:
        rows = staged_rows.read_of_orders(connection, work.name, topic, list(order_ids))
    wanted = set(order_ids)
    landed = read_landed(work.connections, work.name, topic, [row.record_id for row in rows])
    # A newer answer that no run has staged yet may name another order.
    of_orders = [(snapshot, record) for snapshot, record in landed if record.order_id in wanted]
    return sorted(of_orders, key=lambda pair: (pair[1].created_at, pair[0].record_id))


def _join_outcomes(records: Iterable[tuple[Snapshot, Return | Refund]], outcomes: Mapping[str, Outcome]) -> list[Done]:
    return [(snapshot, record, outcomes[snapshot.record_id]) for snapshot, record in records]


def _keep(work: Work, topic: Topic, done: Sequence[Done], loaded: Loaded) -> None:
    """Record what became of the records: the ledger's rows, their exceptions and notes, all in one transaction."""
    from ...warehouse import exceptions
    from ...warehouse.landing import words
    from ...warehouse.returns import ledger

    if not done:
        return
    connections, name, now = work.connections, work.name, work.now
    texts = {snapshot.record_id: _choose_words(outcome) for snapshot, _, outcome in done}
    reasons = {snapshot.record_id: reason for snapshot, _, outcome in done if (reason := reason_of(outcome))}
    with connections.warehouse.transaction() as connection:
        words.keep(connection, connections.vault, name, topic, texts, now)
        waiting = exceptions.open_exceptions(connection, name, topic, record_ids=list(reasons))
        tries = {(row.record_id, row.digest): row.tries for row in waiting if row.blocking and row.stage == STAGE}
        failures, notes = [], []
        for snapshot, _, outcome in done:
            if reason := reasons.get(snapshot.record_id):
                retry_at = next_try(reason.code, tries.get((snapshot.record_id, snapshot.digest), 0), now)
                failures.append(_build_failure(work, snapshot, reason, retry_at))
            notes += [_build_failure(work, snapshot, flag) for flag in flags_of(outcome)]
        exceptions.record(connection, name, topic, STAGE, failures, work.run_id, now)
        gone = [snapshot.record_id for snapshot, _, _ in done if snapshot.record_id not in reasons]
        exceptions.resolve(connection, name, topic, STAGE, gone, now)
        exceptions.resolve_notes(connection, name, topic, list(texts), now)
        exceptions.record(connection, name, topic, STAGE, notes, work.run_id, now)
        ledger.keep(connection, topic, [_build_row(work, *entry) for entry in done])
    for snapshot, record, outcome in done:
        for part in (loaded, loaded.of(snapshot.day)):
            _add_figures(part, topic, record, outcome)


def _build_failure(work: Work, snapshot: Snapshot, reason: Reason, retry_at: datetime | None = None) -> Failure:
    from ...warehouse.exceptions import Failure

    return Failure(
        record_id=snapshot.record_id, day=snapshot.day, reason=reason, digest=snapshot.digest, settings=work.stamp,
        retry_at=retry_at,
    )  # fmt: skip


def reason_of(outcome: Outcome | str) -> Reason | None:
    """Why a record waits, None where it does not."""
    if outcome == WAITING:
        return Reason(
            NO_ORDER, "Its order is not in Odoo yet.",
            "Nothing, if the order is on its way: it goes on by itself then. Else see what the order waits for, or "
            "backfill the day on which the order was placed.",
        )  # fmt: skip
    return None if isinstance(outcome, str) else outcome.reason


def flags_of(outcome: Outcome | str) -> tuple[Reason, ...]:
    return () if isinstance(outcome, str) else outcome.flags


def _choose_words(outcome: Outcome | str) -> Words:
    return NO_WORDS if isinstance(outcome, str) else outcome.words


def _build_row(work: Work, snapshot: Snapshot, record: Return | Refund, outcome: Outcome | str) -> tuple[Any, ...]:
    """The record's row of its ledger, values in the order of the table's columns."""
    reason = reason_of(outcome)
    action = outcome if isinstance(outcome, str) else outcome.action.value
    head = (work.name, snapshot.record_id, record.order_id, snapshot.day, snapshot.digest, action)
    tail = (reason.code if reason else "", reason.message if reason else "", work.now)
    if isinstance(record, Refund):
        note = outcome if isinstance(outcome, CreditOutcome) else CreditOutcome(
            refund_id="", order_id="", action=CreditAction.NOT_DUE
        )  # fmt: skip
        return (
            *(*head, note.odoo_id or None, note.name, note.state, note.payment_state, record.currency, record.total),
            *(note.amount_total, note.amount_tax, *tail),
        )
    moved = outcome if isinstance(outcome, ReturnOutcome) else None
    pickings = msgspec.json.encode(moved.pickings if moved else ()).decode()
    return (*head, pickings, moved.received if moved else 0, *tail)


def _add_figures(part: Loaded, topic: Topic, record: Return | Refund, outcome: Outcome | str) -> None:
    part.actions[f"{topic} {outcome if isinstance(outcome, str) else outcome.action.value}"] += 1
    reason = reason_of(outcome)
    for code in (*([reason.code] if reason else []), *(flag.code for flag in flags_of(outcome))):
        part.reasons[code] += 1
    if isinstance(record, Refund) and isinstance(outcome, CreditOutcome) and outcome.odoo_id:
        part.by_currency[record.currency] += outcome.amount_total
    elif isinstance(record, Refund) and isinstance(outcome, CreditOutcome) and not outcome.reason:
        part.reduced[record.currency] += outcome.amount_total
