"""Orders with their invoices as Odoo has them, read in bulk.

What belongs here: reading. What does not: the shapes (domain/invoicing/sold.py), what follows from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from ...domain.invoicing.sold import Exchange, Invoice, Sold, SoldLine
from ..rpc.client import OdooClient
from ..rpc.search_read import ARCHIVED_TOO, fetch
from ..sales.booked import minor

_LINE = ("order_id", "product_id", "product_uom_qty", "qty_delivered", "qty_invoiced", "qty_to_invoice")
_MOVE = (
    *("name", "move_type", "state", "payment_state", "amount_total", "amount_residual", "currency_id", "partner_id"),
    *("create_uid", "invoice_date", "date"),
)


def read_sold(
    client: OdooClient, sales: Mapping[str, int], set_off: Mapping[str, Collection[int]] | None = None
) -> dict[str, Sold]:
    """Those of these orders that still exist, by order id; sales: record id by order id. set_off: our credit notes by
    order that sells goods in exchange. Six calls, whatever their number, and two where there is an exchange."""
    if not sales:
        return {}
    order_of = {record: order_id for order_id, record in sales.items()}
    everywhere = client.who.everywhere
    orders = client.call(
        "sale.order", "search_read", context=everywhere, domain=[["id", "in", sorted(order_of)]],
        fields=["name", "state", "company_id", "currency_id", "amount_total", "invoice_ids"],
    )  # fmt: skip
    lines = _read_lines(client, [row["id"] for row in orders])
    moves = _read_moves(client, {move for row in orders for move in row["invoice_ids"]})
    exchanges = _read_exchanges(client, {sales[key]: notes for key, notes in (set_off or {}).items() if key in sales})
    result = {}
    for row in orders:
        currency = row["currency_id"][1]
        result[order_of[row["id"]]] = Sold(
            order_id=order_of[row["id"]], sale_id=row["id"], name=row["name"], state=row["state"],
            company_id=row["company_id"][0] if row["company_id"] else 0, currency=currency,
            total=minor(row["amount_total"], currency), lines=tuple(lines[row["id"]]),
            moves=tuple(moves[move] for move in sorted(row["invoice_ids"]) if move in moves),
            exchange=exchanges.get(row["id"]),
        )  # fmt: skip
    return result


def _read_exchanges(client: OdooClient, notes_of: Mapping[int, Collection[int]]) -> dict[int, Exchange]:
    """notes_of: our credit notes by sale order."""
    notes_of = {sale: notes for sale, notes in notes_of.items() if notes}
    if not notes_of:
        return {}
    leaving = client.call(
        "stock.move", "search_read", context=client.who.everywhere, fields=["sale_line_id"],
        domain=[["sale_line_id.order_id", "in", sorted(notes_of)], ["state", "not in", ["done", "cancel"]],
                ["location_dest_id.usage", "=", "customer"]],
    )  # fmt: skip
    of_lines = {row["sale_line_id"][0] for row in leaving if row["sale_line_id"]}
    lines = fetch(client, "sale.order.line", [["id", "in", sorted(of_lines)]], ["order_id"]) if of_lines else []
    is_leaving = {row["order_id"] for row in lines}
    rows = client.call(
        "account.move", "search_read", context=client.who.everywhere, fields=["amount_residual", "currency_id"],
        domain=[["id", "in", sorted({note for notes in notes_of.values() for note in notes})],
                ["state", "=", "posted"], ["move_type", "=", "out_refund"]],
    )  # fmt: skip
    left = {row["id"]: minor(row["amount_residual"], row["currency_id"][1]) for row in rows}
    return {
        sale: Exchange(is_leaving=sale in is_leaving, notes={note: left[note] for note in notes if note in left})
        for sale, notes in notes_of.items()
    }


def _read_lines(client: OdooClient, orders: Iterable[int]) -> dict[int, list[SoldLine]]:
    rows = fetch(
        client, "sale.order.line", [["order_id", "in", sorted(orders)], ["display_type", "=", False]], _LINE,
        context=client.who.everywhere,
    )  # fmt: skip
    products = sorted({row["product_id"] for row in rows if row["product_id"]})
    goods = {
        row["id"]
        for row in fetch(client, "product.product", [["id", "in", products], ["type", "=", "consu"]], ["id"],
                         context=ARCHIVED_TOO)
    }  # fmt: skip
    result: dict[int, list[SoldLine]] = defaultdict(list)
    for row in rows:
        result[row["order_id"]].append(SoldLine(
            is_goods=row["product_id"] in goods, ordered=_read_decimal(row["product_uom_qty"]),
            delivered=_read_decimal(row["qty_delivered"]), billed=_read_decimal(row["qty_invoiced"]),
            billable=_read_decimal(row["qty_to_invoice"]),
        ))  # fmt: skip
    return result


def _read_moves(client: OdooClient, ids: Iterable[int]) -> dict[int, Invoice]:
    wanted = sorted(ids)
    if not wanted:
        return {}
    rows = client.call(
        "account.move", "search_read", context=client.who.everywhere, fields=list(_MOVE),
        domain=[["id", "in", wanted], ["move_type", "in", ["out_invoice", "out_refund"]]],
    )  # fmt: skip
    return {row["id"]: _build_invoice(row, client.who.uid) for row in rows}


def _build_invoice(row: Mapping[str, Any], uid: int) -> Invoice:
    currency, name = row["currency_id"][1], row["name"] or ""
    return Invoice(
        odoo_id=row["id"], name="" if name == "/" else name, is_credit=row["move_type"] == "out_refund",
        state=row["state"], payment_state=row["payment_state"] or "", total=minor(row["amount_total"], currency),
        residual=minor(row["amount_residual"], currency), currency=currency, currency_id=row["currency_id"][0],
        partner_id=row["partner_id"][0] if row["partner_id"] else 0, by_us=_read_id(row["create_uid"]) == uid,
        dated=_read_date(row["invoice_date"]), booked=_read_date(row["date"]),
    )  # fmt: skip


def _read_id(value: Any) -> int:
    return int(value[0]) if value else 0


def _read_decimal(value: float) -> Decimal:
    return Decimal(str(value or 0))


def _read_date(value: Any) -> date | None:
    return date.fromisoformat(value) if value else None
