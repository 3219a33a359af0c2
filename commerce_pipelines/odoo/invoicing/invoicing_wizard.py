"""Odoo's invoicing wizard, and posting what it made.

What belongs here: these calls over many orders. What does not: which orders are due
(domain/invoicing/due_documents.py).

The wizard is the only writer of an order's invoice, because it refuses what is invoiced already: of several calls at
once one makes the invoice, and a repetition after a lost answer makes none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.halving import on_all, on_groups
from ..rpc.search_read import fetch
from ..sales.quotation_to_order import tracking

_WIZARD = "sale.advance.payment.inv"


def make_invoices(client: OdooClient, sale_ids: Sequence[int]) -> dict[int, OdooRefusal]:
    """One draft invoice for each of these orders, of all that is left of it. Refusals by order."""

    def send(group: list[int]) -> None:
        values = {
            "advance_payment_method": "delivered", "sale_order_ids": [[6, 0, group]], "consolidated_billing": False,
        }  # fmt: skip
        wizard = client.call(_WIZARD, "create", context=tracking(client), vals_list=[values])
        client.call(_WIZARD, "create_invoices", ids=wizard, context=tracking(client))

    def list_unbilled(group: Sequence[int]) -> list[int]:
        rows = fetch(client, "sale.order.line", [["order_id", "in", list(group)]], ["order_id", "qty_to_invoice"])
        return sorted({row["order_id"] for row in rows if row["qty_to_invoice"]})

    return on_groups(client, send, f"{_WIZARD}.create_invoices", sale_ids, list_unbilled)


def complete_invoices(client: OdooClient, values: Mapping[int, Mapping[str, str]]) -> dict[int, OdooRefusal]:
    """Write these values to draft invoices. Refusals by invoice."""
    return on_all(
        client, "account.move", "web_save_multi", values, tracking(client), list, vals_list=values, specification={}
    )


def post_invoices(client: OdooClient, ids: Sequence[int]) -> dict[int, OdooRefusal]:
    """Post draft invoices. Refusals by invoice."""

    def list_drafts(group: Sequence[int]) -> list[int]:
        rows = client.call("account.move", "read", ids=list(group), fields=["state"], load=None)
        return [row["id"] for row in rows if row["state"] == "draft"]

    return on_all(client, "account.move", "action_post", ids, tracking(client), list_drafts)
