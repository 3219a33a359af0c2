"""The proof that nothing is missing: a channel's orders of some days against Odoo's, by count, money and id.

What belongs here: the pure comparison and its figures. What does not: asking either side (flows/orders/prove.py).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from ..money import to_decimal

RUN_GRACE = timedelta(hours=1)  # how long a run for landed answers, and the next run after a failure, may take


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One order that must be in Odoo. total: minor units that the seller is owed. collected: tax that others remit.
    placed_at: where the channel was asked."""

    order_id: str
    currency: str
    total: int
    collected: int = 0
    placed_at: datetime | None = None


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
    on_the_way: ids that `set_aside` took out.
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
    on_the_way: tuple[str, ...] = ()

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
    claimed: dict[str, Claim] = {}
    for claim in claims:
        claimed.setdefault(claim.order_id, claim)
    sold = {order_id: sale for order_id, sale in booked.items() if sale.state in SOLD}
    unsold = [claim for order_id, claim in claimed.items() if order_id not in sold and order_id not in explained]
    excepted = {claim.order_id for claim in unsold if claim.order_id in waiting}
    owed = [claim for order_id, claim in claimed.items() if order_id not in excepted]
    noted = set(explained) & (claimed.keys() | sold.keys())
    flagged = [order_id for order_id in noted if not _is_same_total(claimed.get(order_id), sold.get(order_id))]
    channel, odoo = _add_totals(owed), _add_totals(sold.values())
    accounted = _add_totals(claimed[order_id] for order_id in flagged if order_id in claimed)
    accounted.subtract(_add_totals(sold[order_id] for order_id in flagged if order_id in sold))
    collected: Counter[str] = Counter()
    for claim in owed:
        collected[claim.currency] += claim.collected
    currencies = sorted({*channel, *odoo})
    absent = (claim for claim in unsold if claim.order_id not in excepted)
    return Completeness(
        orders_in_channel=len(claimed),
        sale_orders_in_odoo=len(sold),
        exceptions=len(excepted),
        absent=tuple(sorted(absent, key=lambda claim: claim.order_id)),
        surplus=tuple(sorted(order_id for order_id in sold if order_id not in claimed and order_id not in explained)),
        channel_total=dict(channel),
        odoo_total=dict(odoo),
        difference={key: channel[key] - odoo[key] - accounted[key] for key in currencies},
        collected={key: minor for key, minor in collected.items() if minor},
        explained={key: accounted[key] for key in currencies},
        flagged=len(flagged),
    )


def set_aside(proof: Completeness, since: datetime) -> Completeness:
    """The proof without the absent orders that were placed after `since`: the next runs bring them. Their money counts
    on neither side."""
    absent: list[Claim] = []
    new: list[Claim] = []
    for claim in proof.absent:
        (new if claim.placed_at is not None and claim.placed_at > since else absent).append(claim)
    money = _add_totals(new)
    collected: Counter[str] = Counter()
    for claim in new:
        collected[claim.currency] += claim.collected
    return msgspec.structs.replace(
        proof,
        absent=tuple(absent),
        on_the_way=tuple(claim.order_id for claim in new),
        channel_total={key: minor - money[key] for key, minor in proof.channel_total.items()},
        difference={key: minor - money[key] for key, minor in proof.difference.items()},
        collected={key: left for key, minor in proof.collected.items() if (left := minor - collected[key])},
    )


def _is_same_total(claim: Claim | None, sale: Booked | None) -> bool:
    return claim is not None and sale is not None and (claim.total, claim.currency) == (sale.total, sale.currency)


def _add_totals(orders: Iterable[Claim | Booked]) -> Counter[str]:
    """Minor units by currency."""
    totals: Counter[str] = Counter()
    for order in orders:
        totals[order.currency] += order.total
    return totals


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
        on_the_way=tuple(order_id for day in days for order_id in day.on_the_way),
    )


def _sum_parts(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = defaultdict(int)
    for part in parts:
        for currency, minor in part.items():
            sums[currency] += minor
    return dict(sums)
