"""What buyers have asked a marketplace for, and it told us: to be erased, or to get their data.

    message ──▶ row, at once (flows/notices/reception.py) ──▶ known here? ──▶ request for erasure (erase.py)
                                                                  └─ no: kept for two days, as an order may still come

eBay tells every seller of every account that is deleted, and hardly any of them has bought here: only persons whose
answers were landed become a request. Nobody but the merchant can answer a person who asks for data: it is told.

What belongs here: handing these requests on. What does not: receiving them, carrying an erasure out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from ...core.topics import Topic
from ...resources.connections import Connections
from ...warehouse.shared import notifications
from ...warehouse.shared.conditions import Condition
from ...warehouse.shared.notifications import UNHEARD_FOR, Request

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

ASKED = "asked:"
TOLD_FOR = timedelta(days=30)  # GDPR Art. 12(3): a month to answer
HINTS = (Topic.ORDERS, Topic.RETURNS, Topic.REFUNDS)


class TakenUp(msgspec.Struct, frozen=True):
    """requests: for erasure, put on record. strangers: persons of whom nothing is known, and nothing came since."""

    requests: int = 0
    strangers: int = 0


def take_up(connections: Connections) -> TakenUp:
    """Make requests for erasure of what marketplaces passed on. Each is handed on in one transaction."""
    from ...warehouse.privacy import requests

    now, taken, strangers = connections.instruments.now(), 0, 0
    with connections.warehouse.transaction() as connection:
        rows = notifications.list_requests(connection, Topic.PRIVACY)
        notifications.forget(connection, HINTS)
    for row in rows:
        old = now - row.received_at
        with connections.warehouse.transaction() as connection:
            if row.asks != "erase":
                if old > TOLD_FOR:
                    notifications.close(connection, row)
                continue
            if subjects := _find_subjects(connections, connection, row):
                requests.ask(connection, f"{row.channel} (message)", {subject.hex() for subject in subjects}, (), now)
                notifications.close(connection, row)
                taken += 1
            elif old > UNHEARD_FOR:
                notifications.close(connection, row)
                strangers += 1
    return TakenUp(taken, strangers)


def answer_export(connections: Connections, channel: str, order_id: str) -> None:
    """A person's data were written to a file: who asked for them by this order is served."""
    with connections.warehouse.transaction() as connection:
        for row in notifications.list_requests(connection, Topic.PRIVACY):
            if row.asks == "export" and row.channel == channel and order_id in row.orders:
                notifications.close(connection, row)


def find_asked(connection: Connection) -> Iterator[Condition]:
    """What a person has to answer, for alerts."""
    for row in notifications.list_requests(connection, Topic.PRIVACY):
        key = f"{ASKED}{row.channel}:{row.delivery_id}"
        if row.asks == "export":
            command = "`commerce-pipelines export --email ADDRESS --output FILE`"
            if row.orders:
                command = f"`commerce-pipelines export --channel {row.channel} --order {row.orders[0]} --output FILE`"
            yield Condition(
                key=key,
                subject=f"a buyer of {row.channel} asks for their data (request {row.record_id})",
                message=f"{command} writes what is held; the marketplace's page of requests names the buyer. Answer "
                "within 30 days.",
            )
        elif row.asks == "erase_shop":
            yield Condition(
                key=key,
                subject=f"{row.channel}: the app was removed from the shop, and Shopify asks to erase its data",
                message="If you still sell there, install the app again. If not, take the channel out of commerce.yaml "
                "once its age limits (privacy.keep_days) have destroyed its answers, or erase persons one by one.",
            )


def _find_subjects(connections: Connections, connection: Connection, row: Request) -> set[bytes]:
    """The persons of the request who are known here, by themselves or by orders that it names."""
    from ...warehouse.privacy import subjects
    from ...warehouse.privacy.subjects import Record

    with_ids = list(map(bytes.fromhex, row.subjects))
    known_ids = {heir for line in connections.vault.lineages_of(connection, with_ids).values() for heir in line}
    orders = {Record(row.channel, Topic.ORDERS, order_id) for order_id in row.orders}
    records = orders | {record for _, record in subjects.records_about(connection, orders)}
    of_orders = {subject for _, subject in subjects.subjects_of(connection, records)}
    return known_ids | of_orders | (set(with_ids) if known_ids or of_orders else set())
