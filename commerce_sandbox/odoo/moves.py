"""Stock moves: reserving, shipping, receiving, cancelling, and the moves that a sale needs.

What belongs here: how moves and quants change. What does not: declarations (stock.py), which button changes them
(transfers.py).

`held` of a move are pairs of (quant, units): what the move has reserved. A kit has no moves; its components have. Units
are those of the product.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from .availability import expired
from .domains import descendants
from .orm import Env, Row
from .products import components, in_unit, kit_of
from .records import create
from .stock import place

OPEN = ("waiting", "confirmed", "partially_available", "assigned")
_TINY = 1e-6


def stored(env: Env, product: int) -> bool:
    """Whether Odoo keeps stock of a product (`is_storable`)."""
    return bool(env.get("product.product", product, "is_storable"))


def change_quant(env: Env, product: int, location: int, units: float) -> None:
    """Add units to the first quant of a product in a location; a negative number takes them."""
    quants = env.db.rows["stock.quant"]
    for i in env.db.referring("stock.quant", "product_id", product):
        if quants[i]["location_id"] == location:
            env.db.put("stock.quant", i, {"quantity": quants[i]["quantity"] + units, "write_date": env.stamp})
            return
    create(env.having(sudo=True, inventory_mode=False), "stock.quant",
           {"product_id": product, "location_id": location, "quantity": units})  # fmt: skip


def _is_internal(env: Env, location: int) -> bool:
    return env.db.rows["stock.location"][location]["usage"] in ("internal", "transit", "view")


def reserve(env: Env, moves: Iterable[int]) -> None:
    """Reserve free units for each move, from the oldest quants first. A move of a product without stock is ready at
    once."""
    for move in moves:
        row = env.db.rows["stock.move"][move]
        if row["state"] not in OPEN:
            continue
        missing = row["product_qty"] - row["quantity"]
        if not _is_internal(env, row["location_id"]) or not stored(env, row["product_id"]):
            env.db.put("stock.move", move, {"quantity": row["product_qty"], "state": "assigned"})
        elif missing > _TINY:
            _hold(env, move, row, missing)
        else:
            _settle(env, move)


def _hold(env: Env, move: int, row: Row, missing: float) -> None:
    quants = env.db.rows["stock.quant"]
    held = dict(row["held"] or ())
    below = descendants(env, "stock.location", [row["location_id"]])
    here = [i for i in env.db.referring("stock.quant", "product_id", row["product_id"])
            if quants[i]["location_id"] in below and not expired(env, i)]  # fmt: skip
    free_in_all = sum(quants[i]["quantity"] - quants[i]["reserved_quantity"] for i in here)
    missing = min(missing, max(free_in_all, 0.0))
    for i in sorted(here, key=lambda i: (quants[i]["in_date"] or "", i)):
        take = min(missing, quants[i]["quantity"] - quants[i]["reserved_quantity"])
        if take > _TINY:
            held[i] = held.get(i, 0.0) + take
            reserved = quants[i]["reserved_quantity"] + take
            env.db.put("stock.quant", i, {"reserved_quantity": reserved, "write_date": env.stamp})
            missing -= take
    env.db.put("stock.move", move, {"held": tuple(held.items()), "quantity": sum(held.values())})
    _settle(env, move)


def release(env: Env, move: int, units: float | None = None) -> None:
    """Give back what a move has reserved, or only so many units of it, the latest first."""
    row = env.db.rows["stock.move"][move]
    held = dict(row["held"] or ())
    left = row["quantity"] if units is None else units
    quants = env.db.rows["stock.quant"]
    for i in reversed(list(held)):
        back = min(left, held[i])
        env.db.put("stock.quant", i, {"reserved_quantity": quants[i]["reserved_quantity"] - back,
                                      "write_date": env.stamp})  # fmt: skip
        held[i] -= back
        left -= back
    kept = tuple((i, n) for i, n in held.items() if n > _TINY)
    quantity = 0.0 if units is None else row["quantity"] - units
    env.db.put("stock.move", move, {"held": kept, "quantity": max(quantity, 0.0)})
    if row["state"] in OPEN:
        _settle(env, move)


def _settle(env: Env, move: int) -> None:
    row = env.db.rows["stock.move"][move]
    if row["quantity"] + _TINY >= row["product_qty"] and (row["product_qty"] or row["quantity"]):
        state = "assigned"
    else:
        state = "partially_available" if row["quantity"] > _TINY else "confirmed"
    env.db.put("stock.move", move, {"state": state, "write_date": env.stamp})


def cancel(env: Env, moves: Iterable[int]) -> None:
    """Cancel moves that are not done, and release what they have reserved."""
    for move in moves:
        row = env.db.rows["stock.move"][move]
        if row["state"] not in ("done", "cancel"):
            release(env, move)
            env.db.put("stock.move", move, {"state": "cancel", "quantity": 0.0, "picked": False,
                                            "write_date": env.stamp})  # fmt: skip
            _touch_picking(env, row["picking_id"])


def _touch_picking(env: Env, picking: int) -> None:
    if picking:
        env.db.put("stock.picking", picking, {"write_date": env.stamp})


def finish(env: Env, moves: Sequence[int]) -> None:
    """Do moves: the goods change their location. Goods that arrive are reserved for the moves that wait for them."""
    arrived: list[tuple[int, int]] = []
    for move in moves:
        row = env.db.rows["stock.move"][move]
        units, product = row["quantity"], row["product_id"]
        if row["state"] in ("done", "cancel"):
            continue
        if stored(env, product):
            held = row["held"] or ()
            quants = env.db.rows["stock.quant"]
            for i, n in held:
                env.db.put("stock.quant", i, {
                    "quantity": quants[i]["quantity"] - n, "reserved_quantity": quants[i]["reserved_quantity"] - n,
                    "write_date": env.stamp,
                })  # fmt: skip
            rest = units - sum(n for _i, n in held)
            if abs(rest) > _TINY:
                change_quant(env, product, row["location_id"], -rest)
                if _is_internal(env, row["location_id"]):
                    free_what_is_gone(env, product, row["location_id"])
            change_quant(env, product, row["location_dest_id"], units)
            arrived.append((product, row["location_dest_id"]))
        env.db.put("stock.move", move, {"state": "done", "picked": True, "held": False, "date": env.stamp,
                                        "write_date": env.stamp})  # fmt: skip
    for product, location in arrived:
        serve(env, product, location)


def serve(env: Env, product: int, location: int) -> None:
    """Reserve for moves that wait for a product, the oldest first, after more of it has come into a location."""
    if not _is_internal(env, location):
        return
    rows = env.db.rows["stock.move"]
    above = _list_above(env, location)
    waiting = [
        i for i in env.db.referring("stock.move", "product_id", product)
        if rows[i]["state"] in ("confirmed", "partially_available") and rows[i]["location_id"] in above
        and _is_reserving(env, rows[i])
    ]  # fmt: skip
    reserve(env, sorted(waiting, key=lambda i: (rows[i]["date"] or "", i)))


def _list_above(env: Env, location: int) -> set[int]:
    above = set()
    while location:
        above.add(location)
        location = env.db.rows["stock.location"][location]["location_id"]
    return above


def _is_reserving(env: Env, row: Row) -> bool:
    kind = row["picking_type_id"]
    return not kind or env.db.rows["stock.picking.type"][kind]["reservation_method"] == "at_confirm"


def free_what_is_gone(env: Env, product: int, location: int) -> None:
    """Where a location has less than is reserved there, take reservations back, from the latest moves first."""
    quants, moves = env.db.rows["stock.quant"], env.db.rows["stock.move"]
    for quant in env.db.referring("stock.quant", "product_id", product):
        if quants[quant]["location_id"] != location:
            continue
        for move in reversed(env.db.referring("stock.move", "product_id", product)):
            over = quants[quant]["reserved_quantity"] - max(quants[quant]["quantity"], 0.0)
            if over <= _TINY:
                break
            holds = dict(moves[move]["held"] or ()).get(quant, 0.0)
            if moves[move]["state"] in OPEN and holds:
                release(env, move, min(over, holds))


def ask(env: Env, lines: Iterable[int]) -> None:
    """Bring the moves of confirmed sale lines to what is still needed: new moves for what is missing, less for what is
    needed no longer."""
    if env.context.get("skip_procurement"):
        return
    touched: dict[int, None] = {}
    for line in lines:
        row = env.db.rows["sale.order.line"][line]
        order = env.db.rows["sale.order"][row["order_id"]]
        product = row["product_id"]
        if order["state"] != "sale" or order["locked"] or not product:
            continue
        if env.get("product.product", product, "type") != "consu":
            continue
        own = env.get("product.product", product, "uom_id")
        wanted = in_unit(env, row["product_uom_qty"], row["product_uom_id"], own)
        if own != row["product_uom_id"]:
            wanted = math.floor(wanted * 100 + 0.5 + 1e-6) / 100  # as Odoo rounds to the decimals of `Product Unit`
        kit = kit_of(env, product)
        parts = [(False, product, 1.0)] if kit is None else components(env, kit)
        for bom_line, part, per_unit in parts:
            touched.update(_adjust(env, line, part, bom_line, wanted * per_unit))
    ready = [move for move in touched if _is_reserving(env, env.db.rows["stock.move"][move])]
    reserve(env, ready)


def _adjust(env: Env, line: int, product: int, bom_line: int | bool, wanted: float) -> dict[int, None]:
    """Bring the moves of one line and product to the wanted units; returns ids of the moves that now have to be
    reserved.

    As in Odoo, a change is merged only into open moves with the same deadline. A decrease without such a move (the
    order's date was changed after confirming) becomes an incoming transfer of goods that never left.
    """
    rows = env.db.rows["stock.move"]
    own = [
        i for i in env.db.referring("stock.move", "sale_line_id", line)
        if rows[i]["product_id"] == product and rows[i]["bom_line_id"] == bom_line and rows[i]["state"] != "cancel"
    ]  # fmt: skip
    change = wanted - sum(_count_asked(env, rows[i]) for i in own)
    if abs(change) <= _TINY:
        return {}
    due = deadline(env, line)
    pending = [
        i for i in own
        if rows[i]["state"] in OPEN and rows[i]["date_deadline"] == due and _count_asked(env, rows[i]) > 0
    ]  # fmt: skip
    if change > 0 and pending:
        _resize(env, pending[-1], rows[pending[-1]]["product_qty"] + change)
        return {pending[-1]: None}
    if change > 0:
        return {_create_move(env, line, product, bom_line, change, due): None}
    for move in reversed(pending):
        less = min(-change, rows[move]["product_qty"])
        change += less
        _resize(env, move, rows[move]["product_qty"] - less)
        if rows[move]["product_qty"] <= _TINY and not rows[move]["picked"]:
            cancel(env, [move])
        if change >= -_TINY:
            return {}
    return {_create_move(env, line, product, bom_line, -change, due, back=True): None}


def deadline(env: Env, line: int) -> str:
    """When a line must have left: the promised date of the order, else its date plus the line's lead time in days."""
    row = env.db.rows["sale.order.line"][line]
    order = env.db.rows["sale.order"][row["order_id"]]
    if order["commitment_date"]:
        return str(order["commitment_date"])
    return (datetime.fromisoformat(order["date_order"]) + timedelta(days=row["customer_lead"])).isoformat(
        " ", "seconds"
    )


def _count_asked(env: Env, row: Row) -> float:
    """Units that a move brings, or has brought, to the customer; a move that brings goods back counts negatively."""
    units = row["quantity"] if row["state"] == "done" else row["product_qty"]
    leaves = env.db.rows["stock.location"][row["location_dest_id"]]["usage"] == "customer"
    return float(units if leaves else -units)


def _resize(env: Env, move: int, units: float) -> None:
    env.db.put("stock.move", move, {"product_qty": units, "product_uom_qty": units, "write_date": env.stamp,
                                    "product_uom": _find_unit(env, move)})  # fmt: skip
    row = env.db.rows["stock.move"][move]
    if row["quantity"] > units + _TINY and not row["picked"]:
        release(env, move, row["quantity"] - units)
    elif row["state"] in OPEN:
        _settle(env, move)


def _find_unit(env: Env, move: int) -> int:
    return int(env.get("product.product", env.db.rows["stock.move"][move]["product_id"], "uom_id"))


def _create_move(
    env: Env, line: int, product: int, bom_line: int | bool, units: float, due: str, *, back: bool = False
) -> int:
    order_id = env.db.rows["sale.order.line"][line]["order_id"]
    order = env.db.rows["sale.order"][order_id]
    picking = _find_picking(env, order_id, order, due, back=back)
    head = env.db.rows["stock.picking"][picking]
    return int(create(env.having(sudo=True), "stock.move", {
        "product_id": product, "product_uom_qty": units, "state": "confirmed", "sale_line_id": line,
        "bom_line_id": bom_line, "picking_id": picking, "picking_type_id": head["picking_type_id"],
        "location_id": head["location_id"], "location_dest_id": head["location_dest_id"], "origin": order["name"],
        "warehouse_id": order["warehouse_id"], "sequence": env.db.rows["sale.order.line"][line]["sequence"],
        "date_deadline": due, "to_refund": True,
    })[0])  # fmt: skip


def _find_picking(env: Env, order_id: int, order: Row, due: str, *, back: bool) -> int:
    """The order's open transfer in this direction, else a new one."""
    warehouse = env.db.rows["stock.warehouse"][order["warehouse_id"]]
    kind = warehouse["in_type_id" if back else "out_type_id"]
    rows = env.db.rows["stock.picking"]
    for picking in env.db.referring("stock.picking", "sale_id", order_id):
        state = env.get("stock.picking", picking, "state")
        if rows[picking]["picking_type_id"] == kind and state in ("draft", *OPEN):
            return picking
    ends = (warehouse["lot_stock_id"], place(env, "customer"))
    source, target = reversed(ends) if back else ends
    return int(create(env.having(sudo=True), "stock.picking", {
        "picking_type_id": kind, "sale_id": order_id, "origin": order["name"], "carrier_id": order["carrier_id"],
        "partner_id": order["partner_shipping_id"], "location_id": source, "location_dest_id": target,
        "date_deadline": due,
    })[0])  # fmt: skip
