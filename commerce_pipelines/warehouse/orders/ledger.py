"""The ledger of sale orders: its columns, and reading it.

What belongs here: the table's shape and reading it, and noting what refunds make of an order. What does not: what
follows for an order (domain/sales/lifecycle.py), what a row contains (flows/orders/load.py).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec

from ...core.topics import Topic
from ...domain.sales.base import Base
from ...domain.sales.draft import Action, SaleOutcome
from ...domain.sales.lifecycle import LedgerEntry, Says
from ..tables.database import block_writers

LEDGER = (
    *("channel", "order_id", "day", "digest", "action", "odoo_id", "name", "state", "currency", "total"),
    *("amount_total", "amount_tax", "expected_tax", "rounding", "regime", "tax_country", "warehouse", "evidence"),
    *("base", "code", "message", "loaded_at"),
)
_decode = msgspec.json.Decoder(Base).decode


def read_entries(connection: Any, name: str, ids: list[str]) -> dict[str, LedgerEntry]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, digest, action, amount_total, code, base FROM commerce.sale_orders"
            " WHERE channel = %s AND order_id = ANY(%s)",
            (name, ids),
        )
        return {
            order_id: LedgerEntry(
                digest=digest, action=Action(action), amount_total=total, code=code, base=read_base(base)
            )
            for order_id, digest, action, total, code, base in cursor
        }


def read_days(connection: Any, name: str, ids: list[str]) -> dict[str, date]:
    """The business days of these orders."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, day FROM commerce.sale_orders WHERE channel = %s AND order_id = ANY(%s)", (name, ids)
        )
        return dict(cursor.fetchall())


def keep_reduced(connection: Any, name: str, outcome: SaleOutcome, base: Base | None, now: datetime) -> None:
    """Note what a refund has made of an order: its figures, and its base if that is new. A cancelled order counts as
    cancelled by us, so that it may come back."""
    changes = {"amount_total": outcome.amount_total, "amount_tax": outcome.amount_tax, "state": outcome.state}
    changes |= {"loaded_at": now} | ({"base": msgspec.json.encode(base).decode()} if base else {})
    columns = ", ".join(f"{column} = %s" for column in changes)
    is_gone, flagged = outcome.action is Action.CANCELLED, [Action.FLAGGED.value, Action.REFUSED.value]
    action = "%s" if is_gone else "CASE WHEN action = ANY(%s) THEN action ELSE %s END"
    actions = (Action.CANCELLED.value,) if is_gone else (flagged, Action.CHANGED.value)
    block_writers(connection, "sale_orders", name)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE commerce.sale_orders SET {columns}, action = {action} WHERE channel = %s AND order_id = %s",
            (*changes.values(), *actions, name, outcome.order_id),
        )


def read_unreadable(connection: Any, name: str, start: date, end: date) -> list[dict[str, Any]]:
    """The ledger's orders of some days whose newest answer could not be read and which are therefore not staged: as
    rows of `orders`, with the digest of their last readable answer."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT l.order_id, l.day, l.digest, l.currency, l.total FROM commerce.sale_orders l
            WHERE l.channel = %(name)s AND l.day >= %(start)s AND l.day < %(end)s AND l.odoo_id IS NOT NULL
            AND EXISTS (SELECT FROM commerce.exceptions e WHERE e.channel = l.channel AND e.topic = %(topic)s
                AND e.record_id = l.order_id AND e.stage = 'transform' AND e.note = '' AND e.resolved_at IS NULL)
            AND NOT EXISTS (SELECT FROM commerce.orders o WHERE o.channel = l.channel AND o.order_id = l.order_id)""",
            {"name": name, "start": start, "end": end, "topic": Topic.ORDERS},
        )
        return [
            {
                "channel": name, "order_id": order_id, "day": day, "digest": digest, "status": Says.UNREADABLE.value,
                "currency": currency, "total": total, "is_other_channel": False, "is_test": False,
            }
            for order_id, day, digest, currency, total in cursor
        ]  # fmt: skip


def read_base(text: str) -> Base | None:
    """The base; None for a row that was written before bases existed, or by a version that stored them in another
    form."""
    try:
        return _decode(text) if text else None
    except msgspec.DecodeError:
        return None
