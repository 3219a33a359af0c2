"""A product of Odoo as the rules see it.

What belongs here: the shape that orders and stock share. What does not: reading products (odoo/reference/products.py),
which SKU means which product (domain/sales/mapping.py).
"""

from __future__ import annotations

import msgspec


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One product.product of Odoo as far as orders and stock care. rates: percents of its own sale taxes, in ppm."""

    product_id: int
    code: str
    name: str
    active: bool = True
    saleable: bool = True
    stored: bool = True  # is_storable: Odoo keeps stock of it
    kit: bool = False  # a phantom bill of materials: its components leave the warehouse
    rates: tuple[int, ...] = ()
