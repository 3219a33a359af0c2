"""A note on each sale order that links to the order's page in the UI, for people who work in Odoo.

What belongs here: writing the notes. What does not: which orders get one (flows/orders/marks.py), the page
(cli/order_page.py).

The note has an external id and is loaded, so that a repetition writes no second one; nobody is sent a mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from ..rpc.client import OdooClient
from ..rpc.load import load_records, read_ids, xid

_FIELDS = ("id", "model", "res_id", "message_type", "subtype_id/id", "body")
_PREFIX = "page_order_"


def link_pages(client: OdooClient, pages: Mapping[int, str]) -> None:
    """Note the addresses on the sale orders that have no such note yet. pages: record id -> address. Raises the
    client's errors; an order whose note Odoo refuses goes without."""
    names = {sale_id: f"{_PREFIX}{sale_id}" for sale_id in pages}
    there = read_ids(client, "mail.message", names.values()) if names else {}
    records = {
        sale_id: [[
            xid(name), "sale.order", str(sale_id), "comment", "mail.mt_note",
            f'<p><a href="{escape(pages[sale_id])}" rel="noreferrer">Why this order is as it is</a></p>',
        ]]
        for sale_id, name in names.items() if name not in there
    }  # fmt: skip
    if records:
        load_records(client, "mail.message", _FIELDS, records)
