"""Writing what the channel changed on confirmed orders, in place, and nothing else.

What belongs here: the columns and rows of such a write. What does not: what is to be written (next_step.py), the order
of the steps (batch.py).

Orders are written in groups that need the same columns, because load() writes every column to every order of a call.
Writing an unchanged address would reset what a person chose on the order's deliveries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ...domain.sales.draft import SaleDraft, order_xid
from ..partners.partners import Parties
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.load import load_records, xid
from .booked import Booked
from .differences import Difference
from .next_step import Verdict
from .quotation_to_order import tracking
from .rows import Fields, Resolved, gone_line, grid, line_columns, new_line

Edit = tuple[SaleDraft, Booked, Verdict, Resolved | None, Parties | None, bool]


def edit(client: OdooClient, fields: Fields, orders: Sequence[Edit]) -> dict[str, OdooRefusal]:
    """Write the verdicts' lines and addresses; returns the refusals by external id. The last element of an Edit: the
    order gets no delivery."""
    groups: dict[tuple[tuple[str, ...], bool], dict[str, list[list[str]]]] = defaultdict(dict)
    for draft, booked, verdict, ids, parties, history in orders:
        head = _build_head(draft, verdict, ids, parties)
        lines = [_build_line(draft, booked, difference, ids) for difference in verdict.differences if ids]
        units = any(difference.line and difference.line.unit_id for difference in verdict.differences)
        columns = (*head, *(f"order_line/{name}" for name in (line_columns(fields, units) if lines else ())))
        name = order_xid(draft.channel, draft.order_id)
        groups[columns, history][name] = grid(head, iter(lines), columns)
    refused: dict[str, OdooRefusal] = {}
    for (columns, history), rows in groups.items():
        context = {**tracking(client), "update_delivery_shipping_partner": True}
        context |= {"skip_procurement": True} if history else {}
        refused |= load_records(client, "sale.order", columns, rows, context)[1]
    return refused


def _build_head(draft: SaleDraft, verdict: Verdict, ids: Resolved | None, parties: Parties | None) -> dict[str, str]:
    head = {"id": xid(order_xid(draft.channel, draft.order_id))}
    if parties and "billing" in verdict.moves:
        head["partner_invoice_id/.id"] = str(parties.invoice_id)
    if parties and "shipping" in verdict.moves:
        head["partner_shipping_id/.id"] = str(parties.shipping_id)
    if ids and verdict.differences and ids.position_id >= 0:
        head["fiscal_position_id/.id"] = str(ids.position_id or "")
    return head


def _build_line(draft: SaleDraft, booked: Booked, difference: Difference, ids: Resolved) -> Mapping[str, str]:
    """A line as it shall be. Product, description and taxes stay as they are in Odoo, unless the channel changed
    them."""
    has = booked.lines.get(difference.xid)
    if difference.line is None:
        return gone_line(difference.xid, booked.lines[difference.xid])
    row = new_line(draft, difference.line, ids)
    if has is None or not has.quantity:
        return row
    row["name"] = has.name or row["name"]
    row["product_uom_id/.id"] = str(has.unit_id or "")
    if difference.same_product and has.product_id:
        row["product_id/.id"] = str(has.product_id)
    if difference.same_tax:
        row["tax_ids/.id"] = ",".join(map(str, sorted(has.taxes)))
    return row
