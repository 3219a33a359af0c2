"""One order by its number: read now, landed like any other, and its result after its day's run.

What belongs here: reading the order, and its result from the ledger and the exceptions. What does not: the run in
between (cli/pull.py starts it, the lane of assets/orders.py does the work), landing (flows/intake/pull.py).
"""

from __future__ import annotations

from datetime import date

import msgspec

from ...channels.capabilities import Page
from ...core.errors import PermanentError, SettingsError
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.sales.draft import Action
from ...resources.connections import Connections
from ..identity import identify
from ..intake.pull import Landed, land
from .heal import replay


class Fetched(msgspec.Struct, frozen=True):
    """One landed order and its business day."""

    order_id: str
    day: date


class Became(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an order's last run. action: None where no run has dealt with it. waits: why it is not in Odoo.
    notes: what a person should look at."""

    action: Action | None
    name: str = ""
    link: str = ""
    waits: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()


def fetch(connections: Connections, name: str, number: str) -> Fetched:
    """Read one order from the channel and land the answer; if the order waits, it becomes due again. number: its id, or
    the number that the marketplace shows to people.

    Raises PermanentError for an order that the channel does not know, SettingsError for an order of a day that no run
    can have, and the channel's own errors.
    """
    identify(connections, name)
    now, source = connections.instruments.now(), connections.channel(name).orders
    raw = source.fetch(number.strip())
    if raw is None:
        raise PermanentError(f"{name} has no order {number}: look whether number and channel are right.")
    landed = Landed()
    page = Page(records=(raw,), resume=None, watermark=now)
    order_id = land(connections, name, page, "pull", now, landed)[0].record_id
    history = connections.landing(name, Topic.ORDERS).history(order_id)
    if not history:
        raise PermanentError(f"The personal data of order {order_id} was erased: it is not fetched again.")
    snapshot = connections.landing(name, Topic.ORDERS).newest_of([order_id]).get(order_id)
    if snapshot is not None and snapshot.expired:
        raise PermanentError(f"Order {order_id} is past its age limit (privacy.keep_days): it is not fetched again.")
    day, channel = history[-1].day, connections.settings.channel(name)
    if day < channel.start_date:
        raise SettingsError(
            f"Order {order_id} is of {day}, before channels[{name}].start_date, {channel.start_date}: set it to {day} "
            "or earlier in commerce.yaml."
        )
    replay(connections, name, order_ids=[order_id])
    return Fetched(order_id, day)


def became(connections: Connections, name: str, order_id: str) -> Became:
    """The result of an order from the ledger and the exceptions."""
    from ...warehouse import exceptions

    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT action, name, odoo_id FROM commerce.sale_orders WHERE channel = %s AND order_id = %s",
            (name, order_id),
        )
        row = cursor.fetchone()
        open_ones = exceptions.open_exceptions(connection, name, Topic.ORDERS, record_ids=[order_id])
    action, sale, odoo_id = row or (None, "", None)
    url = connections.settings.odoo.url.rstrip("/")
    return Became(
        action=Action(action) if action else None,
        name=sale or "",
        link=f"{url}/odoo/sales/{odoo_id}" if odoo_id else "",
        waits=tuple(record.reason for record in open_ones if record.blocking),
        notes=tuple(record.reason for record in open_ones if not record.blocking),
    )
