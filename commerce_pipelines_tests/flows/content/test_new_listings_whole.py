"""From a tag on a product in Odoo to a product of a shop with its variants and an offer on Amazon, through Dagster's
assets and a person's consent, and from there to published stock; from the stand-in of Odoo, and from a real Odoo 19
where ODOO_URL is set."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from commerce_pipelines.assets.common import odoo_key
from commerce_pipelines.assets.content import PRODUCTS
from commerce_pipelines.core.errors import PermanentError
from commerce_pipelines.flows.content.publish import release
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.contents import KETTLE
from commerce_pipelines_tests.doubles.everywhere import SECRETS, Lanes, open_lanes
from commerce_pipelines_tests.doubles.lean import administrator, administrator_or_skip, login_of
from commerce_pipelines_tests.flows.content.test_pictures import picture
from commerce_sandbox.amazon.catalog import Page
from commerce_sandbox.world import LANES

AMAZON, _, SHOP = LANES
CONTENT: tuple[str | dg.AssetKey, ...] = (odoo_key(PRODUCTS, ""), "content_changes", "published_content")
STOCK: tuple[str | dg.AssetKey, ...] = (
    dg.AssetKey(["odoo", "stock_levels"]), "listings", "inventory_targets", "published_inventory"
)  # fmt: skip


class Trader:
    """mark: new in each test, as a real Odoo keeps what earlier ones did."""

    def __init__(self, lanes: Lanes, mark: str, *, is_real: bool) -> None:
        self.lanes, self.mark, self.is_real = lanes, mark, is_real
        self.odoo = administrator() if is_real else lanes.connections.odoo
        [self.tag] = self.odoo.call("product.tag", "create", vals_list=[{"name": f"Sell {mark}"}])

    def add(self) -> list[str]:
        """A mug in two colours; the SKUs of its variants. The stand-in makes no variants, so there it has one."""
        vals = {
            "name": f"Mug {self.mark}", "type": "consu", "is_storable": True, "list_price": 20.0, "weight": 0.35,
            "image_1920": picture(), "product_tag_ids": [[6, 0, [self.tag]]],
        }  # fmt: skip
        [template] = self.odoo.call("product.template", "create", vals_list=[vals])
        if self.is_real:
            [colour] = self.odoo.call("product.attribute", "create", vals_list=[{"name": f"Colour {self.mark}"}])
            rows = [{"name": name, "attribute_id": colour} for name in ("Red", "Blue")]
            values = self.odoo.call("product.attribute.value", "create", vals_list=rows)
            line = {"product_tmpl_id": template, "attribute_id": colour, "value_ids": [[6, 0, values]]}
            self.odoo.call("product.template.attribute.line", "create", vals_list=[line])
        ids = self.odoo.call("product.product", "search", domain=[["product_tmpl_id", "=", template]], order="id")
        codes = [f"M-{self.mark}-{number}".upper() for number in range(len(ids))]
        for id_, code in zip(ids, codes, strict=True):
            self.odoo.call("product.product", "write", ids=[id_], vals={"default_code": code})
        return codes

    def fill(self) -> None:
        """Something in stock, without which a reading of Odoo's stock counts as a faulty one."""
        if not self.is_real:
            return
        vals = {"name": "Saucer", "type": "consu", "is_storable": True, "default_code": f"S-{self.mark}"}
        [saucer] = self.odoo.call("product.product", "create", vals_list=[vals])
        [warehouse] = self.odoo.call("stock.warehouse", "search_read", domain=[], fields=["lot_stock_id"], limit=1,
                                     load=None)  # fmt: skip
        quant = {"product_id": saucer, "location_id": warehouse["lot_stock_id"], "inventory_quantity": 5}
        [id_] = self.odoo.call("stock.quant", "create", vals_list=[quant], context={"inventory_mode": True})
        self.odoo.call("stock.quant", "action_apply_inventory", ids=[id_])

    def run(self, name: str, flow: str, tables: tuple[str | dg.AssetKey, ...]) -> None:
        with dg.DagsterInstance.ephemeral() as instance:
            assert self.lanes.run_flow(instance, name, flow, tables), self.lanes.said


@pytest.fixture(params=[
    "stand-in", pytest.param("jsonrpc", marks=pytest.mark.odoo), pytest.param("json2", marks=pytest.mark.odoo),
])  # fmt: skip
def trader(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Trader]:
    mark, is_real = secrets.token_hex(4), request.param != "stand-in"
    real: dict[str, Any] = {}
    if is_real:
        administrator_or_skip()
        login, password = login_of(request.param)
        places = {name: os.environ[f"ODOO_{name.upper()}"] for name in ("url", "database")}
        real = {
            "odoo": {**places, "username": login, "transport": request.param},
            "secrets": {**SECRETS, "DEMO_ODOO_PASSWORD": password},
        }
    new: dict[str, Any] = {"enabled": True, "tag": f"Sell {mark}"}
    content: dict[str, Any] = {"enabled": True, "owned": ["title"], "language": "en_US"}
    shop = {**new, "shopify": {"status": "active", "publish_to": ["Online Store"]}}
    more: dict[str, Any] = {
        SHOP: {"content": {**content, "new_listings": shop}},
        AMAZON: {"content": {**content, "new_listings": {**new, "amazon": {"asin": "description_sale"}}}},
    }
    with open_lanes(warehouse, monkeypatch, tmp_path, **real, **more) as lanes:
        yield Trader(lanes, mark, is_real=is_real)


def test_a_tagged_product_is_planned_agreed_to_made_and_stocked(trader: Trader) -> None:
    amazon, _, shop = trader.lanes.world.channels.values()
    trader.fill()
    trader.run(SHOP, "inventory", STOCK)
    codes = trader.add()
    trader.run(SHOP, "content", CONTENT)
    assert shop.contents.rows.keys() == {90_000 + place for place in shop.stock.variants}  # nothing before consent
    release(trader.lanes.connections, SHOP, "anna")
    trader.run(SHOP, "content", CONTENT)
    product = shop.contents.of_sku(codes[0])
    assert (product["title"], product["status"]) == (f"Mug {trader.mark}", "ACTIVE")
    shown = {row["sku"]: row["selectedOptions"] for row in shop.new_products.show(product)["variants"]}
    assert set(shown) == set(codes)
    if trader.is_real:
        name = f"Colour {trader.mark}"
        assert [shown[code] for code in codes] == [[{"name": name, "value": value}] for value in ("Red", "Blue")]
    trader.run(SHOP, "inventory", STOCK[:1] + STOCK[2:])  # without its nightly reading of listings
    listings = trader.lanes.connections.settings.channel(SHOP)
    assert listings.inventory.enabled
    assert find_targets(trader, SHOP, codes) == set(codes)
    amazon.catalog.add(Page("B0NEWMUG01", "Mug", "4006381333931"))
    [template] = trader.odoo.call("product.template", "search", domain=[["name", "=", f"Mug {trader.mark}"]])
    trader.odoo.call("product.template", "write", ids=[template], vals={"description_sale": "B0NEWMUG01"})
    trader.run(AMAZON, "content", CONTENT)
    release(trader.lanes.connections, AMAZON, "anna")
    trader.run(AMAZON, "content", CONTENT)
    assert [(amazon.listings.offers[code].asin, amazon.listings.offers[code].quantity) for code in codes] == [
        ("B0NEWMUG01", 0) for _ in codes
    ]  # fmt: skip


def test_a_tag_that_odoo_does_not_have_stops_new_listings_alone(trader: Trader) -> None:
    """The listings that exist are brought in line all the same, and the run then fails by the sentence."""
    shop, lanes = trader.lanes.world.channels[SHOP], trader.lanes
    title = f"Kettle {trader.mark}"
    [kettle] = trader.odoo.call("product.product", "search_read", domain=[["default_code", "=", KETTLE]],
                                fields=["product_tmpl_id"], load=None)  # fmt: skip
    trader.odoo.call("product.template", "write", ids=[kettle["product_tmpl_id"]], vals={"name": title})
    trader.odoo.call("product.tag", "write", ids=[trader.tag], vals={"name": f"Other {trader.mark}"})
    for _ in range(2):
        with dg.DagsterInstance.ephemeral() as instance:
            assert not lanes.run_flow(instance, SHOP, "content", CONTENT)
        assert lanes.said[-1].startswith(f"channels[].content.new_listings.tag: Odoo has no tag 'Sell {trader.mark}'")
        release_if_held(trader)
    assert len(lanes.said) == 2
    assert shop.contents.of_sku(KETTLE)["title"] == title
    trader.odoo.call("product.tag", "write", ids=[trader.tag], vals={"name": f"Sell {trader.mark}"})
    trader.run(SHOP, "content", CONTENT)


def release_if_held(trader: Trader) -> None:
    with suppress(PermanentError):
        release(trader.lanes.connections, SHOP, "anna")


def find_targets(trader: Trader, name: str, codes: list[str]) -> set[str]:
    """Those of these SKUs that stock has targets for, and knows the product of."""
    with trader.lanes.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT sku FROM commerce.inventory_targets WHERE channel = %s AND sku = ANY(%s)"
            " AND target IS NOT NULL",
            (name, codes),
        )
        return {sku for (sku,) in cursor}
