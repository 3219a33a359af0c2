"""What the ledger of sale orders holds: its columns, and what it knows of orders.

What belongs here: the table's shape and reading it. What does not: what follows for an order
(domain/sales/lifecycle.py), what a row says (flows/orders/load.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...domain.sales.draft import Action
from ...domain.sales.lifecycle import Known

if TYPE_CHECKING:
    pass


LEDGER = (
    *("channel", "order_id", "day", "digest", "action", "odoo_id", "name", "state", "currency", "total"),
    *("amount_total", "amount_tax", "expected_tax", "rounding", "regime", "tax_country", "warehouse", "evidence"),
    *("code", "message", "loaded_at"),
)


def read_known(connection: Any, name: str, ids: list[str]) -> dict[str, Known]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id, digest, action, amount_total, code FROM commerce.sale_orders"
            " WHERE channel = %s AND order_id = ANY(%s)",
            (name, ids),
        )
        return {
            order_id: Known(digest=digest, action=Action(action), amount_total=total, code=code)
            for order_id, digest, action, total, code in cursor
        }
