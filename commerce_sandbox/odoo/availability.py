"""How much of a product there is: on hand, reserved, free, forecast, by warehouse or location.

What belongs here: the computed quantities of products, and the context keys that narrow them. What does not: moving
stock (moves.py), declarations of stock models (stock.py).

The context keys `warehouse_id` and `location` (an id or a list of ids) narrow the quantities, `to_date` (an instant)
takes back what was done after it. Odoo 19 silently ignores its older key `warehouse`, and so does this module: a client
that uses the old key sees the stock of all warehouses.
"""

from __future__ import annotations

from math import floor
from typing import Any

from .domains import descendants
from .orm import Env
from .schema import Field, number
from .taxes import float_round

STEP = 0.01  # the smallest quantity: decimal precision `Product Unit`
OPEN = frozenset({"waiting", "confirmed", "assigned", "partially_available"})


def _list_places(env: Env) -> set[int]:
    """The internal locations that the context names; all of them if it names none."""
    context, rows = env.context, env.db.rows["stock.location"]
    if context.get("location"):
        roots = _list_ids(context["location"])
    else:
        warehouses = _list_ids(context.get("warehouse_id")) or list(env.db.rows["stock.warehouse"])
        roots = [env.db.rows["stock.warehouse"][i]["view_location_id"] for i in warehouses]
    return {i for i in descendants(env, "stock.location", roots) if rows[i]["usage"] in ("internal", "view", "transit")}


def _list_ids(value: Any) -> list[int]:
    return [] if not value else list(value) if isinstance(value, list | tuple) else [value]


def quantities(env: Env, product: int) -> dict[str, float]:
    """On hand, reserved, incoming and outgoing units of one product that is no kit, in the product's own unit."""
    places = _list_places(env)
    quants, moves = env.db.rows["stock.quant"], env.db.rows["stock.move"]
    sums = {"on_hand": 0.0, "reserved": 0.0, "expired": 0.0, "incoming": 0.0, "outgoing": 0.0}
    for i in env.db.referring("stock.quant", "product_id", product):
        if quants[i]["location_id"] in places:
            sums["on_hand"] += quants[i]["quantity"]
            sums["reserved"] += quants[i]["reserved_quantity"]
            if expired(env, i):
                sums["expired"] += quants[i]["quantity"] - quants[i]["reserved_quantity"]
    until = str(env.context.get("to_date") or "")
    for i in env.db.referring("stock.move", "product_id", product):
        row = moves[i]
        if until and row["state"] == "done" and str(row["date"]) > until:  # taken back, as Odoo does
            into, out = row["location_dest_id"] in places, row["location_id"] in places
            sums["on_hand"] += row["quantity"] * (out - into)
        if row["state"] in OPEN:
            leaves, comes = row["location_id"] in places, row["location_dest_id"] in places
            if comes and not leaves:
                sums["incoming"] += row["product_qty"]
            elif leaves and not comes:
                sums["outgoing"] += row["product_qty"]
    return sums


def expired(env: Env, quant: int) -> bool:
    """Whether the lot of a quant has reached its removal date. The module product_expiry counts by days: the day itself
    counts."""
    day = env.get("stock.quant", quant, "removal_date")
    return bool(day) and day[:10] <= env.stamp[:10]


_FORMULAS = {
    "qty_available": lambda q: q["on_hand"],
    "free_qty": lambda q: q["on_hand"] - q["reserved"] - q["expired"],
    "incoming_qty": lambda q: q["incoming"],
    "outgoing_qty": lambda q: q["outgoing"],
    "virtual_available": lambda q: q["on_hand"] + q["incoming"] - q["outgoing"] - q["expired"],
}


def _build_quantity_field(name: str) -> Any:
    def compute(env: Env, product: int) -> float:
        """The quantity fields of a product by their names in Odoo; those of a kit follow from its components."""
        from .products import components, kit_of

        template = env.db.rows["product.product"][product]["product_tmpl_id"]
        kit = kit_of(env, product)
        if kit is None:
            stored = env.db.rows["product.template"][template]["is_storable"]
            return float_round(_FORMULAS[name](quantities(env, product)), STEP) if stored else 0.0
        needs: dict[int, float] = {}
        for _line, part, units in components(env, kit):
            if env.get("product.product", part, "is_storable"):
                needs[part] = needs.get(part, 0.0) + units
        makes = [floor(compute(env, part) / units + 1e-9) for part, units in needs.items() if units]
        return float(min(makes, default=0))

    return compute


AVAILABILITY: dict[str, Field] = {name: number(compute=_build_quantity_field(name)) for name in _FORMULAS}
