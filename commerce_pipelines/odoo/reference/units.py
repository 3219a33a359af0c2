"""Units of measure: what one unit sold on a channel is in Odoo, and how many of it a product's own unit holds.

What belongs here: reading uom.uom and choosing that unit. What does not: packs and aliases of a SKU
(domain/sales/rules.py), which lines name a unit (sales/rows.py).

A listing sells pieces. So a product that Odoo counts in dozens or in packs of six is sold and offered in their
reference unit, the piece. A product that is weighed or measured is sold in its own unit, because nobody sells in gram
or millimetre, which are the reference units there.
"""

from __future__ import annotations

from collections.abc import Mapping
from weakref import WeakKeyDictionary

import msgspec

from ..rpc.client import OdooClient
from ..rpc.read import ARCHIVED_TOO, fetch

PIECE = ("uom", "product_uom_unit")  # the piece's external id in Odoo
_PIECES: WeakKeyDictionary[OdooClient, int] = WeakKeyDictionary()


class Units(msgspec.Struct, frozen=True):
    """factor: how many reference units one unit holds, by id. pieces: ids of units that are a number of pieces, and of
    the piece itself. step: the smallest quantity, the same for all units."""

    factor: Mapping[int, float]
    piece: int
    pieces: frozenset[int]
    step: float

    def sold_in(self, unit: int) -> int:
        """The unit in which a product with this unit is sold and offered."""
        return self.piece if unit in self.pieces else unit

    @property
    def parted(self) -> list[int]:
        """Units whose products are sold in another unit."""
        return sorted(unit for unit in self.pieces if unit != self.piece)


def read_units(client: OdooClient) -> Units:
    """All units, archived ones too, because products may still have them."""
    fields = ["factor", "rounding", "relative_uom_id"]
    rows = fetch(client, "uom.uom", [], fields, context=ARCHIVED_TOO)
    parent = {row["id"]: row["relative_uom_id"] or 0 for row in rows}
    piece = _find_piece(client)

    def root(unit: int) -> int:
        while parent.get(unit):
            unit = parent[unit]
        return unit

    return Units(
        {row["id"]: row["factor"] for row in rows},
        piece,
        frozenset(row["id"] for row in rows if piece and root(row["id"]) == piece),
        min((row["rounding"] for row in rows if row["rounding"]), default=0.01),
    )


def _find_piece(client: OdooClient) -> int:
    """The piece's record id, 0 if there is none. It never changes, so a client reads it once."""
    if client not in _PIECES:
        rows = fetch(client, "ir.model.data", [["module", "=", PIECE[0]], ["name", "=", PIECE[1]]], ["res_id"])
        _PIECES[client] = rows[0]["res_id"] if rows else 0
    return _PIECES[client]
