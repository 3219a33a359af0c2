"""The demo's merchant: warehouses, teams, a delivery method, the catalogue with its stock, and a few odd products.

What belongs here: rows of the demo's Odoo. What does not: what every database has (founding.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from ..catalogue import REDUCED_RATE, Article
from .founding import create_database, tax_of
from .orm import Database, Env
from .records import assign_xmlid, create

TEAMS = ("Amazon", "eBay", "Shopify")
AWAY = "FBA"  # the warehouse that a marketplace ships from
# Products beside the catalogue, for orders that go wrong: archived, not for sale, one code on two products.
ARCHIVED, NOT_FOR_SALE, DUPLICATE = "OLD-ARCHIVED", "NOT-FOR-SALE", "DUPLICATE-1"
# A kit of catalogue articles: code, title, price in euro, components.
SCARCE = "TMB-ISO-450"  # the article that the demo's orders sell out
KIT = ("KIT-MORNING", "Morning Kit: French Press and two Mugs", "79.90",
       (("FRP-GLS-350", 1), ("MUG-STN-350-BL", 2)))  # fmt: skip


def install_oss(db: Database) -> None:
    """What Odoo's module EU One Stop Shop brings, as far as taxes are created with it."""
    env = Env(db, 1, {"lang": "en_US"}, sudo=True)
    [tag] = create(env, "account.account.tag", [{"name": "OSS", "applicability": "taxes"}])
    assign_xmlid(env, "l10n_eu_oss.tag_oss", "account.account.tag", tag)
    create(env, "ir.module.module", [{"name": "l10n_eu_oss", "state": "installed"}])
    db.commit()


def demo_database(catalogue: Sequence[Article], now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Database:
    """Database `demo`: a German merchant with the catalogue's products in the warehouses WH and FBA.

    Log in as admin with the password (and API key) `admin`. Products of REDUCED_RATE carry 7 %, all others 19 %.
    """
    db, env = create_database("demo", now=now)
    fba = create(env, "stock.warehouse", {"name": AWAY, "code": AWAY})[0]
    create(env, "crm.team", [{"name": name, "sequence": 20} for name in TEAMS])
    included = {"name": "19% incl.", "amount": 19.0, "price_include_override": "tax_included", "sequence": 12}
    group = env.db.rows["account.tax"][tax_of(env, "19%")]["tax_group_id"]
    create(env, "account.tax", {**included, "tax_group_id": group, "invoice_label": "19% VAT"})
    taxes = {True: tax_of(env, "7%"), False: tax_of(env, "19%")}
    products = create(env, "product.product", [
        {"name": article.title, "default_code": article.sku, "list_price": article.price_minor_eur / 100,
         "weight": article.weight_g / 1000, "is_storable": True, "categ_id": 1,
         "taxes_id": [[6, 0, [taxes[article.sku in REDUCED_RATE]]]]}
        for article in catalogue
    ])  # fmt: skip
    stock, far = (db.rows["stock.warehouse"][i]["lot_stock_id"] for i in (1, fba))
    seed(env, stock, {product: 40 + (7 * i) % 60 for i, product in enumerate(products)})
    far_units = {product: 40 + (5 * i) % 30 for i, product in enumerate(products)}
    seed(env, far, far_units | {p: 4 for p, a in zip(products, catalogue, strict=True) if a.sku == SCARCE})
    _create_odd_products(env, stock)
    _create_kit(env)
    _create_delivery(env)
    db.commit()
    return db


def _create_delivery(env: Env) -> None:
    service = {"type": "service", "sale_ok": False, "list_price": 0.0, "categ_id": 4}
    product = create(env, "product.product", {"name": "Standard delivery", "default_code": "Delivery_007", **service})
    url = "https://tracking.example/<shipmenttrackingnumber>"
    create(env, "delivery.carrier", {"name": "Standard", "product_id": product[0], "tracking_url": url})


def seed(env: Env, location: int, units: dict[int, int]) -> None:
    """Opening stock: product -> units in a location."""
    create(env.having(inventory_mode=False), "stock.quant", [
        {"product_id": product, "location_id": location, "quantity": count} for product, count in units.items()
    ])  # fmt: skip


def many_products(db: Database, count: int, *, units: int = 10) -> list[int]:
    """So many more products (SKU-000000 and on) with stock in WH, for measuring how long things take: their ids."""
    env = Env(db, 1, {"lang": "en_US"}, sudo=True)
    stock = db.rows["stock.warehouse"][1]["lot_stock_id"]
    made: list[int] = []
    for start in range(0, count, 1000):
        part = range(start, min(start + 1000, count))
        values = [{"name": f"Article {i}", "default_code": f"SKU-{i:06d}", "is_storable": True} for i in part]
        products = create(env, "product.product", values)
        seed(env, stock, dict.fromkeys(products, units))
        db.commit()  # the undo journal would grow without end
        made += products
    return made


def _create_odd_products(env: Env, stock: int) -> None:
    odd = create(env, "product.product", [
        {"name": "Discontinued Kettle", "default_code": ARCHIVED, "is_storable": True, "active": False},
        {"name": "Display Stand", "default_code": NOT_FOR_SALE, "is_storable": True, "sale_ok": False},
        {"name": "Sample Bag, 2024", "default_code": DUPLICATE, "is_storable": True},
        {"name": "Sample Bag, 2025", "default_code": DUPLICATE, "is_storable": True},
    ])  # fmt: skip
    seed(env, stock, dict.fromkeys(odd[1:], 20))


def _create_kit(env: Env) -> None:
    """Only where the catalogue has its components."""
    code, title, price, parts = KIT
    products = {part: env.db.referring("product.product", "default_code", part) for part, _units in parts}
    if not all(products.values()):
        return
    kit = create(env, "product.product", {"name": title, "default_code": code, "is_storable": True,
                                          "list_price": float(price), "categ_id": 1})[0]  # fmt: skip
    create(env, "mrp.bom", {
        "product_tmpl_id": env.db.rows["product.product"][kit]["product_tmpl_id"], "type": "phantom",
        "bom_line_ids": [[0, 0, {"product_id": products[part][0], "product_qty": units}] for part, units in parts],
    })  # fmt: skip
