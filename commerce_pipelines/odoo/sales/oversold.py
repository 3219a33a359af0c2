"""Which confirmed orders ask for more than there is in stock.

What belongs here: one read of the moves that could not be reserved, summed per order. What does not: what is published
(inventory/stock.py, domain/inventory/availability.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal

from ...domain.sales.draft import Flag
from ..rpc.client import OdooClient


def oversold(client: OdooClient, order_ids: Collection[int]) -> dict[int, Flag]:
    """Flags by order id. Only moves whose operation type reserves at confirmation count, and of several steps only the
    first, because the others wait for it in any case. Kits are named by their components."""
    if not order_ids:
        return {}
    rows = client.call(
        "stock.move", "search_read", load=None, fields=["sale_line_id", "product_id", "product_uom_qty", "quantity"],
        domain=[
            ["sale_line_id.order_id", "in", sorted(order_ids)],
            ["state", "in", ["confirmed", "partially_available"]],
            ["procure_method", "=", "make_to_stock"],
            ["picking_type_id.reservation_method", "=", "at_confirm"],
        ],
    )  # fmt: skip
    if not rows:
        return {}
    lines = client.call(
        "sale.order.line", "read", ids=sorted({row["sale_line_id"] for row in rows}), fields=["order_id"], load=None
    )
    order_of = {line["id"]: line["order_id"] for line in lines}
    products = client.call(
        "product.product", "read", ids=sorted({row["product_id"] for row in rows}), fields=["default_code", "name"],
        load=None,
    )  # fmt: skip
    code_of = {product["id"]: product["default_code"] or product["name"] for product in products}
    short: dict[int, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in rows:
        missing = Decimal(str(row["product_uom_qty"])) - Decimal(str(row["quantity"]))
        if missing > 0:
            short[order_of[row["sale_line_id"]]][code_of[row["product_id"]]] += missing
    return {order_id: _build_flag(units) for order_id, units in short.items()}


def _build_flag(units: dict[str, Decimal]) -> Flag:
    shortage = ", ".join(f"{count.normalize():f} of {code}" for code, count in sorted(units.items()))
    return Flag("oversold", f"Not enough stock when the order was confirmed: {shortage} missing.",
                "Replenish, or agree with the buyer on a later delivery.", ", ".join(sorted(units)))  # fmt: skip
