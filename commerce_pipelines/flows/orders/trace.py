"""The lineage of one order: every answer received, every decision with its evidence, what Odoo has, what waits.

What belongs here: gathering it. What does not: showing it (cli/orders.py). Personal data is read only on request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ...core.errors import PermanentError, RecordError, TransientError
from ...core.local_time import local_time
from ...core.topics import Topic
from ...domain.money import to_decimal
from ...domain.outbox.effects import Kind
from ...domain.sales.draft import Sale
from ...resources.connections import Connections
from .load import records
from .stage import read_order

if TYPE_CHECKING:
    from ...warehouse.exceptions import OpenException


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event or decision. at: None for a present state. details: name -> text."""

    what: str
    at: datetime | None = None
    details: dict[str, str] = {}


def trace(connections: Connections, name: str, order_id: str, *, personal: bool = False) -> list[Event]:
    """Everything known of an order, oldest first. personal: also the buyer's data, and what Odoo said in its own words;
    of a listing, by its key, what the channel said. Raises PermanentError for an order that was never seen."""
    from ...odoo.sales.sale_orders import sale_totals
    from ...warehouse import exceptions
    from ...warehouse.tables.frames import read_frame

    landing = connections.landing(name, Topic.ORDERS)
    history = landing.history(order_id)
    if not history and personal and (about_listing := read_words(connections, name, Kind.QUANTITY, order_id)):
        return about_listing
    if not history:
        raise PermanentError(
            f"{name} has no order {order_id!r} in the landing; check the id, or ask for it by "
            f"`commerce-pipelines pull {name} ORDER_ID`."
        )
    events = [
        Event(
            what=f"answer received by {landed.how}", at=landed.first_seen,
            details={"changed in the channel": local_time(landed.updated_at, seconds=True),
                     "digest": landed.digest[:12], "business day": landed.day.isoformat()},
        )
        for landed in history
    ]  # fmt: skip
    where = ("channel = %s AND order_id = %s", (name, order_id))
    with connections.warehouse.transaction() as connection:
        staged = list(records(read_frame(connection, "orders", None, *where)))
        lines = list(records(read_frame(connection, "order_lines", None, *where)))
        ledger = list(records(read_frame(connection, "sale_orders", None, *where)))
        waiting = exceptions.open_exceptions(connection, name, Topic.ORDERS, record_ids=[order_id])
    events += [_describe_staged(row, lines) for row in staged]
    events += [_describe_decided(row) for row in ledger]
    events += describe_waiting(waiting)
    events += ask_odoo(
        lambda: [
            _describe_sale(sale, connections.settings.odoo.url)
            for sale in sale_totals(connections.odoo_of(name), connections.label(name), [order_id]).values()
        ]
    )
    if personal:
        events += read_words(connections, name, Topic.ORDERS, order_id)
        events.append(_read_personal(connections, name, order_id))
    return sort_events(events)


def ask_odoo(read: Callable[[], list[Event]]) -> list[Event]:
    """What `read` finds in Odoo; while Odoo does not answer, that it does not, because what is on record here can be
    told all the same."""
    try:
        return read()
    except TransientError as error:
        return [Event(what="not known now: what Odoo has", details={"says": str(error)})]


def describe_waiting(waiting: Iterable[OpenException], about: str = "") -> list[Event]:
    """What waits, or is flagged. about: put before it where the records are not orders."""
    return [
        Event(what=f"{about}{'waits in exceptions' if row.blocking else 'flagged for a person'}", at=row.last_seen,
              details={"reason": row.code, "says": row.message, "what to do": row.fix, "tries": str(row.tries),
                       "first seen": local_time(row.first_seen), "run": row.run_id})
        for row in waiting
    ]  # fmt: skip


def sort_events(events: Iterable[Event]) -> list[Event]:
    """Oldest first, present states last."""
    return sorted(events, key=lambda event: (event.at is None, event.at.timestamp() if event.at else 0.0))


def _describe_staged(row: Any, lines: list[Any]) -> Event:
    currency = row["currency"]
    details = {
        "status": row["status"], "fulfilled by": row["fulfilled_by"], "shipped": row["shipped"],
        "total": f"{to_decimal(row['total'], currency)} {currency}",
        "collected by others": f"{to_decimal(row['collected'], currency)} {currency} {row['collected_as']}".strip(),
        "destination": f"{row['destination_country']} {row['destination_territory']}".strip(),
    }  # fmt: skip
    for line in sorted(lines, key=lambda line: line["position"]):
        amount = to_decimal(line["amount"], currency)
        details[f"line {line['line_id']}"] = f"{line['quantity']} × {line['sku'] or line['kind']}: {amount} {currency}"
    return Event(what="read as", details=details)


def _describe_decided(row: Any) -> Event:
    evidence: dict[str, str] = msgspec.json.decode(row["evidence"] or "{}", type=dict[str, str])
    details = {"outcome": row["action"], "regime": f"{row['regime']} {row['tax_country']}".strip(), **evidence}
    if row["name"]:
        details["sale order"] = row["name"]
    if row["code"]:
        details["reason"] = f"{row['code']}: {row['message']}"
    at = row["loaded_at"].to_pydatetime()  # a pandas time takes no local zone
    return Event(what="decided and loaded", at=at, details={k: v for k, v in details.items() if v})


def _describe_sale(sale: Sale, url: str) -> Event:
    return Event(
        what="in Odoo now",
        details={
            "sale order": f"{sale.name} (id {sale.odoo_id})", "state": sale.state,
            "total": f"{to_decimal(sale.total, sale.currency)} {sale.currency}",
            "tax": f"{to_decimal(sale.tax, sale.currency)} {sale.currency}",
            "delivered": "yes, at least in part" if sale.delivered else "no",
            "link": f"{url.rstrip('/')}/odoo/sales/{sale.odoo_id}",
        },
    )  # fmt: skip


def read_words(connections: Connections, name: str, topic: str, record_id: str) -> list[Event]:
    """What the other side said about a record when it refused it last."""
    from ...warehouse.landing import words

    with connections.warehouse.transaction() as connection:
        sealed = words.read(connection, connections.vault, name, topic, record_id)
    if sealed is None:
        return []
    who = "Odoo" if topic == Topic.ORDERS else name
    details = {who: sealed.text} if sealed.text is not None else {"erased": "the key of this buyer was destroyed"}
    return [Event(what="said in its own words", at=sealed.said_at, details=details)]


def _read_personal(connections: Connections, name: str, order_id: str) -> Event:
    from ...warehouse import audit

    with connections.warehouse.transaction() as connection:
        audit.note(connection, "personal data shown", account=name, topic=Topic.ORDERS, records=[order_id])
    snapshot = connections.landing(name, Topic.ORDERS).newest_of([order_id]).get(order_id)
    if snapshot is not None and snapshot.expired:
        return Event(what="personal data", details={"destroyed": "at the age limit, privacy.keep_days"})
    if snapshot is None or snapshot.raw is None:
        return Event(what="personal data", details={"erased": "the key of this buyer was destroyed"})
    try:
        order = read_order(connections.channel(name).orders, snapshot.raw, order_id)
    except RecordError as error:
        return Event(what="personal data", details={"unreadable": error.message})
    parties = {"buyer": order.buyer, "billing": order.billing, "delivery": order.shipping}
    return Event(
        what="personal data",
        details={
            f"{who} {field}": str(value)
            for who, part in parties.items()
            if part is not None
            for field, value in msgspec.structs.asdict(part).items()
            if value
        },
    )
