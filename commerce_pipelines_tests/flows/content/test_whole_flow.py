"""From a text, a translation, a picture and a price edited in Odoo to three marketplaces that show them, through
Dagster's assets and a person's consent; from the stand-in of Odoo, and from a real Odoo 19 where ODOO_URL is set."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from commerce_pipelines.assets.common import odoo_key
from commerce_pipelines.assets.content import PRODUCTS
from commerce_pipelines.flows.content.inputs import take_products
from commerce_pipelines.flows.content.publish import publish, refresh, release
from commerce_pipelines.warehouse.content.differences import Difference, load_differences
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.contents import KETTLE
from commerce_pipelines_tests.doubles.everywhere import SECRETS, Lanes, open_lanes
from commerce_pipelines_tests.doubles.lean import administrator, administrator_or_skip, login_of
from commerce_pipelines_tests.flows.content.test_marketplaces import GRINDER
from commerce_pipelines_tests.flows.content.test_pictures import picture, sha1
from commerce_pipelines_tests.flows.content.test_prices import DE, with_tax
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.image_host import ImageHostStandIn
from commerce_sandbox.world import LANES

AMAZON, EBAY, SHOP = LANES
TITLES = {article.sku: article.title for article in CATALOGUE}
TABLES: tuple[str | dg.AssetKey, ...] = (odoo_key(PRODUCTS, ""), "content_changes", "published_content")


class Trade:
    """A merchant on three marketplaces. mark: new in each test, as a real Odoo keeps what earlier ones did."""

    def __init__(self, lanes: Lanes, images: ImageHostStandIn, mark: str, *, is_real: bool) -> None:
        self.lanes, self.images, self.mark = lanes, images, mark
        self.connections, self.is_real = lanes.connections, is_real
        self.odoo = administrator() if is_real else lanes.connections.odoo
        self.products = {code: self.prepare(code) for code in (KETTLE, GRINDER)}
        self.activate_french()
        [self.pricelist] = self.odoo.call("product.pricelist", "create", vals_list=[{"name": f"Web {mark}"}])

    def prepare(self, code: str) -> int:
        """The product of a listing, with the listing's name and nothing else; the id of its template."""
        vals = {"name": TITLES[code], "description_sale": False, "image_1920": False}
        domain = [["default_code", "=", code]]
        rows = self.odoo.call(
            "product.product", "search_read", domain=domain, fields=["product_tmpl_id"], load=None
        )  # fmt: skip
        if not rows:
            made = {**vals, "default_code": code, "type": "consu", "is_storable": True, "list_price": 60.0}
            self.odoo.call("product.template", "create", vals_list=[made])
            rows = self.odoo.call(
                "product.product", "search_read", domain=domain, fields=["product_tmpl_id"], load=None
            )  # fmt: skip
        [template] = [row["product_tmpl_id"] for row in rows]
        self.odoo.call("product.template", "write", ids=[template], vals=vals)
        return int(template)

    def activate_french(self) -> None:
        domain, context = [["code", "=", "fr_FR"]], {"active_test": False}
        rows = self.odoo.call("res.lang", "search_read", domain=domain, fields=["active"], context=context)
        if not self.is_real and not rows:
            self.odoo.call("res.lang", "create", vals_list=[{"name": "French", "code": "fr_FR"}])
        elif self.is_real and not rows[0]["active"]:
            vals = {"lang_ids": [[6, 0, [rows[0]["id"]]]], "overwrite": False}
            [wizard] = self.odoo.call("base.language.install", "create", vals_list=[vals])
            self.odoo.call("base.language.install", "lang_install", ids=[wizard])

    def edit(self, code: str, language: str = "en_US", **vals: Any) -> None:
        ids = [self.products[code]]
        self.odoo.call("product.template", "write", ids=ids, vals=vals, context={"lang": language})

    def set_price(self, code: str, price: float) -> None:
        vals = {"pricelist_id": self.pricelist, "applied_on": "1_product", "product_tmpl_id": self.products[code],
                "compute_price": "fixed", "fixed_price": price}  # fmt: skip
        self.odoo.call("product.pricelist.item", "create", vals_list=[vals])

    def run(self, names: Sequence[str] = LANES) -> None:
        """The lanes' assets, as their schedule asks for them."""
        with dg.DagsterInstance.ephemeral() as instance:
            for name in names:
                assert self.lanes.run_flow(instance, name, "content", TABLES), self.lanes.said

    def differences(self, name: str) -> dict[tuple[str, str], Difference]:
        """What would change of the two products' listings, by SKU and field."""
        with self.connections.warehouse.transaction() as connection:
            rows = load_differences(connection, name)
        return {(row.sku, row.field): row for row in rows if row.sku in self.products and row.action == "change"}

    def changes(self, name: str) -> dict[str, int]:
        """What one more run would send, having read everything on both sides."""
        take_products(self.connections, name, whole=True)
        refresh(self.connections, name, read=True)
        return dict(publish(self.connections, name, run_id="again").outcomes)


@pytest.fixture(params=[
    "stand-in", pytest.param("jsonrpc", marks=pytest.mark.odoo), pytest.param("json2", marks=pytest.mark.odoo),
])  # fmt: skip
def trade(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Trade]:
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
    owned = ["title", "description", "images", "price"]
    content = {"enabled": True, "owned": owned, "price": {"pricelist": f"Web {mark}"}, "language": "en_US"}
    with ImageHostStandIn() as images:
        host = {"put": f"{images.url}/pictures", "public": f"{images.url}/pictures"}
        channels = {
            AMAZON: {**content, "image_host": {**host, "secret": {"env": "DEMO_IMAGES_SECRET"}}},
            EBAY: content, SHOP: {**content, "translations": {"fr": "fr_FR"}},
        }  # fmt: skip
        more: dict[str, Any] = {name: {"content": rules} for name, rules in channels.items()}
        with open_lanes(warehouse, monkeypatch, tmp_path, **real, **more) as lanes:
            yield Trade(lanes, images, mark, is_real=is_real)


def test_what_is_edited_in_odoo_is_shown_as_a_difference_agreed_to_and_then_shown_by_three_marketplaces(
    trade: Trade,
) -> None:
    amazon, ebay, shop = trade.lanes.world.channels.values()
    quantities = (dict(shop.stock.quantities), ebay.shown())
    names = {code: f"{TITLES[code]} {trade.mark}" for code in trade.products}
    for code in trade.products:
        trade.edit(code, name=names[code], description_sale="For pour-over.\n\n1.7 l & steel", image_1920=picture())
        trade.edit(code, language="fr_FR", name=f"Bouilloire {trade.mark}")
        trade.set_price(code, 59.95)
    price = with_tax(trade.odoo, KETTLE, 59.95)
    trade.run()
    for name in LANES:
        rows = trade.differences(name)
        changed = rows[KETTLE, "title"]
        assert (changed.before, changed.after) == (TITLES[KETTLE], names[KETTLE])
        assert rows[KETTLE, "price"].after == price
        assert "1.7 l &" in rows[GRINDER, "description"].after
    assert shop.contents.of_sku(KETTLE)["title"] == TITLES[KETTLE]  # nothing is sent before a person agrees
    for name in LANES:
        release(trade.connections, name, "anna")
    trade.run()
    for code, title in names.items():
        on_ebay = next(row for row in ebay.listings if row.sku == code)
        product = shop.contents.of_sku(code)
        offer = amazon.listings.offers[code]
        assert {on_ebay.title, product["title"], offer.shown[DE]} == {title}
        assert {on_ebay.description, product["descriptionHtml"]} == {"<p>For pour-over.</p><p>1.7 l &amp; steel</p>"}
        assert f"{on_ebay.price / 100:.2f} EUR" == price
        [variant] = shop.contents.show(product)["variants"]
        assert f"{variant['price']} EUR" == price
        [media] = product["media"]
        assert shop.contents.pictures.checksum(media) == sha1()
        french = {part["key"]: part["value"] for part in shop.contents.texts.show(product, "fr")}
        assert french == {"title": f"Bouilloire {trade.mark}"}
    [content] = set(trade.images.files.values())
    assert hashlib.sha1(content, usedforsecurity=False).hexdigest() == sha1()
    assert base64.b64encode(content).decode() == picture()
    assert (dict(shop.stock.quantities), ebay.shown()) == quantities
    for name in LANES:
        assert trade.changes(name) == {}
        assert trade.differences(name) == {}
