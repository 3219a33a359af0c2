"""Transfers of goods that the marketplace sends back: out of its warehouse onto the road, done; and from there home,
which people receive as the parcel arrives.

What belongs here: the calls. What does not: how many units (domain/inbound/removal_ways.py), which product a SKU is
(contents.py).

Both transfers have external ids made of the parcel and a number, so that after a crash or a lost answer they are found
again, and go on where they are. The first one is dated on the day that the parcel left, as the marketplace's ledger has
it. Its units are taken whether Odoo has them there or not: they have left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...core.errors import RecordError
from ...core.failpoints import failpoint
from ...domain.inbound.removal_ways import Moves, order_key
from ...domain.inbound.removals import Own
from ...domain.inbound.road import is_doubtful
from ..reference.names import KINDS, find_names, missing
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.halving import on_all
from ..rpc.load import load_records, names_that_begin, read_ids, xid
from ..rpc.search_read import ARCHIVED_TOO, fetch

PICKING = "stock.picking"
_STAMP = "%Y-%m-%d %H:%M:%S"
_COLUMNS = ("id", "picking_type_id/.id", "origin", "location_id/.id", "location_dest_id/.id")
_MOVE_COLUMNS = ("id", "product_id/.id", "product_uom_qty", "product_uom/.id", "location_id/.id",
                 "location_dest_id/.id", "move_orig_ids/.id")  # fmt: skip


class HomePlaces(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of locations, and of operation types. away, home: by whether units can be sold."""

    out_type: int
    in_type: int
    road: int
    away: Mapping[bool, int]
    home: Mapping[bool, int]


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """The first transfer of a parcel. moves: (movement, product, whether it can be sold, units in the product's own
    unit). returned: units by movement that people have returned. done_at: as Odoo writes it, in UTC."""

    name: str
    picking_id: int
    state: str
    moves: tuple[tuple[int, int, bool, float], ...]
    returned: Mapping[int, float] = {}
    done_at: str = ""

    @property
    def number(self) -> int:
        """Of the parcel's transfers, from 1."""
        return int(self.name.removesuffix("_out").rpartition("_")[2])


def find_home(client: OdooClient, channel_warehouse: str, warehouse: str, places: Mapping[str, str]) -> HomePlaces:
    """places: names of `transit`, `unsellable` and `unsellable_from`, '' where the last is the stock. Raises
    RecordError: `unknown_warehouse`, `unknown_location`."""
    names = find_names(client, KINDS["warehouse"], [channel_warehouse, warehouse], client.who.lang)
    lacking = next((name for name in (channel_warehouse, warehouse) if name and name not in names), "")
    if lacking:
        raise missing(KINDS["warehouse"], lacking)
    ids = [names[channel_warehouse], names.get(warehouse) or _find_first(client)]
    fields = ["lot_stock_id", "int_type_id", "in_type_id", "view_location_id"]
    rows = {row["id"]: row for row in fetch(client, "stock.warehouse", [["id", "in", ids]], fields)}
    away, home = (rows[of] for of in ids)
    apart = places["unsellable_from"]
    return HomePlaces(
        out_type=away["int_type_id"], in_type=home["in_type_id"],
        road=_find_place(client, places["transit"], "transit"),
        away={True: away["lot_stock_id"], False: (
            _find_place(client, apart, "internal", away["view_location_id"]) if apart else away["lot_stock_id"]
        )},
        home={True: home["lot_stock_id"], False: _find_place(client, places["unsellable"], "internal")},
    )  # fmt: skip


def _find_first(client: OdooClient) -> int:
    """The company's first warehouse."""
    domain = [["company_id", "=", client.who.company_id]]
    [row] = client.call("stock.warehouse", "search_read", domain=domain, fields=["name"], order="sequence, id", limit=1,
                        load=None)  # fmt: skip
    return int(row["id"])


def _find_place(client: OdooClient, name: str, usage: str, below: int = 0) -> int:
    """The location of this name, or of this path; the oldest of several."""
    last = name.rpartition("/")[2]
    domain: list[Any] = [["usage", "=", usage], ["name", "=", last]]
    domain += [["id", "child_of", below]] if below else []
    rows = [row for row in fetch(client, "stock.location", domain, ["name", "complete_name"])
            if name in (row["name"], row["complete_name"])]  # fmt: skip
    if not rows:
        kind = "transit location" if usage == "transit" else "location"
        where = " below the marketplace's warehouse" if below else ""
        raise RecordError(
            "unknown_location", f"Odoo has no {kind} {name}{where}.",
            fix="Create it, or correct its name under `inbound.removals` of the channel.", subject=name,
        )  # fmt: skip
    return min(int(row["id"]) for row in rows)


class Lots(msgspec.Struct, frozen=True):
    """tracked: products whose units have lots or serial numbers. lying: units by lot, 0 for none, of such a product in
    a place, by product and whether they can be sold."""

    tracked: frozenset[int] = frozenset()
    lying: Mapping[Own, Mapping[int, float]] = {}

    def are_doubtful(self, own: Own, units: float) -> bool:
        """Whether nobody can tell which lots leave."""
        return own[0] in self.tracked and is_doubtful(self.lying.get(own, {}), units)


def read_lots(client: OdooClient, places: HomePlaces, products: Collection[int]) -> Lots:
    """What the marketplace's warehouse holds of the products that have lots."""
    tracked = _find_tracked(client, products)
    lying: dict[Own, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for is_sellable, place in places.away.items() if tracked else ():
        there = [["location_id", "child_of", place], ["product_id", "in", sorted(tracked)]]
        for row in fetch(client, "stock.quant", there, ["product_id", "lot_id", "quantity"]):
            lying[row["product_id"], is_sellable][row["lot_id"] or 0] += row["quantity"]
    return Lots(tracked, lying)


def read_legs(client: OdooClient, label: str, keys: Collection[str], orders: Collection[str]) -> dict[str, list[Leg]]:
    """The first transfers of parcels, by the parcel's key, in their order: of these keys, and all of these removal
    orders; those that a person cancelled are there, too."""
    begin = f"{label}_removal_"
    prefixes = [*(f"{begin}{key}_" for key in keys), *(f"{begin}{order_key(order)}" for order in orders)]
    names = names_that_begin(client, PICKING, prefixes)
    outs = {picking: name for picking, name in names.items() if name.endswith("_out")}
    heads = {row["id"]: row for row in fetch(client, PICKING, [["id", "in", sorted(outs)]], ["state", "date_done"])}
    moves = {of: name for of, name in names_that_begin(client, "stock.move", prefixes).items() if "_out_" in name}
    fields = ["product_id", "product_qty", "picking_id"]
    rows = fetch(client, "stock.move", [["id", "in", sorted(moves)]], fields) if moves else []
    of_picking: dict[int, list[tuple[int, int, bool, float]]] = defaultdict(list)
    for row in rows:
        of_picking[row["picking_id"]].append(
            (row["id"], row["product_id"], moves[row["id"]].endswith("_s"), row["product_qty"])
        )
    returned = _read_returned(client, moves)
    legs: dict[str, list[Leg]] = {}
    for picking, name in sorted(outs.items(), key=lambda pair: pair[0]):
        head = heads.get(picking)
        leg = Leg(
            name=name, picking_id=picking, state=head["state"] if head else "cancel", moves=tuple(of_picking[picking]),
            returned={of: returned[of] for of, *_ in of_picking[picking] if of in returned},
            done_at=str((head and head["date_done"]) or "").replace("T", " ")[:19],
        )  # fmt: skip
        legs.setdefault(name.removeprefix(begin).partition("_")[0], []).append(leg)
    return legs


def _read_returned(client: OdooClient, moves: Collection[int]) -> dict[int, float]:
    domain = [["origin_returned_move_id", "in", sorted(moves)], ["state", "=", "done"]]
    returned: dict[int, float] = defaultdict(float)
    for row in fetch(client, "stock.move", domain, ["origin_returned_move_id", "product_qty"]) if moves else []:
        returned[row["origin_returned_move_id"]] += row["product_qty"]
    return returned


def add_moves(legs: Sequence[Leg]) -> Moves:
    """Units on these transfers; of these, on cancelled ones, or returned."""
    units: dict[Own, float] = defaultdict(float)
    undone: dict[Own, float] = defaultdict(float)
    for leg in legs:
        for move, product, is_sellable, count in leg.moves:
            units[product, is_sellable] += count
            back = count if leg.state == "cancel" else leg.returned.get(move, 0.0)
            if back:
                undone[product, is_sellable] += back
    return Moves(units=units, undone=undone)


def rename(client: OdooClient, label: str, names: Mapping[str, tuple[str, str]]) -> None:
    """Source Documents of parcels, by key: (as it was written, as it is now). What a person has written there stays."""
    for key, (old, new) in names.items():
        ours = sorted(names_that_begin(client, PICKING, [f"{label}_removal_{key}_"]))
        domain = [["origin", "=", old], "|", ["id", "in", ours], ["backorder_id", "in", ours]]
        ids = [row["id"] for row in fetch(client, PICKING, domain, ["origin"])] if ours else []
        if ids:
            client.call(PICKING, "write", ids=ids, vals={"origin": new}, context=_build_context(client))


def send_out(
    client: OdooClient, label: str, places: HomePlaces, wanted: Mapping[str, tuple[str, int, Mapping[Own, float]]]
) -> dict[str, OdooRefusal]:
    """Make the first transfers. wanted: by the parcel's key, its Source Document, the number of its next transfer, and
    units by product. Returns refusals by key."""
    units = _read_units(client, {product for _, _, of in wanted.values() for product, _ in of})
    rows = {}
    for key, (origin, number, of) in wanted.items():
        name = f"{label}_removal_{key}_{number}_out"
        head = {"id": xid(name), "picking_type_id/.id": str(places.out_type), "origin": origin,
                "location_id/.id": str(places.away[True]), "location_dest_id/.id": str(places.road)}  # fmt: skip
        lines = [
            _build_line(name, (product, is_sellable), count, units, (places.away[is_sellable], places.road))
            for (product, is_sellable), count in sorted(of.items())
        ]
        rows[key] = _build_rows(head, lines)
    _, refused = load_records(client, PICKING, _list_columns(), rows, _build_context(client))
    failpoint("removal_loaded")
    return refused


def bring_home(
    client: OdooClient, places: HomePlaces, legs: Mapping[str, tuple[str, Sequence[Leg]]], at: Mapping[int, datetime]
) -> dict[str, OdooRefusal | None]:
    """Carry out the first transfers, and make and confirm the second ones. legs: by the parcel's key, with its Source
    Document. at: when the goods left, by transfer, of those that are to be dated; on the others a date that a person
    has corrected stays. Returns the parcels that are not done: with Odoo's refusal, None where it does not say why."""
    every = {leg.picking_id: (key, leg) for key, (_, of) in legs.items() for leg in of if leg.state != "cancel"}
    failed = _make_receipts(client, places, {key: origin for key, (origin, _) in legs.items()}, every)
    drafts = [picking for picking, (_, leg) in every.items() if leg.state == "draft"]
    refused = _confirm(client, drafts)
    todo = {picking: of for picking, of in every.items() if of[1].state != "done" and picking not in refused}
    _reserve(client, {picking: leg for picking, (_, leg) in todo.items()})
    refused |= _validate(client, todo)
    _write_dates(client, {picking: at[picking] for picking in every if picking in at and picking not in refused})
    failed |= {every[picking][0]: refusal for picking, refusal in refused.items()}
    still = [picking for picking in todo if picking not in refused and picking in set(_list_open(client, list(todo)))]
    return failed | {every[picking][0]: failed.get(every[picking][0]) for picking in still}


def _make_receipts(
    client: OdooClient, places: HomePlaces, origins: Mapping[str, str], every: Mapping[int, tuple[str, Leg]]
) -> dict[str, OdooRefusal | None]:
    """The second transfer of every first one that lacks it; it waits for the goods, and for a person."""
    name_of = {picking: f"{leg.name.removesuffix('_out')}_in" for picking, (_, leg) in every.items()}
    there = read_ids(client, PICKING, name_of.values())
    units = _read_units(client, {product for _, leg in every.values() for _, product, _, _ in leg.moves})
    rows = {}
    for picking, (key, leg) in every.items():
        if name_of[picking] in there or not leg.moves:
            continue
        name = name_of[picking]
        head = {"id": xid(name), "picking_type_id/.id": str(places.in_type), "origin": origins[key],
                "location_id/.id": str(places.road), "location_dest_id/.id": str(places.home[True])}  # fmt: skip
        lines = [
            _build_line(name, (product, is_sellable), count, units, (places.road, places.home[is_sellable]))
            | {"move_orig_ids/.id": str(move)}
            for move, product, is_sellable, count in sorted(leg.moves)
        ]
        rows[key, name] = _build_rows(head, lines)
    made, refused = load_records(client, PICKING, _list_columns(), rows, _build_context(client))
    failpoint("removal_receipt_loaded")
    ids = [*there.values(), *made.values()]
    late = _confirm(client, _list_drafts(client, ids))
    keys = {there.get(name): every[picking][0] for picking, name in name_of.items()}
    keys |= {made[of]: of[0] for of in made}
    failed: dict[str, OdooRefusal | None] = {key: refusal for (key, _), refusal in refused.items()}
    return failed | {keys[of]: refusal for of, refusal in late.items()}


def _confirm(client: OdooClient, pickings: Sequence[int]) -> dict[int, OdooRefusal]:
    context = _build_context(client)
    return on_all(client, PICKING, "action_confirm", pickings, context, lambda some: _list_drafts(client, some))


def _find_tracked(client: OdooClient, products: Collection[int]) -> frozenset[int]:
    """Those of these products that have lots or serial numbers."""
    domain = [["id", "in", sorted(products)], ["tracking", "in", ["lot", "serial"]]]
    rows = fetch(client, "product.product", domain, ["tracking"], context=ARCHIVED_TOO) if products else []
    return frozenset(row["id"] for row in rows)


def _reserve(client: OdooClient, legs: Mapping[int, Leg]) -> None:
    """Odoo chooses the lots of what is reserved; of what is not, nobody would."""
    tracked = _find_tracked(client, {product for leg in legs.values() for _, product, *_ in leg.moves})
    due = [picking for picking, leg in legs.items() if any(product in tracked for _, product, *_ in leg.moves)]
    on_all(client, PICKING, "action_assign", due, _build_context(client), list)


def _validate(client: OdooClient, todo: Mapping[int, tuple[str, Leg]]) -> dict[int, OdooRefusal]:
    """All units of these transfers, whether they are reserved or not."""
    context = {**_build_context(client), "skip_sms": True, "skip_backorder": True}
    moves = fetch(client, "stock.move", [["picking_id", "in", sorted(todo)], ["state", "not in", ["done", "cancel"]]],
                  ["product_uom_qty", "picking_id"]) if todo else []  # fmt: skip
    picking_of = {row["id"]: row["picking_id"] for row in moves}
    values = {row["id"]: {"quantity": row["product_uom_qty"], "picked": True} for row in moves}
    refused = on_all(
        client, "stock.move", "web_save_multi", values, context, list, vals_list=values, specification={}
    )  # fmt: skip
    failed = {picking_of[move]: refusal for move, refusal in refused.items()}
    failpoint("before_removal")
    due = [picking for picking in todo if picking not in failed]
    failed |= on_all(client, PICKING, "button_validate", due, context, lambda some: _list_open(client, some))
    failpoint("removal_sent")
    return failed


def _write_dates(client: OdooClient, at: Mapping[int, datetime]) -> None:
    """Date what is done on the day that it left, so that it counts as of that day."""
    domain = [["id", "in", sorted(at)], ["state", "=", "done"]]
    for row in fetch(client, PICKING, domain, ["date_done"]) if at else []:
        stamp = at[row["id"]].astimezone(UTC).strftime(_STAMP)
        if str(row["date_done"] or "").replace("T", " ")[:19] != stamp:
            client.call(PICKING, "write", ids=[row["id"]], vals={"date_done": stamp}, context=_build_context(client))


def _read_units(client: OdooClient, products: Collection[int]) -> dict[int, int]:
    rows = fetch(client, "product.product", [["id", "in", sorted(products)]], ["uom_id"], context=ARCHIVED_TOO)
    return {row["id"]: row["uom_id"] for row in rows}


def _list_columns() -> list[str]:
    return [*_COLUMNS, *(f"move_ids/{name}" for name in _MOVE_COLUMNS)]


def _build_line(
    name: str, own: Own, count: float, units: Mapping[int, int], way: tuple[int, int]
) -> dict[str, str]:  # fmt: skip
    """One movement of a transfer. units: of measure, by product. way: the locations it goes from and to."""
    product, is_sellable = own
    return {
        "id": xid(f"{name}_{product}_{'s' if is_sellable else 'u'}"), "product_id/.id": str(product),
        "product_uom_qty": f"{count:.15g}", "product_uom/.id": str(units[product]),
        "location_id/.id": str(way[0]), "location_dest_id/.id": str(way[1]),
    }  # fmt: skip


def _build_rows(head: Mapping[str, str], lines: Sequence[Mapping[str, str]]) -> list[list[str]]:
    named = [{f"move_ids/{key}": value for key, value in line.items()} for line in lines]
    return [[row.get(column, "") for column in _list_columns()] for row in ({**head, **named[0]}, *named[1:])]


def _list_drafts(client: OdooClient, pickings: Sequence[int]) -> list[int]:
    rows = fetch(client, PICKING, [["id", "in", list(pickings)]], ["state"]) if pickings else []
    return [row["id"] for row in rows if row["state"] == "draft"]


def _list_open(client: OdooClient, pickings: Sequence[int]) -> list[int]:
    rows = fetch(client, PICKING, [["id", "in", list(pickings)]], ["state"]) if pickings else []
    return [row["id"] for row in rows if row["state"] not in ("done", "cancel")]


def _build_context(client: OdooClient) -> dict[str, Any]:
    return {} if client.settings.chatter else {"tracking_disable": True}
