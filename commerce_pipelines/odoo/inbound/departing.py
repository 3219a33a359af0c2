"""Transfers that take goods from an own warehouse onto the road to the marketplace's: what they hold, and how it is
packed.

What belongs here: reading them. What does not: what is received at the other end (receipts.py), what is written on them
(plan_papers.py), which of the marketplace's SKUs a product is (flows/inbound/).

A transfer is ready once everything on it is ticked as picked: then its goods, and their packages, are decided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...core.errors import RecordError
from ...domain.inbound.consignment import SourceAddress
from ...domain.inbound.road import find_shipment_ids
from ..rpc.client import OdooClient
from ..rpc.search_read import ARCHIVED_TOO, fetch
from .stock_as_of import Away

_MOVE = ("product_id", "product_uom_qty", "product_qty", "quantity", "picked", "state", "picking_id", "location_id",
         "move_dest_ids")  # fmt: skip
_RESERVED = ("assigned", "partially_available")
CENTIMETRES = {"mm": 0.1, "cm": 1.0, "m": 100.0, "in": 2.54, "ft": 30.48}
KILOGRAMS = {"kg": 1.0, "lb": 0.45359237}


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """sides: length, width and height in centimetres, of its type; all 0 without one. weight: kilograms. contents:
    units by product."""

    name: str
    sides: tuple[float, float, float]
    weight: float
    contents: Mapping[int, float]


class Departing(msgspec.Struct, frozen=True, kw_only=True):
    """state: in Odoo's words. units: by product, in its own unit. arrivals: the transfers from the road into the
    warehouse, with their Source Documents. place: where the goods lie now."""

    picking_id: int
    name: str
    state: str
    is_ready: bool
    scheduled: datetime | None
    place: int
    units: Mapping[int, float] = {}
    packages: tuple[Package, ...] = ()
    arrivals: Mapping[int, str] = {}

    @property
    def numbers(self) -> tuple[str, ...]:
        """The shipments that a person, or a plan, wrote on the transfers at the other end."""
        return find_shipment_ids(*self.arrivals.values())


def read_departing(client: OdooClient, away: Away, planned: Collection[int]) -> list[Departing]:
    """The transfers that are reserved and lead, over a transit location, into the warehouse; and these, whatever became
    of them. One that was deleted counts as cancelled."""
    domain = [
        ["move_dest_ids.location_dest_id", "in", sorted(away.places)], ["location_dest_id.usage", "=", "transit"],
        ["location_id.usage", "=", "internal"], ["picking_id", "!=", False], ["state", "in", list(_RESERVED)],
    ]  # fmt: skip
    wanted = {row["picking_id"] for row in fetch(client, "stock.move", domain, ["picking_id"])} | set(planned)
    if not wanted:
        return []
    moves: dict[int, list[Any]] = defaultdict(list)
    of = [["picking_id", "in", sorted(wanted)], ["state", "not in", ["draft", "cancel"]]]
    for row in fetch(client, "stock.move", of, _MOVE):
        moves[row["picking_id"]].append(row)
    fields = ["name", "state", "scheduled_date", "location_id"]
    heads = {row["id"]: row for row in fetch(client, "stock.picking", [["id", "in", sorted(wanted)]], fields)}
    open_ones = [picking for picking in heads if moves.get(picking)]
    packages = _read_packages(client, open_ones)
    arrivals = _read_arrivals(client, [row for picking in open_ones for row in moves[picking]])
    gone = [
        Departing(picking_id=picking, name="", state="cancel", is_ready=False, scheduled=None, place=0)
        for picking in sorted(wanted - heads.keys())
    ]
    return gone + [
        _build_departing(head, moves.get(picking, []), packages.get(picking, ()), arrivals)
        for picking, head in heads.items()
    ]


def _build_departing(
    head: Any, moves: list[Any], packages: Iterable[Package], arrivals: Mapping[int, tuple[int, str]]
) -> Departing:
    units: dict[int, float] = defaultdict(float)
    for move in moves:
        # Of a movement in another unit than its product's: in the product's.
        size = move["product_qty"] / move["product_uom_qty"] if move["product_uom_qty"] else 1.0
        units[move["product_id"]] += round(move["quantity"] * size, 4)
    ends = dict(arrivals[of] for move in moves for of in move["move_dest_ids"] if of in arrivals)
    picked = [move for move in moves if move["quantity"]]
    is_ready = bool(picked) and all(move["picked"] and move["state"] in _RESERVED for move in picked)
    stamp = head["scheduled_date"]
    return Departing(
        picking_id=head["id"], name=head["name"], state=head["state"], is_ready=is_ready and bool(ends),
        scheduled=datetime.fromisoformat(stamp).replace(tzinfo=UTC) if stamp else None, place=head["location_id"],
        units={product: count for product, count in units.items() if count}, packages=tuple(packages), arrivals=ends,
    )  # fmt: skip


def _read_arrivals(client: OdooClient, moves: Iterable[Any]) -> dict[int, tuple[int, str]]:
    """The transfer, with its Source Document, of each movement that follows these."""
    following = sorted({of for move in moves for of in move["move_dest_ids"]})
    if not following:
        return {}
    alive = [["id", "in", following], ["state", "!=", "cancel"], ["picking_id", "!=", False]]
    rows = fetch(client, "stock.move", alive, ["picking_id"])
    pickings = sorted({row["picking_id"] for row in rows})
    origins = {row["id"]: row["origin"] or "" for row in fetch(
        client, "stock.picking", [["id", "in", pickings]], ["origin"]
    )}  # fmt: skip
    return {row["id"]: (row["picking_id"], origins[row["picking_id"]]) for row in rows}


def _read_packages(client: OdooClient, pickings: Collection[int]) -> dict[int, list[Package]]:
    domain = [["picking_id", "in", sorted(pickings)], ["result_package_id", "!=", False], ["state", "!=", "cancel"]]
    fields = ["picking_id", "product_id", "quantity_product_uom", "result_package_id"]
    lines = fetch(client, "stock.move.line", domain, fields) if pickings else []
    if not lines:
        return {}
    contents: dict[tuple[int, int], dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for line in lines:
        of = contents[line["picking_id"], line["result_package_id"]]
        of[line["product_id"]] += round(line["quantity_product_uom"], 4)
    ids = sorted({package for _, package in contents})
    heads = fetch(client, "stock.package", [["id", "in", ids]], ["name", "package_type_id", "shipping_weight"])
    kinds = _read_types(client, {row["package_type_id"] for row in heads} - {False})
    weights = {
        row["id"]: row["weight"]
        for row in fetch(client, "product.product", [["id", "in", sorted({line["product_id"] for line in lines})]],
                         ["weight"], context=ARCHIVED_TOO)
    }  # fmt: skip
    packages: dict[int, list[Package]] = defaultdict(list)
    by_id = {row["id"]: row for row in heads}
    for (picking, package), of in sorted(contents.items()):
        head = by_id[package]
        kind = kinds.get(head["package_type_id"] or 0)
        pounds = KILOGRAMS.get(kind["weight_uom_name"] if kind else "kg", 1.0)
        weight = head["shipping_weight"] or sum(weights[product] * count for product, count in of.items()) + (
            kind["base_weight"] if kind else 0.0
        )
        packages[picking].append(
            Package(name=head["name"], sides=_measure_sides(kind), weight=round(weight * pounds, 3), contents=dict(of))
        )
    return packages


def _read_types(client: OdooClient, ids: Collection[int]) -> dict[int, Any]:
    fields = ["packaging_length", "width", "height", "base_weight", "length_uom_name", "weight_uom_name"]
    rows = fetch(client, "stock.package.type", [["id", "in", sorted(ids)]], fields) if ids else []
    return {row["id"]: row for row in rows}


def _measure_sides(kind: Any) -> tuple[float, float, float]:
    if kind is None:
        return 0.0, 0.0, 0.0
    scale = CENTIMETRES.get(kind["length_uom_name"], 0.1)
    length, width, height = (round(kind[side] * scale, 2) for side in ("packaging_length", "width", "height"))
    return length, width, height


def read_source(client: OdooClient, place: int) -> SourceAddress:
    """The address of the warehouse that a location belongs to. Raises RecordError(`fba_no_address`)."""
    [location] = fetch(client, "stock.location", [["id", "=", place]], ["warehouse_id"])
    houses = fetch(client, "stock.warehouse", [["id", "=", location["warehouse_id"]]], ["name", "partner_id"])
    partner = houses[0]["partner_id"] if houses else 0
    fields = ["name", "street", "street2", "city", "zip", "phone", "email", "country_id", "state_id"]
    rows = fetch(client, "res.partner", [["id", "=", partner]], fields, context=ARCHIVED_TOO) if partner else []
    row: Any = rows[0] if rows else dict.fromkeys(fields)
    lacking = [name for name in ("name", "street", "city", "zip", "phone", "country_id") if not row[name]]
    if lacking:
        words = {"zip": "postcode", "country_id": "country"}
        raise RecordError(
            "fba_no_address",
            f"The address that goods leave from lacks: {', '.join(words.get(name, name) for name in lacking)}.",
            fix="Complete the contact that the warehouse names as its address, in Odoo under Inventory, Warehouses.",
        )  # fmt: skip
    return SourceAddress(
        name=row["name"], street=row["street"], street2=row["street2"] or "", city=row["city"], postcode=row["zip"],
        country=_read_code(client, "res.country", row["country_id"]), phone=row["phone"], email=row["email"] or "",
        state=_read_code(client, "res.country.state", row["state_id"]),
    )  # fmt: skip


def _read_code(client: OdooClient, model: str, record: Any) -> str:
    return str(fetch(client, model, [["id", "=", record]], ["code"])[0]["code"]) if record else ""
