"""A merchant who keeps product content in Odoo, with a Shopify shop: both stand-ins over HTTP, judged by the schema.

What belongs here: the servers, what a person does on either side. What does not: assertions.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from commerce_pipelines.flows.content.inputs import take_products
from commerce_pipelines.flows.content.publish import Compared, Published, publish, refresh, release
from commerce_pipelines.odoo.rpc.client import Client
from commerce_pipelines.odoo.rpc.client import connect as connect_odoo
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse import exceptions
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.channels.shopify.contract import SPECS, Recorded, judge
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.doors import IMPATIENT
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database

SHOP = "shop_de"
KETTLE, MUG = "KET-GN-17", "MUG-STN-350-BL"
YAML = """
odoo: {{url: '{odoo}', database: demo, username: admin, password: {{env: ODOO_PASSWORD}}}}
channels:
  - {{name: shop_de, kind: shopify, shop: demo.myshopify.com, endpoint: '{shop}', {more}
     credentials: {{access_token: {{env: SHOPIFY_TOKEN}}}}, content: {{enabled: true, {content}}}}}
"""


class Merchant:
    """odoo: a person in Odoo. shop: the stand-in of the shop. mutations: those that the shop was sent."""

    def __init__(self, connections: Connections, odoo: Client, shop: Recorded, server: OdooStandIn) -> None:
        self.connections, self.odoo, self.shop, self.server = connections, odoo, shop, server

    def template(self, code: str) -> int:
        [row] = self.odoo.call(
            "product.product", "search_read", domain=[["default_code", "=", code]], fields=["product_tmpl_id"],
            load=None, context={"active_test": False},
        )  # fmt: skip
        return int(row["product_tmpl_id"])

    def edit(self, code: str, language: str = "en_US", **values: Any) -> None:
        """A person edits a product in Odoo."""
        ids = [self.template(code)]
        self.odoo.call("product.template", "write", ids=ids, vals=values, context={"lang": language})

    def product(self, code: str) -> dict[str, Any]:
        """The product in the shop."""
        return self.shop.contents.of_sku(code)

    def run(self, *, whole: bool = False, **options: Any) -> Published:
        """What a run of the lane does."""
        take_products(self.connections, SHOP, whole=whole)
        refresh(self.connections, SHOP, read=whole)
        return publish(self.connections, SHOP, run_id="run", **options)

    def compare(self) -> Compared:
        take_products(self.connections, SHOP)
        return refresh(self.connections, SHOP)

    def release(self) -> str:
        return release(self.connections, SHOP, "anna")

    @property
    def mutations(self) -> list[str]:
        return [
            call.json()["query"].split("(")[0].removeprefix("mutation ").strip()
            for call, _ in self.shop.exchanges
            if call.path.endswith("graphql.json") and call.json()["query"].startswith("mutation")
        ]

    def waits(self) -> dict[str, str]:
        with self.connections.warehouse.transaction() as connection:
            rows = exceptions.open_exceptions(connection, SHOP, "content")
        return {row.record_id: row.code for row in rows}


@contextmanager
def open_merchant(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, content: str = "approve: false", more: str = ""
) -> Iterator[Merchant]:
    """content: keys of the channel's section. more: other keys of the channel, each with a comma."""
    monkeypatch.setenv("ODOO_PASSWORD", "admin")
    monkeypatch.setenv("SHOPIFY_TOKEN", "shpat_sandbox")
    environ = {
        "COMMERCE_DATABASE_URL": warehouse.url,
        "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(),
    }
    with OdooStandIn(demo_database(CATALOGUE)) as odoo, Recorded() as shop:
        settings = parse(YAML.format(odoo=odoo.url, shop=shop.url, content=content, more=more))
        connections = open_connections(settings, environ, instruments=IMPATIENT)
        yield Merchant(connections, connect_odoo(settings.odoo, "admin"), shop, odoo)
        if SPECS:
            judge(shop.exchanges)
