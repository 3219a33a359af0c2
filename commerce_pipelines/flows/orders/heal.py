"""Waiting orders whose cause is gone are made due, so that they are tried again without a person.

What belongs here: noticing that a product or a setting has appeared. What does not: trying again (the lane's next run),
when an order is tried whose cause cannot be noticed (domain/sales/lifecycle.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ...core.errors import PermanentError
from ...core.reasons import Retry, rule
from ...core.topics import Topic
from ...domain.sales.draft import Flag
from ...domain.sales.lifecycle import NOT_ASKED, is_about_product
from ...resources.connections import Connections
from ...settings.fingerprint import fingerprint
from ..odoo_writer import odoo_writer_if_free
from .marks import KEY, show

TOPIC = Topic.ORDERS


def heal(connections: Connections, name: str, now: datetime | None = None) -> int:
    """Make due what waits for a setting that changed since, or for a product that can be sold now; returns how many. A
    note that an order is short of stock is removed once Odoo could reserve the whole order.

    At most two reads of Odoo, and only while such an order waits. Raises the Odoo client's errors.
    """
    from ...odoo.reference.products import find_products
    from ...warehouse import exceptions

    now = now or connections.instruments.now()
    stamp = fingerprint(connections.settings, name, TOPIC)
    _settle_shortages(connections, name, now)
    with connections.warehouse.transaction() as connection:
        waiting = [
            record
            for record in exceptions.open_exceptions(connection, name, TOPIC)
            if record.blocking and record.stage == "load" and not record.retry_at
        ]
    due = {record.record_id for record in waiting if record.settings != stamp}
    about = {record.subject for record in waiting if is_about_product(record.code) and record.record_id not in due}
    if about:
        fold = connections.settings.channel(name).sku_fold_case
        products = find_products(connections.odoo_of(name), sorted(about), fold)
        sellable = {
            code for code in about if [p.saleable for p in products.get(code, ()) if p.active] == [True]
        }  # fmt: skip
        due |= {record.record_id for record in waiting if is_about_product(record.code) and record.subject in sellable}
    return _ask_again(connections, name, due, now)


def _settle_shortages(connections: Connections, name: str, now: datetime) -> None:
    from ...odoo.sales.oversold import oversold
    from ...warehouse import exceptions

    with connections.warehouse.transaction() as connection:
        notes = [
            note
            for note in exceptions.open_exceptions(connection, name, TOPIC)
            if note.odoo_id and rule(note.code).retry is Retry.STOCK
        ]
    if not notes:
        return
    still = oversold(connections.odoo_of(name), [note.odoo_id for note in notes if note.odoo_id])
    served = [note for note in notes if note.odoo_id not in still]
    if not _unmark(connections, name, [note.record_id for note in served]):
        return
    with connections.warehouse.transaction() as connection:
        for code in {note.code for note in served}:
            gone = [note.record_id for note in served if note.code == code]
            exceptions.resolve_notes(connection, name, TOPIC, gone, now, code=code)


def _unmark(connections: Connections, name: str, served: list[str]) -> bool:
    """Remove the mark of a shortage from these orders; returns False while it is not this channel's turn to write to
    Odoo, so that the next look does it."""
    from ...warehouse import exceptions

    if not served:
        return False
    with connections.warehouse.transaction() as connection:
        notes = exceptions.open_exceptions(connection, name, TOPIC, record_ids=served)
    orders: dict[int, tuple[Flag, ...]] = {record.odoo_id: () for record in notes if record.odoo_id}
    for record in notes:
        if record.odoo_id and record.note and rule(record.code).retry is not Retry.STOCK:
            orders[record.odoo_id] += (record.reason,)
    try:
        with odoo_writer_if_free(connections, name, [KEY]) as writer:
            if writer is not None:
                show(writer, orders)
            return writer is not None
    except PermanentError:
        return True  # this Odoo may not be written to, so it has no marks of ours


def replay(
    connections: Connections, name: str, *, code: str = "", order_ids: Iterable[str] = (), now: datetime | None = None
) -> int:
    """Make waiting orders due on a person's command: those with one reason code, those named, or all. Returns how many.
    A note is looked at again if its code or its order is named."""
    from ...warehouse import exceptions

    wanted = set(order_ids)
    with connections.warehouse.transaction() as connection:
        waiting = [
            record for record in exceptions.open_exceptions(connection, name, TOPIC, code=code)
            if not wanted or record.record_id in wanted
        ]  # fmt: skip
    notes = (
        {record.code for record in waiting if not record.blocking and record.code not in NOT_ASKED}
        if wanted or code
        else set()
    )
    due = {record.record_id for record in waiting if record.blocking or record.code in notes}
    return _ask_again(connections, name, due, now or connections.instruments.now(), notes)


def _ask_again(
    connections: Connections, name: str, order_ids: set[str], now: datetime, notes: Iterable[str] = ()
) -> int:
    from ...warehouse import exceptions

    if not order_ids:
        return 0
    with connections.warehouse.transaction() as connection:
        return exceptions.ask_again(connection, name, TOPIC, sorted(order_ids), now, notes)
