"""Customer invoices, credit notes and payments, as far as the product and a person in the demo use them.

Imitated because clients rely on it: the invoicing wizard makes one document per order and refuses when there is nothing
to invoice; units on linked lines count as invoiced, also on drafts; a posted document refuses changes; posting a credit
note offsets it with an open invoice; a document that is paid is not paid again. Journal items exist for product lines
and for what the customer owes.

What belongs here: declarations and buttons of these models. What does not: computing taxes (taxes.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from .base import company_of
from .errors import UserError
from .orm import Env, Row, hook, method
from .records import create
from .schema import Model, boolean, char, choice, day, json, many2many, many2one, monetary, number, one2many, text
from .taxes import LineTaxes, float_round, line_amounts, line_taxes, totals

NOTHING = "Cannot create an invoice. No items are available to invoice."
PAID = "There's nothing left to pay for the selected journal items, so no payment registration is necessary."
_PREFIX = {"out_invoice": "INV", "out_refund": "RINV"}
_FREE = frozenset(("narration", "ref", "invoice_origin", "state", "payment_state", "write_date", "paid", "name"))


def _find_rounding(env: Env, move: int) -> float:
    return float(env.db.rows["res.currency"][env.db.rows["account.move"][move]["currency_id"]]["rounding"])


def _compute_line_taxes(env: Env, line: int) -> LineTaxes:
    row = env.db.rows["account.move.line"][line]
    company = env.db.rows["res.company"][env.db.rows["account.move"][row["move_id"]]["company_id"]]
    price = row["price_unit"] * (1 - row["discount"] / 100.0)
    per_line = company["tax_calculation_rounding_method"] == "round_per_line"
    return line_taxes(env, row["tax_ids"] or (), price, row["quantity"], rounding=_find_rounding(env, row["move_id"]),
                      per_line=per_line)  # fmt: skip


def _build_amount(place: int) -> Any:
    def compute(env: Env, move: int) -> float:
        rows = env.db.rows["account.move.line"]
        lines = [line for line in env.db.referring("account.move.line", "move_id", move)
                 if rows[line]["display_type"] == "product"]  # fmt: skip
        priced = [_compute_line_taxes(env, line) for line in lines]
        return totals(priced, _find_rounding(env, move))[place]

    return compute


def _build_line_amount(place: int) -> Any:
    def compute(env: Env, line: int) -> float:
        move = env.db.rows["account.move.line"][line]["move_id"]
        return line_amounts(_compute_line_taxes(env, line), _find_rounding(env, move))[place]

    return compute


def compute_residual(env: Env, move: int) -> float:
    row = env.db.rows["account.move"][move]
    total = env.get("account.move", move, "amount_total")
    return float_round(total - (row["paid"] or 0.0), _find_rounding(env, move)) if row["state"] != "cancel" else 0.0


def _compute_payment_state(env: Env, move: int) -> str:
    row = env.db.rows["account.move"][move]
    if row["state"] != "posted":
        return "not_paid"
    if not compute_residual(env, move):
        return "paid"
    return "partial" if row["paid"] else "not_paid"


def _compute_account_type(env: Env, line: int) -> str:
    account = env.db.rows["account.move.line"][line]["account_id"]
    return str(env.db.rows["account.account"][account]["account_type"]) if account else ""


def _compute_parent_state(env: Env, line: int) -> str:
    return str(env.db.rows["account.move"][env.db.rows["account.move.line"][line]["move_id"]]["state"])


MODELS = (
    Model("account.journal", {
        "name": char(required=True),
        "code": char(required=True),
        "type": choice("sale", "purchase", "bank", "cash", "credit", "general", required=True),
        "default_account_id": many2one("account.account"),
        "restrict_mode_hash_table": boolean(),
        "company_id": many2one("res.company", required=True, default=company_of),
        "active": boolean(default=True),
    }, order="type, id", title="Journal"),
    Model("account.move", {
        "name": char(copy=False),
        "move_type": choice("entry", "out_invoice", "out_refund", default="entry", required=True),
        "state": choice("draft", "posted", "cancel", default="draft", required=True),
        "partner_id": many2one("res.partner"),
        "invoice_date": day(),
        "date": day(default=lambda env: env.stamp[:10]),
        "ref": char(index=True),
        "payment_reference": char(),
        "invoice_origin": char(),
        "narration": text(),
        "reversed_entry_id": many2one("account.move"),
        "journal_id": many2one("account.journal"),
        "currency_id": many2one("res.currency"),
        "fiscal_position_id": many2one("account.fiscal.position"),
        "invoice_user_id": many2one("res.users"),
        "company_id": many2one("res.company", required=True, default=company_of),
        "invoice_line_ids": one2many("account.move.line", "move_id", where={"display_type": "product"}),
        "line_ids": one2many("account.move.line", "move_id"),
        "paid": number(),  # ours: what is offset or paid
        "amount_untaxed": monetary(compute=_build_amount(0)),
        "amount_tax": monetary(compute=_build_amount(1)),
        "amount_total": monetary(compute=_build_amount(2)),
        "amount_residual": monetary(compute=compute_residual),
        "payment_state": choice("not_paid", "partial", "paid", "in_payment", compute=_compute_payment_state),
        "matched_payment_ids": many2many("account.payment"),
    }, order="date desc, name desc, id desc", title="Journal Entry"),
    Model("account.move.line", {
        "move_id": many2one("account.move", required=True),
        "name": char(),
        "display_type": choice("product", "tax", "payment_term", "line_section", "line_note", default="product"),
        "product_id": many2one("product.product"),
        "product_uom_id": many2one("uom.uom"),
        "quantity": number(default=1.0),
        "price_unit": number(),
        "discount": number(),
        "account_id": many2one("account.account"),
        "account_type": char(compute=_compute_account_type),
        "partner_id": many2one("res.partner"),
        "reconciled": boolean(),
        "parent_state": char(compute=_compute_parent_state),
        "tax_ids": many2many("account.tax"),
        "sale_line_ids": many2many("sale.order.line", "invoice_lines"),
        "analytic_distribution": json(),
        "price_subtotal": monetary(compute=_build_line_amount(0)),
        "price_total": monetary(compute=_build_line_amount(2)),
    }, order="move_id, id", title="Journal Item"),
    Model("sale.advance.payment.inv", {
        "advance_payment_method": choice("delivered", "percentage", "fixed", default="delivered", required=True),
        "sale_order_ids": many2many("sale.order"),
        "consolidated_billing": boolean(default=True),
    }, title="Sales Advance Payment Invoice"),
    Model("account.payment.register", {
        "journal_id": many2one("account.journal"),
        "group_payment": boolean(),
        "amount": number(),
        "payment_difference_handling": choice("open", "reconcile", default="open"),
        "payment_date": day(default=lambda env: env.stamp[:10]),
        "move_ids": json(),  # ours: what the wizard was opened with
    }, title="Pay"),
)  # fmt: skip


def count_billed(env: Env, sale_line: int) -> float:
    """Units on invoices less those on credit notes, drafts included, as the order's line counts (`qty_invoiced`)."""
    units = 0.0
    for line in env.db.rows["sale.order.line"][sale_line].get("invoice_lines") or ():
        row = env.db.rows["account.move.line"][line]
        move = env.db.rows["account.move"][row["move_id"]]
        if move["state"] != "cancel":
            units += row["quantity"] if move["move_type"] == "out_invoice" else -row["quantity"]
    return units


def list_invoices(env: Env, order: int) -> tuple[int, ...]:
    """Invoices and credit notes that a line of the order is linked to."""
    rows = env.db.rows["account.move.line"]
    sale_lines = env.db.referring("sale.order.line", "order_id", order)
    linked = [line for sale in sale_lines for line in env.db.rows["sale.order.line"][sale].get("invoice_lines") or ()]
    return tuple(sorted({rows[line]["move_id"] for line in linked}))


@hook("account.move", "defaults")
def _move_defaults(env: Env, vals: dict[str, Any]) -> None:
    company = env.db.rows["res.company"][company_of(env)]
    vals.setdefault("currency_id", company["currency_id"])
    if not vals.get("journal_id"):
        kinds = env.db.rows["account.journal"]
        vals["journal_id"] = next(
            (i for i, row in kinds.items() if row["type"] == "sale" and row["company_id"] == company_of(env)), False
        )


@hook("account.move.line", "defaults")
def _line_defaults(env: Env, vals: dict[str, Any]) -> None:
    if not vals.get("account_id"):
        vals["account_id"] = next(i for i, row in env.db.rows["account.account"].items() if row["code"] == "8400")
    if vals.get("product_id") and not vals.get("product_uom_id"):
        vals["product_uom_id"] = env.get("product.product", vals["product_id"], "uom_id")


@hook("account.move", "writing")
def _move_writing(env: Env, ids: Sequence[int], vals: dict[str, Any]) -> None:
    locked = sorted(set(vals) - _FREE)
    if locked and any(env.db.rows["account.move"][move]["state"] == "posted" for move in ids):
        raise UserError(f"You cannot modify the following readonly fields on a posted move: {', '.join(locked)}")


@hook("account.move", "deleting")
def _move_deleting(env: Env, ids: Sequence[int]) -> None:
    if any(env.db.rows["account.move"][move]["name"] for move in ids):
        raise UserError("You cannot remove parts of a restricted audit trail.")


@method("account.move", "action_post")
def action_post(env: Env, model: str, ids: Sequence[int]) -> bool:
    """Post drafts: number, accounting date, and offsetting of credit notes. Raises UserError for a document that is no
    draft."""
    env.check("account.move", "write")
    rows = env.db.rows["account.move"]
    if any(rows[move]["state"] != "draft" for move in ids):
        raise UserError("The entry is already posted or cancelled.")
    for move in ids:
        row = rows[move]
        dated = row["invoice_date"] or env.stamp[:10]
        name = row["name"]
        if not name:
            prefix = f"{_PREFIX[row['move_type']]}/{dated[:4]}"
            name = f"{prefix}/{env.db.following(f'account.move:{prefix}'):05d}"
        env.db.put("account.move", move, {"state": "posted", "name": name, "invoice_date": dated, "date": dated,
                                          "write_date": env.stamp})  # fmt: skip
        _add_claim(env, move)
        if row["reversed_entry_id"]:
            _offset(env, move, row["reversed_entry_id"])
    return False


def _add_claim(env: Env, move: int) -> None:
    """The journal item of what the customer owes, or is owed."""
    accounts = env.db.rows["account.account"]
    receivable = next(account for account, row in accounts.items() if row["account_type"] == "asset_receivable")
    partner = env.db.rows["account.move"][move]["partner_id"]
    create(env, "account.move.line", [{
        "move_id": move, "display_type": "payment_term", "account_id": receivable, "partner_id": partner,
        "reconciled": not compute_residual(env, move),
    }])  # fmt: skip


def _offset(env: Env, credit: int, invoice: int) -> None:
    """A credit note and the open part of its invoice pay each other."""
    if env.db.rows["account.move"][invoice]["state"] == "posted":
        amount = min(compute_residual(env, credit), compute_residual(env, invoice))
        for move in (credit, invoice):
            add_paid(env, move, amount)


def add_paid(env: Env, move: int, amount: float) -> None:
    paid = float_round((env.db.rows["account.move"][move]["paid"] or 0.0) + amount, _find_rounding(env, move))
    env.db.put("account.move", move, {"paid": paid, "write_date": env.stamp})
    if not compute_residual(env, move):
        for line in env.db.referring("account.move.line", "move_id", move):
            if _compute_account_type(env, line) == "asset_receivable":
                env.db.put("account.move.line", line, {"reconciled": True})


@method("account.move", "button_cancel")
def button_cancel(env: Env, model: str, ids: Sequence[int]) -> None:
    """Cancel documents."""
    for move in ids:
        env.db.put("account.move", move, {"state": "cancel", "write_date": env.stamp})


@method("sale.advance.payment.inv", "create_invoices")
def create_invoices(env: Env, model: str, ids: Sequence[int]) -> Row:
    """The invoicing wizard: one draft per order, or per customer if bills are consolidated; a credit note where less
    than nothing is to be invoiced. Raises UserError when there is nothing to invoice."""
    wizard = env.db.rows["sale.advance.payment.inv"][ids[0]]
    groups: dict[Any, list[int]] = defaultdict(list)
    for order in wizard["sale_order_ids"] or ():
        partner = env.db.rows["sale.order"][order]["partner_invoice_id"]
        groups[partner if wizard["consolidated_billing"] else order].append(order)
    made = []
    for orders in groups.values():
        wanted = [(line, units) for order in orders for line, units in _list_billable(env, order)]
        if not wanted:
            raise UserError(NOTHING)
        made += _bill(env, orders, wanted)
    return {"type": "ir.actions.act_window", "res_model": "account.move", "res_ids": made}


def _list_billable(env: Env, order: int) -> list[tuple[int, float]]:
    pairs = [
        (line, env.get("sale.order.line", line, "qty_to_invoice"))
        for line in env.get("sale.order", order, "order_line")
    ]
    return [(line, units) for line, units in pairs if units]


def _bill(env: Env, orders: Sequence[int], wanted: Sequence[tuple[int, float]]) -> list[int]:
    order = env.db.rows["sale.order"][orders[0]]
    rows = env.db.rows["sale.order.line"]
    worth = sum(units * rows[line]["price_unit"] for line, units in wanted)
    sign = -1 if worth < 0 else 1
    parts = [[0, 0, {
        "name": rows[line]["name"], "product_id": rows[line]["product_id"], "quantity": sign * units,
        "product_uom_id": rows[line]["product_uom_id"], "price_unit": rows[line]["price_unit"],
        "discount": rows[line]["discount"], "tax_ids": [[6, 0, list(rows[line]["tax_ids"] or ())]],
        "sale_line_ids": [[6, 0, [line]]], "analytic_distribution": rows[line]["analytic_distribution"],
    }] for line, units in wanted]  # fmt: skip
    return list(create(env, "account.move", [{
        "move_type": "out_refund" if sign < 0 else "out_invoice", "partner_id": order["partner_invoice_id"],
        "currency_id": env.get("sale.order", orders[0], "currency_id"), "invoice_origin": order["name"],
        "fiscal_position_id": order["fiscal_position_id"], "company_id": order["company_id"],
        "invoice_line_ids": parts,
    }]))  # fmt: skip


@hook("account.payment.register", "defaults")
def _register_defaults(env: Env, vals: Mapping[str, Any]) -> None:
    moves = list(env.context.get("active_ids") or ())
    if not any(compute_residual(env, move) for move in moves):
        raise UserError(PAID)
    vals["move_ids"] = moves  # type: ignore[index]


@method("account.payment.register", "action_create_payments")
def action_create_payments(env: Env, model: str, ids: Sequence[int]) -> bool:
    """The payment wizard pays what is still open, or the amount that it is given. Raises UserError if nothing is."""
    wizard = env.db.rows["account.payment.register"][ids[0]]
    moves = wizard["move_ids"] or ()
    if not any(compute_residual(env, move) for move in moves):
        raise UserError(PAID)
    for move in moves:
        amount = min(wizard["amount"] or compute_residual(env, move), compute_residual(env, move))
        payment = create(env, "account.payment", [{
            "journal_id": wizard["journal_id"], "amount": amount, "date": wizard["payment_date"],
        }])  # fmt: skip
        env.db.put("account.payment", payment[0], {"state": "paid"})
        matched = env.db.rows["account.move"][move]["matched_payment_ids"] or ()
        env.db.put("account.move", move, {"matched_payment_ids": [*matched, *payment]})
        add_paid(env, move, amount)
    return True
