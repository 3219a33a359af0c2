"""Packages, and which goods of a move lie in which of them (move lines).

What belongs here: these two models, and putting goods in a package. What does not: moves (moves.py), transfers
(transfers.py).

Unlike in Odoo, a move line exists only for goods that were put in a package and, once the move is done, for the rest of
the move.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import company_of
from .orm import Env, method
from .records import create
from .schema import Model, char, many2one, moment, number
from .stock import read_of


def _compute_own_quantity(env: Env, row_id: int) -> float:
    """In the product's own unit; a line is in its move's."""
    line = env.db.rows["stock.move.line"][row_id]
    move = env.db.rows["stock.move"].get(line["move_id"] or 0)
    size = move["product_qty"] / move["product_uom_qty"] if move and move["product_uom_qty"] else 1.0
    return float(line["quantity"] * size)


MODELS = (
    Model("stock.package", {
        "name": char(required=True),
        "company_id": many2one("res.company", default=company_of),
        "package_type_id": many2one("stock.package.type"),
        "shipping_weight": number(),
    }, title="Package"),
    Model("stock.package.type", {
        "name": char(required=True),
        "packaging_length": number(),
        "width": number(),
        "height": number(),
        "base_weight": number(),
        "length_uom_name": char(default="mm"),
        "weight_uom_name": char(default="kg"),
    }, title="Stock package type"),
    Model("stock.move.line", {
        "move_id": many2one("stock.move"),
        "picking_id": many2one("stock.picking"),
        "product_id": many2one("product.product", required=True),
        "quantity": number(),
        "quantity_product_uom": number(compute=_compute_own_quantity),
        "package_id": many2one("stock.package"),
        "result_package_id": many2one("stock.package"),
        "lot_id": many2one("stock.lot"),
        "state": char(compute=read_of("stock.move.line", "move_id", "state")),
        "date": moment(default=lambda env: env.stamp),
    }, rec_name="product_id", title="Product Moves (Stock Move Line)"),
)  # fmt: skip


def complete_lines(env: Env, move: int) -> None:
    """Make a move line for the units of a move that lie in no line yet."""
    row, rows = env.db.rows["stock.move"][move], env.db.rows["stock.move.line"]
    rest = row["quantity"] - sum(rows[i]["quantity"] for i in env.db.referring("stock.move.line", "move_id", move))
    if rest > 1e-6:
        vals = {"move_id": move, "picking_id": row["picking_id"], "product_id": row["product_id"], "quantity": rest}
        create(env.having(sudo=True), "stock.move.line", vals)


@method("stock.picking", "action_put_in_pack")
def action_put_in_pack(
    env: Env, model: str, ids: Sequence[int], package_id: Any = False, package_type_id: Any = False,
    package_name: Any = False,
) -> list[int]:  # fmt: skip
    """Put what lies in no package yet into a new one; the package's id."""
    env.check("stock.picking", "write")
    [picking] = ids
    for move in env.db.referring("stock.move", "picking_id", picking):
        complete_lines(env, move)
    name = package_name or f"PACK{env.db.following('stock.package'):07d}"
    vals = {"name": name, "package_type_id": package_type_id}
    package = package_id or create(env.having(sudo=True), "stock.package", vals)[0]
    for line in env.db.referring("stock.move.line", "picking_id", picking):
        if not env.db.rows["stock.move.line"][line]["result_package_id"]:
            env.db.put("stock.move.line", line, {"result_package_id": package})
    return [package]
