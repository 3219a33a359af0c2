"""A working day in the demo's Odoo, as people's clicks: goods arrive, deliveries leave, what is sold is invoiced, and a
buyer who complains is credited; goods are sent to the marketplace's own warehouse.

What belongs here: these clicks. What does not: what Odoo makes of them (transfers.py, invoices.py), which orders it is
done to (server.py, ../after_sale.py).
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from .invoices import action_post, create_invoices, list_invoices
from .merchant import AWAY
from .moves import change_quant, free_what_is_gone, serve
from .orm import Env
from .packages import action_put_in_pack
from .records import create, write
from .transfers import action_assign, action_confirm, button_validate

WIZARD = "sale.advance.payment.inv"
ADDRESS = {"street": "Speicherstr. 4", "city": "Hamburg", "zip": "20457", "phone": "+49 40 1234567"}
BOX = {"name": "Box to FBA", "packaging_length": 400, "width": 300, "height": 205, "base_weight": 0.2}  # millimetres
BOX_WEIGHT = 9.5


def list_ready(env: Env) -> list[int]:
    """The deliveries of the merchant's own warehouses that are completely reserved, oldest first."""
    return [picking for picking in env.db.rows["stock.picking"] if _is_ready(env, picking)]


def _is_ready(env: Env, picking: int) -> bool:
    kind = env.db.rows["stock.picking.type"][env.db.rows["stock.picking"][picking]["picking_type_id"]]
    if kind["code"] != "outgoing" or env.db.rows["stock.warehouse"][kind["warehouse_id"]]["code"] == AWAY:
        return False
    moves, rows = env.db.referring("stock.move", "picking_id", picking), env.db.rows["stock.move"]
    states = {rows[move]["state"] for move in moves} - {"cancel"}
    return states == {"assigned"}


def list_left(env: Env) -> set[str]:
    """The references of the sale orders of which a delivery has left."""
    sales, kinds = env.db.rows["sale.order"], env.db.rows["stock.picking.type"]
    return {
        str(sales[row["sale_id"]]["client_order_ref"] or "")
        for picking, row in env.db.rows["stock.picking"].items()
        if row["sale_id"] and kinds[row["picking_type_id"]]["code"] == "outgoing"
        and env.get("stock.picking", picking, "state") == "done"
    }  # fmt: skip


def ship(env: Env, picking: int, *, in_two: bool = False) -> str:
    """A delivery leaves with a tracking number. in_two: a unit leaves first, the others in a second parcel, where there
    are several."""
    rows = env.db.rows["stock.move"]
    several = [i for i in env.db.referring("stock.move", "picking_id", picking) if rows[i]["quantity"] > 1]
    if in_two and several:
        write(env, "stock.move", several[:1], {"quantity": 1.0, "picked": True})
        _validate(env, picking)
        picking = env.db.referring("stock.picking", "backorder_id", picking)[0]
    _validate(env, picking)
    return f"{env.db.rows['stock.picking'][picking]['name']} shipped"


def _validate(env: Env, picking: int) -> None:
    button_validate(env.having(skip_sms=True, skip_backorder=True), "stock.picking", [picking])
    number = f"00340{picking:013d}"
    env.db.put("stock.picking", picking, {"carrier_tracking_ref": number, "write_date": env.stamp})


def receive(env: Env, rng: random.Random) -> str:
    """Some units of an article arrive."""
    away = {row["lot_stock_id"] for row in env.db.rows["stock.warehouse"].values() if row["code"] == AWAY}
    internal = {i for i, row in env.db.rows["stock.location"].items() if row["usage"] == "internal"} - away
    quants = [row for row in env.db.rows["stock.quant"].values() if row["location_id"] in internal]
    if not quants:
        return "nothing"
    row, units = rng.choice(quants), rng.randint(1, 12)
    change_quant(env, row["product_id"], row["location_id"], units)
    serve(env, row["product_id"], row["location_id"])
    return f"{units} x {env.get('product.product', row['product_id'], 'default_code')} received"


def adjust(env: Env, code: str, units: float) -> str:
    """Somebody counts an article in the merchant's own warehouse: `units` lie there. Raises KeyError for an article
    that nobody stores."""
    places = [row["lot_stock_id"] for row in env.db.rows["stock.warehouse"].values() if row["code"] != AWAY]
    for row in list(env.db.rows["stock.quant"].values()):
        if row["location_id"] in places and env.get("product.product", row["product_id"], "default_code") == code:
            change_quant(env, row["product_id"], row["location_id"], units - row["quantity"])
            free_what_is_gone(env, row["product_id"], row["location_id"])
            serve(env, row["product_id"], row["location_id"])
            return f"{units:g} x {code} counted"
    raise KeyError(code)


def pack_away(env: Env, units: Mapping[str, int]) -> int:
    """Two transfers, from the merchant's own warehouse onto the road and from there to the one that a marketplace ships
    from; the goods are packed into one box, and have not left yet. units: by article. Returns the first one."""
    houses = {row["code"]: row for row in env.db.rows["stock.warehouse"].values()}
    road = create(env, "stock.location", {"name": "Road to FBA", "usage": "transit"})[0]
    kind = next(i for i, row in env.db.rows["stock.picking.type"].items() if row["code"] == "internal")
    products = {row["default_code"]: i for i, row in env.db.rows["product.product"].items()}
    own = next(row for code, row in houses.items() if code != AWAY)
    write(env, "res.partner", [own["partner_id"]], ADDRESS | {"country_id": _find_germany(env)})
    pickings: list[int] = []
    moves: list[int] = []
    for source, target in ((own["lot_stock_id"], road), (road, houses[AWAY]["lot_stock_id"])):
        places = {"location_id": source, "location_dest_id": target}
        pickings += create(env, "stock.picking", {"picking_type_id": kind, **places})
        moves += create(env, "stock.move", [
            {"picking_id": pickings[-1], "product_id": products[code], "product_uom_qty": count, **places,
             **({"move_orig_ids": [[6, 0, [moves[number]]]]} if len(pickings) > 1 else {})}
            for number, (code, count) in enumerate(units.items())
        ])  # fmt: skip
    for picking in pickings:
        action_confirm(env, "stock.picking", [picking])
    action_assign(env, "stock.picking", pickings[:1])
    box = create(env, "stock.package.type", BOX)[0]
    package = action_put_in_pack(env, "stock.picking", pickings[:1], package_type_id=box)
    write(env, "stock.package", package, {"shipping_weight": BOX_WEIGHT})
    write(env, "stock.move", moves[: len(units)], {"picked": True})
    return pickings[0]


def _find_germany(env: Env) -> int:
    return next(i for i, row in env.db.rows["res.country"].items() if row["code"] == "DE")


def send_away(env: Env, picking: int) -> None:
    """The packed goods leave."""
    button_validate(env.having(skip_backorder=True), "stock.picking", [picking])


def list_away(env: Env) -> Iterator[tuple[str, str, str, float]]:
    """(day in UTC or '', article, usage of the place at the other side, signed units) of everything that ever came into
    or left the warehouse that a marketplace ships from; what lay there without a movement has no day."""
    rows, products = env.db.rows, env.db.rows["product.product"]
    place = next(row["lot_stock_id"] for row in rows["stock.warehouse"].values() if row["code"] == AWAY)
    rest: dict[int, float] = defaultdict(float)
    for quant in rows["stock.quant"].values():
        if quant["location_id"] == place:
            rest[quant["product_id"]] += quant["quantity"]
    for move in rows["stock.move"].values():
        came, left = move["location_dest_id"] == place, move["location_id"] == place
        if move["state"] != "done" or came == left:
            continue
        units = move["quantity"] if came else -move["quantity"]
        rest[move["product_id"]] -= units
        usage = rows["stock.location"][move["location_id" if came else "location_dest_id"]]["usage"]
        yield str(move["date"])[:19], products[move["product_id"]]["default_code"], usage, units
    yield from (("", products[product]["default_code"], "supplier", units) for product, units in rest.items() if units)


def invoice(env: Env, orders: Iterable[int]) -> list[int]:
    """Invoices of those orders that have something to invoice, each posted."""
    due = [order for order in orders if env.get("sale.order", order, "invoice_status") == "to invoice"]
    made: list[int] = []
    for order in due:
        wizard = create(env, WIZARD, {"sale_order_ids": [[6, 0, [order]]], "consolidated_billing": False})
        made += create_invoices(env, WIZARD, wizard)["res_ids"]
    action_post(env, "account.move", made)
    return made


def credit(env: Env, order: int, amount: float) -> list[int]:
    """A credit note over an amount for no article, of the order's invoice, posted; nothing without an invoice."""
    moves, lines = env.db.rows["account.move"], env.db.rows["account.move.line"]
    bills = [move for move in list_invoices(env, order)
             if (moves[move]["move_type"], moves[move]["state"]) == ("out_invoice", "posted")]  # fmt: skip
    if not bills:
        return []
    bill, first = moves[bills[0]], lines[env.db.referring("account.move.line", "move_id", bills[0])[0]]
    line = {"name": "Goodwill", "price_unit": amount, "tax_ids": [[6, 0, list(first["tax_ids"] or ())]]}
    note = {
        "move_type": "out_refund", "partner_id": bill["partner_id"], "invoice_date": env.stamp[:10],
        "reversed_entry_id": bills[0], "journal_id": bill["journal_id"], "currency_id": bill["currency_id"],
        "invoice_line_ids": [[0, 0, line]],
    }  # fmt: skip
    made = create(env, "account.move", note)
    action_post(env, "account.move", made)
    return made
