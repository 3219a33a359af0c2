"""A product of Odoo as the rules see it.

What belongs here: the shape that orders and stock share. What does not: reading products (odoo/reference/products.py),
which SKU means which product (domain/sales/mapping.py).
"""

from __future__ import annotations

import msgspec


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """One product.product of Odoo, as far as orders and stock need it. rates: percents of its own sale taxes, in ppm.

    unit_id: the unit of measure that one unit sold means, where it is not the product's own: a piece of a product that
    Odoo counts in dozens.
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
