"""Goods on their way back: the return wizard, and scrapping.

Imitated because clients rely on it: the return wizard accepts more units than were delivered, and a second call makes a
second return.

What belongs here: declarations and buttons of these models. What does not: how moves change stock (moves.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from .moves import change_quant
from .orm import Env, Row, method
from .records import create
from .schema import Model, boolean, char, choice, many2one, number, one2many
from .stock import place
from .transfers import action_assign

MODELS = (
    Model("stock.return.picking", {
        "picking_id": many2one("stock.picking"),
        "product_return_moves": one2many("stock.return.picking.line", "wizard_id"),
    }, title="Return Picking"),
    Model("stock.return.picking.line", {
        "wizard_id": many2one("stock.return.picking", required=True),
        "product_id": many2one("product.product", required=True),
        "quantity": number(),
        "move_id": many2one("stock.move"),
        "to_refund": boolean(default=True),
    }, title="Return Picking Line"),
    Model("stock.scrap", {
        "name": char(copy=False),
        "product_id": many2one("product.product", required=True),
        "scrap_qty": number(default=1.0),
        "location_id": many2one("stock.location", required=True),
        "picking_id": many2one("stock.picking"),
        "origin": char(),
        "state": choice("draft", "done", default="draft"),
    }, title="Scrap"),
)  # fmt: skip


@method("stock.return.picking", "action_create_returns")
def action_create_returns(env: Env, model: str, ids: Sequence[int]) -> Row:
    """The return wizard: an incoming transfer for the quantities of its lines, confirmed; the action that opens it.
    Raises UserError if no line has a quantity."""
    row = env.db.rows["stock.return.picking"][ids[0]]
    delivery = env.db.rows["stock.picking"][row["picking_id"]]
    warehouse = env.db.rows["stock.picking.type"][delivery["picking_type_id"]]["warehouse_id"]
    kind = env.db.rows["stock.warehouse"][warehouse]["in_type_id"]
    source, target = delivery["location_dest_id"], delivery["location_id"]
    moves = env.db.rows["stock.move"]
    parts = []
    for line in env.children(env.model(model).fields["product_return_moves"], ids[0]):
        wanted = env.db.rows["stock.return.picking.line"][line]
        back = moves[wanted["move_id"]]
        if wanted["quantity"]:
            parts.append([0, 0, {
                "product_id": wanted["product_id"], "product_uom_qty": wanted["quantity"], "state": "confirmed",
                "location_id": source, "location_dest_id": target, "sale_line_id": back["sale_line_id"],
                "origin_returned_move_id": wanted["move_id"], "bom_line_id": back["bom_line_id"],
                "to_refund": wanted["to_refund"],
            }])  # fmt: skip
    picking = create(env, "stock.picking", [{
        "picking_type_id": kind, "partner_id": delivery["partner_id"], "sale_id": delivery["sale_id"],
        "return_id": row["picking_id"], "origin": f"Return of {delivery['name']}", "location_id": source,
        "location_dest_id": target, "move_ids": parts,
    }])[0]  # fmt: skip
    action_assign(env, "stock.picking", [picking])
    return {"type": "ir.actions.act_window", "res_model": "stock.picking", "res_id": picking}


@method("stock.scrap", "action_validate")
def action_validate(env: Env, model: str, ids: Sequence[int]) -> bool | Row:
    """Scrap the goods and return True. If there are fewer in the location, nothing is scrapped, and the answer is
    Odoo's question (an action) whether to scrap more than there is."""
    for scrap in ids:
        row = env.db.rows["stock.scrap"][scrap]
        quants = env.db.rows["stock.quant"]
        there = sum(
            quants[i]["quantity"] for i in env.db.referring("stock.quant", "product_id", row["product_id"])
            if quants[i]["location_id"] == row["location_id"]
        )  # fmt: skip
        if there < row["scrap_qty"]:
            return {"type": "ir.actions.act_window", "res_model": "stock.warn.insufficient.qty.scrap"}
        change_quant(env, row["product_id"], row["location_id"], -row["scrap_qty"])
        change_quant(env, row["product_id"], place(env, "inventory"), row["scrap_qty"])
        env.db.put("stock.scrap", scrap, {"state": "done", "write_date": env.stamp})
    return True
