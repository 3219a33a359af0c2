"""Refunds of what nobody has and nobody invoiced -> the order in Odoo is worth less; all of it, it is cancelled.

    plan     from the channel's answers and Odoo's order (domain/returns/uninvoiced.py)
    keep     the plan, before Odoo is written to: the orders' lane follows it from then on
    apply    by the way on which orders follow the channel (odoo/sales/), which repeats nothing
    mark     what is done; what Odoo's order does not allow is withdrawn, and the refund waits

What belongs here: these steps. What does not: credit notes (odoo/returns/), orders less their refunds (domain/sales/).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ...core.failpoints import failpoint
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.money import to_decimal
from ...domain.returns.outcomes import CreditAction, CreditOutcome
from ...domain.returns.records import Refund, RefundState, Return, ReturnState
from ...domain.returns.uninvoiced import SoldOrder, plan_reduction
from ...domain.sales.draft import Action, Flag, SaleOutcome
from ...domain.sales.lifecycle import LedgerEntry, next_base
from ...domain.sales.reductions import is_whole
from ...resources.connections import Connections
from ...warehouse.orders import ledger, reductions
from ...warehouse.orders.reductions import Kept
from ..orders.customers import recall_customers
from ..orders.landed_to_draft import drafts_of
from ..orders.stage import read_landed

if TYPE_CHECKING:
    from ...domain.sales.base import Base
    from ...domain.sales.draft import SaleDraft
    from ...odoo.rpc.client import OdooClient

NOT_INVOICED = "not_invoiced"
NOT_CANCELLED = (
    "cancelled_after_shipping",
    "order_locked",
    "cancelled_in_odoo",
)  # notes of orders that stay as they were
_ORDER_EXPIRED = Reason(
    "order_past_age_limit",
    "It pays back what has no posted invoice, and the marketplace's answers about its order were destroyed at their "
    "age limit, so that the order cannot be reduced.",
    "Post the order's invoice in Odoo: the refund becomes a credit note by itself. If nothing of the order is to be "
    "invoiced, cancel it in Odoo: the next nightly run settles the refund.",
)
_NOT_COMING = (ReturnState.DECLINED, ReturnState.CANCELLED)


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """All refunds and returns of some orders. unbilled: ids of the refunds that have no invoice to credit."""

    refunds: Sequence[Refund]
    returns: Sequence[Return]
    unbilled: Collection[str] = ()


def find_reduced(connections: Connections, name: str, order_ids: Iterable[str]) -> set[str]:
    """The refunds that are taken off their orders, or are about to be: they need no credit note."""
    with connections.warehouse.transaction() as connection:
        rows = reductions.read(connection, name, order_ids)
    return {row.reduction.refund_id for kept in rows.values() for row in kept}


def reduce_orders(
    connections: Connections, name: str, writer: OdooClient, records: Records, now: datetime
) -> dict[str, CreditOutcome]:
    """Make the orders of these refunds worth less in Odoo, each refund once. The outcomes of those refunds, by id;
    refunds that have to wait for an invoice are left out, unless their orders cannot be read any more."""
    by_id = {refund.refund_id: refund for refund in records.refunds}
    orders = sorted({refund.order_id for refund in records.refunds})
    with connections.warehouse.transaction() as connection:
        kept = reductions.read(connection, name, orders)
    if fresh := _plan(connections, name, writer, records, kept):
        with connections.warehouse.transaction() as connection:
            reductions.plan(connection, name, fresh, now)
            kept = reductions.read(connection, name, orders)
    failpoint("reductions_planned")
    todo = {order_id: rows for order_id, rows in kept.items() if not all(row.applied_at for row in rows)}
    applied = _apply(connections, name, writer, todo, now) if todo else {}
    return _refuse_expired(connections, name, records) | {
        row.reduction.refund_id: _build_outcome(by_id[row.reduction.refund_id], row, applied.get(order_id))
        for order_id, rows in kept.items()
        for row in rows
        if row.reduction.refund_id in by_id
    }


def _plan(
    connections: Connections, name: str, writer: OdooClient, records: Records, kept: Mapping[str, Sequence[Kept]]
) -> list[Kept]:
    """What refunds without an invoice take off their orders, oldest first."""
    from ...odoo.returns.invoiced_orders import read_books

    refunds = [refund for refund in records.refunds if refund.refund_id in records.unbilled]
    order_ids = sorted({refund.order_id for refund in refunds})
    if not order_ids:
        return []
    with connections.warehouse.transaction() as connection:
        entries = ledger.read_entries(connection, name, order_ids)
    landing = connections.landing(name, Topic.ORDERS)
    orders = {order.order_id: order for order in read_landed(connections.channel(name).orders, landing, order_ids)}
    books = read_books(writer, connections.label(name), order_ids)
    coming = {record.order_id for record in records.returns if record.state not in _NOT_COMING}
    fresh: list[Kept] = []
    for refund in sorted(refunds, key=lambda refund: (refund.created_at, refund.refund_id)):
        order_id, entry = refund.order_id, entries.get(refund.order_id)
        if not (entry and entry.base and order_id in orders and order_id in books):
            continue
        if books[order_id].company_id != writer.who.company_id:
            continue
        rows = [*kept.get(order_id, ()), *(row for row in fresh if row.order_id == order_id)]
        sold = SoldOrder(
            order=orders[order_id], base=entry.base, books=books[order_id], has_return=order_id in coming,
            earlier=tuple(row.reduction for row in rows),
        )  # fmt: skip
        if reduction := plan_reduction(refund, sold):
            fresh.append(Kept(order_id=order_id, currency=refund.currency, reduction=reduction))
    return fresh


def _refuse_expired(connections: Connections, name: str, records: Records) -> dict[str, CreditOutcome]:
    """The outcomes of refunds without an invoice whose orders' answers were destroyed at their age limit: nobody can
    tell any more whether such an order may be reduced."""
    from ...warehouse.landing.expired import expired_of

    refunds = [refund for refund in records.refunds if refund.refund_id in records.unbilled]
    order_ids = {refund.order_id for refund in refunds}
    with connections.warehouse.transaction() as connection:
        expired = expired_of(connection, name, Topic.ORDERS, order_ids)
    return {
        refund.refund_id: CreditOutcome(
            refund_id=refund.refund_id, order_id=refund.order_id, action=CreditAction.REFUSED, reason=_ORDER_EXPIRED
        )
        for refund in refunds if refund.order_id in expired
    }  # fmt: skip


def _apply(
    connections: Connections, name: str, writer: OdooClient, todo: Mapping[str, Sequence[Kept]], now: datetime
) -> dict[str, SaleOutcome]:
    """Write these orders to Odoo, mark what is done, and withdraw what is not. The outcomes by order id."""
    from ...odoo.sales.sale_orders import cancel_sales

    with connections.warehouse.transaction() as connection:
        entries = ledger.read_entries(connection, name, list(todo))
        days = ledger.read_days(connection, name, list(todo))
    todo = {order_id: rows for order_id, rows in todo.items() if order_id in entries}
    whole = [
        order_id for order_id, rows in todo.items()
        if (base := entries[order_id].base) and is_whole([row.reduction for row in rows], base.total)
    ]  # fmt: skip
    cancelled = cancel_sales(writer, connections.label(name), whole, refunded=whole)
    outcomes = {outcome.order_id: outcome for outcome in cancelled}
    wanted = [(order_id, days[order_id]) for order_id in todo if order_id not in outcomes]
    bases = {order_id: (entries[order_id].base, True) for order_id, _ in wanted}
    drafted = drafts_of(connections, name, wanted, bases)
    drafts = {draft.order_id: draft for draft in recall_customers(connections, name, drafted.drafts)}
    outcomes |= _load(connections, name, writer, list(drafts.values()))
    outcomes |= {
        order_id: SaleOutcome(channel=name, order_id=order_id, action=Action.REFUSED, reason=error.reason)
        for order_id, _, error in drafted.failures
    }
    failpoint("orders_reduced")
    with connections.warehouse.transaction() as connection:
        done = [order_id for order_id, outcome in outcomes.items() if _is_done(outcome)]
        for order_id in done:
            draft = drafts.get(order_id)
            base = (
                next_base(draft, outcomes[order_id], now) if draft else _build_base(entries[order_id], todo[order_id])
            )
            ledger.keep_reduced(connection, name, outcomes[order_id], base, now)
        reductions.mark_applied(connection, name, done, now)
        reductions.withdraw(connection, name, outcomes.keys() - set(done))
    return outcomes


def _load(
    connections: Connections, name: str, writer: OdooClient, drafts: Sequence[SaleDraft]
) -> dict[str, SaleOutcome]:
    from ...odoo.sales.sale_orders import load_sales

    settings = connections.settings
    outcomes = load_sales(writer, settings.odoo, drafts, settings.channel(name).taxes)
    return {outcome.order_id: outcome for outcome in outcomes}


def _build_base(entry: LedgerEntry, rows: Sequence[Kept]) -> Base | None:
    reduced = tuple(row.reduction for row in rows)
    return msgspec.structs.replace(entry.base, reductions=reduced) if entry.base else None


def _is_done(outcome: SaleOutcome) -> bool:
    """Whether Odoo's order is less what was refunded. A whole order that could not be cancelled is flagged."""
    if outcome.action in (Action.CANCELLED, Action.REFUSED):
        return outcome.action is Action.CANCELLED
    return "lines" not in outcome.kept and not any(flag.code in NOT_CANCELLED for flag in outcome.flags)


def _build_outcome(refund: Refund, row: Kept, sale: SaleOutcome | None) -> CreditOutcome:
    """sale: what became of the order just now, None where nothing was to be done."""
    common: dict[str, Any] = {"refund_id": refund.refund_id, "order_id": refund.order_id}
    if sale and not _is_done(sale):
        return CreditOutcome(**common, action=CreditAction.REFUSED, reason=_refuse(sale), words=sale.words)
    return CreditOutcome(
        **common, action=CreditAction.REDUCED if sale else CreditAction.UNCHANGED, name=sale.name if sale else "",
        amount_total=row.reduction.total, flags=tuple(_compare(refund, row)),
    )  # fmt: skip


def _compare(refund: Refund, row: Kept) -> Iterable[Flag]:
    if refund.state is not RefundState.DONE or refund.total != row.reduction.total:
        money = f"{to_decimal(refund.total, refund.currency)} {refund.currency}, {refund.state}"
        yield Flag(
            "credit_differs",
            f"The channel now says {money}; its sale order in Odoo was reduced by "
            f"{to_decimal(row.reduction.total, row.currency)} {row.currency}.",
            "Correct the order, or credit or invoice the difference, in Odoo by hand.",
        )  # fmt: skip


def _refuse(sale: SaleOutcome) -> Reason:
    codes = ", ".join(filter(None, (sale.code, *(flag.code for flag in sale.flags)))) or "changed_in_odoo"
    return Reason(
        NOT_INVOICED,
        f"{sale.name or 'The order'} was refunded before it was invoiced, and cannot be reduced in Odoo ({codes}).",
        "Settle in Odoo what the codes name, or lower the order there by hand, or post its invoice; the refund then "
        "goes on by itself.",
        sale.name,
    )  # fmt: skip
