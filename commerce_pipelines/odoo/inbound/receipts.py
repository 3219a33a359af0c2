"""Transfers from the road into the marketplace's warehouse: reading them, and validating what has arrived.

What belongs here: the calls. What does not: how many units (domain/inbound/road.py), which shipment it is.

A transfer is one whose goods come from a transit location: Odoo makes it by *Resupply From* of the warehouse, or a
person chains it to one that brings the goods onto the road. What is not validated stays on the road, in a backorder.
After every validation the state is read back, because Odoo answers True also where it did nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...core.failpoints import failpoint
from ...domain.inbound.road import RoadMove, find_shipment_ids
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.halving import on_all
from ..rpc.search_read import fetch
from .stock_as_of import Away

_STAMP = "%Y-%m-%d %H:%M:%S"
_MOVE = ("product_id", "product_uom_qty", "quantity", "state", "picking_id", "product_qty",
         "location_id")  # fmt: skip
_ENDED = ("done", "cancel")
NUMBERS_A_CALL = 50
# Odoo's states of a transfer as its own pages call them.
STATES = {
    "draft": "draft", "waiting": "waits for another transfer", "confirmed": "waits for goods", "assigned": "reserved",
    "done": "done", "cancel": "cancelled",
}  # fmt: skip


def name_state(state: str) -> str:
    """A transfer's state for people; one that is not known as Odoo calls it."""
    return STATES.get(state, state)


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """shipment_id: that a person, or a plan, wrote on it; several as `FBA15A FBA15B`, '' for none. state: in Odoo's
    words."""

    picking_id: int
    name: str
    state: str
    shipment_id: str
    moves: tuple[RoadMove, ...]


def read_transfers(client: OdooClient, away: Away, since: datetime) -> list[Transfer]:
    """Transfers into the warehouse that are not done, or were done since then, and all others of their shipments,
    because what is received of a shipment is counted from its first transfer on; oldest first."""
    from_road = [
        ["location_dest_id", "in", sorted(away.places)], ["location_id.usage", "=", "transit"],
        ["state", "not in", ["draft", "cancel"]], ["picking_id", "!=", False],
    ]  # fmt: skip
    late = ["|", ["state", "!=", "done"], ["date", ">=", since.astimezone(UTC).strftime(_STAMP)]]
    transfers = _read(client, [*from_road, *late])
    numbers = sorted({number for transfer in transfers for number in transfer.shipment_id.split()})
    seen = {transfer.picking_id for transfer in transfers}
    for start in range(0, len(numbers), NUMBERS_A_CALL):
        part = numbers[start : start + NUMBERS_A_CALL]
        named = ["|"] * (len(part) - 1) + [["picking_id.origin", "ilike", number] for number in part]
        earlier = _read(client, [*from_road, ["picking_id", "not in", sorted(seen)], *named])
        transfers += [transfer for transfer in earlier if set(part) & set(transfer.shipment_id.split())]
        seen |= {transfer.picking_id for transfer in earlier}
    return sorted(transfers, key=lambda transfer: transfer.picking_id)


def _read(client: OdooClient, domain: list[Any]) -> list[Transfer]:
    moves: dict[int, list[RoadMove]] = {}
    going = fetch(client, "stock.move", domain, _MOVE)
    lying = _read_lying(client, {row["location_id"] for row in going if row["state"] != "done"})
    for row in going:
        # Of a movement in another unit than its product's: both quantities in the product's.
        size = row["product_qty"] / row["product_uom_qty"] if row["product_uom_qty"] else 1.0
        is_done, moved = row["state"] == "done", (row["quantity"] or 0.0) * size
        if not is_done:  # a quantity may be typed before anything has left
            key = (row["location_id"], row["product_id"])
            moved = min(moved, max(lying.get(key, 0.0), 0.0))
            lying[key] = lying.get(key, 0.0) - moved
        move = RoadMove(
            move_id=row["id"], picking_id=row["picking_id"], product=row["product_id"], is_done=is_done,
            units=moved if is_done else row["product_qty"], there=0.0 if is_done else moved,
        )  # fmt: skip
        moves.setdefault(row["picking_id"], []).append(move)
    rows = fetch(client, "stock.picking", [["id", "in", sorted(moves)]], ["name", "state", "origin"])
    return [
        Transfer(
            picking_id=row["id"], name=row["name"], state=row["state"],
            shipment_id=" ".join(sorted(find_shipment_ids(row["origin"] or ""))), moves=tuple(moves[row["id"]]),
        )
        for row in rows
    ]  # fmt: skip


def _read_lying(client: OdooClient, places: Collection[int]) -> dict[tuple[int, int], float]:
    """Units by place and product, those of places below it included."""
    lying: dict[tuple[int, int], float] = defaultdict(float)
    for place in sorted(places):
        below = [["location_id", "child_of", place]]
        for row in fetch(client, "stock.quant", below, ["product_id", "quantity"]):
            lying[place, row["product_id"]] += row["quantity"]
    return lying


def reserve(client: OdooClient, pickings: Sequence[int]) -> None:
    """Let Odoo reserve for these transfers what lies on the road and nobody has reserved: it does so by itself only
    where the operation type says so. It changes nothing for goods that have not left."""
    on_all(client, "stock.picking", "action_assign", pickings, {}, list)


def read_lots(client: OdooClient, moves: Collection[int]) -> dict[int, dict[int, float]]:
    """Units by lot or serial number, 0 for none, of those movements whose products have them."""
    domain = [["id", "in", sorted(moves)], ["product_id.tracking", "in", ["lot", "serial"]]]
    tracked = [row["id"] for row in fetch(client, "stock.move", domain, ["product_id"])] if moves else []
    lots: dict[int, dict[int, float]] = {move: defaultdict(float) for move in tracked}
    fields = ["move_id", "lot_id", "quantity_product_uom"]
    for row in fetch(client, "stock.move.line", [["move_id", "in", tracked]], fields) if tracked else []:
        lots[row["move_id"]][row["lot_id"] or 0] += row["quantity_product_uom"]
    return lots


def receive(
    client: OdooClient, units: Mapping[int, float], picking_of: Mapping[int, int]
) -> dict[int, OdooRefusal | None]:
    """Receive these units, by movement, in units of their products; the rest of each transfer stays on the road.

    Returns the transfers that are not done: with Odoo's refusal, None where it does not say why.
    """
    quiet = {} if client.settings.chatter else {"tracking_disable": True}
    context: dict[str, Any] = {**quiet, "skip_sms": True, "skip_backorder": True}
    failed: dict[int, OdooRefusal | None] = {
        picking: OdooRefusal("stock.picking.button_validate: the operation type makes no backorder, so that the rest "
                             "would be cancelled; set Create Backorder to Ask or Always")
        for picking in _list_losing(client, units, sorted({picking_of[move] for move in units}))
    }  # fmt: skip
    pickings = sorted({picking_of[move] for move in units} - failed.keys())
    values = _build_values(client, units, pickings)
    refused = on_all(
        client, "stock.move", "web_save_multi", values, context, list, vals_list=values, specification={}
    )  # fmt: skip
    failed |= {picking_of[move]: refusal for move, refusal in refused.items()}
    due = [picking for picking in pickings if picking not in failed]
    _unpack(client, due, context)
    failpoint("before_fba_receipt")
    failed |= on_all(
        client, "stock.picking", "button_validate", due, context, lambda some: _list_open(client, some)
    )  # fmt: skip
    failpoint("fba_received")
    return failed | {picking: failed.get(picking) for picking in _list_open(client, due)}


def _unpack(client: OdooClient, pickings: Sequence[int], context: Mapping[str, Any]) -> None:
    """Packages end on the road: the marketplace opens them, and Odoo refuses to receive a part of one."""
    domain = [
        ["picking_id", "in", list(pickings)], ["package_id", "!=", False], ["result_package_id", "!=", False],
        ["state", "not in", list(_ENDED)],
    ]  # fmt: skip
    lines = [row["id"] for row in fetch(client, "stock.move.line", domain, ["picking_id"])] if pickings else []
    if lines:
        client.call("stock.move.line", "write", ids=lines, vals={"result_package_id": False}, context=context)


def _list_losing(client: OdooClient, units: Mapping[int, float], pickings: Sequence[int]) -> list[int]:
    """The transfers of which Odoo would cancel what is not received now."""
    rows = fetch(client, "stock.picking", [["id", "in", list(pickings)]], ["picking_type_id"])
    never = [["id", "in", sorted({row["picking_type_id"] for row in rows})], ["create_backorder", "=", "never"]]
    kinds = {row["id"] for row in fetch(client, "stock.picking.type", never, ["create_backorder"])}
    doubtful = [row["id"] for row in rows if row["picking_type_id"] in kinds]
    if not doubtful:
        return []
    domain = [["picking_id", "in", doubtful], ["state", "not in", ["draft", *_ENDED]]]
    moves = fetch(client, "stock.move", domain, ["product_qty", "picking_id"])
    return sorted({row["picking_id"] for row in moves if units.get(row["id"], 0.0) < row["product_qty"]})


def _build_values(client: OdooClient, units: Mapping[int, float], pickings: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What is written on every open movement of these transfers. What a person has ticked and has not arrived is
    unticked, else it would be received with the rest."""
    domain = [["picking_id", "in", list(pickings)], ["state", "not in", ["draft", *_ENDED]]]
    rows = fetch(client, "stock.move", domain, ["product_qty", "product_uom_qty", "picked"])
    values: dict[int, dict[str, Any]] = {}
    for row in rows:
        size = row["product_qty"] / row["product_uom_qty"] if row["product_uom_qty"] else 1.0
        if row["id"] in units:
            values[row["id"]] = {"quantity": units[row["id"]] / size, "picked": True}
        elif row["picked"]:
            values[row["id"]] = {"picked": False}
    return values


def _list_open(client: OdooClient, pickings: Sequence[int]) -> list[int]:
    rows = fetch(client, "stock.picking", [["id", "in", list(pickings)]], ["state"])
    return [row["id"] for row in rows if row["state"] not in _ENDED]
