"""Damaged goods scrapped from the quarantine.

What belongs here: this one step. What does not: how they came into the quarantine (transfers.py).

A return straight into a loss location would not count as returned in Odoo, so goods are received first. A scrap has an
external id of its own, and its state is read back: Odoo answers with a question, and scraps nothing, where it misses
the units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.halving import on_all
from ..rpc.load import load_records, read_ids, xid
from ..rpc.search_read import fetch
from ..sales.quotation_to_order import tracking

_COLUMNS = ("id", "product_id/.id", "scrap_qty", "location_id/.id", "picking_id/.id", "origin")


class Scrap(NamedTuple):
    product_id: int
    units: Decimal
    location_id: int
    picking_id: int
    origin: str


def scrap(client: OdooClient, scraps: Mapping[str, Scrap]) -> dict[str, OdooRefusal | None]:
    """Scrap goods, by external id; what stands is not made again. Returns what was not scrapped: None where Odoo asks a
    question instead."""
    ids = read_ids(client, "stock.scrap", scraps)
    rows = {
        name: [[
            xid(name), str(goods.product_id), f"{goods.units:f}", str(goods.location_id), str(goods.picking_id),
            goods.origin,
        ]]
        for name, goods in scraps.items() if name not in ids
    }  # fmt: skip
    made, refused = load_records(client, "stock.scrap", _COLUMNS, rows, tracking(client))
    names = {record: name for name, record in {**ids, **made}.items()}

    def list_open(some: Sequence[int]) -> list[int]:
        rows = fetch(client, "stock.scrap", [["id", "in", list(some)]], ["state"])
        return [row["id"] for row in rows if row["state"] != "done"]

    open_ids = list_open(list(names))
    answers = on_all(client, "stock.scrap", "action_validate", open_ids, tracking(client), list_open)
    result: dict[str, OdooRefusal | None] = dict(refused)
    result |= {names[record]: refusal for record, refusal in answers.items()}
    for record in list_open(open_ids):
        result.setdefault(names[record], None)
    return result
