"""A draft as rows of load(): pure.

What belongs here: the columns of an order and its lines. What does not: looking ids up (resolver.py), calls.

The rows state everything that Odoo would otherwise compute: an empty fiscal position means "none", an empty salesperson
"nobody", and a discount of 0 keeps a pricelist's own discounts out. Prices are unrounded, so that price times quantity
is the amount.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC

import msgspec

from ...domain.money import to_decimal, unit_price
from ...domain.orders.order import LineKind
from ...domain.sales.draft import DraftLine, SaleDraft, line_xid, order_xid
from ..partners.partners import Parties
from ..rpc.load import xid
from .booked import DATE, BookedLine


class Fields(msgspec.Struct, frozen=True):
    """Columns that exist only with the module that adds them."""

    warehouse: bool = True  # sale_stock
    carrier: bool = True  # delivery
    documents: bool = False  # sale_pdf_quote_builder, if none of its documents is added to every quotation


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """The record ids of a draft's names; 0: none, -1: leave it as it is. lines: (product, tax) by line id. units: each
    product's own unit, where a line of the same call has another one."""

    team_id: int
    warehouse_id: int
    carrier_id: int
    pricelist_id: int
    position_id: int
    tag_ids: tuple[int, ...]
    analytic: str
    lines: dict[str, tuple[int, int]]
    units: Mapping[int, int] = {}


def order_columns(fields: Fields, with_team: bool, all_new: bool = False, with_units: bool = False) -> list[str]:
    """The order's columns. The team's column is there only if some draft names a team, because an open team is left to
    Odoo.

    all_new: none of the orders is a quotation to which a person may have added documents. The rows then state that
    there are no documents, because Odoo would search for them order by order.
    """
    return [
        *("id", "partner_id/.id", "partner_invoice_id/.id", "partner_shipping_id/.id", "client_order_ref", "origin"),
        *("user_id/.id", "pricelist_id/.id", "fiscal_position_id/.id", "tag_ids/.id", "date_order"),
        *(["team_id/.id"] if with_team else []),
        *(["warehouse_id/.id"] if fields.warehouse else []),
        *(["carrier_id/.id"] if fields.carrier else []),
        *(["quotation_document_ids/.id"] if fields.documents and all_new else []),
        *(f"order_line/{name}" for name in line_columns(fields, with_units)),
    ]


def line_columns(fields: Fields, with_units: bool = False) -> list[str]:
    """The lines' columns. with_units: some line has another unit than its product's own, so each line has to name its
    unit."""
    return [
        *(["product_uom_id/.id"] if with_units else []),
        *("id", "product_id/.id", "name", "product_uom_qty", "price_unit", "discount", "tax_ids/.id"),
        *("analytic_distribution", *(["is_delivery"] if fields.carrier else [])),
    ]


def order_rows(
    draft: SaleDraft, ids: Resolved, parties: Parties, columns: Sequence[str], kept: Mapping[str, str] | None = None
) -> list[list[str]]:  # fmt: skip
    """The order's row, then one continuation row for each further line. kept: columns of the header that keep Odoo's
    value."""
    head = {
        "id": xid(order_xid(draft.channel, draft.order_id)),
        "partner_id/.id": str(parties.partner_id),
        "partner_invoice_id/.id": str(parties.invoice_id),
        "partner_shipping_id/.id": str(parties.shipping_id),
        "client_order_ref": draft.number,
        "origin": f"{draft.channel} {draft.order_id}" + (f", replaces {draft.replaces}" if draft.replaces else ""),
        "user_id/.id": "",
        "team_id/.id": _write_id(ids.team_id),
        "warehouse_id/.id": _write_id(ids.warehouse_id),
        "carrier_id/.id": _write_id(ids.carrier_id),
        "pricelist_id/.id": _write_id(ids.pricelist_id),
        "fiscal_position_id/.id": _write_id(ids.position_id),
        "tag_ids/.id": ",".join(map(str, ids.tag_ids)),
        "date_order": draft.placed_at.astimezone(UTC).strftime(DATE),
        **(kept or {}),
    }
    return grid(head, (new_line(draft, line, ids) for line in draft.lines), columns)


def grid(head: Mapping[str, str], lines: Iterator[Mapping[str, str]], columns: Sequence[str]) -> list[list[str]]:
    """Rows for `columns`: the head beside the first line, further lines below."""
    first, *more = [{f"order_line/{name}": value for name, value in line.items()} for line in lines] or [{}]
    return [[row.get(column, "") for column in columns] for row in ({**head, **first}, *more)]


def new_line(draft: SaleDraft, line: DraftLine, ids: Resolved) -> dict[str, str]:
    product_id, tax_id = ids.lines[line.line_id]
    return {
        "id": xid(line_xid(draft.channel, draft.order_id, line.line_id)),
        "product_id/.id": str(product_id),
        "name": line.name or line.product_code or line.kind.value,
        "product_uom_id/.id": _write_id(line.unit_id or ids.units.get(product_id, 0)),
        "product_uom_qty": str(line.quantity),
        "price_unit": unit_price(line.amount, line.quantity, draft.currency),
        "discount": "0",
        "tax_ids/.id": _write_id(tax_id),
        "analytic_distribution": ids.analytic,
        "is_delivery": "1" if line.kind is LineKind.SHIPPING else "0",
    }


def gone_line(name: str, line: BookedLine) -> dict[str, str]:
    """A line that the channel took back from a confirmed order: Odoo keeps the line, with a quantity of zero."""
    return {
        "id": xid(name),
        "product_id/.id": str(line.product_id),
        "product_uom_id/.id": _write_id(line.unit_id),
        "name": line.name,
        "product_uom_qty": "0",
        "price_unit": line.price,
        "discount": "0",
        "tax_ids/.id": ",".join(map(str, sorted(line.taxes))),
    }


def rounding_line(draft: SaleDraft, product_id: int, amount: int, tax_id: int = 0) -> dict[str, str]:
    """The visible difference between the channel's total and Odoo's: purely tax if a tax is given, else without tax.

    tax_id: a tax whose amount is the whole price, see accounting/taxes.py.
    """
    return {
        "id": xid(rounding_xid(draft)),
        "product_id/.id": str(product_id),
        "name": "Rounding difference",
        "product_uom_qty": "1",
        "price_unit": str(to_decimal(amount, draft.currency)),
        "discount": "0",
        "tax_ids/.id": _write_id(tax_id),
    }


def rounding_xid(draft: SaleDraft) -> str:
    return line_xid(draft.channel, draft.order_id, "rounding")


def _write_id(value: int) -> str:
    return str(value or "")
