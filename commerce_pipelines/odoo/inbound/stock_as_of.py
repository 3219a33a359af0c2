"""What Odoo had in one warehouse at an instant, what it moved since a day, and what it has still to move.

What belongs here: the calls, and what a movement is by the place at its other side. What does not: the comparison with
the marketplace (domain/inbound/reconciliation.py).

The quantities of an instant are Odoo's own (`qty_available` with `to_date`): it counts in one transaction what lies
there now, and takes back what was done since, by the date of the movement, which a person may correct. All locations
below the warehouse count: goods that cannot be sold may lie apart from its stock. Goods on the road in transit
locations are not in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from ...domain.inbound.reconciliation import Group, Moved, Stocked
from ..reference.names import KINDS, find_names, missing
from ..reference.units import Units, read_units
from ..rpc.client import OdooClient
from ..rpc.search_read import ARCHIVED_TOO, columns, fetch

OPEN_MOVES = ["waiting", "confirmed", "partially_available", "assigned"]
PRODUCTS_A_CALL = 2000
_STAMP = "%Y-%m-%d %H:%M:%S"
_MOVE = ("product_id", "quantity", "product_uom_qty", "product_uom", "date", "state", "location_id", "location_dest_id")


class Away(msgspec.Struct, frozen=True):
    """The warehouse that stands for the marketplace's own. places: ids of its locations, archived ones too."""

    code: str
    view: int
    places: frozenset[int]


class Movements(msgspec.Struct, frozen=True):
    """Of the products that were asked about. done: since the day, by the day in the zone; stocked: the figures of what
    is open and of what was done after the instant."""

    done: tuple[Moved, ...]
    stocked: Mapping[int, Stocked]


def find_away(client: OdooClient, name: str) -> Away:
    """The warehouse of this name or code. Raises RecordError(`unknown_warehouse`)."""
    warehouse = find_names(client, KINDS["warehouse"], [name], client.who.lang).get(name)
    if warehouse is None:
        raise missing(KINDS["warehouse"], name)
    (row,) = fetch(client, "stock.warehouse", [["id", "=", warehouse]], ["code", "view_location_id"])
    below = [["id", "child_of", row["view_location_id"]]]
    places = fetch(client, "stock.location", below, ["usage"], context=ARCHIVED_TOO)
    return Away(row["code"], row["view_location_id"], frozenset(place["id"] for place in places))


def read_stock_as_of(client: OdooClient, away: Away, products: Collection[int], at: datetime) -> dict[int, Stocked]:
    """What lay in the warehouse at an instant: of these products, and of all others of which there was anything.

    at: the last second that counts; a movement of a later second does not.
    """
    wanted = set(products) | _find_lying(client, away, at)
    context = {**ARCHIVED_TOO, "location": away.view, "to_date": at.astimezone(UTC).strftime(_STAMP)}
    asked = sorted(wanted)
    stocked = {}
    for start in range(0, len(asked), PRODUCTS_A_CALL):
        domain = [["id", "in", asked[start : start + PRODUCTS_A_CALL]]]
        for row in fetch(client, "product.product", domain, ["default_code", "qty_available"], context=context):
            if row["qty_available"] or row["id"] in products:
                code = row["default_code"] or f"product {row['id']}"
                stocked[row["id"]] = Stocked(code=code, units=float(row["qty_available"]))
    return stocked


def _find_lying(client: OdooClient, away: Away, at: datetime) -> set[int]:
    """Products with quants in the warehouse, or moved since."""
    places = sorted(away.places)
    (lying,) = columns(client, "stock.quant", [["location_id", "in", places]], ["product_id"])
    since = [["state", "=", "done"], ["date", ">", at.astimezone(UTC).strftime(_STAMP)]]
    (moved,) = columns(client, "stock.move", [*since, *_touch(places)], ["product_id"])
    return {product for product in (*lying, *moved) if product}


def _touch(places: list[int]) -> list[Any]:
    return ["|", ["location_id", "in", places], ["location_dest_id", "in", places]]


def read_movements(
    client: OdooClient, away: Away, stocked: Mapping[int, Stocked], begun: datetime, at: datetime, zone: ZoneInfo
) -> Movements:
    """What was moved after `begun`, and what is open, of these products. zone: by whose days movements are counted."""
    places = sorted(away.places)
    domain = [
        ["product_id", "in", sorted(stocked)], *_touch(places),
        "|", ["state", "in", OPEN_MOVES], "&", ["state", "=", "done"],
        ["date", ">", begun.astimezone(UTC).strftime(_STAMP)],
    ]  # fmt: skip
    rows = [
        dict(zip(_MOVE, row, strict=True)) for row in zip(*columns(client, "stock.move", domain, _MOVE), strict=True)
    ]
    usage = _read_usages(client, {row[name] for row in rows for name in ("location_id", "location_dest_id")})
    own = {row["id"]: row["uom_id"] for row in fetch(
        client, "product.product", [["id", "in", sorted(stocked)]], ["uom_id"], context=ARCHIVED_TOO
    )}  # fmt: skip
    units = read_units(client)
    done: list[Moved] = []
    figures: dict[int, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in rows:
        leaves, comes = row["location_id"] in away.places, row["location_dest_id"] in away.places
        if leaves == comes:
            continue
        product, is_done = row["product_id"], row["state"] == "done"
        count = _count_in_own_unit(row, units, own[product], is_done=is_done)
        moment = _read_stamp(row["date"])
        if is_done and moment <= at:
            group = _find_group(usage.get(row["location_dest_id" if leaves else "location_id"], ""), leaves=leaves)
            done.append(Moved(product, moment.astimezone(zone).date(), group, -count if leaves else count))
            continue
        name = ("left_since" if leaves else "came_since") if is_done else ("to_leave" if leaves else "to_come")
        figures[product][name] += count
    return Movements(
        tuple(done),
        {product: msgspec.structs.replace(row, **figures[product]) for product, row in stocked.items()},
    )


def _read_stamp(value: Any) -> datetime:
    """Odoo's UTC without zone, as text or, of grouped rows over JSON, in ISO form."""
    return datetime.fromisoformat(str(value)).replace(tzinfo=UTC)


def _count_in_own_unit(row: Mapping[str, Any], units: Units, own: int, *, is_done: bool) -> float:
    count = (row["quantity"] if is_done else row["product_uom_qty"]) or 0.0
    unit = row["product_uom"]
    return float(count if unit == own else count * units.factor[unit] / units.factor[own])


def _read_usages(client: OdooClient, places: Iterable[int]) -> dict[int, str]:
    rows = fetch(client, "stock.location", [["id", "in", sorted(places)]], ["usage"], context=ARCHIVED_TOO)
    return {row["id"]: row["usage"] for row in rows}


def _find_group(usage: str, *, leaves: bool) -> Group:
    """What a movement is, by the usage of the place outside of the warehouse."""
    if usage in ("inventory", "production"):
        return Group.ADJUSTMENTS
    if usage == "customer":
        return Group.SHIPMENTS if leaves else Group.RETURNS
    return Group.REMOVALS if leaves else Group.RECEIPTS
