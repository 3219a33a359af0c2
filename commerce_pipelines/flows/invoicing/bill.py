"""A channel's orders -> invoices and payments in Odoo: which are due, and what came of them.

    due      confirmed orders that are not settled (warehouse/invoicing/)
    look     read from Odoo and decided, without writing anything
    bill     those with something to do, in small groups, because other flows write to Odoo as well
    keep     how far each order is; what cannot go on waits in the exceptions

What belongs here: the order of these steps. What does not: the rules (domain/invoicing/), the calls (odoo/invoicing/).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from shlex import quote
from typing import TYPE_CHECKING

import msgspec

from ...core.errors import RecordError
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.invoicing.due_documents import Decision, decide
from ...domain.invoicing.rules import InvoicingRules
from ...domain.invoicing.sold import Billing, Claim, InvoiceOutcome, Sold, State
from ...domain.orders.order import business_day
from ...domain.sales.lifecycle import next_try
from ...resources.connections import Connections
from ..odoo_writer import odoo_writer
from ..orders.stage import read_landed

if TYPE_CHECKING:
    from ...warehouse.exceptions import OpenException
    from ...warehouse.invoicing.ledger import Due

STAGE = "invoice"
ORDERS_A_LOOK, ORDERS_A_GROUP = 500, 50
WHOLE_DAYS = 31  # of which the nightly run looks at every order, because a person may change an invoice later
_SETTLED = (State.INVOICED, State.PAID, State.LEFT, State.FREE)


class Work(msgspec.Struct, kw_only=True):
    """One look at the due orders. seen: what became of those with nothing to do. todo: those with something to do.
    digests: of what each was decided on. waiting: refused orders that are not tried again yet."""

    stamp: str
    due: dict[str, Due] = msgspec.field(default_factory=dict)
    seen: dict[str, InvoiceOutcome] = msgspec.field(default_factory=dict)
    todo: list[Claim] = msgspec.field(default_factory=list)
    digests: dict[str, str] = msgspec.field(default_factory=dict)
    waiting: set[str] = msgspec.field(default_factory=set)


class Billed(msgspec.Struct, kw_only=True):
    """Figures of one run: orders by state, refusals by reason, documents made, and money of posted invoices by
    currency, in minor units."""

    orders: int = 0
    states: Counter[str] = msgspec.field(default_factory=Counter)
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    created: int = 0
    posted: int = 0
    registered: int = 0
    invoiced: Counter[str] = msgspec.field(default_factory=Counter)
    paid: Counter[str] = msgspec.field(default_factory=Counter)


def stamp_of(rules: InvoicingRules) -> str:
    """Changes with every setting for which an order may have been settled or refused."""
    return hashlib.sha256(msgspec.json.encode(rules, order="sorted")).hexdigest()[:16]


def look(connections: Connections, name: str, *, again: bool = False) -> Work:
    """What there is to do for a channel's invoices. Writes nothing. again: also orders of the last days that are
    settled, and refused orders for which nothing changed."""
    from ...odoo.invoicing.sold import read_sold
    from ...warehouse import exceptions
    from ...warehouse.invoicing import ledger

    channel, now = connections.settings.channel(name), connections.instruments.now()
    rules = channel.invoicing
    work = Work(stamp=stamp_of(rules))
    whole_from = business_day(now, channel.zone) - timedelta(days=WHOLE_DAYS) if again else None
    with connections.warehouse.transaction() as connection:
        rows = ledger.list_due(connection, name, rules.since or channel.start_date, work.stamp, whole_from=whole_from)
        refused = {
            row.record_id: row for row in exceptions.open_exceptions(connection, name, Topic.INVOICING) if row.blocking
        }
    if not rows:
        return work
    client = connections.odoo_of(name)
    for start in range(0, len(rows), ORDERS_A_LOOK):
        part = {row.order_id: row for row in rows[start : start + ORDERS_A_LOOK]}
        set_off = {order_id: row.set_off for order_id, row in part.items() if row.set_off}
        sold = read_sold(client, {order_id: row.sale_id for order_id, row in part.items()}, set_off)
        work.due |= {order_id: row for order_id, row in part.items() if order_id in sold}
        for order_id, order in sold.items():
            _sort_order(work, part[order_id], order, rules, client.who.company_id)
    if not again:
        _drop_waiting(connections, work, refused)
    return work


def _build_claim(row: Due) -> Claim:
    return Claim(
        order_id=row.order_id, currency=row.currency, total=row.total, collected=row.collected, problem=row.problem,
        made=row.made, set_off=row.set_off,
    )  # fmt: skip


def _sort_order(work: Work, row: Due, sold: Sold, rules: InvoicingRules, company_id: int) -> None:
    """Put one order where its decision says."""
    from ...odoo.invoicing.batch import build_outcome

    claim = _build_claim(row)
    basis = msgspec.json.encode((sold, msgspec.structs.replace(claim, made=frozenset())))
    work.digests[row.order_id] = hashlib.sha256(basis).hexdigest()[:16]
    try:
        decision = decide(sold, claim, rules, company_id)
    except RecordError as error:
        work.seen[row.order_id] = build_outcome(sold, State.REFUSED, error)
        return
    if _has_work(sold, decision, rules):
        work.todo.append(claim)
    work.seen[row.order_id] = build_outcome(sold, decision.state, None)


def _has_work(sold: Sold, decision: Decision, rules: InvoicingRules) -> bool:
    owed = bool(rules.journals) and decision.state is not State.HELD and any(move.residual for move in sold.posted)
    return decision.create or bool(decision.post) or owed


def _drop_waiting(connections: Connections, work: Work, refused: Mapping[str, OpenException]) -> None:
    """Leave out what was refused before, while nothing has changed and its time has not come."""
    now = connections.instruments.now()
    for claim in list(work.todo):
        row = refused.get(claim.order_id)
        same = row and (row.digest, row.settings) == (work.digests[claim.order_id], work.stamp)
        if row and same and (row.retry_at is None or row.retry_at > now):
            work.todo.remove(claim)
            work.waiting.add(claim.order_id)


def bill(connections: Connections, name: str, *, run_id: str = "", again: bool = True) -> Billed:
    """Invoice a channel's orders and register their payments, as far as they are due.

    Every step may be repeated: Odoo is read before it is written to, its wizard invoices nothing twice, and payments
    have external ids. An order that is refused waits in the exceptions, and the others go on.
    """
    work = look(connections, name, again=again)
    billed = Billed()
    for start in range(0, len(work.todo), ORDERS_A_GROUP):
        claims = _add_payments(connections, name, work.todo[start : start + ORDERS_A_GROUP])
        outcomes = _bill_group(connections, name, work, claims)
        for outcome in outcomes:
            billed.created += outcome.created
            billed.posted += outcome.posted
            billed.registered += outcome.registered
        _keep(connections, name, work, outcomes, run_id)
        work.seen |= {outcome.order_id: outcome for outcome in outcomes}
    done = {claim.order_id for claim in work.todo} | work.waiting
    _keep(connections, name, work, [seen for key, seen in work.seen.items() if key not in done], run_id)
    for outcome in work.seen.values():
        currency = work.due[outcome.order_id].currency
        billed.orders += 1
        billed.states[State.REFUSED if outcome.order_id in work.waiting else outcome.state] += 1
        billed.reasons.update([outcome.reason.code] if outcome.reason else [])
        billed.invoiced[currency] += outcome.invoiced
        billed.paid[currency] += outcome.paid
    return billed


def _add_payments(connections: Connections, name: str, claims: Sequence[Claim]) -> list[Claim]:
    """The claims with what the channel's answers say of their payments."""
    source, landing = connections.channel(name).orders, connections.landing(name, Topic.ORDERS)
    if not connections.settings.channel(name).invoicing.journals:
        return list(claims)
    orders = {order.order_id: order for order in read_landed(source, landing, [claim.order_id for claim in claims])}
    return [
        msgspec.structs.replace(claim, payments=orders[claim.order_id].payments) if claim.order_id in orders else claim
        for claim in claims
    ]


def _bill_group(connections: Connections, name: str, work: Work, claims: Sequence[Claim]) -> list[InvoiceOutcome]:
    from ...odoo.invoicing.batch import bill_orders

    channel = connections.settings.channel(name)
    today = business_day(connections.instruments.now(), channel.zone)
    billing = Billing(label=connections.label(name), zone=channel.zone, today=today, rules=channel.invoicing)
    with odoo_writer(connections, name) as writer:
        return list(bill_orders(writer, billing, claims, {key: row.sale_id for key, row in work.due.items()}))


def _keep(
    connections: Connections, name: str, work: Work, outcomes: Iterable[InvoiceOutcome], run_id: str
) -> None:  # fmt: skip
    """The ledger's rows and the exceptions of these outcomes."""
    from ...warehouse import exceptions
    from ...warehouse.invoicing import ledger
    from ...warehouse.landing import words

    now, by_id = connections.instruments.now(), {outcome.order_id: outcome for outcome in outcomes}
    if not by_id:
        return
    refused = {key: outcome for key, outcome in by_id.items() if outcome.reason}
    settled = {key for key, outcome in by_id.items() if outcome.state in _SETTLED}

    def failure(key: str, reason: Reason, tries: int = 0) -> exceptions.Failure:
        row = work.due[key]
        return exceptions.Failure(
            record_id=key, day=row.day, reason=reason, digest=work.digests[key], settings=work.stamp,
            odoo_id=row.sale_id, retry_at=next_try(reason.code, tries, now),
        )  # fmt: skip

    with connections.warehouse.transaction() as connection:
        rows = [(work.due[key], outcome) for key, outcome in by_id.items()]
        ledger.keep(connection, name, rows, settled, work.stamp, now)
        texts = {key: outcome.words for key, outcome in by_id.items()}
        words.keep(connection, connections.vault, name, Topic.INVOICING, texts, now)
        tries = {
            row.record_id: row.tries
            for row in exceptions.open_exceptions(connection, name, Topic.INVOICING, record_ids=refused)
            if row.blocking and row.digest == work.digests[row.record_id]
        }
        failures = [
            failure(key, _add_way_to_words(name, outcome, outcome.reason), tries.get(key, 0))
            for key, outcome in refused.items()
            if outcome.reason
        ]
        notes = [failure(key, flag) for key, outcome in by_id.items() for flag in outcome.flags]
        gone = [key for key in by_id if key not in refused]
        exceptions.resolve(connection, name, Topic.INVOICING, STAGE, gone, now)
        exceptions.record(connection, name, Topic.INVOICING, STAGE, [*failures, *notes], run_id, now)


def _add_way_to_words(name: str, outcome: InvoiceOutcome, reason: Reason) -> Reason:
    """The reason with the way to what Odoo said, where it said something."""
    if not outcome.words:
        return reason
    way = f"Odoo's own words: `commerce-pipelines trace {quote(name)} {quote(outcome.order_id)} --personal`."
    return msgspec.structs.replace(reason, fix=f"{reason.fix} {way}")


def replay(connections: Connections, name: str, *, code: str = "", record_ids: Iterable[str] = ()) -> int:
    """Make refused orders due on a person's command: those of one reason, those named, or all; returns how many."""
    from ...warehouse import exceptions

    wanted = set(record_ids)
    with connections.warehouse.transaction() as connection:
        waiting = exceptions.open_exceptions(connection, name, Topic.INVOICING, code=code)
        due = {row.record_id for row in waiting if row.blocking and (not wanted or row.record_id in wanted)}
        now = connections.instruments.now()
        return exceptions.ask_again(connection, name, Topic.INVOICING, sorted(due), now) if due else 0
