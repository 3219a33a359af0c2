"""The proof that nothing is missing: a channel's orders of some days against Odoo's, by count, money and id.

What belongs here: the pure comparison and its figures. What does not: asking either side (flows/orders/prove.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

import msgspec

from ..money import to_decimal


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One order that must be in Odoo. total: minor units that the seller is owed. collected: tax that others remit."""

    order_id: str
    currency: str
    total: int
    collected: int = 0


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """One order as Odoo has it, in any state: `cancel` and `draft` do not count as sold."""

    order_id: str
    currency: str
    total: int
    state: str


class Completeness(msgspec.Struct, frozen=True, kw_only=True):
    """difference: channel less Odoo per currency, in minor units, over all claimed orders that do not wait in the
    exceptions, without the differences that a note explains. explained: the differences that a note explains, per
    currency; flagged: the orders with such a note.

    absent: claimed, neither confirmed in Odoo nor waiting in the exceptions. surplus: confirmed in Odoo, not claimed.
    collected: tax that the channel collects and remits itself, per currency; buyers paid total + collected.
    """

    orders_in_channel: int
    sale_orders_in_odoo: int
    exceptions: int
    absent: tuple[Claim, ...]
    surplus: tuple[str, ...]
    channel_total: dict[str, int]
    odoo_total: dict[str, int]
    difference: dict[str, int]
    collected: dict[str, int]
    explained: dict[str, int] = {}
    flagged: int = 0

    @property
    def missing(self) -> tuple[str, ...]:
        """The ids of the absent orders."""
        return tuple(claim.order_id for claim in self.absent)

    @property
    def complete(self) -> bool:
        """Nothing missing, no surplus, no minor unit of difference. An order in the exceptions is not missing; it is
        counted apart."""
        return not self.missing and not self.surplus and not any(self.difference.values())

    @property
    def money_difference(self) -> str:
        """The differences of all currencies, without signs, as one figure; '0.00' when all of them are zero."""
        off = sum((abs(to_decimal(minor, currency)) for currency, minor in self.difference.items()), Decimal(0))
        return f"{off:.2f}" if off == off.quantize(Decimal("0.01")) else str(off)


SOLD = frozenset({"sale", "done"})


def compare(
    claims: Iterable[Claim], booked: Mapping[str, Booked], waiting: Collection[str], explained: Collection[str] = ()
) -> Completeness:
    """Compare every claimed order with Odoo. booked: by order id. waiting: the ids that are open in the exceptions.
    explained: the ids whose difference an open note explains."""
    channel, odoo, collected, accounted = (defaultdict[str, int](int) for _ in range(4))
    sold = excepted = 0
    flagged: set[str] = set()
    absent: list[Claim] = []
    seen: set[str] = set()

    def explain(order_id: str, claim: Claim | None, sale: Booked | None) -> None:
        flagged.add(order_id)
        if claim is not None:
            accounted[claim.currency] += claim.total
        if sale is not None:
            accounted[sale.currency] -= sale.total

    for claim in claims:
        if claim.order_id in seen:
            continue
        seen.add(claim.order_id)
        sale = booked.get(claim.order_id)
        if sale is not None and sale.state in SOLD:
            sold += 1
            odoo[sale.currency] += sale.total
            if claim.order_id in explained and (sale.total, sale.currency) != (claim.total, claim.currency):
                explain(claim.order_id, claim, sale)
        elif claim.order_id in explained:
            explain(claim.order_id, claim, None)
        elif claim.order_id in waiting:
            excepted += 1
            continue
        else:
            absent.append(claim)
        channel[claim.currency] += claim.total
        collected[claim.currency] += claim.collected
    unclaimed = [order_id for order_id, sale in booked.items() if sale.state in SOLD and order_id not in seen]
    for order_id in unclaimed:
        odoo[booked[order_id].currency] += booked[order_id].total
        if order_id in explained:
            explain(order_id, None, booked[order_id])
    surplus = [order_id for order_id in unclaimed if order_id not in explained]
    return Completeness(
        orders_in_channel=len(seen),
        sale_orders_in_odoo=sold + len(unclaimed),
        exceptions=excepted,
        absent=tuple(sorted(absent, key=lambda claim: claim.order_id)),
        surplus=tuple(sorted(surplus)),
        channel_total=dict(channel),
        odoo_total=dict(odoo),
        difference={key: channel[key] - odoo[key] - accounted[key] for key in sorted({*channel, *odoo})},
        collected={key: minor for key, minor in collected.items() if minor},
        explained=dict(accounted),
        flagged=len(flagged),
    )


def add_up(proofs: Iterable[Completeness]) -> Completeness:
    """The proof of several days from their single proofs. No order belongs to two days, and a difference of one day
    does not offset that of another."""
    days = list(proofs)
    return Completeness(
        orders_in_channel=sum(day.orders_in_channel for day in days),
        sale_orders_in_odoo=sum(day.sale_orders_in_odoo for day in days),
        exceptions=sum(day.exceptions for day in days),
        absent=tuple(claim for day in days for claim in day.absent),
        surplus=tuple(order_id for day in days for order_id in day.surplus),
        channel_total=_sum_parts(day.channel_total for day in days),
        odoo_total=_sum_parts(day.odoo_total for day in days),
        difference=_sum_parts({key: abs(minor) for key, minor in day.difference.items()} for day in days),
        collected=_sum_parts(day.collected for day in days),
        explained=_sum_parts(day.explained for day in days),
        flagged=sum(day.flagged for day in days),
    )


def _sum_parts(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for part in parts:
        for currency, minor in part.items():
            sums[currency] += minor
    return dict(sums)
