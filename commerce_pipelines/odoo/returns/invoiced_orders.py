"""Orders with their invoices and credit notes as Odoo has them, read in bulk.

What belongs here: reading. What does not: the shapes (domain/returns/sale_books.py), what follows from them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from ...domain.returns.sale_books import Move, MoveLine, SaleBooks, SaleLine, Tax
from ...domain.sales.draft import order_xid
from ..rpc.client import OdooClient
from ..rpc.load import names_of, read_ids
from ..rpc.search_read import ARCHIVED_TOO, fetch
from ..sales.booked import minor

_ORDER = ("name", "state", "company_id", "order_line", "invoice_ids")
_LINE = (
    *("order_id", "name", "product_id", "product_uom_id", "product_uom_qty", "qty_delivered", "qty_invoiced"),
    "tax_ids",
)
_MOVE = (
    *("name", "move_type", "state", "payment_state", "amount_total", "amount_tax", "amount_residual", "currency_id"),
    *("partner_id", "journal_id", "fiscal_position_id", "invoice_date", "date", "reversed_entry_id"),
    "ref",
)
_MOVE_LINE = (
    *("move_id", "sale_line_ids", "quantity", "price_total", "tax_ids", "account_id", "analytic_distribution"),
    "product_id",
)


def read_books(
    client: OdooClient, label: str, order_ids: Iterable[str], move_names: Iterable[str] = ()
) -> dict[str, SaleBooks]:
    """Those of these orders that Odoo has, by order id. move_names: external ids of our credit notes. A dozen calls,
    whatever their number."""
    by_xid = {order_xid(label, order_id): order_id for order_id in order_ids}
    ids = {record: by_xid[name] for name, record in read_ids(client, "sale.order", by_xid).items()}
    if not ids:
        return {}
    everywhere = client.who.everywhere
    orders = client.call("sale.order", "read", ids=sorted(ids), fields=list(_ORDER), context=everywhere, load=None)
    lines = read_lines(client, [row["id"] for row in orders])
    moves = _read_moves(client, {move for row in orders for move in row["invoice_ids"]}, move_names)
    taxes = _read_taxes(client, {tax for part in lines.values() for line in part for tax in line.taxes} | {
        tax for move in moves for line in move.lines for tax in line.taxes
    })  # fmt: skip
    per_line = _read_rounding(client)
    order_of = {line.line_id: order for order, part in lines.items() for line in part}
    result = {}
    for row in orders:
        result[ids[row["id"]]] = SaleBooks(
            label=label, order_id=ids[row["id"]], sale_id=row["id"], name=row["name"], state=row["state"],
            company_id=row["company_id"] or 0, lines=tuple(lines[row["id"]]), taxes=taxes, per_line=per_line,
            moves=tuple(_select_moves(moves, row["id"], order_of)),
        )  # fmt: skip
    return result


def _select_moves(moves: Iterable[Move], order: int, order_of: Mapping[int, int]) -> list[Move]:
    """The invoices of an order, and the credit notes that are about it: by a link, or by the invoice they reverse."""
    about = {move.move_id: {order_of.get(sale, 0) for line in move.lines for sale in line.sale_lines} for move in moves}
    return [
        move for move in moves
        if order in about[move.move_id] or (not about[move.move_id] and order in about.get(move.reversed_id, ()))
    ]  # fmt: skip


def read_lines(client: OdooClient, orders: Iterable[int]) -> dict[int, list[SaleLine]]:
    """The lines of orders, by the order's record id, sections and notes left out."""
    domain = [["order_id", "in", sorted(orders)], ["display_type", "=", False]]
    rows = fetch(client, "sale.order.line", domain, _LINE, order="order_id, sequence, id")
    names = names_of(client, "sale.order.line", [row["id"] for row in rows])
    products = {
        row["id"]: row
        for row in fetch(
            client, "product.product", [["id", "in", sorted({row["product_id"] for row in rows if row["product_id"]})]],
            ["type", "invoice_policy", "default_code"], context=ARCHIVED_TOO,
        )
    }  # fmt: skip
    delivery = _list_deliveries(client, [row["id"] for row in rows])
    home, leaving = _find_open(client, [row["id"] for row in rows if row["qty_delivered"] < row["product_uom_qty"]])
    result: dict[int, list[SaleLine]] = defaultdict(list)
    for row in rows:
        product = products.get(row["product_id"], {})
        result[row["order_id"]].append(SaleLine(
            line_id=row["id"], xid=names.get(row["id"], ""), name=row["name"], product_id=row["product_id"] or 0,
            sku=product.get("default_code") or "", unit_id=row["product_uom_id"] or 0,
            by_delivery=product.get("invoice_policy") == "delivery", is_goods=product.get("type") == "consu",
            is_shipping=row["id"] in delivery, ordered=_read_decimal(row["product_uom_qty"]),
            delivered=_read_decimal(row["qty_delivered"]), billed=_read_decimal(row["qty_invoiced"]),
            taxes=tuple(sorted(row["tax_ids"])), is_home=row["id"] in home,
            is_leaving=row["id"] in leaving,
        ))  # fmt: skip
    return result


def _list_deliveries(client: OdooClient, lines: Iterable[int]) -> set[int]:
    """The lines that are charges for delivery; none where Odoo lacks the module for them."""
    if not client.call("sale.order.line", "fields_get", allfields=["is_delivery"], attributes=["type"]):
        return set()
    domain = [["id", "in", sorted(lines)], ["is_delivery", "=", True]]
    return set(client.call("sale.order.line", "search", domain=domain))


def _find_open(client: OdooClient, lines: Sequence[int]) -> tuple[set[int], set[int]]:
    """Those of these lines of which units came back, and none is on its way to the customer; and those of which some
    are still to leave. Two calls at most."""
    if not lines:
        return set(), set()
    moves = fetch(
        client, "stock.move", [["sale_line_id", "in", sorted(lines)], ["state", "!=", "cancel"]],
        ["sale_line_id", "state", "location_id"],
    )  # fmt: skip
    places = sorted({move["location_id"] for move in moves})
    customers = {
        row["id"] for row in fetch(client, "stock.location", [["id", "in", places]], ["usage"], context=ARCHIVED_TOO)
        if row["usage"] == "customer"
    }  # fmt: skip
    back = {move["sale_line_id"] for move in moves if move["location_id"] in customers and move["state"] == "done"}
    leaving = {
        move["sale_line_id"] for move in moves if move["location_id"] not in customers and move["state"] != "done"
    }
    return back - leaving, leaving


def _read_moves(client: OdooClient, ids: Iterable[int], names: Iterable[str]) -> list[Move]:
    ours = set(read_ids(client, "account.move", names).values())
    wanted = sorted({*ids, *ours})
    if not wanted:
        return []
    rows = fetch(
        client, "account.move",
        ["&", ["move_type", "in", ["out_invoice", "out_refund"]],
         "|", ["id", "in", wanted], "&", ["reversed_entry_id", "in", sorted(ids)], ["state", "!=", "cancel"]], _MOVE,
    )  # fmt: skip
    moves = _build_moves(client, rows)
    return [move for move in moves if move.state != "cancel" or move.xid]


def read_moves(client: OdooClient, ids: Iterable[int]) -> list[Move]:
    """These invoices and credit notes, whatever their state."""
    wanted = sorted(set(ids))
    return _build_moves(client, fetch(client, "account.move", [["id", "in", wanted]], _MOVE)) if wanted else []


class Head(NamedTuple):
    """A document without its lines, and how many it has."""

    move: Move
    lines: int


def read_heads(client: OdooClient, documents: Mapping[int, tuple[str, str]]) -> dict[int, Head]:
    """These documents by id, given each one's external id and currency. One call."""
    fields = (*_MOVE, "invoice_line_ids")
    rows = fetch(client, "account.move", [["id", "in", sorted(documents)]], fields) if documents else []
    return {row["id"]: Head(_build_move(row, *documents[row["id"]], ()), len(row["invoice_line_ids"])) for row in rows}


def refresh_moves(client: OdooClient, moves: Iterable[Move]) -> dict[int, Move]:
    """Those of these documents that still exist as they are now, by id, with the lines that they had. One call."""
    before = {move.move_id: move for move in moves}
    rows = fetch(client, "account.move", [["id", "in", sorted(before)]], _MOVE) if before else []
    return {
        move.move_id: msgspec.structs.replace(_build_move(row, move.xid, move.currency, ()), lines=move.lines)
        for row in rows if (move := before[row["id"]])
    }  # fmt: skip


def _build_moves(client: OdooClient, rows: Iterable[Mapping[str, Any]]) -> list[Move]:
    rows = list(rows)
    xids = names_of(client, "account.move", [row["id"] for row in rows])
    lines = _read_move_lines(client, [row["id"] for row in rows])
    currencies = _read_currencies(client, {row["currency_id"] for row in rows})
    return [_build_move(row, xids.get(row["id"], ""), currencies[row["currency_id"]], lines[row["id"]]) for row in rows]


def _build_move(row: Mapping[str, Any], xid: str, currency: str, lines: Iterable[Mapping[str, Any]]) -> Move:
    name = row["name"] or ""
    return Move(
        move_id=row["id"], xid=xid, name="" if name == "/" else name, is_credit=row["move_type"] == "out_refund",
        state=row["state"], payment_state=row["payment_state"] or "", total=minor(row["amount_total"], currency),
        tax=minor(row["amount_tax"], currency), residual=minor(row["amount_residual"], currency), currency=currency,
        currency_id=row["currency_id"], partner_id=row["partner_id"] or 0, journal_id=row["journal_id"],
        position_id=row["fiscal_position_id"] or 0,
        dated=_read_date(row["invoice_date"]),
        booked=_read_date(row["date"]), reversed_id=row["reversed_entry_id"] or 0,
        ref=row["ref"] or "",
        lines=tuple(
            MoveLine(
                line_id=line["id"], xid=line["xid"], sale_lines=frozenset(line["sale_line_ids"]),
                quantity=_read_decimal(line["quantity"]), total=minor(line["price_total"], currency),
                taxes=tuple(sorted(line["tax_ids"])), account_id=line["account_id"] or 0,
                analytic=msgspec.json.encode(line["analytic_distribution"] or {}).decode(),
                product_id=line["product_id"] or 0,
            )
            for line in lines
        ),
    )  # fmt: skip


def _read_move_lines(client: OdooClient, moves: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    domain = [["move_id", "in", sorted(moves)], ["display_type", "=", "product"]]
    rows = fetch(client, "account.move.line", domain, _MOVE_LINE)
    xids = names_of(client, "account.move.line", [row["id"] for row in rows])
    result: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        result[row["move_id"]].append({**row, "xid": xids.get(row["id"], "")})
    return result


def _read_currencies(client: OdooClient, ids: Iterable[int]) -> dict[int, str]:
    rows = fetch(client, "res.currency", [["id", "in", sorted(ids)]], ["name"], context=ARCHIVED_TOO)
    return {row["id"]: row["name"] for row in rows}


def _read_taxes(client: OdooClient, ids: Iterable[int]) -> dict[int, Tax]:
    rows = fetch(
        client, "account.tax", [["id", "in", sorted(ids)]], ["amount", "amount_type", "price_include"],
        context=ARCHIVED_TOO,
    )  # fmt: skip
    return {
        row["id"]: Tax(
            round(Decimal(str(row["amount"])) * 10_000), bool(row["price_include"]), row["amount_type"] == "percent"
        )
        for row in rows
    }


def _read_rounding(client: OdooClient) -> bool:
    [row] = client.call(
        "res.company", "read", ids=[client.who.company_id], fields=["tax_calculation_rounding_method"], load=None
    )
    return bool(row["tax_calculation_rounding_method"] == "round_per_line")


def _read_decimal(value: float) -> Decimal:
    return Decimal(str(value or 0))


def _read_date(value: Any) -> date | None:
    return date.fromisoformat(value) if value else None
