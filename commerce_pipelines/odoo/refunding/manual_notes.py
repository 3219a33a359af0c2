"""Finding posted credit notes that are none of ours, and the sale orders that they are about.

What belongs here: these reads. What does not: which of the sale orders are a channel's (flows/refunding/), what a
credit note holds (returns/invoiced_orders.py).

A credit note is about the orders that its lines are linked to; without any link, about those of the invoice that it
reverses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

import msgspec

from ..rpc.client import OdooClient
from ..rpc.load import names_of
from ..rpc.search_read import fetch
from ..sales.booked import DATE


class ManualNote(msgspec.Struct, frozen=True, kw_only=True):
    """A posted credit note without our external id. written_at: as Odoo spells it. sales: the record ids of the sale
    orders that it is about."""

    odoo_id: int
    name: str
    day: date
    written_at: str
    sales: tuple[int, ...]


def read_manual_notes(client: OdooClient, since: date, written_since: datetime | None = None) -> list[ManualNote]:
    """The company's posted credit notes dated since that day that none of our flows made, those about no sale order
    left out. written_since: only those that were written to since. Five calls at most."""
    domain = [
        ["move_type", "=", "out_refund"], ["state", "=", "posted"], ["invoice_date", ">=", since.isoformat()],
        ["company_id", "=", client.who.company_id],
    ]  # fmt: skip
    if written_since:
        domain.append(["write_date", ">=", written_since.astimezone(UTC).strftime(DATE)])
    fields = ["name", "invoice_date", "write_date", "reversed_entry_id"]
    rows = {row["id"]: row for row in fetch(client, "account.move", domain, fields, order="write_date, id")}
    for ours in names_of(client, "account.move", rows):
        del rows[ours]
    if not rows:
        return []
    reversed_by = {row["id"]: row["reversed_entry_id"] for row in rows.values() if row["reversed_entry_id"]}
    sales = _read_sales(client, {*rows, *reversed_by.values()})
    notes = [
        ManualNote(
            odoo_id=row["id"], name=row["name"] or "", day=date.fromisoformat(row["invoice_date"]),
            written_at=row["write_date"],
            sales=tuple(sorted(sales.get(row["id"]) or sales.get(reversed_by.get(row["id"], 0)) or ())),
        )
        for row in rows.values()
    ]  # fmt: skip
    return [note for note in notes if note.sales]


def _read_sales(client: OdooClient, moves: Iterable[int]) -> Mapping[int, set[int]]:
    """The sale orders that lines of these invoices and credit notes are linked to, by the document's record id."""
    domain = [["move_id", "in", sorted(moves)], ["display_type", "=", "product"], ["sale_line_ids", "!=", False]]
    lines = fetch(client, "account.move.line", domain, ["move_id", "sale_line_ids"])
    linked = sorted({sale for line in lines for sale in line["sale_line_ids"]})
    if not linked:
        return {}
    orders = {
        row["id"]: row["order_id"] for row in fetch(client, "sale.order.line", [["id", "in", linked]], ["order_id"])
    }
    sales: dict[int, set[int]] = defaultdict(set)
    for line in lines:
        sales[line["move_id"]] |= {orders[sale] for sale in line["sale_line_ids"] if sale in orders}
    return sales
