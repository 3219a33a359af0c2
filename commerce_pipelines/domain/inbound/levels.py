"""What a marketplace's warehouses hold of a SKU now, as one of its stores shows it.

What belongs here: this shape. What does not: what was there at a day's end (ledger.py).

Stores of one region may show the same pool, so the levels of two stores are never added up.
"""

from __future__ import annotations

import msgspec


class FbaLevel(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Units. total: all of them, those on the way in included. reserved: of orders that are not shipped, of transfers
    and of checks. researching: the marketplace looks for them."""

    msku: str
    fnsku: str = ""
    asin: str = ""
    total: int = 0
    fulfillable: int = 0
    inbound_working: int = 0
    inbound_shipped: int = 0
    inbound_receiving: int = 0
    reserved: int = 0
    researching: int = 0
    unfulfillable: int = 0
