"""What orders have had delivered and sent back, as Odoo has it, read in bulk.

What belongs here: reading transfers and their moves. What does not: the shapes (domain/returns/goods.py), making
transfers (transfers.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from ...domain.returns.goods import Back, Delivered, Goods
from ...domain.returns.sale_books import SaleLine
from ...domain.sales.draft import order_xid, slug
from ..rpc.client import OdooClient
from ..rpc.load import read_ids
from ..rpc.search_read import ARCHIVED_TOO, fetch
from .invoiced_orders import read_lines

TRANSFERS_A_RETURN = 9  # of ours, backorders not counted
_MOVE = (
    *("product_id", "product_uom", "product_uom_qty", "quantity", "state", "picking_id", "sale_line_id"),
    *("location_id", "location_dest_id", "origin_returned_move_id", "has_tracking", "lot_ids"),
)
_ORDER = ["name", "company_id", "partner_id", "partner_shipping_id", "partner_invoice_id"]
_PICKING = ("name", "state", "picking_type_id", "partner_id", "backorder_id", "location_dest_id")


def transfer_xid(label: str, return_id: str, count: int) -> str:
    """External id of a return's transfer; count: from 1."""
    return f"{label}_return_{slug(return_id)}_{count}"


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    picking_id: int
    name: str
    state: str
    type_id: int
    partner_id: int
    backorder_of: int
    place: int


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """One order's transfers. partner_id, shipping_id, invoice_id: the order's contacts. own: our transfers by external
    id, cancelled ones included."""

    label: str
    order_id: str
    sale_id: int
    name: str
    company_id: int
    partner_id: int
    shipping_id: int
    invoice_id: int
    lines: tuple[SaleLine, ...]
    delivered: tuple[Delivered, ...]
    backs: tuple[Back, ...]
    kits: Mapping[tuple[int, int], Decimal]
    transfers: Mapping[int, Transfer]
    own: Mapping[str, int]

    def transfers_of(self, return_id: str) -> list[int]:
        """Our transfers of a return, and what Odoo split off from them."""
        names = {transfer_xid(self.label, return_id, count) for count in range(1, TRANSFERS_A_RETURN + 1)}
        ours = [picking for name, picking in self.own.items() if name in names]
        for picking in sorted(self.transfers):
            if self.transfers[picking].backorder_of in ours and picking not in ours:
                ours.append(picking)
        return ours

    def goods_of(self, return_id: str) -> Goods:
        ours = set(self.transfers_of(return_id))
        return Goods(
            label=self.label, order_id=self.order_id, name=self.name, lines=self.lines, delivered=self.delivered,
            backs=tuple(msgspec.structs.replace(back, ours=back.picking_id in ours) for back in self.backs),
            kits=self.kits, transfers=len(ours),
        )  # fmt: skip

    def next_name(self, return_id: str) -> str:
        count = sum(transfer_xid(self.label, return_id, n) in self.own for n in range(1, TRANSFERS_A_RETURN + 1))
        return transfer_xid(self.label, return_id, count + 1)


def read_deliveries(client: OdooClient, label: str, returns: Mapping[str, Iterable[str]]) -> dict[str, Deliveries]:
    """Those of these orders that Odoo has, by order id. returns: ids of returns by order id."""
    by_xid = {order_xid(label, order_id): order_id for order_id in returns}
    ids = {record: by_xid[name] for name, record in read_ids(client, "sale.order", by_xid).items()}
    if not ids:
        return {}
    orders = client.call("sale.order", "read", ids=sorted(ids), fields=_ORDER, context=client.who.everywhere, load=None)
    lines = read_lines(client, ids)
    rows, places = _read_moves(client, [line.line_id for part in lines.values() for line in part])
    own = read_ids(client, "stock.picking", [
        transfer_xid(label, return_id, count)
        for part in returns.values() for return_id in part for count in range(1, TRANSFERS_A_RETURN + 1)
    ])  # fmt: skip
    transfers = _read_transfers(client, {*own.values(), *(row["picking_id"] for row in rows if row["picking_id"])})
    result = {}
    for order in orders:
        part = lines[order["id"]]
        sale_lines = {line.line_id for line in part}
        moves = [row for row in rows if row["sale_line_id"] in sale_lines]
        order_id = ids[order["id"]]
        names = {transfer_xid(label, return_id, n) for return_id in returns[order_id]
                 for n in range(1, TRANSFERS_A_RETURN + 1)}  # fmt: skip
        result[order_id] = Deliveries(
            label=label, order_id=order_id, sale_id=order["id"], name=order["name"],
            company_id=order["company_id"] or 0, partner_id=order["partner_id"],
            shipping_id=order["partner_shipping_id"], invoice_id=order["partner_invoice_id"],
            lines=tuple(part), kits=_read_kits(moves, part, places),
            delivered=tuple(_list_delivered(moves, places)), backs=tuple(_list_backs(moves, places)),
            transfers=transfers, own={name: picking for name, picking in own.items() if name in names},
        )  # fmt: skip
    return result


def _read_moves(client: OdooClient, sale_lines: Iterable[int]) -> tuple[list[dict[str, Any]], dict[int, str]]:
    """(moves that are not cancelled, usage of their locations). A move of no kit has the kit's part 0. What comes back
    to no line of an order, as by claims of the module rma, is of the line whose delivery it brings back."""
    fields = [*_MOVE, *client.call("stock.move", "fields_get", allfields=["bom_line_id"], attributes=["type"])]
    domain = [["sale_line_id", "in", sorted(sale_lines)], ["state", "!=", "cancel"]]
    rows = [{"bom_line_id": 0, **row} for row in fetch(client, "stock.move", domain, fields)]
    by_id = {row["id"]: row for row in rows}
    domain = [["origin_returned_move_id", "in", sorted(by_id)], ["sale_line_id", "=", False], ["state", "!=", "cancel"]]
    for row in fetch(client, "stock.move", domain, fields):
        origin = by_id[row["origin_returned_move_id"]]
        rows.append({**row, "sale_line_id": origin["sale_line_id"], "bom_line_id": origin["bom_line_id"]})
    ids = {row[name] for row in rows for name in ("location_id", "location_dest_id")}
    places = fetch(client, "stock.location", [["id", "in", sorted(ids)]], ["usage"], context=ARCHIVED_TOO)
    return rows, {row["id"]: row["usage"] for row in places}


def _read_transfers(client: OdooClient, ids: Iterable[int]) -> dict[int, Transfer]:
    """These transfers, and what Odoo split off from them, whatever its state."""
    rows = fetch(client, "stock.picking", [["id", "in", sorted(ids)]], _PICKING)
    split = rows
    while split := fetch(client, "stock.picking", [["backorder_id", "in", [row["id"] for row in split]]], _PICKING):
        there = {row["id"] for row in rows}
        split = [row for row in split if row["id"] not in there]
        rows = [*rows, *split]
    return {
        row["id"]: Transfer(
            picking_id=row["id"], name=row["name"] or "", state=row["state"], type_id=row["picking_type_id"],
            partner_id=row["partner_id"] or 0, backorder_of=row["backorder_id"] or 0, place=row["location_dest_id"],
        )
        for row in rows
    }  # fmt: skip


def _is_delivery(row: Mapping[str, Any], places: Mapping[int, str]) -> bool:
    return places[row["location_dest_id"]] == "customer" and places[row["location_id"]] != "customer"


def _is_return(row: Mapping[str, Any], places: Mapping[int, str]) -> bool:
    return places[row["location_id"]] == "customer" and places[row["location_dest_id"]] != "customer"


def _list_delivered(moves: Iterable[Mapping[str, Any]], places: Mapping[int, str]) -> Iterable[Delivered]:
    for row in moves:
        if row["state"] == "done" and _is_delivery(row, places):
            yield Delivered(
                move_id=row["id"], picking_id=row["picking_id"] or 0, sale_line=row["sale_line_id"],
                product_id=row["product_id"], unit_id=row["product_uom"] or 0, bom_line=row["bom_line_id"] or 0,
                units=Decimal(str(row["quantity"])),
            )  # fmt: skip


def _has_lots(row: Mapping[str, Any], origin: Mapping[str, Any] | None) -> bool:
    """Whether it is certain which lots or serial numbers come back: one was delivered, or all that were. Of several,
    Odoo takes the first ones, which a person has to correct."""
    if row["has_tracking"] in (False, "none"):
        return True
    lots = origin["lot_ids"] if origin else []
    return bool(row["lot_ids"]) and (len(lots) == 1 or bool(origin and origin["quantity"] == row["product_uom_qty"]))


def _list_backs(moves: Sequence[Mapping[str, Any]], places: Mapping[int, str]) -> Iterable[Back]:
    by_id = {row["id"]: row for row in moves}
    for row in moves:
        if _is_return(row, places):
            is_done = row["state"] == "done"
            units = Decimal(str(row["quantity"] if is_done else row["product_uom_qty"]))
            yield Back(
                move_id=row["id"], picking_id=row["picking_id"] or 0, origin=row["origin_returned_move_id"] or 0,
                product_id=row["product_id"], sale_line=row["sale_line_id"], bom_line=row["bom_line_id"] or 0,
                units=units, is_done=is_done,
                place=row["location_dest_id"],
                has_lots=_has_lots(row, by_id.get(row["origin_returned_move_id"])),
            )  # fmt: skip


def _read_kits(
    moves: Iterable[Mapping[str, Any]], lines: Iterable[SaleLine], places: Mapping[int, str]
) -> dict[tuple[int, int], Decimal]:
    """Units of each component in one unit of a kit: what was to leave, by what was ordered."""
    asked: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
    for row in moves:
        if row["bom_line_id"] and _is_delivery(row, places):
            asked[row["sale_line_id"], row["bom_line_id"]] += Decimal(str(row["product_uom_qty"]))
    ordered = {line.line_id: line.ordered for line in lines}
    return {key: units / ordered[key[0]] for key, units in asked.items() if ordered[key[0]]}
