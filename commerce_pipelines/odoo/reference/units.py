"""Units of measure: what one unit sold on a channel is in Odoo, and how many of it a product's own unit holds.

What belongs here: reading uom.uom and choosing that unit. What does not: packs and aliases of a SKU
(domain/sales/rules.py), which lines name a unit (sales/rows.py).

A listing sells pieces where settings name no unit. So a product that Odoo counts in dozens or in packs of six is sold
and offered in their reference unit, the piece. A product that is weighed or measured is sold in its own unit, because
nobody sells in gram or millimetre, which are the reference units there.

Odoo 19 has no categories of units: two are of one kind when their chains of reference units end in the same one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from weakref import WeakKeyDictionary

import msgspec

from ...domain.keys import key
from ...domain.products import SoldUnit
from ..rpc.client import OdooClient
from ..rpc.search_read import ARCHIVED_TOO, fetch

PIECE = ("uom", "product_uom_unit")  # the piece's external id in Odoo
_PIECES: WeakKeyDictionary[OdooClient, int] = WeakKeyDictionary()


class Units(msgspec.Struct, frozen=True):
    """factor: how many reference units one unit holds, by id. pieces: ids of units that are a number of pieces, and of
    the piece itself. step: the smallest quantity, the same for all units. root: the last reference unit, by id. named:
    by root and name, ids of the active units of that name; none for a name that only archived ones have."""

    factor: Mapping[int, float]
    piece: int
    pieces: frozenset[int]
    step: float
    root: Mapping[int, int] = {}
    named: Mapping[int, Mapping[str, tuple[int, ...]]] = {}

    def sold_in(self, unit: int) -> int:
        """The unit in which a product with this unit is sold and offered."""
        return self.piece if unit in self.pieces else unit

    @property
    def parted(self) -> list[int]:
        """Units whose products are sold in another unit."""
        return sorted(unit for unit in self.pieces if unit != self.piece)

    def sold_units(self, own: int) -> dict[str, tuple[SoldUnit, ...]]:
        """Every unit that a product of this unit can be sold in, by name as the pipelines' user reads it."""
        names = self.named.get(self.root.get(own, 0), {})
        return {name: tuple(self._build_unit(unit, own) for unit in ids) for name, ids in names.items()}

    def _build_unit(self, unit: int, own: int) -> SoldUnit:
        exact, step = {id_: Fraction(str(self.factor[id_])) for id_ in (unit, own, self.sold_in(own))}, self.step
        least = math.ceil(Fraction(str(step)) * exact[own] / exact[unit])
        return SoldUnit(unit, exact[unit] / exact[self.sold_in(own)], max(least, 1))


def read_units(client: OdooClient) -> Units:
    """All units, archived ones too, because products may still have them."""
    fields = ["name", "active", "factor", "rounding", "relative_uom_id"]
    rows = fetch(client, "uom.uom", [], fields, context={**ARCHIVED_TOO, "lang": client.who.lang})
    parent = {row["id"]: row["relative_uom_id"] or 0 for row in rows}
    piece = _find_piece(client)

    def root(unit: int) -> int:
        while parent.get(unit):
            unit = parent[unit]
        return unit

    roots = {row["id"]: root(row["id"]) for row in rows}
    named: dict[int, dict[str, tuple[int, ...]]] = defaultdict(dict)
    for row in rows:
        names, name = named[roots[row["id"]]], key(row["name"])
        usable = row["active"] and row["factor"] > 0
        names[name] = (*names.get(name, ()), *((row["id"],) if usable else ()))
    return Units(
        {row["id"]: row["factor"] for row in rows},
        piece,
        frozenset(unit for unit, last in roots.items() if piece and last == piece),
        min((row["rounding"] for row in rows if row["rounding"]), default=0.01),
        roots,
        named,
    )


def _find_piece(client: OdooClient) -> int:
    """The piece's record id, 0 if there is none. It never changes, so a client reads it once."""
    if client not in _PIECES:
        rows = fetch(client, "ir.model.data", [["module", "=", PIECE[0]], ["name", "=", PIECE[1]]], ["res_id"])
        _PIECES[client] = rows[0]["res_id"] if rows else 0
    return _PIECES[client]
