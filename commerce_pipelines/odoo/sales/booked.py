"""What Odoo already has of our orders: found by external id, read in bulk.

What belongs here: reading orders and their lines. What does not: comparing them with drafts (differences.py), writing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from ...domain.money import digits
from ...domain.sales.draft import MODULE, Sale, order_xid
from ..rpc.client import OdooClient
from ..rpc.load import names_of, read_ids

DATE = "%Y-%m-%d %H:%M:%S"
OPEN = frozenset(("draft", "sent"))
_ORDERS_A_CALL = 1000
_SHIPPED, _PICKED = frozenset(("partial", "full")), "started"
_ORDER = ("name", "state", "company_id", "currency_id", "amount_total", "amount_tax", "order_line")
_WHOLE = (
    *(*_ORDER, "date_order", "locked", "write_uid"),
    *("partner_id", "partner_shipping_id", "partner_invoice_id", "fiscal_position_id"),
)
_STOCK = ("delivery_status", "picking_ids")
_LINE = (
    *("order_id", "name", "product_id", "product_uom_qty", "price_unit", "discount", "tax_ids", "qty_delivered"),
    *("qty_invoiced", "display_type", "product_uom_id"),
)


class BookedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ours. amount: minor units for the whole quantity: price times quantity less discount. billed: units
    on invoices, drafts included."""

    line_id: int
    name: str
    product_id: int
    quantity: Decimal
    price: str
    amount: int
    taxes: frozenset[int]
    unit_id: int = 0
    delivered: Decimal = Decimal(0)
    billed: Decimal = Decimal(0)


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """One order of ours. lines: our own lines, by external id. foreign: ids of lines that a person added.

    by_us: the last one to write to the order was us. history: the order has goods, but never had a delivery. picked:
    goods were taken from their shelf, but none has left (a delivery in several steps). sent_again: a person sends more
    units of one of its lines than were sold.
    """

    sale: Sale
    placed_at: datetime
    locked: bool
    by_us: bool
    invoiced: bool
    history: bool
    picked: bool
    partner_id: int
    shipping_id: int
    invoice_id: int
    position_id: int
    lines: dict[str, BookedLine]
    foreign: tuple[int, ...]
    sent_again: bool = False


def minor(value: float, currency: str) -> int:
    """An amount as Odoo answers it, in minor units."""
    return round(Decimal(str(value)).scaleb(digits(currency)))


def sale_totals(client: OdooClient, channel: str, order_ids: Iterable[str]) -> dict[str, Sale]:
    """Those of these orders that Odoo has, in any state, by order id. Two calls per thousand orders."""
    by_xid = {order_xid(channel, order_id): order_id for order_id in order_ids}
    return {sale.order_id: sale for sale, _row in read_orders(client, by_xid, _ORDER)}


def holds_orders_of(client: OdooClient, label: str) -> bool:
    """Whether Odoo has an order with an external id of ours under the channel's first name, `label`."""
    domain = [["module", "=", MODULE], ["model", "=", "sale.order"], ["name", "=like", f"{label}_order_%"]]
    return bool(client.call("ir.model.data", "search_count", domain=domain, limit=1))


def read_orders(
    client: OdooClient, by_xid: Mapping[str, str], fields: Sequence[str]
) -> Iterable[tuple[Sale, dict[str, Any]]]:
    """(order, its row) of the orders that exist. by_xid: external id -> order id."""
    if not by_xid:
        return
    ids = {record: by_xid[name] for name, record in read_ids(client, "sale.order", by_xid).items()}
    if not ids:
        return
    columns = [*fields, *stock_fields(client)]
    wanted = list(ids)
    for start in range(0, len(wanted), _ORDERS_A_CALL):
        part = wanted[start : start + _ORDERS_A_CALL]
        for row in client.call("sale.order", "read", ids=part, fields=columns, context=client.who.everywhere):
            yield _read_sale(row, ids[row["id"]]), row


def stock_fields(client: OdooClient) -> list[str]:
    """The fields that module sale_stock adds; none where Odoo keeps no stock."""
    return sorted(client.call("sale.order", "fields_get", allfields=list(_STOCK), attributes=["type"]))


def read_booked(client: OdooClient, by_xid: Mapping[str, str]) -> dict[str, Booked]:
    """Orders with their lines, by order id. Six calls whatever their number, one if none exists."""
    orders = list(read_orders(client, by_xid, _WHOLE))
    if not orders:
        return {}
    rows = client.call(
        "sale.order.line", "search_read", domain=[["order_id", "in", [sale.odoo_id for sale, _ in orders]]],
        fields=list(_LINE), load=None,
    )  # fmt: skip
    names = names_of(client, "sale.order.line", [row["id"] for row in rows])
    goods = _find_goods(client, {row["product_id"] for row in rows if row["product_id"]})
    lines: dict[int, list[dict[str, Any]]] = {sale.odoo_id: [] for sale, _ in orders}
    for row in rows:
        lines[row["order_id"]].append(row)
    return {
        sale.order_id: _build_booked(sale, row, lines[sale.odoo_id], names, goods, client.who.uid)
        for sale, row in orders
    }


def find_sent_again(client: OdooClient, order_ids: Iterable[int]) -> set[int]:
    """Those of these orders of which more units of a line go to the customer than were sold, because a person sends
    them again by returning a return. Kits are not looked at."""
    wanted = sorted(order_ids)
    if not wanted:
        return set()
    moves = client.call(
        "stock.move", "search_read", fields=["sale_line_id", "product_id", "product_uom_qty"], load=None,
        domain=[["sale_line_id.order_id", "in", wanted], ["state", "!=", "cancel"],
                ["location_dest_id.usage", "=", "customer"], ["location_id.usage", "!=", "customer"]],
    )  # fmt: skip
    out: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    for move in moves:
        out[move["sale_line_id"], move["product_id"]] += Decimal(str(move["product_uom_qty"]))
    lines = client.call(
        "sale.order.line", "read", ids=sorted({line for line, _ in out}), load=None,
        fields=["order_id", "product_id", "product_uom_qty"],
    )  # fmt: skip
    return {
        line["order_id"] for line in lines
        if out.get((line["id"], line["product_id"]), 0) > Decimal(str(line["product_uom_qty"]))
    }  # fmt: skip


def _find_goods(client: OdooClient, ids: Iterable[int]) -> set[int]:
    """Which of these products are goods, because only goods can be delivered."""
    rows = client.call(
        "product.product", "search_read", context={"active_test": False}, fields=["id"], load=None,
        domain=[["id", "in", sorted(ids)], ["type", "=", "consu"]],
    )  # fmt: skip
    return {row["id"] for row in rows}


def _read_sale(row: Mapping[str, Any], order_id: str) -> Sale:
    currency = row["currency_id"][1]
    return Sale(
        order_id=order_id,
        odoo_id=row["id"],
        name=row["name"],
        state=row["state"],
        currency=currency,
        total=minor(row["amount_total"], currency),
        tax=minor(row["amount_tax"], currency),
        delivered=row.get("delivery_status") in _SHIPPED,
        lines=len(row["order_line"]),
        company_id=_read_id(row["company_id"]),
    )


def _build_booked(
    sale: Sale, row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], names: Mapping[int, str], goods: set[int],
    uid: int,
) -> Booked:  # fmt: skip
    delivered = sale.delivered or any(line["qty_delivered"] for line in lines)
    has_goods = any(line["product_id"] in goods and line["product_uom_qty"] for line in lines)
    return Booked(
        sale=msgspec.structs.replace(sale, delivered=delivered),
        placed_at=datetime.strptime(row["date_order"], DATE).replace(tzinfo=UTC),
        locked=row["locked"],
        by_us=_read_id(row["write_uid"]) == uid,
        invoiced=any(line["qty_invoiced"] for line in lines),
        history=sale.state == "sale" and has_goods and not row.get("picking_ids"),
        picked=row.get("delivery_status") == _PICKED,
        partner_id=_read_id(row["partner_id"]),
        shipping_id=_read_id(row["partner_shipping_id"]),
        invoice_id=_read_id(row["partner_invoice_id"]),
        position_id=_read_id(row["fiscal_position_id"]),
        lines={names[line["id"]]: _read_line(line, sale.currency) for line in lines if line["id"] in names},
        foreign=tuple(
            line["id"]
            for line in lines
            if line["id"] not in names and not line["display_type"] and line["product_uom_qty"]
        ),
    )


def _read_line(row: Mapping[str, Any], currency: str) -> BookedLine:
    quantity, price = Decimal(str(row["product_uom_qty"])), Decimal(str(row["price_unit"]))
    part = 1 - Decimal(str(row["discount"] or 0)) / 100
    return BookedLine(
        line_id=row["id"],
        name=row["name"],
        product_id=row["product_id"] or 0,
        quantity=quantity,
        price=f"{price:f}",
        amount=round((quantity * price * part).scaleb(digits(currency))),
        taxes=frozenset(row["tax_ids"]),
        unit_id=row["product_uom_id"] or 0,
        delivered=Decimal(str(row["qty_delivered"] or 0)),
        billed=Decimal(str(row["qty_invoiced"] or 0)),
    )


def _read_id(value: Any) -> int:
    """The id of a many2one that was read with its name."""
    return int(value[0]) if value else 0
