"""Warehouses, locations, quants, moves and transfers.

What belongs here: their declarations, what a warehouse brings along, counting stock. What does not: reserving and
shipping (moves.py), quantities of products (availability.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import company_of
from .orm import Env, Row, hook
from .records import create
from .schema import Model, boolean, char, choice, integer, json, many2many, many2one, moment, number, one2many, text

STATES = ("draft", "waiting", "confirmed", "partially_available", "assigned", "done", "cancel")


def _compute_location_name(env: Env, row_id: int) -> str:
    row = env.db.rows["stock.location"][row_id]
    parent = row["location_id"]
    if parent and row["usage"] != "view":
        return f"{_compute_location_name(env, parent)}/{row['name']}"
    return str(row["name"])


def _compute_path(env: Env, row_id: int) -> str:
    parent = env.db.rows["stock.location"][row_id]["location_id"]
    return f"{_compute_path(env, parent) if parent else ''}{row_id}/"


def warehouse_of(env: Env, location: int) -> int | bool:
    """The warehouse that a location belongs to: the one whose view location is above it."""
    while location:
        warehouses = env.db.referring("stock.warehouse", "view_location_id", location)
        if warehouses:
            return warehouses[0]
        location = env.db.rows["stock.location"][location]["location_id"]
    return False


def read_of(model: str, link: str, name: str) -> Any:
    """A function for `compute`: the value of a field of the record at which a many2one points."""

    def compute(env: Env, row_id: int) -> Any:
        target = env.db.rows[model][row_id][link]
        return env.get(env.db.models[model].fields[link].relation, target, name) if target else False

    return compute


def _compute_removal(env: Env, row_id: int) -> Any:
    lot = env.db.rows["stock.quant"][row_id]["lot_id"]
    return env.db.rows["stock.lot"][lot]["removal_date"] if lot else False


def _compute_type_name(env: Env, row_id: int) -> str:
    row = env.db.rows["stock.picking.type"][row_id]
    warehouse = row["warehouse_id"]
    return f"{env.db.rows['stock.warehouse'][warehouse]['name']}: {row['name']}" if warehouse else str(row["name"])


def _compute_tracking_url(env: Env, row_id: int) -> Any:
    row = env.db.rows["stock.picking"][row_id]
    url = row["carrier_id"] and env.get("delivery.carrier", row["carrier_id"], "tracking_url")
    ref = row["carrier_tracking_ref"]
    return url.replace("<shipmenttrackingnumber>", ref) if url and ref else False


def _compute_picking_state(env: Env, row_id: int) -> str:
    """`draft` without moves; `done`, `cancel` or `draft` when all moves agree; `assigned` as soon as any unit is
    reserved."""
    rows = env.db.rows["stock.move"]
    states = {rows[i]["state"] for i in env.db.referring("stock.move", "picking_id", row_id)}
    if not states or "draft" in states:
        return "draft"
    if states == {"cancel"}:
        return "cancel"
    if states <= {"done", "cancel"}:
        return "done"
    return "assigned" if states & {"assigned", "partially_available"} else "confirmed"


MODELS = (
    Model("stock.warehouse", {
        "name": char(required=True),
        "code": char(required=True),
        "active": boolean(default=True),
        "company_id": many2one("res.company", required=True, default=company_of),
        "partner_id": many2one("res.partner"),
        "view_location_id": many2one("stock.location"),
        "lot_stock_id": many2one("stock.location"),
        "in_type_id": many2one("stock.picking.type"),
        "out_type_id": many2one("stock.picking.type"),
        "int_type_id": many2one("stock.picking.type"),
        "delivery_steps": choice("ship_only", "pick_ship", "pick_pack_ship", default="ship_only"),
        "reception_steps": choice("one_step", "two_steps", "three_steps", default="one_step"),
        "sequence": integer(default=10),
    }, order="sequence,id", search_names=("name", "code"), title="Warehouse",
        unique=((("name", "company_id"), "The name of the warehouse must be unique "
                 "per company!"), (("code", "company_id"), "The short name of the "
                                   "warehouse must be unique per company!"))),
    Model("stock.location", {
        "name": char(required=True),
        "complete_name": char(compute=_compute_location_name),
        "display_name": char(compute=_compute_location_name),
        "location_id": many2one("stock.location"),
        "child_ids": one2many("stock.location", "location_id"),
        "parent_path": char(compute=_compute_path),
        "usage": choice("supplier", "view", "internal", "customer", "inventory", "production", "transit",
                        default="internal", required=True),
        "warehouse_id": many2one("stock.warehouse", compute=warehouse_of),
        "company_id": many2one("res.company", default=company_of),
        "active": boolean(default=True),
    }, order="complete_name, id", search_names=("complete_name",), title="Inventory Locations"),
    Model("stock.picking.type", {
        "name": char(required=True),
        "display_name": char(compute=_compute_type_name),
        "code": choice("incoming", "outgoing", "internal", "dropship", required=True),
        "sequence_code": char(required=True),
        "warehouse_id": many2one("stock.warehouse"),
        "company_id": many2one("res.company", required=True, default=company_of),
        "reservation_method": choice("at_confirm", "manual", "by_date", default="at_confirm", required=True),
        "create_backorder": choice("ask", "always", "never", default="ask", required=True),
        "return_picking_type_id": many2one("stock.picking.type"),
        "default_location_src_id": many2one("stock.location"),
        "default_location_dest_id": many2one("stock.location"),
        "sequence": integer(),
        "active": boolean(default=True),
    }, order="sequence, id", title="Picking Type"),
    Model("stock.lot", {
        "name": char(required=True),
        "product_id": many2one("product.product", required=True),
        "expiration_date": moment(),
        "removal_date": moment(),
        "company_id": many2one("res.company"),
    }, order="name, id", title="Lot/Serial"),
    Model("stock.quant", {
        "product_id": many2one("product.product", required=True),
        "product_tmpl_id": many2one("product.template",
                                    compute=read_of("stock.quant", "product_id", "product_tmpl_id")),
        "product_uom_id": many2one("uom.uom", compute=read_of("stock.quant", "product_id", "uom_id")),
        "location_id": many2one("stock.location", required=True),
        "lot_id": many2one("stock.lot"),
        "owner_id": many2one("res.partner"),
        "removal_date": moment(compute=_compute_removal),
        "warehouse_id": many2one("stock.warehouse", compute=lambda env, i: warehouse_of(
            env, env.db.rows["stock.quant"][i]["location_id"])),
        "company_id": many2one("res.company", default=company_of),
        "quantity": number(),
        "reserved_quantity": number(),
        "available_quantity": number(compute=lambda env, i: env.db.rows["stock.quant"][i]["quantity"]
                                     - env.db.rows["stock.quant"][i]["reserved_quantity"]),
        "inventory_quantity": number(),
        "inventory_quantity_auto_apply": number(compute=lambda env, i: env.db.rows["stock.quant"][i]["quantity"]),
        "inventory_quantity_set": boolean(),
        "in_date": moment(default=lambda env: env.stamp),
        "display_name": char(compute=lambda env, i: "{} - {}".format(
            _compute_location_name(env, env.db.rows["stock.quant"][i]["location_id"]),
            env.get("product.product", env.db.rows["stock.quant"][i]["product_id"], "display_name"))),
    }, rec_name="product_id", title="Quants"),
    Model("stock.picking", {
        "name": char(readonly=True, index=True, copy=False),
        "origin": char(),
        "partner_id": many2one("res.partner"),
        "picking_type_id": many2one("stock.picking.type", required=True),
        "picking_type_code": choice("incoming", "outgoing", "internal", "dropship",
                                    compute=read_of("stock.picking", "picking_type_id", "code")),
        "location_id": many2one("stock.location", required=True),
        "location_dest_id": many2one("stock.location", required=True),
        "move_ids": one2many("stock.move", "picking_id"),
        "state": choice(*STATES, compute=_compute_picking_state),
        "scheduled_date": moment(default=lambda env: env.stamp),
        "date_deadline": moment(),
        "date_done": moment(copy=False),
        "sale_id": many2one("sale.order"),
        "carrier_id": many2one("delivery.carrier"),
        "carrier_tracking_ref": char(copy=False),
        "carrier_tracking_url": char(compute=_compute_tracking_url),
        "backorder_id": many2one("stock.picking"),
        "return_id": many2one("stock.picking"),
        "priority": choice("0", "1", default="0"),
        "note": text(),
        "user_id": many2one("res.users"),
        "company_id": many2one("res.company", default=company_of),
    }, order="priority desc, scheduled_date asc, id desc", title="Transfer"),
    Model("stock.move", {
        "product_id": many2one("product.product", required=True),
        "product_uom": many2one("uom.uom"),
        "product_uom_qty": number(default=1.0),
        "product_qty": number(),  # the demand in the product's own unit
        "quantity": number(),  # reserved, or done
        "picked": boolean(),
        "to_refund": boolean(),
        "state": choice(*STATES, default="draft"),
        "procure_method": choice("make_to_stock", "make_to_order", default="make_to_stock"),
        "location_id": many2one("stock.location", required=True),
        "location_dest_id": many2one("stock.location", required=True),
        "picking_id": many2one("stock.picking"),
        "picking_type_id": many2one("stock.picking.type"),
        "picking_code": choice("incoming", "outgoing", "internal", "dropship",
                               compute=read_of("stock.move", "picking_type_id", "code")),
        "warehouse_id": many2one("stock.warehouse"),
        "sale_line_id": many2one("sale.order.line"),
        "bom_line_id": many2one("mrp.bom.line"),
        "has_tracking": choice("none", "lot", "serial", compute=read_of("stock.move", "product_id", "tracking")),
        "lot_ids": many2many("stock.lot", copy=False),
        "origin": char(),
        "origin_returned_move_id": many2one("stock.move"),
        "move_orig_ids": many2many("stock.move", "move_dest_ids", copy=False),
        "move_dest_ids": many2many("stock.move", "move_orig_ids", copy=False),
        "date": moment(default=lambda env: env.stamp),
        "date_deadline": moment(),
        "company_id": many2one("res.company", default=company_of),
        "sequence": integer(default=10),
        "held": json(),  # ours: ((quant, units) ...) that the move has reserved
        "reference": char(compute=read_of("stock.move", "picking_id", "name")),
    }, order="sequence, id", rec_name="reference", title="Stock Move"),
)  # fmt: skip


@hook("stock.warehouse", "created")
def _warehouse_created(env: Env, ids: Sequence[int]) -> None:
    """A warehouse comes with its locations and operation types."""
    for row_id in ids:
        row = env.db.rows["stock.warehouse"][row_id]
        view = create(env, "stock.location", {"name": row["code"], "usage": "view"})[0]
        stock = create(env, "stock.location", {"name": "Stock", "usage": "internal", "location_id": view})[0]
        made: Row = {"view_location_id": view, "lot_stock_id": stock}
        own = {"warehouse_id": row_id, "company_id": row["company_id"]}
        for name, label, code, short, source, target in (
            ("in_type_id", "Receipts", "incoming", "IN", place(env, "supplier"), stock),
            ("int_type_id", "Internal Transfers", "internal", "INT", stock, stock),
            ("out_type_id", "Delivery Orders", "outgoing", "OUT", stock, place(env, "customer")),
        ):
            vals = {"name": label, "code": code, "sequence_code": short, **own}
            vals |= {"default_location_src_id": source, "default_location_dest_id": target}
            made[name] = create(env, "stock.picking.type", vals)[0]
        env.db.put("stock.picking.type", made["out_type_id"], {"return_picking_type_id": made["in_type_id"]})
        env.db.put("stock.warehouse", row_id, made)


def place(env: Env, usage: str) -> int:
    """The location that the whole company shares for customers, suppliers or inventory counts."""
    rows = env.db.rows["stock.location"]
    return next(i for i, row in rows.items() if row["usage"] == usage)


@hook("stock.picking", "created")
def _picking_created(env: Env, ids: Sequence[int]) -> None:
    """Transfers are numbered per operation type: WH/OUT/00001."""
    for row_id in ids:
        row = env.db.rows["stock.picking"][row_id]
        kind = env.db.rows["stock.picking.type"][row["picking_type_id"]]
        code = env.db.rows["stock.warehouse"][kind["warehouse_id"]]["code"] if kind["warehouse_id"] else "X"
        number = env.db.following(f"stock.picking.type:{row['picking_type_id']}")
        env.db.put("stock.picking", row_id, {"name": f"{code}/{kind['sequence_code']}/{number:05d}"})
        for move in env.db.referring("stock.move", "picking_id", row_id):
            env.db.put("stock.move", move, {"picking_type_id": row["picking_type_id"], "origin": row["origin"]})


@hook("stock.move", "created")
def _move_created(env: Env, ids: Sequence[int]) -> None:
    from .products import in_unit

    for row_id in ids:
        row = env.db.rows["stock.move"][row_id]
        own = env.get("product.product", row["product_id"], "uom_id")
        unit = row["product_uom"] or own
        units = in_unit(env, row["product_uom_qty"], unit, own)
        env.db.put("stock.move", row_id, {"product_uom": unit, "product_qty": units})
