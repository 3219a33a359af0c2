"""What a person sees of the Odoo stand-in: sale orders, deliveries, stock, and a record by itself.

What belongs here: the content of its pages, as text. What does not: how a page looks (../site/templates), answers to
programs (transports.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .orm import Env
from .working import list_ready

SHOWN = 60
STATES = {"draft": "Quotation", "sent": "Quotation sent", "sale": "Sales order", "cancel": "Cancelled"}


class Sale(NamedTuple):
    """A sale order as a table shows it."""

    id: int
    name: str
    reference: str
    team: str
    customer: str
    placed: str
    warehouse: str
    total: str
    state: str
    delivery: str

    @property
    def label(self) -> str:
        return STATES[self.state]


class Part(NamedTuple):
    """A record that belongs to a sale order: a delivery, a receipt, an invoice, a credit note."""

    id: int
    kind: str
    name: str
    state: str
    detail: str


def list_sales(env: Env, most: int = SHOWN) -> list[Sale]:
    """The newest sale orders."""
    return [read_sale(env, row_id) for row_id in sorted(env.db.rows["sale.order"], reverse=True)[:most]]


def read_sale(env: Env, row_id: int) -> Sale:
    """Raises KeyError."""
    row = env.db.rows["sale.order"][row_id]
    return Sale(
        row_id, str(row["name"]), str(row["client_order_ref"] or ""), _read_name(env, "crm.team", row["team_id"]),
        str(env.get("res.partner", row["partner_id"], "display_name")), str(row["date_order"]),
        _read_name(env, "stock.warehouse", row["warehouse_id"]),
        _write_money(env, "sale.order", row_id, "amount_total"), str(row["state"]),
        str(env.get("sale.order", row_id, "delivery_status") or ""),
    )  # fmt: skip


def list_lines(env: Env, sale: int) -> Iterator[tuple[str, str, float, float, str]]:
    """(text, tax, units ordered, units delivered, total with taxes) of a sale order's lines."""
    for line in env.db.referring("sale.order.line", "order_id", sale):
        row = env.db.rows["sale.order.line"][line]
        taxes = ", ".join(str(env.db.rows["account.tax"][tax]["name"]) for tax in row["tax_ids"] or ())
        yield (
            str(row["name"]).splitlines()[0] if row["name"] else "", taxes, float(row["product_uom_qty"] or 0),
            float(env.get("sale.order.line", line, "qty_delivered") or 0),
            f"{env.get('sale.order.line', line, 'price_total'):,.2f}",
        )  # fmt: skip


def list_parts(env: Env, sale: int) -> Iterator[Part]:
    """Its transfers and its bills."""
    for picking in env.get("sale.order", sale, "picking_ids"):
        yield read_transfer(env, picking)
    for move in env.get("sale.order", sale, "invoice_ids"):
        yield read_bill(env, move)


def read_transfer(env: Env, picking: int) -> Part:
    """Raises KeyError."""
    row = env.db.rows["stock.picking"][picking]
    code = env.db.rows["stock.picking.type"][row["picking_type_id"]]["code"]
    kind = {"outgoing": "delivery", "incoming": "receipt"}.get(code, "transfer")
    parcel = row.get("carrier_tracking_ref")
    return Part(
        picking, kind, str(row["name"]), str(env.get("stock.picking", picking, "state")),
        f"parcel {parcel}" if parcel else "",
    )  # fmt: skip


def read_bill(env: Env, move: int) -> Part:
    """Raises KeyError."""
    row = env.db.rows["account.move"][move]
    kind = "credit note" if row["move_type"] == "out_refund" else "invoice"
    money = _write_money(env, "account.move", move, "amount_total")
    return Part(move, kind, str(row["name"] or "draft"), str(row["state"]), money)


def list_bills(env: Env, kind: str, most: int = SHOWN) -> list[Part]:
    """The newest invoices or credit notes."""
    return [
        read_bill(env, move) for move in sorted(env.db.rows["account.move"], reverse=True)
        if env.db.rows["account.move"][move]["move_type"] == kind
    ][:most]  # fmt: skip


def find_sale(env: Env, part: Part) -> int:
    """The sale order of a transfer or a bill, 0 for none."""
    orders = env.db.rows["sale.order"]
    if part.kind in ("invoice", "credit note"):
        return next((sale for sale in orders if part.id in env.get("sale.order", sale, "invoice_ids")), 0)
    return int(env.db.rows["stock.picking"][part.id]["sale_id"] or 0)


def list_due(env: Env, most: int = SHOWN) -> list[tuple[int, str, str, str]]:
    """(sale order, reference, delivery, what is in it) of the deliveries that are ready to leave."""
    rows, due = env.db.rows["stock.picking"], []
    for picking in list_ready(env):
        sale = rows[picking]["sale_id"]
        if sale:
            moves = (env.db.rows["stock.move"][move] for move in env.db.referring("stock.move", "picking_id", picking))
            content = ", ".join(
                f"{move['product_uom_qty']:g} x {env.get('product.product', move['product_id'], 'default_code')}"
                for move in moves
            )
            reference = str(env.db.rows["sale.order"][sale]["client_order_ref"] or "")
            due.append((int(sale), reference, str(rows[picking]["name"]), content))
    return due[:most]


def list_stock(env: Env, most: int = SHOWN) -> Iterator[tuple[str, str, list[tuple[str, float, float]]]]:
    """(SKU, title, [(warehouse, on hand, free)]) of the products that are stored."""
    warehouses = {place: str(row["code"]) for place, row in env.db.rows["stock.warehouse"].items()}
    products = [
        product for product, row in env.db.rows["product.product"].items()
        if row["active"] and env.get("product.product", product, "is_storable")
    ]  # fmt: skip
    for product in products[:most]:
        figures = []
        for place, code in warehouses.items():
            there = env.having(warehouse_id=place)
            on_hand, free = (there.get("product.product", product, name) for name in ("qty_available", "free_qty"))
            figures.append((code, float(on_hand), float(free)))
        row = env.db.rows["product.product"][product]
        yield str(row["default_code"] or ""), str(env.get("product.product", product, "name")), figures


def _read_name(env: Env, model: str, row_id: Any) -> str:
    return str(env.db.rows[model][row_id]["name"]) if row_id else ""


def _write_money(env: Env, model: str, row_id: int, field: str) -> str:
    currency = env.get(model, row_id, "currency_id")
    digits = env.get("res.currency", currency, "decimal_places")
    return f"{env.get(model, row_id, field):,.{digits}f} {env.db.rows['res.currency'][currency]['name']}"
