"""Waiting returns and refunds whose cause is gone are made due, so that they are tried again without a person.

What belongs here: noticing that the order, a product or a setting has appeared. What does not: trying again (the lane's
next run), causes that Odoo shows by no sign and that are tried by time (domain/sales/lifecycle.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ...core.reasons import Retry, rule
from ...core.topics import Topic
from ...domain.sales.lifecycle import is_about_product
from ...resources.connections import Connections
from ...settings.fingerprint import fingerprint
from .load import STAGE, WAITING, judge_order
from .stage import TOPICS

if TYPE_CHECKING:
    from ...warehouse.exceptions import OpenException

CLOCKS_DIFFER = timedelta(seconds=5)


def heal(connections: Connections, name: str, now: datetime | None = None) -> int:
    """Make due what waits for an order that is in Odoo now, for a setting that changed since, or for a product that can
    be sold now, or for an invoice that was posted since, and refunds of whose order a credit note was posted since;
    returns how many records. A handful of reads of Odoo, and only while a record waits for what it shows."""
    from ...warehouse import exceptions

    now = now or connections.instruments.now()
    stamp = fingerprint(connections.settings, name, Topic.RETURNS)
    count = 0
    for topic in TOPICS:
        with connections.warehouse.transaction() as connection:
            waiting = [
                record
                for record in exceptions.open_exceptions(connection, name, topic)
                if record.blocking and record.stage == STAGE and not record.retry_at
            ]
        due = {record.record_id for record in waiting if record.settings != stamp}
        early = {record.record_id for record in waiting if rule(record.code).retry is Retry.ORDER}
        due |= _find_with_order(connections, name, topic, early)
        unbilled = [record for record in waiting if rule(record.code).retry is Retry.INVOICE]
        due |= _find_invoiced(connections, name, topic, unbilled)
        if topic is Topic.REFUNDS:
            due |= _find_credited(connections, name, due)
        about = {record.record_id: record.subject for record in waiting if is_about_product(record.code)}
        due |= _find_sellable(connections, name, {key: sku for key, sku in about.items() if key not in due})
        count += _ask_again(connections, name, topic, due, now)
    return count


def _find_with_order(connections: Connections, name: str, topic: Topic, record_ids: set[str]) -> set[str]:
    """Those of these records whose order needs no waiting for any more."""
    from ...warehouse.returns import ledger

    if not record_ids:
        return set()
    with connections.warehouse.transaction() as connection:
        entries = ledger.read_entries(connection, name, topic, record_ids)
        sales = ledger.read_sales(connection, name, {entry.order_id for entry in entries.values()})
    return {
        key
        for key, entry in entries.items()
        # Not those that Odoo refused: it does not have the order although the ledger says so.
        if entry.action == WAITING and judge_order(sales.get(entry.order_id)) != WAITING
    }


def _find_invoiced(connections: Connections, name: str, topic: Topic, waiting: Sequence[OpenException]) -> set[str]:
    """Those of these records of whose order an invoice was posted, or written again, after they were refused."""
    from ...odoo.returns.totals import newest_invoices
    from ...warehouse.returns import ledger

    if not waiting:
        return set()
    with connections.warehouse.transaction() as connection:
        entries = ledger.read_entries(connection, name, topic, [record.record_id for record in waiting])
        sales = ledger.read_sales(connection, name, {entry.order_id for entry in entries.values()})
    sale_of = {key: sales[entry.order_id].odoo_id for key, entry in entries.items() if entry.order_id in sales}
    newest = newest_invoices(connections.odoo_of(name), {sale_id for sale_id in sale_of.values() if sale_id})
    # Odoo's clock and ours may differ a little, and Odoo cuts off fractions of a second.
    return {
        record.record_id
        for record in waiting
        if (at := newest.get(sale_of.get(record.record_id) or 0)) and at >= record.last_seen - CLOCKS_DIFFER
    }


def _find_credited(connections: Connections, name: str, due: set[str]) -> set[str]:
    """The refunds of whose order a credit note was posted, or written again, after they were refused: it may stand for
    them. due: those that are tried again anyway."""
    from ...odoo.returns.totals import newest_credit_notes
    from ...warehouse import exceptions
    from ...warehouse.returns import ledger, unread_refunds

    with connections.warehouse.transaction() as connection:
        waiting = [
            record for record in exceptions.open_exceptions(connection, name, Topic.REFUNDS)
            if record.blocking and not record.retry_at and record.record_id not in due
        ]  # fmt: skip
        ids = [record.record_id for record in waiting]
        entries = ledger.read_entries(connection, name, Topic.REFUNDS, ids)
        orders = {key: entry.order_id for key, entry in entries.items()}
        orders |= {row.refund_id: row.order_id for row in unread_refunds.list_waiting(connection, name)}
        sales = ledger.read_sales(connection, name, set(orders.values()))
    sale_of = {key: sales[order_id].odoo_id or 0 for key, order_id in orders.items() if order_id in sales}
    wanted = {sale_of[key] for key in ids if sale_of.get(key)}
    newest = newest_credit_notes(connections.odoo_of(name), wanted) if wanted else {}
    return {
        record.record_id for record in waiting
        if (at := newest.get(sale_of.get(record.record_id, 0))) and at >= record.last_seen - CLOCKS_DIFFER
    }  # fmt: skip


def _find_sellable(connections: Connections, name: str, about: dict[str, str]) -> set[str]:
    """about: record id -> SKU."""
    from ...odoo.reference.products import find_products

    if not about:
        return set()
    fold = connections.settings.channel(name).sku_fold_case
    products = find_products(connections.odoo_of(name), sorted(set(about.values())), fold)
    sellable = {
        sku for sku in about.values() if [p.saleable for p in products.get(sku, ()) if p.active] == [True]
    }  # fmt: skip
    return {key for key, sku in about.items() if sku in sellable}


def replay(
    connections: Connections, name: str, *, code: str = "", record_ids: Iterable[str] = (), now: datetime | None = None
) -> int:
    """Make waiting records due on a person's command: those with one reason code, those named, or all; returns how
    many."""
    from ...warehouse import exceptions

    wanted = set(record_ids)
    count = 0
    for topic in TOPICS:
        with connections.warehouse.transaction() as connection:
            waiting = exceptions.open_exceptions(connection, name, topic, code=code)
        due = {row.record_id for row in waiting if row.blocking and (not wanted or row.record_id in wanted)}
        count += _ask_again(connections, name, topic, due, now or connections.instruments.now())
    return count


def _ask_again(connections: Connections, name: str, topic: Topic, record_ids: set[str], now: datetime) -> int:
    from ...warehouse import exceptions

    if not record_ids:
        return 0
    with connections.warehouse.transaction() as connection:
        return exceptions.ask_again(connection, name, topic, sorted(record_ids), now)
