"""A merchant goes live: `access`, `init`, `check`, a plan, the first orders, the first stock, the proof.

What belongs here: the way as docs/run-for-real.md tells it, each step as a person takes it, against the stand-in and a
real Odoo 19 by both transports. What does not: what each command does with mistakes (its own tests).
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from commerce_pipelines.assets import inventory as inventory_assets
from commerce_pipelines.assets import orders as orders_assets
from commerce_pipelines.cli.main import main
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.core.section import Secret
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.odoo.rpc.client import Client, connect
from commerce_pipelines.odoo.rpc.settings import OdooSettings
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles import lean
from commerce_sandbox.catalogue import Article
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.shopify import ShopifyStandIn
from commerce_sandbox.shopify.demo import PEOPLE, build_customer, sell
from commerce_sandbox.shopify.making import make_order
from commerce_sandbox.shopify.shop import instant

IN_STOCK = 40
STOCK = (["odoo", "stock_levels"], "listings", "inventory_targets", "published_inventory")


class Merchant:
    """An empty folder, a shop with two paid orders and no stock, and an Odoo that has the articles."""

    def __init__(
        self, folder: Path, shop: ShopifyStandIn, odoo: Client, kind: str, environ: dict[str, str]
    ) -> None:  # fmt: skip
        self.folder, self.shop, self.odoo, self.environ = folder, shop, odoo, environ
        self.is_real, self.transport = kind != "stand-in", kind.replace("stand-in", "jsonrpc")
        mark = secrets.token_hex(3)
        self.name, self.login = f"shop_{mark}", f"pipelines-{mark}"
        self.articles = [Article(f"{mark}-MUG", "Mug", 1190, 300), Article(f"{mark}-POT", "Pot", 2990, 900)]
        self.today = datetime.now(UTC)
        for place, article in enumerate(self.articles):
            shop.stock.add(900 + place, article, {71: 0})
            self._store(article)
        for place in range(2):
            lines = [sell(article, quantity=1 + place) for article in self.articles]
            created = instant(self.today - timedelta(hours=2, minutes=place))
            shop.add(make_order(lines, number=int(mark, 16) * 10 + place, created=created,
                                **build_customer(PEOPLE[place])))  # fmt: skip

    def _store(self, article: Article) -> None:
        vals = {"name": article.title, "default_code": article.sku, "type": "consu", "is_storable": True}
        [product] = self.odoo.call("product.product", "create", vals_list=[vals])
        [place] = self.odoo.call(
            "stock.warehouse", "search_read", domain=[], fields=["lot_stock_id"], limit=1, load=None
        )
        quant = {"product_id": product, "location_id": place["lot_stock_id"], "inventory_quantity_auto_apply": IN_STOCK}
        self.odoo.call("stock.quant", "create", vals_list=[quant], context={"inventory_mode": True})

    def __call__(self, *arguments: str, ends: int = 0) -> str:
        result: Result = CliRunner().invoke(main, list(arguments))
        assert result.exit_code == ends, result.output
        return result.output

    def edit(self, *changes: tuple[str, str]) -> None:
        path = self.folder / "commerce.yaml"
        text = path.read_text()
        for old, new in changes:
            assert text.count(old) == 1, (old, text)
            text = text.replace(old, new)
        path.write_text(text)

    def list_sales(self) -> list[dict[str, Any]]:
        domain = [["order_line.product_id.default_code", "in", [article.sku for article in self.articles]]]
        rows: list[dict[str, Any]] = self.odoo.call(
            "sale.order", "search_read", domain=domain, fields=["state", "amount_total"], load=None
        )
        return rows

    def show_quantities(self) -> dict[str, int]:
        items = {row["sku"]: row["item"] for row in self.shop.stock.variants.values()}
        return {article.sku: self.shop.stock.quantities[items[article.sku], 71] for article in self.articles}

    def materialise(self, instance: dg.DagsterInstance, flow: str, tables: tuple[str | list[str], ...]) -> None:
        """As a click on "Materialize" in the UI."""
        job = build_defs(settings_file.load()).resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey(table if isinstance(table, list) else [self.name, table]) for table in tables]
        result = job.execute_in_process(instance=instance, asset_selection=keys, tags=run_tags(self.name, flow))
        assert result.success


@pytest.fixture(params=[
    "stand-in", pytest.param("jsonrpc", marks=pytest.mark.odoo), pytest.param("json2", marks=pytest.mark.odoo),
])  # fmt: skip
def merchant(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Merchant]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(orders_assets, "RETRY", None)
    monkeypatch.setattr(inventory_assets, "RETRY", None)
    monkeypatch.setenv("COMMERCE_DATABASE_URL", warehouse.url)
    monkeypatch.setenv("COMMERCE_MASTER_KEY", "")
    monkeypatch.delenv("COMMERCE_MASTER_KEY")  # `init` makes one
    with ExitStack() as stack:
        shop = stack.enter_context(ShopifyStandIn())
        if request.param == "stand-in":
            server = stack.enter_context(OdooStandIn(demo_database([])))
            address = {"url": server.url, "database": "demo"}
            settings = OdooSettings(
                url=server.url, database="demo", username="admin", password=Secret(env="UNUSED")
            )  # fmt: skip
            yield Merchant(tmp_path, shop, connect(settings, "admin"), request.param, {**address, "password": "admin"})
        else:
            odoo = lean.administrator_or_skip()
            address = {"url": os.environ["ODOO_URL"], "database": os.environ["ODOO_DATABASE"]}
            environ = {**address, "password": lean.administrator_password()}
            yield Merchant(tmp_path, shop, odoo, request.param, environ)


def test_from_an_empty_folder_to_proved_orders_and_stock(merchant: Merchant, monkeypatch: pytest.MonkeyPatch) -> None:
    name, day = merchant.name, merchant.today.date()
    place = ("--url", merchant.environ["url"], "--database", merchant.environ["database"])
    log_in(merchant, monkeypatch, place)
    merchant("init", *place, "--username", merchant.login, "--transport", merchant.transport,
             "--channel", f"shopify:{name}")  # fmt: skip

    merchant.edit(
        ('shop: "my-shop.myshopify.com"', f'shop: "demo.myshopify.com"\n    endpoint: "{merchant.shop.url}"'),
        ("    inventory:", f"    start_date: {day - timedelta(days=1)}\n    time_zone: UTC\n    inventory:"),
        ("enabled: false ", "enabled: true "),
    )
    with (merchant.folder / ".env").open("a") as env:
        env.write(f"\n{name.upper()}_CLIENT_ID=id\n{name.upper()}_CLIENT_SECRET=secret\n")
    choice = re.search(r"inventory\.locations: .*? as in (\{.*?\})\..*'71' is Lager Köln", merchant("check", ends=1))
    assert choice  # the shop counts in two places
    merchant.edit(("dry_run: true", f"locations: {choice[1]}\n      dry_run: true"))
    merchant("check")

    planned = json.loads(merchant("plan", name, "--json").splitlines()[-1])
    assert planned == {"channel": name, "orders": {"created": 2}}
    assert merchant.list_sales() == []
    with dg.DagsterInstance.ephemeral() as instance:
        merchant.materialise(instance, "inventory", STOCK)
        assert merchant.show_quantities() == dict.fromkeys(merchant.show_quantities(), 0)
        shown = merchant("inventory", "plan", name)
        assert all(article.sku in shown for article in merchant.articles)

        merchant("backfill", name, "--from", str(day - timedelta(days=1)))
        assert [sale["state"] for sale in merchant.list_sales()] == ["sale", "sale"]
        paid = sum(float(order["totalPriceSet"]["shopMoney"]["amount"]) for order in merchant.shop.orders.rows.values())
        assert sum(sale["amount_total"] for sale in merchant.list_sales()) == pytest.approx(paid)
        merchant("report", name, "--from", str(day - timedelta(days=1)))

        merchant.edit(("dry_run: true", "dry_run: false"))
        merchant.materialise(instance, "inventory", STOCK)
    left = IN_STOCK - 3  # one order has one of each, the other two
    assert merchant.show_quantities() == dict.fromkeys(merchant.show_quantities(), int(left * 0.95))


def log_in(merchant: Merchant, monkeypatch: pytest.MonkeyPatch, place: tuple[str, ...]) -> None:
    """A user of its own, where the Odoo is real; the stand-in has no groups."""
    if not merchant.is_real:
        monkeypatch.setenv("ODOO_PASSWORD", merchant.environ["password"])
        merchant.login = "admin"
        return
    monkeypatch.setenv("ODOO_ADMINISTRATOR_PASSWORD", merchant.environ["password"])
    monkeypatch.setenv("ODOO_PASSWORD", password := secrets.token_hex(8))
    merchant("access", *place, "--administrator", os.environ["ODOO_USERNAME"], "--user", merchant.login,
             *(f"--flow={flow}" for flow in lean.list_flows()))  # fmt: skip
    if merchant.transport == "json2":
        monkeypatch.setenv("ODOO_PASSWORD", lean.make_key(merchant.login, password))
