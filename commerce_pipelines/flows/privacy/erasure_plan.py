"""What an erasure would do, for many persons in the same look-ups.

What belongs here: gathering what decides. What does not: the decision over contacts, transfers and invoices
(domain/privacy/erasure.py), carrying it out (erase.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from ...domain.privacy.erasure import Decision, Waiting, decide
from ...odoo.privacy.anonymising import Target
from ...odoo.privacy.contacts import Holdings, Sale, read_all_holdings
from ...odoo.sales.booked import OPEN
from ...resources.connections import Connections
from .person import Person

if TYPE_CHECKING:
    from ...warehouse.privacy.subjects import Record


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure would do. orders: by channel, how many."""

    person: Person
    holdings: Holdings
    decision: Decision
    orders: dict[str, int]

    @property
    def target(self) -> Target:
        return Target(contacts=self.decision.anonymise, kept=self.decision.kept, holdings=self.holdings)


def make_plans(connections: Connections, persons: Sequence[Person]) -> list[Plan]:
    """Decide over each of these persons. Writes nothing."""
    from ...warehouse.privacy import subjects

    holdings = read_all_holdings(connections.odoo, [person.contacts for person in persons])
    orders = {order for person in persons for order in person.orders}
    with connections.warehouse.transaction() as connection:
        unloaded = subjects.open_orders(connection, orders, connections.instruments.now())
    unbilled = _list_unbilled(connections, {sale for held in holdings for sale in held.sales})
    today, years = read_today(connections), connections.settings.privacy.invoice_years
    plans = []
    for person, held in zip(persons, holdings, strict=True):
        decision = decide(held.contacts, held.transfers, held.invoices, years, today)
        waiting = [
            *_list_open_sales(held.sales, unbilled),
            *_list_unloaded([order for order in unloaded if order in person.orders]),
        ]
        decision = msgspec.structs.replace(decision, waiting=(*decision.waiting, *waiting))
        plans.append(Plan(person=person, holdings=held, decision=decision, orders=_count_orders(person.orders)))
    return plans


def read_today(connections: Connections) -> date:
    channels = connections.settings.channels
    zone = channels[0].zone if channels else ZoneInfo("UTC")
    return connections.instruments.now().astimezone(zone).date()


def _list_open_sales(sales: Sequence[Sale], unbilled: Collection[int]) -> Iterator[Waiting]:
    yield from (
        Waiting(
            "invoice_due", f"Sale order {sale.name} is still to be invoiced.",
            "The pipelines do it by the channel's `invoicing`; the erasure goes on once it is done.",
        )
        for sale in sales if sale.odoo_id in unbilled
    )  # fmt: skip
    yield from (
        Waiting(
            "order_open", f"Sale order {sale.name} is not confirmed.",
            "Confirm or cancel it in Odoo; the erasure is carried out with the next daily pass.",
        )
        for sale in sales if sale.is_ours and sale.state in OPEN
    )  # fmt: skip


def _list_unloaded(orders: Sequence[Record]) -> Iterator[Waiting]:
    yield from (
        Waiting(
            "order_open", f"Order {order.record_id} of {order.channel} is not in Odoo yet.",
            f"Look at `commerce-pipelines exceptions list {order.channel}`; the erasure goes on once it is there, or "
            "cancelled.",
        )
        for order in orders
    )  # fmt: skip


def _list_unbilled(connections: Connections, sales: Collection[Sale]) -> set[int]:
    """Sale orders of channels whose orders the pipelines invoice: an invoice needs its recipient."""
    from ...warehouse.privacy import subjects

    due = [sale.odoo_id for sale in sales if sale.is_ours and sale.to_invoice]
    unbilled: set[int] = set()
    with connections.warehouse.transaction() as connection:
        for channel in connections.settings.channels:
            if channel.invoicing.trigger != "merchant":
                since = channel.invoicing.since or channel.start_date
                unbilled |= subjects.sales_since(connection, channel.name, since, due)
    return unbilled


def _count_orders(orders: Collection[Record]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for order in orders:
        counts[order.channel] = counts.get(order.channel, 0) + 1
    return dict(sorted(counts.items()))
