"""Landed orders -> drafts: read completely, contacts included, and matched with the products that Odoo has.

What belongs here: decrypting orders on their way to Odoo, in chunks, and one look-up of all their products. What does
not: what a draft is (domain/sales/order_to_draft.py), which orders are due (load.py).
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from ...core.errors import RecordError
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.orders.order import Order
from ...domain.products import Product
from ...domain.sales.base import Base, LastLoad, Seal
from ...domain.sales.departures import UNTOLD
from ...domain.sales.draft import SaleDraft
from ...domain.sales.mapping import codes_of
from ...domain.sales.order_to_draft import draft
from ...resources.connections import Connections
from ...warehouse.orders.reductions import read_reductions
from .customers import name_customer
from .departures import find_departures, keep_departures
from .stage import read_order

ORDERS_A_CHUNK = 500
PAST_AGE_LIMIT = Reason(
    "past_age_limit", "The answers about this order were destroyed at their age limit (`privacy.keep_days`).",
    "Enter the order in Odoo by hand if it must still be there.",
)  # fmt: skip
# By order id: (the base of its last load, whether Odoo has it confirmed).
Sales = Mapping[str, tuple[Base | None, bool]]


class Drafted(msgspec.Struct, kw_only=True):
    """Drafts in the requested order, and the orders that could not be drafted: (order id, day, reason)."""

    drafts: list[SaleDraft] = msgspec.field(default_factory=list)
    failures: list[tuple[str, date | None, RecordError]] = msgspec.field(default_factory=list)


def drafts_of(
    connections: Connections, name: str, wanted: Sequence[tuple[str, date | None]], sales: Sales | None = None
) -> Drafted:
    """Drafts of landed orders that are about to be loaded, given as (order id, day). sales: how the orders were loaded
    last, by order id. Personal data is decrypted here and held in memory only. What the marketplace's ledger decides
    about an order is put on record here, so that it stays after a crash."""
    source = connections.channel(name).orders
    result = Drafted()
    for start in range(0, len(wanted), ORDERS_A_CHUNK):
        part = wanted[start : start + ORDERS_A_CHUNK]
        snapshots = connections.landing(name, Topic.ORDERS).newest_of([order_id for order_id, _ in part])
        read: list[tuple[Order, str, date | None]] = []
        for order_id, day in part:
            snapshot = snapshots.get(order_id)
            try:
                if snapshot is not None and snapshot.expired:
                    raise RecordError(PAST_AGE_LIMIT.code, PAST_AGE_LIMIT.message, fix=PAST_AGE_LIMIT.fix)
                if snapshot is None or snapshot.raw is None:
                    raise RecordError(
                        "forgotten", "The personal data of this order was erased before it was loaded.",
                        fix="Enter the order in Odoo by hand if it must still be served.",
                    )  # fmt: skip
                read.append((read_order(source, snapshot.raw, order_id), snapshot.subject_id, day))
            except RecordError as error:
                result.failures.append((order_id, day, error))
        _add(connections, name, read, result, sales or {}, keep=True)
    return result


def draft_orders(
    connections: Connections, name: str, orders: Iterable[tuple[Order, str, date | None]], sales: Sales | None = None
) -> Drafted:
    """Drafts of orders that are already read: (order, subject id, day)."""
    result = Drafted()
    _add(connections, name, list(orders), result, sales or {})
    return result


def sealer(connections: Connections) -> Seal:
    """The keyed hash of contact fields in the ledger's bases: without the master key nobody can read a name from it."""
    key = connections.vault.own_key("contacts in the ledger")
    return lambda text: b64encode(hmac.digest(key, text.encode("utf-8", "replace"), "sha256")[:9]).decode()


def catalogue_for(connections: Connections, name: str, orders: Iterable[Order]) -> Mapping[str, Sequence[Product]]:
    """Every product that these orders name, in one look-up."""
    from ...odoo.reference.products import find_products

    channel = connections.settings.channel(name)
    return find_products(connections.odoo_of(name), sorted(codes_of(orders, channel)), channel.sku_fold_case)


def _add(
    connections: Connections, name: str, orders: list[tuple[Order, str, date | None]], result: Drafted, sales: Sales,
    *, keep: bool = False,
) -> None:  # fmt: skip
    if not orders:
        return
    settings, channel = connections.settings, connections.settings.channel(name)
    policy = channel.vat or settings.vat
    if policy.ioss:
        orders = _add_euro_rates(connections, name, orders)
    catalogue, label = catalogue_for(connections, name, (order for order, _, _ in orders)), connections.label(name)
    ids = [order.order_id for order, _, _ in orders]
    seal, accepted = sealer(connections), _read_accepted(connections, name, ids)
    with connections.warehouse.transaction() as connection:
        reductions = read_reductions(connection, name, ids)
    by_ledger = dict(find_departures(connections, name, (order for order, _, _ in orders), sales))
    for order, subject, day in orders:
        base, sold = sales.get(order.order_id, (None, False))
        last = LastLoad(
            seal=seal, base=base, sold=sold, accepted=order.order_id in accepted,
            reductions=reductions.get(order.order_id, ()), departure=by_ledger.get(order.order_id, UNTOLD),
        )  # fmt: skip
        try:
            made = draft(order, subject, channel, policy, catalogue, channel.zone, last)
            customer = name_customer(connections, name, order.buyer)
            secret = connections.vault.address_secret
            result.drafts.append(msgspec.structs.replace(made, channel=label, customer=customer, address_secret=secret))
        except RecordError as error:
            result.failures.append((order.order_id, day, error))
            by_ledger.pop(order.order_id, None)  # it may be told by the next run
    if keep:
        keep_departures(connections, name, by_ledger)


def _add_euro_rates(
    connections: Connections, name: str, orders: list[tuple[Order, str, date | None]]
) -> list[tuple[Order, str, date | None]]:
    """The orders with the rate of their currency on their day, which the limit of the import scheme is counted by."""
    from ...odoo.reference.rates import euro_rates

    wanted = {(order.currency, order.placed_at.date()) for order, _, _ in orders if order.currency != "EUR"}
    rates = euro_rates(connections.odoo_of(name), wanted)
    return [
        (msgspec.structs.replace(order, euro=rates.get((order.currency, order.placed_at.date()))), subject, day)
        for order, subject, day in orders
    ]


def _read_accepted(connections: Connections, name: str, order_ids: Sequence[str]) -> set[str]:
    from ...warehouse.orders.accepted import read_accepted

    if connections.settings.channel(name).risky == "confirm":
        return set()
    with connections.warehouse.transaction() as connection:
        return read_accepted(connection, name, order_ids)
