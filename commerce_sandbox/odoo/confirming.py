"""The life of a sale order: confirm, cancel, back to draft, and what a confirmed order does not allow any more.

What belongs here: the buttons and the rules that come with the state. What does not: totals (sales.py), moves
(moves.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import UserError
from .moves import ask, cancel, deadline
from .orm import Env, hook, method
from .records import write
from .sales import _compute_delivered, pickings

NOT_TO_CONFIRM = "Some orders are not in a state requiring confirmation."
NO_PRODUCT = "Some order lines are missing a product, you need to correct them before going further."
NO_WAREHOUSE = "You must set a warehouse on your sale order to proceed."
PRICELIST = "You cannot change the pricelist of a confirmed order !"
LINE_GONE = (
    "Once a sales order is confirmed, you can't remove one of its lines (we need to track if something gets invoiced "
    "or delivered).\n                Set the quantity to 0 instead."
)
ORDER_GONE = "You can not delete a sent quotation or a confirmed sales order. You must first cancel it."
PRODUCT = "You cannot modify the product of this order line."
BELOW_DELIVERED = (
    "The ordered quantity of a sale order line cannot be decreased below the amount already delivered. Instead, create "
    "a return in your inventory."
)
LOCKED = "You cannot cancel a locked order. Please unlock it first."


def _list_lines(env: Env, orders: Sequence[int]) -> list[int]:
    return [i for order in orders for i in env.get("sale.order", order, "order_line")]


@method("sale.order", "action_confirm")
def action_confirm(env: Env, model: str, ids: Sequence[int]) -> bool:
    """Confirm all of the orders or none of them. As in Odoo, the order's date becomes the time of confirmation. Raises
    UserError for an order that is neither a quotation nor sent."""
    env.check("sale.order", "write")
    orders, rows = env.db.rows["sale.order"], env.db.rows["sale.order.line"]
    for order in ids:
        if orders.get(order, {}).get("state") not in ("draft", "sent"):
            raise UserError(NOT_TO_CONFIRM)
        for line in _list_lines(env, [order]):
            if not rows[line]["product_id"] and not rows[line]["display_type"] and not rows[line]["is_downpayment"]:
                raise UserError(NO_PRODUCT)
    write(env, "sale.order", ids, {"state": "sale", "date_order": env.stamp})
    for order in ids:
        if not orders[order]["warehouse_id"] and any(
            env.get("product.product", rows[i]["product_id"], "type") == "consu"
            for i in _list_lines(env, [order]) if rows[i]["product_id"]
        ):  # fmt: skip
            raise UserError(NO_WAREHOUSE)
    ask(env, _list_lines(env, ids))
    return True


@method("sale.order", "action_cancel")
def action_cancel(env: Env, model: str, ids: Sequence[int]) -> bool:
    """Cancel orders. Their deliveries that have not left are cancelled and release what they reserved; those that are
    done stay."""
    env.check("sale.order", "write")
    if any(env.db.rows["sale.order"][order]["locked"] for order in ids):
        raise UserError(LOCKED)
    for order in ids:
        open_ones = [p for p in pickings(env, order) if env.get("stock.picking", p, "state") != "done"]
        cancel(env, [m for p in open_ones for m in env.db.referring("stock.move", "picking_id", p)])
    return bool(write(env, "sale.order", ids, {"state": "cancel"}))


@method("sale.order", "action_draft")
def action_draft(env: Env, model: str, ids: Sequence[int]) -> bool:
    """Set cancelled and sent orders back to quotations; orders in another state are passed over, as in Odoo."""
    back = [order for order in ids if env.db.rows["sale.order"][order]["state"] in ("cancel", "sent")]
    return bool(write(env, "sale.order", back, {"state": "draft"}))


@method("sale.order", "action_quotation_sent")
def action_quotation_sent(env: Env, model: str, ids: Sequence[int]) -> None:
    """Mark quotations as sent. Raises UserError if one of them is in another state."""
    if any(env.db.rows["sale.order"][order]["state"] != "draft" for order in ids):
        raise UserError("Only draft orders can be marked as sent directly.")
    write(env, "sale.order", ids, {"state": "sent"})


@method("sale.order", "action_lock")
def action_lock(env: Env, model: str, ids: Sequence[int]) -> None:
    """Lock orders: lines cannot be changed any more."""
    write(env, "sale.order", ids, {"locked": True})


@method("sale.order", "action_unlock")
def action_unlock(env: Env, model: str, ids: Sequence[int]) -> None:
    """Unlock orders."""
    write(env, "sale.order", ids, {"locked": False})


@hook("sale.order", "writing")
def _order_writing(env: Env, ids: Sequence[int], vals: dict[str, Any]) -> None:
    if "pricelist_id" in vals and any(env.db.rows["sale.order"][order]["state"] == "sale" for order in ids):
        raise UserError(PRICELIST)
    if vals.get("partner_shipping_id") and env.context.get("update_delivery_shipping_partner"):
        for order in ids:
            for picking in pickings(env, order):
                env.db.put("stock.picking", picking, {"partner_id": vals["partner_shipping_id"],
                                                      "write_date": env.stamp})  # fmt: skip


@hook("sale.order", "written")
def _order_written(env: Env, ids: Sequence[int], vals: Mapping[str, Any]) -> None:
    """A promised date that is written becomes the deadline of open deliveries. Writing the order's date moves no
    deadline."""
    if "commitment_date" in vals:
        rows = env.db.rows["stock.move"]
        for line in _list_lines(env, ids):
            for move in env.db.referring("stock.move", "sale_line_id", line):
                if rows[move]["state"] not in ("done", "cancel"):
                    env.db.put("stock.move", move, {"date_deadline": deadline(env, line), "write_date": env.stamp})


@hook("sale.order", "deleting")
def _order_deleting(env: Env, ids: Sequence[int]) -> None:
    if any(env.db.rows["sale.order"][order]["state"] not in ("draft", "cancel") for order in ids):
        raise UserError(ORDER_GONE)


@hook("sale.order.line", "created")
def _lines_created(env: Env, ids: Sequence[int]) -> None:
    orders = env.db.rows["sale.order"]
    late = [i for i in ids if orders[env.db.rows["sale.order.line"][i]["order_id"]]["state"] == "sale"]
    if late:
        ask(env, late)
        for line in late:
            env.db.put("sale.order", env.db.rows["sale.order.line"][line]["order_id"], {"write_date": env.stamp})


@hook("sale.order.line", "writing")
def _line_writing(env: Env, ids: Sequence[int], vals: dict[str, Any]) -> None:
    rows = env.db.rows["sale.order.line"]
    for line in ids:
        row = rows[line]
        confirmed = env.db.rows["sale.order"][row["order_id"]]["state"] == "sale"
        if "product_id" in vals and vals["product_id"] != row["product_id"] and not _is_updatable(env, line, confirmed):
            raise UserError(PRODUCT)
        if confirmed and "product_uom_qty" in vals and vals["product_uom_qty"] != row["product_uom_qty"]:
            physical = row["product_id"] and env.get("product.product", row["product_id"], "type") == "consu"
            if physical and float(vals["product_uom_qty"] or 0) < _compute_delivered(env, line):
                raise UserError(BELOW_DELIVERED)


def _is_updatable(env: Env, line: int, confirmed: bool) -> bool:
    order = env.db.rows["sale.order"][env.db.rows["sale.order.line"][line]["order_id"]]
    if order["state"] == "cancel":
        return False
    moves = env.db.rows["stock.move"]
    moving = any(moves[i]["state"] != "cancel" for i in env.db.referring("stock.move", "sale_line_id", line))
    return not moving and not (confirmed and env.get("sale.order.line", line, "qty_invoiced"))


@hook("sale.order.line", "written")
def _line_written(env: Env, ids: Sequence[int], vals: Mapping[str, Any]) -> None:
    if "customer_lead" in vals:
        _redate(env, ids)
    if "product_uom_qty" in vals:
        ask(env, ids)


def _redate(env: Env, lines: Sequence[int]) -> None:
    """Writing a line's lead time computes the deadline of its moves anew, from the order's present date."""
    for line in lines:
        order = env.db.rows["sale.order"][env.db.rows["sale.order.line"][line]["order_id"]]
        if order["state"] == "sale" and not order["commitment_date"]:
            for move in env.db.referring("stock.move", "sale_line_id", line):
                env.db.put("stock.move", move, {"date_deadline": deadline(env, line), "write_date": env.stamp})


@hook("sale.order.line", "deleting")
def _line_deleting(env: Env, ids: Sequence[int]) -> None:
    rows, orders = env.db.rows["sale.order.line"], env.db.rows["sale.order"]
    if any(orders[rows[i]["order_id"]]["state"] == "sale" and not rows[i]["display_type"] for i in ids):
        raise UserError(LINE_GONE)
