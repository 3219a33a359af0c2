"""Odoo's stock in one snapshot: what lies in each warehouse, how much of it is promised, and what is to arrive.

What belongs here: the calls and the sums. What does not: what a kit is made of (kits.py), how much of it a channel may
show (domain/inventory/availability.py). Import it inside functions: it loads pandas.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from ...core.errors import ProtocolError, RecordError
from ...domain.inventory.availability import MOST_UNITS, STOCK_COLUMNS, Place
from ...domain.inventory.kits import MICRO, kits_available
from ...domain.keys import fold
from ...domain.sales.mapping import Goods, sold_unit
from ..reference.units import Units, read_units
from ..rpc.client import OdooClient, of_company
from ..rpc.search_read import ARCHIVED_TOO, columns, fetch
from .kits import Kit, read_kits

FIGURES = ("on_hand", "reserved", "demand", "incoming")
OPEN_MOVES = ["waiting", "confirmed", "partially_available", "assigned"]
STORED = [["is_storable", "=", True], ["default_code", "!=", False]]
NOT_EXPIRED = [
    "|",
    ["removal_date", "=", False],
    ["removal_date", ">=", "today +1d"],
]  # Odoo's own clock decides the day
OVERLAP = timedelta(minutes=10)  # write_date is the start of Odoo's transaction, which may have been long


class Catalogue(msgspec.Struct, frozen=True):
    """The stored products of an earlier snapshot, internal reference by id, so that only changes are read again."""

    codes: Mapping[int, str]
    taken_at: datetime


class Stock(msgspec.Struct, frozen=True):
    """levels: STOCK_COLUMNS of domain/inventory/availability.py, one row per product and warehouse; warehouse '' for a
    product that lies nowhere. kind: stored, kit (free: whole kits that its components make) or unread (its quantity is
    not a number). codes: internal references of the stored products, for the next Catalogue. read: how many products
    have stock. sizes: as of domain/inventory/availability.py, of the goods that were asked about."""

    levels: pd.DataFrame
    places: tuple[Place, ...]
    codes: dict[int, str]
    read: int
    sizes: Mapping[tuple[int, str], int | None] = {}


def read_stock(
    client: OdooClient, catalogue: Catalogue | None = None, categories: bool = False, measured: Collection[Goods] = ()
) -> Stock:
    """One snapshot of everything that the client's company may sell. measured: goods that settings count in a unit by
    its name.

    free is Odoo's own free_qty (product.product) of a warehouse's stock location and the locations below it, less
    demand (units of confirmed sales that have reserved nothing yet), and at least 0, because a warehouse that Odoo
    booked below zero must not reduce the stock of another. Odoo subtracts lots that reach their removal date, and
    counts goods of any owner and in packages. Goods at the dock, packed goods and scrapped goods are not free. on_hand
    is without the lots that Odoo subtracts. Products that Odoo counts in dozens or packs are stated in pieces. Moves
    are read before quants, so that a reservation made meanwhile counts twice rather than never.

    Raises ProtocolError where Odoo shows no stock at all: an empty answer is a fault, never a sold-out shop.
    """
    warehouses = _read_warehouses(client)
    lots = {row["lot_stock_id"]: row["code"] for row in warehouses}
    codes = _read_codes(client, catalogue)
    if not codes:
        raise ProtocolError(
            f"Odoo shows no stored product{of_company(client)} with an internal reference, so nothing is published: "
            "set the references, and let the user of odoo.username see the products."
        )
    units = read_units(client)
    kits = read_kits(client, units)
    below = [["id", "child_of", list(lots)]]
    places = fetch(client, "stock.location", below, ["parent_path", "usage"], context=ARCHIVED_TOO)
    moves = _read_moves(client, lots, places)
    lying = _read_quants(client, lots, places)
    if not len(lying):
        raise ProtocolError(
            f"Odoo shows no stock in any warehouse{of_company(client)}, which looks like a faulty read; nothing is "
            "published."
        )
    levels = _sum_levels(pd.concat([lying, moves], ignore_index=True) if len(moves) else lying, codes, units.step)
    levels = pd.concat(
        [levels[~levels["product_id"].isin(kits)], _compute_kit_levels(kits, levels, units.step)], ignore_index=True
    )
    levels = _convert_to_pieces(levels, _read_pieces(client, units))
    if categories:
        levels["category"] = levels["product_id"].map(_read_categories(client)).fillna("")
    stock = Stock(
        levels[levels["code"] != ""][list(STOCK_COLUMNS)].reset_index(drop=True),
        tuple(Place(row["code"], row["name"]) for row in warehouses),
        codes,
        int(levels.loc[levels["on_hand"] > 0, "product_id"].nunique()),
        _read_sizes(client, units, levels, measured) if measured else {},
    )
    return stock


def _read_warehouses(client: OdooClient) -> list[dict[str, Any]]:
    """The warehouses of the client's own company, without those of companies that it is a branch of."""
    domain = [["company_id", "=", client.who.company_id]]
    rows = fetch(client, "stock.warehouse", domain, ["name", "code", "lot_stock_id"])
    if not rows:
        raise ProtocolError(
            f"Odoo shows no warehouse{of_company(client)}; give the user of odoo.username access to Inventory."
        )
    return list(rows)


def _find_warehouse(parent_path: str, lots: Mapping[int, str]) -> str:
    """The code of the warehouse whose stock location is the location itself or the nearest one above it, '' for
    none."""
    above = [int(part) for part in parent_path.split("/") if part]
    return next((lots[place] for place in reversed(above) if place in lots), "")


def _read_codes(client: OdooClient, catalogue: Catalogue | None) -> dict[int, str]:
    """Internal references by product id: all of them, or, with a catalogue, only what changed since.

    A product that was deleted or archived leaves no change to read; the number of products shows it. Where nothing
    changed, this takes one call.
    """
    if catalogue is not None and catalogue.codes:
        since = (catalogue.taken_at - OVERLAP).strftime("%Y-%m-%d %H:%M:%S")
        count, changed_at = _count_products(client)
        codes = dict(catalogue.codes)
        if changed_at >= since:
            codes |= _read_references(client, [*_search_stored(client), ["write_date", ">=", since]])
        if count == len(codes):
            return codes
    return _read_references(client, _search_stored(client))


def _search_stored(client: OdooClient) -> list[Any]:
    return [*STORED, *client.who.domain]


def _count_products(client: OdooClient) -> tuple[int, str]:
    """How many stored products there are, and when the last of them was written, in Odoo's spelling of an instant."""
    names = ["__count", "write_date:max"]
    domain = _search_stored(client)
    answer = client.call("product.product", "formatted_read_group", domain=domain, groupby=[], aggregates=names)
    try:
        (group,) = answer
        return int(group["__count"]), str(group["write_date:max"] or "")
    except (TypeError, ValueError, KeyError):
        raise ProtocolError("Odoo does not say how many products it has; check odoo.url.") from None


def _read_references(client: OdooClient, domain: list[Any]) -> dict[int, str]:
    return dict(zip(*columns(client, "product.product", domain, ("id", "default_code")), strict=True))


def _read_moves(client: OdooClient, lots: Mapping[int, str], places: list[Any]) -> pd.DataFrame:
    """Open moves as FIGURES by product_id and warehouse, in the product's own unit of measure."""
    warehouse = {row["id"]: _find_warehouse(row["parent_path"], lots) for row in places if row["usage"] == "internal"}
    domain = [
        ["state", "in", OPEN_MOVES], "|", ["location_dest_id", "child_of", list(lots)],
        "&", ["sale_line_id", "!=", False], ["location_id", "child_of", list(lots)],
    ]  # fmt: skip
    fields = ("product_id", "product_qty", "product_uom_qty", "quantity", "location_id", "location_dest_id",
              "sale_line_id")  # fmt: skip
    records = []
    for product, units, asked, reserved, origin, where, sale in zip(
        *columns(client, "stock.move", domain, fields), strict=True
    ):
        source, target = warehouse.get(origin, ""), warehouse.get(where, "")
        if source == target:
            continue
        if source and sale:
            done = (reserved or 0.0) / asked if asked else 0.0
            records.append((product, source, 0.0, 0.0, (units or 0.0) * max(1 - done, 0.0), 0.0))
        if target:
            records.append((product, target, 0.0, 0.0, 0.0, units or 0.0))
    return pd.DataFrame.from_records(records, columns=["product_id", "warehouse", *FIGURES])


def _read_quants(client: OdooClient, lots: Mapping[int, str], places: list[Any]) -> pd.DataFrame:
    """Quants as FIGURES by product_id and warehouse, without lots that reached their removal date, and without scrap,
    transit and similar locations below a warehouse's stock location."""
    kept = {
        row["id"]: _find_warehouse(row["parent_path"], lots) for row in places if row["usage"] in ("internal", "view")
    }
    fields = ("product_id", "location_id", "quantity", "reserved_quantity")
    expires = client.call("stock.quant", "fields_get", allfields=["removal_date"], attributes=["type"])
    domain = [["location_id", "child_of", list(lots)], *(NOT_EXPIRED if expires else [])]
    products, lying, *figures = columns(client, "stock.quant", domain, fields)
    place, at = np.unique(np.array(lying, "int64"), return_inverse=True)
    warehouse = np.array([kept.get(location, "") for location in place.tolist()], object)[at]
    on_hand, reserved = (np.array([units or 0.0 for units in figure], "float64") for figure in figures)
    frame = pd.DataFrame({"product_id": np.array(products, "int64"), "warehouse": warehouse, "on_hand": on_hand,
                          "reserved": reserved, "demand": 0.0, "incoming": 0.0})  # fmt: skip
    return frame[warehouse != ""]


def _sum_levels(rows: pd.DataFrame, codes: Mapping[int, str], step: float) -> pd.DataFrame:
    """Sums per product and warehouse; a product without any row gets one with warehouse ''."""
    figures = list(FIGURES)
    values = rows[figures].to_numpy(dtype="float64")
    sound = (np.abs(values) < MOST_UNITS).all(axis=1)  # False for NaN too
    unread = rows.loc[~sound, "product_id"].unique()
    sums = rows.assign(**dict(zip(figures, np.where(sound[:, None], values, 0.0).T, strict=True)))
    if rows.duplicated(["product_id", "warehouse"]).any():
        sums = sums.groupby(["product_id", "warehouse"], sort=False, as_index=False)[figures].sum()
    stored = pd.Series(codes)
    nowhere = stored.index.difference(pd.Index(sums["product_id"]))
    if len(nowhere):
        empty = pd.DataFrame({"product_id": nowhere, "warehouse": ""}).assign(**dict.fromkeys(figures, 0.0))
        sums = pd.concat([sums, empty], ignore_index=True)
    free = rounded(sums["on_hand"] - sums["reserved"] - sums["demand"], step)
    return sums.assign(
        code=stored.reindex(sums["product_id"].array).fillna("").array,
        kind=np.where(sums["product_id"].isin(unread), "unread", "stored"),
        free=free.clip(lower=0),
        negative=free < 0,
        components=None,
        category="",
    )


def rounded(values: pd.Series, step: float) -> pd.Series:
    """Quantities as Odoo rounds them: to its smallest quantity, halves away from zero, with allowance for the error of
    floats."""
    units = np.floor(values.abs() / step + 0.5 + 1e-6)
    return (np.sign(values) * units * step).round(6)


def _compute_kit_levels(kits: Mapping[int, Kit], levels: pd.DataFrame, step: float) -> pd.DataFrame:
    """Rows of the kits: whole kits per warehouse, because one parcel leaves from one warehouse."""
    parts = {part for kit in kits.values() for part in kit.content}
    mine = levels[levels["product_id"].isin(parts)]
    free: dict[str, dict[int, int]] = defaultdict(dict)
    for product, place, units in zip(mine["product_id"], mine["warehouse"], mine["free"], strict=True):
        free[place][product] = round(units * MICRO)
    unread = set(mine.loc[mine["kind"] == "unread", "product_id"])
    records = []
    for product, kit in kits.items():
        kind = "unread" if unread & set(kit.content) else "kit"
        text = msgspec.json.encode(kit.content).decode()
        for place in [place for place, have in free.items() if place and set(kit.content) & set(have)] or [""]:
            units = float(kits_available(free.get(place, {}), kit.bill, kit.makes, round(step * MICRO)))
            records.append((product, kit.code, kind, place, units, 0.0, 0.0, 0.0, units, False, text, ""))
    return pd.DataFrame.from_records(records, columns=list(STOCK_COLUMNS))


def _read_pieces(client: OdooClient, units: Units) -> dict[int, float]:
    """How many pieces one unit of a product is, by product id, for products whose unit is not the piece."""
    if not units.parted:
        return {}
    rows = fetch(client, "product.product", [["uom_id", "in", units.parted]], ["uom_id"], context=ARCHIVED_TOO)
    return {row["id"]: units.factor[row["uom_id"]] / units.factor[units.piece] for row in rows}


def _convert_to_pieces(levels: pd.DataFrame, pieces: Mapping[int, float]) -> pd.DataFrame:
    """Figures in Odoo's units, such as dozens, converted to pieces, in which listings and orders count."""
    factor = levels["product_id"].map(pieces).astype("float64")
    parted = factor.notna()
    kits = levels["components"].notna()
    if not parted.any():
        return levels
    names = [*FIGURES, "free"]
    levels = levels.copy()
    levels.loc[parted, names] = levels.loc[parted, names].mul(factor[parted], axis=0).round(6)
    levels.loc[kits, "components"] = [
        _convert_components(text, product, pieces)
        for product, text in zip(levels.loc[kits, "product_id"], levels.loc[kits, "components"], strict=True)
    ]
    return levels


def _read_sizes(
    client: OdooClient, units: Units, levels: pd.DataFrame, measured: Collection[Goods]
) -> dict[tuple[int, str], int | None]:
    """Millionths of a product, in the unit that levels count in, that goods of it take, by product and measure; None
    where Odoo cannot count it so. Rounded up, so that no more is offered than there is."""
    of_code: dict[str, list[Goods]] = defaultdict(list)
    for goods in measured:
        of_code[fold(goods.code)].append(goods)
    pairs = zip(levels["product_id"].tolist(), levels["code"].tolist(), strict=True)
    wanted = {product: of_code[fold(code)] for product, code in pairs if fold(code) in of_code}
    own = fetch(client, "product.product", [["id", "in", sorted(wanted)]], ["uom_id"], context=ARCHIVED_TOO)
    sizes: dict[tuple[int, str], int | None] = {}
    for row in own:
        there = units.sold_units(row["uom_id"])
        for goods in wanted[row["id"]]:
            try:
                size = sold_unit(goods, there).size * goods.quantity
            except RecordError:
                sizes[row["id"], goods.measure] = None
            else:
                sizes[row["id"], goods.measure] = min(math.ceil(size * MICRO), MOST_UNITS * MICRO)
    return sizes


def _convert_components(components: str, kit: int, pieces: Mapping[int, float]) -> str:
    content = msgspec.json.decode(components, type=dict[int, int])
    size = pieces.get(kit, 1.0)
    return msgspec.json.encode(
        {part: round(need * pieces.get(part, 1.0) / size) for part, need in content.items()}
    ).decode()


def _read_categories(client: OdooClient) -> dict[int, str]:
    """Complete category name (`All / Tea`) by product id. It is read from the templates, because a variant's own field
    is computed."""
    names = {row["id"]: row["complete_name"] for row in fetch(client, "product.category", [], ["complete_name"])}
    templates = dict(zip(*columns(client, "product.template", [], ("id", "categ_id")), strict=True))
    products, of = columns(client, "product.product", [], ("id", "product_tmpl_id"))
    return {product: names.get(templates.get(template), "") for product, template in zip(products, of, strict=True)}
