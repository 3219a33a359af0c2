"""The proof of shipments: does the channel know every delivery that is done in Odoo?

What belongs here: counting deliveries and their money, told and untold, by business day. What does not: reading Odoo
(inputs.py), what is told (confirm.py), how the figures are shown (cli/).

A delivery counts on the business day on which it was done. It is confirmed once the channel has accepted all its
parcels, or shows its units as shipped, whoever told it. Deliveries that the channel is not told of are left out: those
of cancelled orders, and of orders that it ships itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

import msgspec

from ...core.topics import Topic
from ...domain.fulfilment.worth import measure_worth
from ...domain.orders.order import business_day
from ...resources.connections import Connections
from ...warehouse.fulfilment import shipments
from ..intake.pull import window_of
from .confirm import prepare


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """delivered: done in Odoo. confirmed: of these, known to the channel. waiting: of these, of orders that wait in the
    exceptions, or are not paid. under_way: neither, but done less than `deadline_hours` ago. missing: orders of all
    others."""

    delivered: int = 0
    confirmed: int = 0
    waiting: int = 0
    under_way: int = 0
    missing: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        return not self.missing


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries of orders in one currency. deliveries: done in Odoo; worth: minor units that the channel charged for
    their goods. confirmed: of these deliveries, known to the channel; confirmed_worth: of their goods."""

    deliveries: int = 0
    confirmed: int = 0
    worth: int = 0
    confirmed_worth: int = 0


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The whole span, and each of its business days that has deliveries. worth: by day and currency."""

    whole: Deliveries
    days: dict[date, Deliveries]
    worth: dict[tuple[date, str], Worth] = {}


def prove(connections: Connections, name: str, start: date, end: date) -> Proof:
    """Compare the deliveries of the days `[start, end)` with what the channel was told or shows. Trusts what is read of
    Odoo and of the channel's orders."""
    from ...warehouse import exceptions

    channel = connections.settings.channel(name)
    window = window_of(start, end, channel.zone)
    with connections.warehouse.transaction() as connection:
        rows = shipments.list_delivered(connection, name, window.start)
        open_rows = exceptions.open_exceptions(connection, name, Topic.FULFILMENT)
    waiting = {row.record_id for row in open_rows if row.blocking}
    work = prepare(connections, name, rows)
    late = connections.instruments.now() - timedelta(hours=channel.fulfilment.deadline_hours)
    verdicts: dict[date, list[tuple[str, str]]] = defaultdict(list)
    worth: dict[tuple[date, str], list[Worth]] = defaultdict(list)
    left_out = set(work.nothing)
    for row in rows:
        if row.order_id in left_out:
            continue
        plan, goods = work.plans.get(row.order_id), work.goods[row.order_id]
        money = measure_worth(row.delivered, goods)
        for delivery in row.delivered.deliveries:
            if not window.start <= delivery.shipped_at < window.end:
                continue
            if plan is not None and delivery.picking not in plan.untold:
                verdict = "confirmed"
            elif plan is None or row.order_id in waiting:
                verdict = "waiting"
            else:
                verdict = "missing" if delivery.shipped_at < late else "under_way"
            day, charged = business_day(delivery.shipped_at, channel.zone), money.get(delivery.picking, 0)
            verdicts[day].append((verdict, row.order_id))
            is_known = int(verdict == "confirmed")
            worth[day, goods.currency].append(
                Worth(deliveries=1, confirmed=is_known, worth=charged, confirmed_worth=is_known * charged)
            )
    days = {day: _count(pairs) for day, pairs in sorted(verdicts.items())}
    by_day = {group: add_worth(parts) for group, parts in sorted(worth.items())}
    return Proof(whole=add_up(days.values()), days=days, worth=by_day)


def _count(pairs: list[tuple[str, str]]) -> Deliveries:
    words = [verdict for verdict, _ in pairs]
    return Deliveries(
        delivered=len(pairs),
        confirmed=words.count("confirmed"),
        waiting=words.count("waiting"),
        under_way=words.count("under_way"),
        missing=tuple(dict.fromkeys(order_id for verdict, order_id in pairs if verdict == "missing")),
    )


def add_up(parts: Iterable[Deliveries]) -> Deliveries:
    days = list(parts)
    return Deliveries(
        delivered=sum(day.delivered for day in days),
        confirmed=sum(day.confirmed for day in days),
        waiting=sum(day.waiting for day in days),
        under_way=sum(day.under_way for day in days),
        missing=tuple(dict.fromkeys(order_id for day in days for order_id in day.missing)),
    )


def add_worth(parts: Iterable[Worth]) -> Worth:
    """Of one currency."""
    figures = list(parts)
    return Worth(**{field: sum(getattr(part, field) for part in figures) for field in Worth.__struct_fields__})
