"""A merchant's books for one test: orders invoiced, refunds of them, and questions about what became of these.

What belongs here: making test data over a World. What does not: assertions, orders and stock (odoo.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from commerce_pipelines.domain.returns.outcomes import Books, CreditOutcome
from commerce_pipelines.domain.returns.records import Refund, RefundKind, RefundLine, RefundState
from commerce_pipelines.domain.returns.rules import ReturnRules
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines.odoo.returns.documents import credit_refunds
from commerce_pipelines_tests.doubles.odoo import CHANNEL, World

PAID_BACK = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)  # the 26th in Berlin
BERLIN = ZoneInfo("Europe/Berlin")


def books(**rules: Any) -> Books:
    return Books(channel=CHANNEL, label=CHANNEL, zone=BERLIN, rules=ReturnRules(**rules))


def goods(amount: int, quantity: int = 1, of: str = "1", **more: Any) -> RefundLine:
    return RefundLine(
        line_id=f"goods-{of}", kind=RefundKind.GOODS, amount=amount, quantity=quantity, order_line_id=of, **more
    )


def money(kind: RefundKind, amount: int, of: str = "", **more: Any) -> RefundLine:
    return RefundLine(line_id=kind.value + of, kind=kind, amount=amount, order_line_id=of, **more)


def refund(order: SaleDraft, *lines: RefundLine, **more: Any) -> Refund:
    return Refund(**{
        "channel": order.channel, "refund_id": f"R{secrets.token_hex(6)}", "order_id": order.order_id,
        "created_at": PAID_BACK, "updated_at": PAID_BACK, "state": RefundState.DONE, "currency": order.currency,
        "total": sum(line.amount for line in lines), "lines": lines, **more,
    })  # fmt: skip


class Merchant:
    """What a person does in one Odoo."""

    def __init__(self, world: World) -> None:
        self.world = world

    def invoice(self, *orders: SaleDraft, post: bool = True) -> list[int]:
        """The invoices that Odoo's own wizard makes."""
        ids = [self.world.order(order)["id"] for order in orders]
        before = set(self._list_moves(ids))
        values = {"advance_payment_method": "delivered", "sale_order_ids": [[6, 0, ids]], "consolidated_billing": False}
        wizard = self.world.call("sale.advance.payment.inv", "create", vals_list=[values])
        self.world.call("sale.advance.payment.inv", "create_invoices", ids=wizard)
        made = sorted(set(self._list_moves(ids)) - before)
        if post:
            self.world.call("account.move", "action_post", ids=made)
        return made

    def _list_moves(self, orders: Sequence[int]) -> list[int]:
        rows = self.world.call("sale.order", "read", ids=list(orders), fields=["invoice_ids"], load=None)
        return [move for row in rows for move in row["invoice_ids"]]

    def pay(self, *moves: int) -> None:
        context = {"active_model": "account.move", "active_ids": list(moves)}
        [journal] = self.world.call("account.journal", "search", domain=[["type", "=", "bank"]], limit=1)
        wizard = self.world.call("account.payment.register", "create", context=context,
                                 vals_list=[{"journal_id": journal, "group_payment": False}])  # fmt: skip
        self.world.call("account.payment.register", "action_create_payments", ids=wizard, context=context)

    def credit(self, *refunds: Refund, dry: bool = False, packs: Any = None, **rules: Any) -> list[CreditOutcome]:
        return list(credit_refunds(self.world.client, books(**rules), refunds, packs, dry))

    def moves(self, order: SaleDraft, kind: str = "out_refund") -> list[dict[str, Any]]:
        """Invoices or credit notes of an order, linked or not."""
        ids = self._list_moves([self.world.order(order)["id"]])
        return list(self.world.call(
            "account.move", "search_read", order="id", load=None,
            domain=[["move_type", "=", kind], ["state", "!=", "cancel"], "|", ["id", "in", ids],
                    ["reversed_entry_id", "in", ids]],
            fields=["name", "state", "amount_total", "amount_tax", "amount_residual", "payment_state", "invoice_date",
                    "date", "ref", "reversed_entry_id", "journal_id", "partner_id"],
        ))  # fmt: skip

    def tax_by_rate(self, move: int) -> dict[float, float]:
        fields = ["tax_ids", "price_subtotal", "price_total"]
        rows = self.world.call(
            "account.move.line", "search_read", load=None, fields=fields,
            domain=[["move_id", "=", move], ["display_type", "=", "product"]],
        )  # fmt: skip
        taxes = self.world.call("account.tax", "read", ids=sorted({tax for row in rows for tax in row["tax_ids"]}),
                                fields=["amount"])  # fmt: skip
        rates = {row["id"]: row["amount"] for row in taxes}
        result: dict[float, float] = {}
        for row in rows:
            rate = sum(rates[tax] for tax in row["tax_ids"])
            result[rate] = round(result.get(rate, 0) + row["price_total"] - row["price_subtotal"], 2)
        return result

    def status(self, order: SaleDraft) -> tuple[str, list[tuple[float, float, float]]]:
        """(invoice status, per line (delivered, invoiced, to invoice))."""
        row = self.world.order(order, "invoice_status")
        lines = self.world.call(
            "sale.order.line", "search_read", domain=[["order_id", "=", row["id"]]], order="id",
            fields=["qty_delivered", "qty_invoiced", "qty_to_invoice"],
        )  # fmt: skip
        return row["invoice_status"], [
            (line["qty_delivered"], line["qty_invoiced"], line["qty_to_invoice"]) for line in lines
        ]

    def take_back(self, order: SaleDraft, quantity: int, receive: bool = True) -> int:
        """A return that a person makes: by Odoo's wizard, of the first move of the order's delivery."""
        move = next(move for move in self.world.moves(order) if move["state"] == "done")
        line = {"product_id": move["product_id"], "quantity": quantity, "move_id": move["id"], "to_refund": True}
        wizard = self.world.call("stock.return.picking", "create", vals_list=[
            {"picking_id": move["picking_id"], "product_return_moves": [[0, 0, line]]}
        ])  # fmt: skip
        picking = int(self.world.call("stock.return.picking", "action_create_returns", ids=wizard)["res_id"])
        if receive:
            self.receive(picking)
        return picking

    def receive(self, picking: int) -> None:
        context = {"skip_sms": True}
        assert self.world.call("stock.picking", "button_validate", ids=[picking], context=context) is True
