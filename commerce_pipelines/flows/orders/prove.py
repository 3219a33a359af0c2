"""Channel against Odoo, both read now: is every order of some days there, once, to the cent?

What belongs here: gathering both sides for domain/sales/completeness.py. What does not: the comparison itself, storing
its result (warehouse/orders/proof_rows.py), the sum of all days (channel_proof.py), how it is shown (assets/, cli/).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime

import msgspec

from ...channels.capabilities import Window
from ...core.reasons import EXPLAINS
from ...core.topics import Topic
from ...domain.orders.order import OrderStatus, business_day
from ...domain.sales.completeness import Booked, Claim, Completeness, compare
from ...domain.sales.reductions import is_whole, sum_total
from ...resources.connections import Connections
from ..intake.pull import window_of
from .load import Row, is_sale, records


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The whole span, and each of its business days by currency."""

    whole: Completeness
    days: dict[tuple[date, str], Completeness]


def prove(
    connections: Connections, name: str, start: date, end: date, *, afresh: bool = True, pulled: bool = False,
    now: datetime | None = None,
) -> Proof:  # fmt: skip
    """Compare the days `[start, end)` and store the figures in `commerce.completeness`.

    afresh: read the channel again instead of trusting what was landed from it. Without it, what the last reading missed
    stays missing until it is landed, because the landing cannot know of it. pulled: this run has just landed the days,
    so that it is enough to ask whether an order is missing, where the channel tells that more cheaply. An order counts
    on the day it was placed, a surplus order on the day of its ledger row.
    """
    from ...odoo.sales.sale_orders import sale_totals
    from ...warehouse import exceptions
    from ...warehouse.orders import proof_rows
    from ...warehouse.tables.frames import read_frame

    now = now or connections.instruments.now()
    where = ("channel = %s AND day >= %s AND day < %s", (name, start, end))
    with connections.warehouse.transaction() as connection:
        ledger = {
            row["order_id"]: row["day"]
            for row in records(read_frame(connection, "sale_orders", ["order_id", "day"], *where))
        }
        staged = list(records(read_frame(connection, "orders", None, *where))) if pulled or not afresh else []
        missed = [] if afresh else proof_rows.missed(connection, name, (start, end))
        open_ = exceptions.open_exceptions(connection, name, Topic.ORDERS)
    waiting = {row.record_id for row in open_ if row.blocking}
    explained = {row.record_id for row in open_ if not row.blocking and row.code in EXPLAINS}
    asked = _ask(connections, name, (start, end), now, staged) if afresh else _list_claims(staged)
    claims = [*_subtract_refunds(connections, name, asked), *missed]
    placed = {claim.order_id: day for day, claim in claims}
    booked = {
        order_id: Booked(order_id=order_id, currency=sale.currency, total=sale.total, state=sale.state)
        for order_id, sale in sale_totals(
            connections.odoo_of(name), connections.label(name), sorted({*placed, *ledger})
        ).items()
    }
    proof = Proof(
        whole=compare((claim for _, claim in claims), booked, waiting, explained),
        days=_compare_by_day(claims, booked, (waiting, explained), {**ledger, **placed}),
    )
    with connections.warehouse.transaction() as connection:
        proof_rows.keep(connection, name, (start, end), proof.days, now, afresh)
    return proof


def _list_claims(staged: Iterable[Row]) -> list[tuple[date, Claim]]:
    """The claims of the staged orders, with their days."""
    return [
        (
            row["day"],
            Claim(order_id=row["order_id"], currency=row["currency"], total=row["total"], collected=row["collected"]),
        )
        for row in staged
        if is_sale(row)
    ]


def _subtract_refunds(
    connections: Connections, name: str, claims: list[tuple[date, Claim]]
) -> Iterator[tuple[date, Claim]]:
    """The claims less what refunds took off their orders in Odoo; an order of which nothing is left is cancelled
    there, and none."""
    from ...warehouse.orders.reductions import read_reductions

    with connections.warehouse.transaction() as connection:
        reductions = read_reductions(connection, name, [claim.order_id for _, claim in claims])
    for day, claim in claims:
        taken_off = reductions.get(claim.order_id, ())
        if not is_whole(taken_off, claim.total):
            yield day, msgspec.structs.replace(claim, total=claim.total - sum_total(taken_off))


def _compare_by_day(
    claims: Iterable[tuple[date, Claim]],
    booked: Mapping[str, Booked],
    of_days: tuple[set[str], set[str]],
    day_of: Mapping[str, date],
) -> dict[tuple[date, str], Completeness]:
    claimed: dict[tuple[date, str], list[Claim]] = defaultdict(list)
    sold: dict[tuple[date, str], dict[str, Booked]] = defaultdict(dict)
    group_of: dict[str, tuple[date, str]] = {}
    for day, claim in claims:
        claimed[day, claim.currency].append(claim)
        group_of[claim.order_id] = (day, claim.currency)
    for order_id, sale in booked.items():
        sold[group_of.get(order_id, (day_of[order_id], sale.currency))][order_id] = sale
    return {group: compare(claimed[group], sold[group], *of_days) for group in sorted({*claimed, *sold})}


def _ask(
    connections: Connections, name: str, days: tuple[date, date], now: datetime, staged: Sequence[Row]
) -> list[tuple[date, Claim]]:
    """staged: the orders of these days, where they were landed a moment ago."""
    zone = connections.settings.channel(name).zone
    whole = window_of(*days, zone)
    window = Window(whole.start, min(whole.end, now))
    if window.start >= window.end:
        return []
    ids = {row["order_id"] for row in staged}
    placed = connections.channel(name).orders.list_placed(window, ids) if ids else None
    if placed is not None:
        absent = [(business_day(at, zone), order_id) for order_id, at in placed.items() if order_id not in ids]
        unknown = [(day, Claim(order_id=order_id, currency="", total=0)) for day, order_id in absent]
        return [*_list_claims(staged), *unknown]
    return [
        (
            business_day(total.placed_at, zone),
            Claim(
                order_id=total.order_id,
                currency=total.currency,
                total=total.total,
                collected=total.collected,
                placed_at=total.placed_at,
            ),
        )
        for total in connections.channel(name).orders.totals(window)
        if total.status is OrderStatus.PAID
    ]
