"""Odoo's deliveries -> commerce.shipments: what was written to since the last look, or every order that is open.

What belongs here: how far to read, whose order a delivery is, keeping what was read. What does not: the calls
(odoo/fulfilment/), what follows (confirm.py).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from ...core.errors import CommerceError
from ...domain.sales.draft import order_xid
from ...resources.connections import Connections

if TYPE_CHECKING:
    from ...odoo.rpc.client import OdooClient

FIRST_LOOK = timedelta(days=30)  # how far back the first look goes
OVERLAP = timedelta(minutes=10)  # a write is stamped with the start of its transaction, so it may appear late
OPEN_FOR = timedelta(days=90)  # orders placed earlier are not compared any more
STAMP_UNSURE_FOR = timedelta(seconds=10)  # stamps are whole seconds: a second write may not show in them
_ORDERS_AT_ONCE = 500
_STAMP = "%Y-%m-%d %H:%M:%S"


class Read(msgspec.Struct, kw_only=True):
    """Figures of one look. orders: read of each channel. changed: ids of those whose deliveries are new or changed.
    problems: of companies that could not be read."""

    orders: dict[str, int] = msgspec.field(default_factory=dict)
    changed: dict[str, list[str]] = msgspec.field(default_factory=dict)
    problems: list[str] = msgspec.field(default_factory=list)


def told_channels(connections: Connections) -> list[str]:
    """The channels that are told of shipments."""
    return [channel.name for channel in connections.settings.channels if channel.fulfilment.enabled]


def read_shipments(connections: Connections, *, whole: bool = False) -> Read:
    """Look at Odoo for all channels that are told of shipments. whole: also at every order that a channel does not show
    as shipped, and at every order with something to tell, because Odoo's stamps may miss a change.

    Where one company cannot be read, the others are; raises the error where none can.
    """
    companies: dict[int, list[str]] = defaultdict(list)
    result, failed = Read(), None
    for name in told_channels(connections):
        try:
            companies[connections.company_of(name)].append(name)
        except CommerceError as error:
            failed = error
            result.problems.append(f"{name}: {error}")
    for company, names in companies.items():
        try:
            _read_company(connections, company, names, whole, result)
        except CommerceError as error:
            failed = error
            result.problems.append(f"{', '.join(names)}: {error}")
    if failed and not result.orders:
        raise failed
    return result


def _read_company(connections: Connections, company: int, names: Sequence[str], whole: bool, result: Read) -> None:
    from ...odoo.fulfilment.deliveries import read_changes
    from ...warehouse.fulfilment import shipments

    client, now = connections.odoo_of(names[0]), connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        before = shipments.read_reading(connection, company)
        opened = [
            sale for name in (names if whole else ()) for sale in shipments.open_sales(connection, name, now - OPEN_FOR)
        ]
    since = before.written_at - OVERLAP if before else now - FIRST_LOOK
    changes = read_changes(client, since)
    newest = max((_read_stamp(change.written_at) for change in changes), default=None)
    # Of the last minutes only, which the next look asks for: a delivery after a quiet hour is read once, not twice.
    latest = [change for change in changes if newest and _read_stamp(change.written_at) >= newest - OVERLAP]
    seen = _hash_changes((change.picking, change.written_at) for change in latest)
    fresh = whole or before is None or before.seen != seen or now - before.seen_at <= STAMP_UNSURE_FOR
    sales = {*opened, *((change.sale for change in changes) if fresh else ())}
    _keep_orders(connections, client, names, sales, result)
    if newest is not None:
        with connections.warehouse.transaction() as connection:
            shipments.keep_reading(connection, company, shipments.Reading(written_at=newest, seen=seen, seen_at=now))


def _keep_orders(
    connections: Connections, client: OdooClient, names: Sequence[str], sales: Collection[int], result: Read
) -> None:
    """Read these sale orders, those of them that are ours, and keep their deliveries."""
    from ...odoo.fulfilment.deliveries import read_orders
    from ...warehouse.fulfilment import shipments

    owners = _find_owners(connections, client, names, sales)
    for name in names:
        result.orders.setdefault(name, 0)
        result.changed.setdefault(name, [])
    pairs = iter(sorted(owners.items()))
    while part := dict(islice(pairs, _ORDERS_AT_ONCE)):
        read_at = connections.instruments.now()
        delivered = read_orders(client, part)
        by_channel: dict[str, dict[str, int]] = defaultdict(dict)
        for sale in delivered:
            name, order_id = part[sale]
            by_channel[name][order_id] = sale
        with connections.warehouse.transaction() as connection:
            for name, orders in by_channel.items():
                rows = {order_id: delivered[sale] for order_id, sale in orders.items()}
                result.orders[name] += len(rows)
                result.changed[name] += shipments.keep_deliveries(connection, name, rows, read_at)


def _find_owners(
    connections: Connections, client: OdooClient, names: Sequence[str], sales: Collection[int]
) -> dict[int, tuple[str, str]]:
    """(channel, order) of the sale orders that are ours, by record id: those of the ledger that have our external
    id."""
    from ...odoo.rpc.load import names_of
    from ...warehouse.fulfilment import shipments

    if not sales:
        return {}
    with connections.warehouse.transaction() as connection:
        rows = shipments.find_orders(connection, names, sales)
    there = names_of(client, "sale.order", [sale for _, _, sale in rows])
    return {
        sale: (name, order_id)
        for name, order_id, sale in rows
        if there.get(sale) == order_xid(connections.label(name), order_id)
    }


def _hash_changes(changes: Iterable[tuple[int, str]]) -> str:
    text = "\n".join(f"{picking} {written_at}" for picking, written_at in changes)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read_stamp(text: str) -> datetime:
    return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)


def counted(read: Read) -> Mapping[str, int]:
    return {name: len(changed) for name, changed in read.changed.items()}
