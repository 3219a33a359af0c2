"""The buttons of transfers and counts: confirm, reserve, validate, cancel, and counting stock.

What belongs here: public methods and hooks of stock.picking, stock.move and stock.quant. What does not: how moves and
quants change (moves.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import UserError
from .moves import OPEN, cancel, change_quant, finish, free_what_is_gone, release, reserve, serve
from .orm import Env, Row, hook, method
from .packages import complete_lines
from .records import create
from .stock import place

NOTHING = (
    "Transfer trouble alert! Validating a zero quantity transfer? You're not moving invisible goods around are you?\n"
    "Set some quantities and let's get moving!"
)


def _list_moves(env: Env, pickings: Sequence[int], *states: str) -> list[int]:
    rows = env.db.rows["stock.move"]
    moves = [i for p in pickings for i in env.db.referring("stock.move", "picking_id", p)]
    return [i for i in moves if not states or rows[i]["state"] in states]


@method("stock.picking", "action_confirm")
def action_confirm(env: Env, model: str, ids: Sequence[int]) -> bool:
    """Confirm transfers; reserve if their operation type reserves at confirmation."""
    env.check("stock.picking", "write")
    drafts = _list_moves(env, ids, "draft")
    for move in drafts:
        env.db.put("stock.move", move, {"state": "confirmed", "write_date": env.stamp})
    kinds, rows = env.db.rows["stock.picking.type"], env.db.rows["stock.picking"]
    at_once = [p for p in ids if kinds[rows[p]["picking_type_id"]]["reservation_method"] == "at_confirm"]
    reserve(env, _list_moves(env, at_once, *OPEN))
    return True


@method("stock.picking", "action_assign")
def action_assign(env: Env, model: str, ids: Sequence[int]) -> bool:
    """Reserve what there is. Raises UserError if no move is open."""
    env.check("stock.picking", "write")
    action_confirm(env, model, [p for p in ids if env.get("stock.picking", p, "state") == "draft"])
    moves = _list_moves(env, ids, *OPEN)
    if not moves:
        raise UserError("Nothing to check the availability for.")
    reserve(env, moves)
    return True


@method("stock.picking", "do_unreserve")
def do_unreserve(env: Env, model: str, ids: Sequence[int]) -> None:
    """Give back what the open moves have reserved."""
    env.check("stock.picking", "write")
    for move in _list_moves(env, ids, *OPEN):
        release(env, move)


@method("stock.picking", "action_cancel")
def action_cancel(env: Env, model: str, ids: Sequence[int]) -> bool:
    """Cancel the moves that are not done."""
    env.check("stock.picking", "write")
    cancel(env, _list_moves(env, ids))
    return True


@method("stock.picking", "button_validate")
def button_validate(env: Env, model: str, ids: Sequence[int]) -> Any:
    """Validate transfers: True when they are done. The answer is the backorder question, as an action, when units are
    missing and the context does not say what to do with them."""
    env.check("stock.picking", "write")
    todo = [p for p in ids if env.get("stock.picking", p, "state") != "done"]
    action_confirm(env, model, [p for p in todo if env.get("stock.picking", p, "state") == "draft"])
    rows = env.db.rows["stock.move"]
    for picking in todo:
        if not _list_moves(env, [picking]):
            raise UserError("You can’t validate an empty transfer. Please add some products to move before proceeding.")
        ours = _list_moves(env, [picking], *OPEN)
        picked = [i for i in ours if rows[i]["picked"]]
        if not any(rows[i]["quantity"] for i in picked or ours):
            raise UserError(NOTHING)
        if not picked:
            for move in _list_moves(env, [picking]):
                env.db.put("stock.move", move, {"picked": True})
    if warned := [p for p in todo if not env.context.get("skip_sms") and _is_asked_of_sms(env, p)]:
        return {"name": "SMS", "type": "ir.actions.act_window", "view_mode": "form", "res_model": "confirm.stock.sms",
                "target": "new", "context": {"default_pick_ids": [[4, p] for p in warned]}}  # fmt: skip
    short = [p for p in todo if _is_short(env, p)]
    if short and not env.context.get("skip_backorder"):
        return {
            "name": "Create Backorder?",
            "type": "ir.actions.act_window",
            "view_mode": "form",
            "res_model": "stock.backorder.confirmation",
            "target": "new",
            "context": {"button_validate_picking_ids": list(ids), "default_show_transfers": len(todo) > 1,
                        "default_pick_ids": [[4, p] for p in short]},
        }  # fmt: skip
    dropping = env.context.get("picking_ids_not_to_backorder") or ()
    for picking in todo:
        _ship(env, picking, backorder=picking not in dropping)
    return True


def _is_asked_of_sms(env: Env, picking: int) -> bool:
    """Whether the module stock_sms asks before it writes to a customer who has a telephone number. It asks at every
    call until a person answers; nothing is validated meanwhile."""
    row = env.db.rows["stock.picking"][picking]
    kind, partner = env.db.rows["stock.picking.type"][row["picking_type_id"]], row["partner_id"]
    company = env.db.rows["res.company"][row["company_id"]]
    asks = company["stock_text_confirmation"] and not company["has_received_warning_stock_sms"]
    return bool(asks and kind["code"] == "outgoing" and partner and env.db.rows["res.partner"][partner]["phone"])


def _is_short(env: Env, picking: int) -> bool:
    rows = env.db.rows["stock.move"]
    return any(
        (rows[i]["product_uom_qty"] and not rows[i]["picked"]) or rows[i]["quantity"] + 1e-6 < rows[i]["product_qty"]
        for i in _list_moves(env, [picking]) if rows[i]["state"] != "cancel"
    )  # fmt: skip


def _ship(env: Env, picking: int, *, backorder: bool) -> None:
    rows = env.db.rows["stock.move"]
    later: list[int] = []
    for move in _list_moves(env, [picking], *OPEN):
        row = rows[move]
        going = row["quantity"] if row["picked"] else 0.0
        missing = row["product_qty"] - going
        if going and missing > 1e-6:
            rest = {name: value for name, value in row.items() if name in env.model("stock.move").fields}
            rest |= {"product_uom_qty": missing, "quantity": 0.0, "held": False, "picked": False, "state": "confirmed",
                     "product_uom": False, "picking_id": False}  # fmt: skip
            later += create(env.having(sudo=True), "stock.move", rest)
            env.db.put("stock.move", move, {"product_uom_qty": going, "product_qty": going})
        elif not going:
            later.append(move)
    leaving = [i for i in _list_moves(env, [picking], *OPEN) if i not in later]
    finish(env, leaving)
    for move in leaving:
        complete_lines(env, move)
    env.db.put("stock.picking", picking, {"date_done": env.stamp, "write_date": env.stamp})
    if later and backorder:
        head = env.db.rows["stock.picking"][picking]
        kept = (
            "picking_type_id",
            "sale_id",
            "origin",
            "carrier_id",
            "partner_id",
            "return_id",
            "location_id",
            "location_dest_id",
        )
        vals: Row = {**{name: head[name] for name in kept}, "backorder_id": picking}
        new = create(env.having(sudo=True), "stock.picking", vals)[0]
        for move in later:
            env.db.put("stock.move", move, {"picking_id": new, "write_date": env.stamp})
        reserve(env, later)
    else:
        cancel(env, later)


@hook("stock.move", "defaults")
def _move_defaults(env: Env, vals: dict[str, Any]) -> None:
    """A move in a transfer goes where the transfer goes."""
    picking = vals.get("picking_id")
    if picking:
        head = env.db.rows["stock.picking"][picking]
        for name in ("location_id", "location_dest_id", "picking_type_id"):
            if not vals.get(name):
                vals[name] = head[name]


@hook("stock.picking", "defaults")
def _picking_defaults(env: Env, vals: dict[str, Any]) -> None:
    kind = vals.get("picking_type_id")
    if kind:
        row = env.db.rows["stock.picking.type"][kind]
        vals.setdefault("location_id", row["default_location_src_id"])
        vals.setdefault("location_dest_id", row["default_location_dest_id"])


@hook("stock.picking", "written")
def _picking_written(env: Env, ids: Sequence[int], vals: Mapping[str, Any]) -> None:
    """The date of a transfer that is done is that of its movements."""
    if vals.get("date_done"):
        for picking in ids:
            if env.get("stock.picking", picking, "state") == "done":
                for move in env.db.referring("stock.move", "picking_id", picking):
                    env.db.put("stock.move", move, {"date": vals["date_done"]})


@hook("stock.move", "written")
def _move_written(env: Env, ids: Sequence[int], vals: Mapping[str, Any]) -> None:
    """A quantity that a person types is reserved as far as there is stock, and keeps the typed figure."""
    if "product_uom_qty" in vals:
        for move in ids:
            env.db.put("stock.move", move, {"product_qty": env.db.rows["stock.move"][move]["product_uom_qty"]})
    if "quantity" not in vals:
        return
    for move in ids:
        row = env.db.rows["stock.move"][move]
        typed, had = row["quantity"], sum(n for _i, n in row["held"] or ())
        if row["state"] not in OPEN:
            continue
        if typed < had:
            env.db.put("stock.move", move, {"quantity": had})
            release(env, move, had - typed)
        elif typed > had:
            demand = row["product_qty"]
            env.db.put("stock.move", move, {"quantity": had, "product_qty": typed})
            reserve(env, [move])
            state = "assigned" if typed >= demand else "partially_available"
            env.db.put("stock.move", move, {"quantity": typed, "product_qty": demand, "state": state})


@hook("stock.quant", "defaults")
def _quant_defaults(env: Env, vals: dict[str, Any]) -> None:
    """Outside of inventory mode a counted quantity is not applied: the call only creates an empty quant."""
    if "inventory_quantity_auto_apply" in vals or "inventory_quantity" in vals:
        vals.pop("quantity", None)


def count(env: Env, several: Sequence[Mapping[str, Any]]) -> list[int]:
    """Counted stock in inventory mode: from now on the quant of that product and place has that quantity."""
    lines = []
    for vals in several:
        rows = env.db.rows["stock.quant"]
        same = [i for i in env.db.referring("stock.quant", "product_id", vals["product_id"])
                if rows[i]["location_id"] == vals["location_id"]]  # fmt: skip
        counted = vals.get("inventory_quantity_auto_apply", vals.get("inventory_quantity")) or 0.0
        plain = {name: vals[name] for name in ("product_id", "location_id")}
        quant = same[0] if same else create(env.having(inventory_mode=False), "stock.quant", [plain])[0]
        if "inventory_quantity_auto_apply" in vals:
            apply_count(env, quant, float(counted))
        else:
            env.db.put("stock.quant", quant, {"inventory_quantity": float(counted), "inventory_quantity_set": True})
        lines.append(quant)
    return lines


def apply_count(env: Env, quant: int, counted: float) -> None:
    """Set a quant to the counted units, by a move from or to the location for inventory losses."""
    row = env.db.rows["stock.quant"][quant]
    product, location, change = row["product_id"], row["location_id"], counted - row["quantity"]
    env.touch()
    env.db.put("stock.quant", quant, {"quantity": counted, "inventory_quantity": 0.0, "inventory_quantity_set": False,
                                      "write_date": env.stamp})  # fmt: skip
    if change:
        change_quant(env, product, place(env, "inventory"), -change)
        free_what_is_gone(env, product, location)
        serve(env, product, location)


@method("stock.quant", "create", of_model=True)
def create_quants(env: Env, model: str, vals_list: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> list[int]:
    """Odoo's create() of quants: counting in inventory mode, plain rows otherwise; ids of the quants."""
    several = [vals_list] if isinstance(vals_list, Mapping) else list(vals_list)
    counted = ("inventory_quantity", "inventory_quantity_auto_apply")
    env.check("stock.quant", "create")
    ids: list[int] = []
    for vals in several:
        counting = env.context.get("inventory_mode") and any(name in vals for name in counted)
        ids += count(env, [vals]) if counting else create(env, "stock.quant", [vals])
    return ids


@method("stock.quant", "action_apply_inventory")
def action_apply_inventory(env: Env, model: str, ids: Sequence[int]) -> None:
    """Apply the counted quantities of these quants."""
    env.check("stock.quant", "write")
    for quant in ids:
        row = env.db.rows["stock.quant"][quant]
        if row["inventory_quantity_set"]:
            apply_count(env, quant, row["inventory_quantity"])


@hook("stock.quant", "writing")
def _quant_writing(env: Env, ids: Sequence[int], vals: dict[str, Any]) -> None:
    if "inventory_quantity_auto_apply" in vals and env.context.get("inventory_mode"):
        for quant in ids:
            apply_count(env, quant, float(vals["inventory_quantity_auto_apply"] or 0.0))
    elif "inventory_quantity" in vals:
        vals["inventory_quantity_set"] = True
