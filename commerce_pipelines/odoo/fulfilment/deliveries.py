"""Reading the deliveries that are done: of whole orders, in a handful of calls whatever their number.

What belongs here: these reads and the shape of their answers. What does not: which orders are whose
(flows/fulfilment/), what follows from a delivery (domain/fulfilment/).

Done means: a transfer of the kind `outgoing` or `dropship` whose moves go to a customer and do not come from one. The
kind alone does not tell: the return of a dropshipment is a dropshipment, too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from ...domain.fulfilment.deliveries import (
    DeliveredLine,
    DeliveredOrder,
    Delivery,
    Piece,
    split_numbers,
    split_url,
)
from ..rpc.client import OdooClient
from ..rpc.load import names_of
from ..rpc.search_read import ARCHIVED_TOO, fetch

DATE = "%Y-%m-%d %H:%M:%S"
_KINDS = ["outgoing", "dropship"]
_OF_CARRIER = ("carrier_id", "carrier_tracking_ref", "carrier_tracking_url")
_LINE = ("order_id", "product_id", "product_uom_id", "product_uom_qty", "qty_delivered")
_MOVE = ("sale_line_id", "product_id", "product_uom", "product_uom_qty", "quantity", "state", "picking_id",
         "origin_returned_move_id")  # fmt: skip
_TO_CUSTOMER = [["location_dest_id.usage", "=", "customer"], ["location_id.usage", "!=", "customer"]]


class Change(msgspec.Struct, frozen=True):
    """A done delivery that was written to. written_at: as Odoo spells it."""

    picking: int
    sale: int
    written_at: str


def read_changes(client: OdooClient, since: datetime) -> list[Change]:
    """The done deliveries of sale orders that were written to since, the oldest first: validated, or given a tracking
    number, but not for a package that was renamed. One call."""
    domain = [
        ["picking_type_code", "in", _KINDS], ["state", "=", "done"], ["sale_id", "!=", False],
        ["write_date", ">=", since.astimezone(UTC).strftime(DATE)],
    ]  # fmt: skip
    rows = fetch(client, "stock.picking", domain, ["sale_id", "write_date"], order="write_date, id")
    return [Change(row["id"], row["sale_id"], row["write_date"]) for row in rows]


def read_orders(client: OdooClient, sales: Collection[int]) -> dict[int, DeliveredOrder]:
    """What is delivered of these sale orders, by record id. Orders without a done delivery are left out."""
    if not sales:
        return {}
    titles = {row["id"]: row["name"] for row in fetch(client, "sale.order", [["id", "in", sorted(sales)]], ["name"])}
    lines = fetch(client, "sale.order.line", [["order_id", "in", sorted(sales)]], _LINE)
    names = names_of(client, "sale.order.line", [row["id"] for row in lines])
    ours = {row["id"]: row for row in lines if row["id"] in names}
    domain = [["sale_line_id", "in", sorted(ours)], ["state", "!=", "draft"], *_TO_CUSTOMER]
    moves = fetch(client, "stock.move", domain, _MOVE)
    first = [move for move in moves if not move["origin_returned_move_id"]]
    heads = _read_heads(client, {move["picking_id"] for move in first if _is_done(move)})
    packed = _read_packed(client, heads) if heads else {}
    by_order: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for row in ours.values():
        by_order[row["order_id"]].append(row)
    by_line: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    for move in first:
        by_line[move["sale_line_id"]].append(move)
    orders = {sale: _build_order(sale, titles[sale], by_order[sale], by_line, names, heads, packed) for sale in titles}
    return {sale: order for sale, order in orders.items() if order.deliveries}


def _is_done(move: Mapping[str, Any]) -> bool:
    return bool(move["state"] == "done" and move["picking_id"])


def _read_heads(client: OdooClient, pickings: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """The transfers that are done deliveries, by id, with the name of their delivery method as `method`."""
    if not pickings:
        return {}
    carrying = sorted(client.call("stock.picking", "fields_get", allfields=list(_OF_CARRIER), attributes=["type"]))
    domain = [["id", "in", sorted(pickings)], ["picking_type_code", "in", _KINDS], ["state", "=", "done"]]
    rows = fetch(client, "stock.picking", domain, ["name", "date_done", *carrying])
    carriers = {row["carrier_id"] for row in rows if row.get("carrier_id")}
    methods: dict[int, str] = {}
    if carriers:
        context = {**ARCHIVED_TOO, "lang": client.who.lang}
        of = fetch(client, "delivery.carrier", [["id", "in", sorted(carriers)]], ["name"], context=context)
        methods = {row["id"]: row["name"] for row in of}
    return {row["id"]: {**row, "method": methods.get(row.get("carrier_id") or 0, "")} for row in rows}


def _read_packed(client: OdooClient, pickings: Iterable[int]) -> dict[int, list[tuple[str, Decimal]]]:
    """What lies in packages, by move: (the package's name, units)."""
    domain = [["picking_id", "in", sorted(pickings)], ["result_package_id", "!=", False]]
    rows = fetch(client, "stock.move.line", domain, ["move_id", "quantity", "result_package_id"])
    ids = sorted({row["result_package_id"] for row in rows})
    names = (
        {row["id"]: row["name"] for row in fetch(client, "stock.package", [["id", "in", ids]], ["name"])} if ids else {}
    )
    packed: dict[int, list[tuple[str, Decimal]]] = defaultdict(list)
    for row in rows:
        package = names.get(row["result_package_id"]) or str(row["result_package_id"])
        packed[row["move_id"]].append((package, _read_units(row["quantity"])))
    return packed


def _build_order(
    sale: int,
    name: str,
    lines: Sequence[Mapping[str, Any]],
    moves: Mapping[int, Sequence[Mapping[str, Any]]],
    names: Mapping[int, str],
    heads: Mapping[int, Mapping[str, Any]],
    packed: Mapping[int, Sequence[tuple[str, Decimal]]],
) -> DeliveredOrder:
    pieces: dict[int, list[Piece]] = defaultdict(list)
    counted = []
    for line in lines:
        missing = Decimal(0)
        for move in moves[line["id"]]:
            own = move["product_id"] == line["product_id"] and move["product_uom"] == line["product_uom_id"]
            if _is_done(move):
                if move["picking_id"] in heads:
                    pieces[move["picking_id"]] += _split_move(move, names[line["id"]], own, packed.get(move["id"], ()))
            elif own:
                missing += _read_units(move["product_uom_qty"])
        counted.append(
            DeliveredLine(
                line=names[line["id"]], missing=missing, ordered=_read_units(line["product_uom_qty"]),
                delivered=_read_units(line["qty_delivered"]),
            )
        )  # fmt: skip
    deliveries = [_build_delivery(heads[picking], goods) for picking, goods in pieces.items()]
    deliveries.sort(key=lambda delivery: (delivery.shipped_at, delivery.picking))
    return DeliveredOrder(odoo_id=sale, name=name, lines=tuple(counted), deliveries=tuple(deliveries))


def _split_move(move: Mapping[str, Any], line: str, own: bool, packed: Sequence[tuple[str, Decimal]]) -> list[Piece]:
    """A move's goods by package; what lies in none has the package ''."""
    loose = _read_units(move["quantity"]) - sum((units for _, units in packed), Decimal(0))
    parts = [*packed, *([("", loose)] if loose > 0 else [])]
    return [
        Piece(line=line, product=move["product_id"], quantity=units, own=own, package=package)
        for package, units in parts
        if units > 0
    ]


def _build_delivery(head: Mapping[str, Any], pieces: Sequence[Piece]) -> Delivery:
    reference = str(head.get("carrier_tracking_ref") or "")
    numbers = split_numbers(reference)
    return Delivery(
        picking=head["id"],
        name=head["name"],
        shipped_at=datetime.strptime(head["date_done"], DATE).replace(tzinfo=UTC),
        pieces=tuple(pieces),
        method=head["method"],
        numbers=numbers,
        url=split_url(str(head.get("carrier_tracking_url") or ""), reference, numbers),
    )


def _read_units(value: float) -> Decimal:
    return Decimal(str(value))
