"""A working day in the demo's Odoo, as people's clicks: goods arrive, deliveries leave, what is sold is invoiced, and a
buyer who complains is credited.

What belongs here: these clicks. What does not: what Odoo makes of them (transfers.py, invoices.py), which orders it is
done to (server.py, ../after_sale.py).
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from .invoices import action_post, create_invoices, list_invoices
from .merchant import AWAY
from .moves import change_quant, serve
from .orm import Env
from .records import create, write
from .transfers import button_validate

WIZARD = "sale.advance.payment.inv"


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
    internal = {i for i, row in env.db.rows["stock.location"].items() if row["usage"] == "internal"}
    quants = [row for row in env.db.rows["stock.quant"].values() if row["location_id"] in internal]
    if not quants:
        return "nothing"
    row, units = rng.choice(quants), rng.randint(1, 12)
    change_quant(env, row["product_id"], row["location_id"], units)
    serve(env, row["product_id"], row["location_id"])
    return f"{units} x {env.get('product.product', row['product_id'], 'default_code')} received"


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
