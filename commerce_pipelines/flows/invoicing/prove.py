"""The proof of invoices: what the channel took for its orders against what is invoiced and paid in Odoo, both read now.

What belongs here: gathering both sides, by business day and currency. What does not: invoicing (bill.py), how the
figures are shown (cli/).

An order counts on the day on which it was placed. Not every order is invoiced yet: those that are have to be invoiced
at what the channel took, to the cent, unless a person has taken their invoices over or a note explains the difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

import msgspec

from ...core.reasons import EXPLAINS
from ...core.topics import Topic
from ...domain.invoicing.due_documents import is_left
from ...domain.invoicing.sold import Claim, Sold
from ...resources.connections import Connections
from .bill import ORDERS_A_LOOK


class Invoiced(msgspec.Struct, frozen=True, kw_only=True):
    """Orders of one currency. taken: minor units that the channel took for them. settled: how many are invoiced
    completely; invoiced, paid: minor units of their posted invoices, and of these what is no longer open. differing:
    ids of settled orders whose invoices come to another amount."""

    orders: int = 0
    taken: int = 0
    settled: int = 0
    invoiced: int = 0
    paid: int = 0
    differing: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        return not self.differing


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """By currency over the whole span, and by business day and currency."""

    whole: dict[str, Invoiced]
    days: dict[tuple[date, str], Invoiced]

    @property
    def complete(self) -> bool:
        return all(part.complete for part in self.whole.values())


def prove(connections: Connections, name: str, start: date, end: date) -> Proof:
    """Compare the orders of the days `[start, end)`, from the day on which the pipelines invoice, with their invoices
    in Odoo. Trusts what is staged of the channel's orders."""
    from ...odoo.invoicing.sold import read_sold
    from ...warehouse import exceptions
    from ...warehouse.invoicing import ledger

    rules = connections.settings.channel(name).invoicing
    with connections.warehouse.transaction() as connection:
        rows = ledger.list_taken(connection, name, max(start, rules.since or start), end)
        noted = exceptions.open_exceptions(connection, name, Topic.ORDERS)
    explained = {row.record_id for row in noted if not row.blocking and row.code in EXPLAINS}
    sold: dict[str, Sold] = {}
    for start_at in range(0, len(rows), ORDERS_A_LOOK):
        part_of = rows[start_at : start_at + ORDERS_A_LOOK]
        sold |= read_sold(connections.odoo_of(name), {row.order_id: row.sale_id for row in part_of if row.sale_id})
    parts: dict[tuple[date, str], list[Invoiced]] = defaultdict(list)
    for row in rows:
        claim = Claim(order_id=row.order_id, currency=row.currency, total=row.total, made=row.made)
        parts[row.day, row.currency].append(_measure(claim, sold.get(row.order_id), row.order_id in explained))
    days = {group: _add_up(part) for group, part in sorted(parts.items())}
    whole: dict[str, list[Invoiced]] = defaultdict(list)
    for (_, currency), figures in days.items():
        whole[currency].append(figures)
    return Proof(whole={currency: _add_up(figures) for currency, figures in whole.items()}, days=days)


def _measure(claim: Claim, sold: Sold | None, is_explained: bool) -> Invoiced:
    """The figures of one order."""
    if sold is None:
        return Invoiced(orders=1, taken=claim.total)
    invoiced = sum(invoice.total for invoice in sold.posted)
    left = is_left(sold, claim)
    settled = bool(sold.posted) and (sold.is_billed or left) and not sold.drafts
    same = (sold.currency, invoiced) == (claim.currency, claim.total)
    differs = settled and not (same or is_explained or left)
    return Invoiced(
        orders=1, taken=claim.total, settled=int(settled), invoiced=invoiced,
        paid=sum(invoice.total - invoice.residual for invoice in sold.posted),
        differing=(claim.order_id,) if differs else (),
    )  # fmt: skip


def _add_up(parts: Iterable[Invoiced]) -> Invoiced:
    figures = list(parts)
    sums = {
        field: sum(getattr(part, field) for part in figures)
        for field in ("orders", "taken", "settled", "invoiced", "paid")
    }
    return Invoiced(**sums, differing=tuple(sorted(key for part in figures for key in part.differing)))
