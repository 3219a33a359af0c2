"""The products whose stock is touched by writing an order: what kits are made of, and what Odoo's own orders hold.

What belongs here: reading them, rather too many than too few. What does not: how many units of a component a kit takes
(odoo/inventory/kits.py), what follows from sharing a product (domain/sales/division.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from ..rpc.client import OdooClient
from ..rpc.search_read import ARCHIVED_TOO, fetch


def read_components(client: OdooClient, products: Collection[int]) -> dict[int, set[int]]:
    """All that each of these products is made of if it is a kit, kits within kits included: product id -> product ids.
    Lines for other variants of a kit count too. Three calls for each level of kits."""
    if not products or not client.call("product.product", "fields_get", allfields=["is_kits"], attributes=["type"]):
        return {}  # Manufacturing is not installed
    parts: dict[int, set[int]] = {}
    new = set(products)
    while new:
        level = _read_level(client, new)
        parts |= {product: level.get(product, set()) for product in new}
        new = {part for made_of in level.values() for part in made_of} - parts.keys()
    return {product: made_of for product in products if (made_of := _open_kit(product, parts))}


def _read_level(client: OdooClient, products: Collection[int]) -> dict[int, set[int]]:
    rows = fetch(
        client, "product.product", [["id", "in", sorted(products)]], ["product_tmpl_id"], context=ARCHIVED_TOO
    )  # fmt: skip
    templates = sorted({row["product_tmpl_id"] for row in rows})
    boms = fetch(
        client, "mrp.bom", [["type", "=", "phantom"], ["product_tmpl_id", "in", templates]], ["product_tmpl_id"]
    )
    if not boms:
        return {}
    template_of = {bom["id"]: bom["product_tmpl_id"] for bom in boms}
    made_of: dict[int, set[int]] = defaultdict(set)
    for line in fetch(client, "mrp.bom.line", [["bom_id", "in", sorted(template_of)]], ["bom_id", "product_id"]):
        made_of[template_of[line["bom_id"]]].add(line["product_id"])
    return {row["id"]: made_of[row["product_tmpl_id"]] for row in rows if row["product_tmpl_id"] in made_of}


def _open_kit(product: int, parts: dict[int, set[int]]) -> set[int]:
    opened: set[int] = set()
    new = parts.get(product, set())
    while new:
        opened |= new
        new = {inner for part in new for inner in parts.get(part, ())} - opened
    return opened


def read_sold(client: OdooClient, order_ids: Iterable[int]) -> dict[int, set[int]]:
    """The products of the lines and the deliveries of orders that Odoo has: order id -> product ids."""
    wanted = sorted(set(order_ids))
    if not wanted:
        return {}
    lines = fetch(client, "sale.order.line", [["order_id", "in", wanted]], ["order_id", "product_id"])
    order_of = {line["id"]: line["order_id"] for line in lines}
    moves = fetch(client, "stock.move", [["sale_line_id", "in", sorted(order_of)]], ["sale_line_id", "product_id"])
    sold: dict[int, set[int]] = defaultdict(set)
    for line in lines:
        if line["product_id"]:
            sold[line["order_id"]].add(line["product_id"])
    for move in moves:
        sold[order_of[move["sale_line_id"]]].add(move["product_id"])
    return dict(sold)
