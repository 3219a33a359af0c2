"""The proof of refunds out: is every credit note that a person made in Odoo paid back by the channel, at its amount?

What belongs here: adding up, by the day of the credit note and currency. What does not: what becomes of a credit note
(issue.py, domain/refunding/), how the figures are shown (cli/).

A credit note is paid back once the channel reports a refund that stands for it, whoever made that refund. Credit notes
for which nothing is to be paid back are left out: cancelled ones, those dated before `since`, those of no amount.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import msgspec

from ...domain.refunding.refund_plan import PAID_BACK, ReportedRefund, list_own
from ...domain.returns.records import RefundState
from ...resources.connections import Connections
from ...warehouse.refunding import manual_credit_notes as notes
from ...warehouse.refunding.manual_credit_notes import Kept
from .issue import HELD, describe_due
from .prepare import compute_wait, prepare, read_new


class PaidBack(msgspec.Struct, frozen=True, kw_only=True):
    """Credit notes of one currency. credited: their minor units. paid_back: how many the channel reports as paid back;
    refunded: minor units that it reports for these. waiting: those that wait in the exceptions, or for a person's
    consent. under_way: neither, and not overdue. missing: all others, by their names in Odoo. differing: those that are
    paid back at another amount; difference: minor units of it, without signs."""

    notes: int = 0
    credited: int = 0
    paid_back: int = 0
    refunded: int = 0
    waiting: int = 0
    under_way: int = 0
    missing: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    difference: int = 0

    @property
    def complete(self) -> bool:
        return not (self.missing or self.differing)


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """By currency over the whole span, and by day and currency. A credit note that nobody can read has no currency."""

    whole: dict[str, PaidBack]
    days: dict[tuple[date, str], PaidBack]

    @property
    def complete(self) -> bool:
        return all(part.complete for part in self.whole.values())


def prove(connections: Connections, name: str, start: date, end: date) -> Proof:
    """Compare people's credit notes dated `[start, end)` with the refunds that the channel reports. Reads Odoo anew,
    and trusts what is read of the channel's refunds. Pays nothing back."""
    read_new(connections, name, whole=True)
    work = prepare(connections, name)
    late = connections.instruments.now() - compute_wait(connections, name)
    late -= timedelta(days=connections.settings.channel(name).refunding.overdue_days)
    due = describe_due(name, work)
    with connections.warehouse.transaction() as connection:
        rows = notes.read_days(connection, name, start, end)
        order_ids = sorted({row.order_id for row, _ in rows})
        reported = notes.read_reported(connection, name, order_ids)
        recorded = notes.read_recorded(connection, name, order_ids)
    parts: dict[tuple[date, str], list[PaidBack]] = defaultdict(list)
    for row, stored in rows:
        kept = due.get(row.odoo_id, stored)
        if kept.settled and kept.state not in PAID_BACK:
            continue
        effect = recorded.get(row.order_id, {}).get(row.odoo_id)
        own = list_own(row.odoo_id, effect, reported.get(row.order_id, ()))
        is_late = row.first_seen is not None and row.first_seen < late
        parts[row.day, kept.currency].append(_measure(row.name, kept, own, is_late=is_late))
    days = {group: _add_up(figures) for group, figures in sorted(parts.items())}
    whole: dict[str, list[PaidBack]] = defaultdict(list)
    for (_, currency), figures in days.items():
        whole[currency].append(figures)
    return Proof(whole={currency: _add_up(figures) for currency, figures in sorted(whole.items())}, days=days)


def _measure(note: str, kept: Kept, own: Sequence[ReportedRefund], *, is_late: bool) -> PaidBack:
    """The figures of one credit note. own: the channel's refunds that stand for it."""
    if kept.settled:
        paid = [refund.total for refund in own if refund.state is RefundState.DONE and refund.total is not None]
        refunded = sum(paid) if paid else kept.total
        return PaidBack(
            notes=1, credited=kept.total, paid_back=1, refunded=refunded, difference=abs(kept.total - refunded),
            differing=(note,) if refunded != kept.total else (),
        )  # fmt: skip
    waits = bool(kept.code) or kept.state == HELD
    return PaidBack(
        notes=1, credited=kept.total, waiting=int(waits), under_way=int(not waits and not is_late),
        missing=(note,) if is_late and not waits else (),
    )  # fmt: skip


def _add_up(parts: Iterable[PaidBack]) -> PaidBack:
    figures = list(parts)
    sums = {
        field: sum(getattr(part, field) for part in figures)
        for field in ("notes", "credited", "paid_back", "refunded", "waiting", "under_way", "difference")
    }
    return PaidBack(
        **sums, missing=tuple(name for part in figures for name in part.missing),
        differing=tuple(name for part in figures for name in part.differing),
    )  # fmt: skip
