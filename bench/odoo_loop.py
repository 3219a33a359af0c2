"""Contender: the usual loop over odoorpc, one order after the other.

Search the partner by e-mail, create it if there is none, search each product by its reference, create the order with
its lines, confirm it. There are no external ids, no comparison of totals and no second try: after two runs every order
is there twice.
"""

from __future__ import annotations

from typing import Any

import odoorpc

from .odoo_orders import Row


def load(odoo: odoorpc.ODOO, rows: list[Row], taxes: list[int], country: int) -> int:
    """Load and confirm the orders; returns how many were confirmed."""
    partners, products, orders = odoo.env["res.partner"], odoo.env["product.product"], odoo.env["sale.order"]
    confirmed = 0
    for row in rows:
        partners_there = partners.search([("email", "=ilike", row.email)], limit=1)
        partner = partners_there[0] if partners_there else partners.create(
            {"name": row.name, "email": row.email, "street": row.street, "city": "Köln", "zip": "50667",
             "country_id": country}
        )  # fmt: skip
        lines: list[Any] = []
        for code, quantity, price in row.lines:
            product = products.search([("default_code", "=", code)], limit=1)[0]
            lines.append((0, 0, {"product_id": product, "product_uom_qty": quantity, "price_unit": price / 100,
                                 "tax_ids": [(6, 0, taxes)]}))  # fmt: skip
        order = orders.create({"partner_id": partner, "client_order_ref": row.number, "order_line": lines})
        orders.action_confirm([order])
        confirmed += 1
    return confirmed
