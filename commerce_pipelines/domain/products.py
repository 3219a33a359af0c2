"""A product of Odoo as the rules see it.

What belongs here: the shape that orders and stock share. What does not: reading products (odoo/reference/products.py),
which SKU means which product (domain/sales/mapping.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

import msgspec


class SoldUnit(NamedTuple):
    """A unit of measure that a product can be sold in. size: how many of the product's own units (those of its stock)
    one of this unit holds. least: the smallest quantity of it that Odoo can count, because Odoo rounds quantities in
    the product's own unit."""

    unit_id: int
    size: Fraction
    least: int


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One product.product of Odoo, as far as orders and stock need it. rates: percents of its own sale taxes, in ppm.

    unit_id: the unit of measure that one unit sold means, where it is not the product's own: a piece of a product that
    Odoo counts in dozens.
    units: what it can be sold in, by name; several where a name is not unique, none where it is archived.
    """

    product_id: int
    code: str
    name: str
    active: bool = True
    saleable: bool = True
    stored: bool = True  # is_storable: Odoo keeps stock of it
    kit: bool = False  # it has a phantom bill of materials: its components leave the warehouse
    rates: tuple[int, ...] = ()
    unit_id: int = 0
    units: Mapping[str, tuple[SoldUnit, ...]] = {}
