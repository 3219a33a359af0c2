"""Payments that are records of their own: made as drafts, posted, and matched with the invoice that they pay.

Imitated because clients rely on it: a posted payment has a journal entry with one open item on the customer's account,
matching pays no more than both sides have open, and a matched item is not matched again; a draft whose journal is
written again loses the account of money under way, and is posted without an entry.

What belongs here: declarations and buttons of these models. What does not: invoices and Odoo's payment wizard
(invoices.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import company_of
from .errors import UserError
from .invoices import add_paid, compute_residual
from .orm import Env, hook, method
from .records import create
from .schema import Model, char, choice, day, many2many, many2one, monetary

MODELS = (
    Model("account.payment", {
        "name": char(copy=False),
        "payment_type": choice("inbound", "outbound", default="inbound", required=True),
        "partner_type": choice("customer", "supplier", default="customer", required=True),
        "state": choice("draft", "in_process", "paid", "canceled", "rejected", default="draft"),
        "partner_id": many2one("res.partner"),
        "amount": monetary(),
        "currency_id": many2one("res.currency"),
        "journal_id": many2one("account.journal", required=True),
        "destination_account_id": many2one("account.account"),
        "outstanding_account_id": many2one("account.account"),
        "date": day(default=lambda env: env.stamp[:10]),
        "memo": char(),
        "payment_reference": char(),
        "move_id": many2one("account.move"),
        "invoice_ids": many2many("account.move"),
        "company_id": many2one("res.company", required=True, default=company_of),
    }, order="date desc, name desc, id desc", title="Payments"),
)  # fmt: skip


@hook("account.payment", "created")
def _payment_created(env: Env, ids: Sequence[int]) -> None:
    """The account of money that is under way is given to a new payment only."""
    under_way = next(account for account, row in env.db.rows["account.account"].items() if row["code"] == "1460")
    for payment in ids:
        env.db.put("account.payment", payment, {"outstanding_account_id": under_way})


@hook("account.payment", "written")
def _payment_written(env: Env, ids: Sequence[int], vals: dict[str, Any]) -> None:
    """Another journal, or the same written again, takes that account away."""
    if "journal_id" in vals:
        for payment in ids:
            env.db.put("account.payment", payment, {"outstanding_account_id": False})


@method("account.payment", "action_post")
def action_post(env: Env, model: str, ids: Sequence[int]) -> None:
    """A draft gets its journal entry; a payment that is posted already stays as it is."""
    env.check("account.payment", "write")
    for payment in ids:
        row = env.db.rows["account.payment"][payment]
        if row["state"] != "draft":
            continue
        if not row["outstanding_account_id"]:
            env.db.put("account.payment", payment, {"state": "in_process", "write_date": env.stamp})
            continue
        journal = env.db.rows["account.journal"][row["journal_id"]]
        prefix = f"P{journal['code']}/{row['date'][:4]}"
        name = f"{prefix}/{env.db.following(f'account.payment:{prefix}'):05d}"
        move = create(env, "account.move", [{
            "move_type": "entry", "partner_id": row["partner_id"], "journal_id": row["journal_id"],
            "currency_id": row["currency_id"], "date": row["date"], "ref": row["memo"], "name": name,
            "line_ids": [[0, 0, {
                "display_type": "product", "name": row["memo"], "account_id": row["destination_account_id"],
                "partner_id": row["partner_id"], "price_unit": row["amount"],
            }]],
        }])[0]  # fmt: skip
        env.db.put("account.move", move, {"state": "posted", "write_date": env.stamp})
        env.db.put("account.payment", payment, {"state": "in_process", "move_id": move, "name": name,
                                                "write_date": env.stamp})  # fmt: skip


@method("account.move", "js_assign_outstanding_line")
def js_assign_outstanding_line(env: Env, model: str, ids: Sequence[int], line_id: int) -> None:
    """Match an open item with the open items of one invoice that are of the same account."""
    (invoice,) = ids
    rows = env.db.rows["account.move.line"]
    if rows[line_id]["reconciled"]:
        raise UserError("You are trying to reconcile some entries that are already reconciled.")
    same = [
        line for line in env.db.referring("account.move.line", "move_id", invoice)
        if rows[line]["account_id"] == rows[line_id]["account_id"] and not rows[line]["reconciled"]
    ]  # fmt: skip
    if not same:
        return
    entry = rows[line_id]["move_id"]
    amount = min(compute_residual(env, entry), compute_residual(env, invoice))
    for move in (entry, invoice):
        add_paid(env, move, amount)
    for payment in env.db.referring("account.payment", "move_id", entry):
        if not compute_residual(env, entry):
            env.db.put("account.payment", payment, {"state": "paid", "write_date": env.stamp})
