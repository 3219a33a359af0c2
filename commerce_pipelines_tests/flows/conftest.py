"""Lanes into the stand-in of Odoo, and into a real Odoo 19 where ODOO_URL is set (`pytest -m odoo`)."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from typing import Any

import pytest

from commerce_pipelines.odoo.rpc.client import Client, OdooClient
from commerce_pipelines.odoo.rpc.client import connect as connect_odoo
from commerce_pipelines.settings.file import Settings, parse
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.channel import SETTINGS
from commerce_pipelines_tests.doubles.lane import MUG, PAPER, Lane, Server
from commerce_pipelines_tests.doubles.lean import administrator, login_of
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database


@pytest.fixture(scope="module", params=[
    "stand-in", pytest.param("jsonrpc", marks=pytest.mark.odoo), pytest.param("json2", marks=pytest.mark.odoo),
])  # fmt: skip
def odoo(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param != "stand-in":
        if not os.environ.get("ODOO_URL"):
            pytest.skip("needs a real Odoo 19: set ODOO_URL, ODOO_DATABASE, ODOO_USERNAME, ODOO_PASSWORD, ODOO_API_KEY")
        login = (os.environ["ODOO_URL"], os.environ["ODOO_DATABASE"], *login_of(request.param))
        stock_articles(administrator())
        yield Server(*login, transport=request.param)
        return
    with OdooStandIn(demo_database(CATALOGUE)) as stand_in:
        server = Server(stand_in.url, "demo", "admin", "admin", stand_in.calls)
        stock_articles(connect_odoo(settings_of(server).odoo, server.password))
        yield server


def stock_articles(client: OdooClient) -> None:
    """The articles that the tests sell, enough of them for all tests."""
    (place,) = client.call("stock.warehouse", "search_read", domain=[], fields=["lot_stock_id"], load=None, limit=1)
    for code in (MUG, PAPER):
        rows = client.call("product.product", "search", domain=[["default_code", "=", code]])
        vals = {"name": code, "default_code": code, "type": "consu", "is_storable": True}
        (product,) = rows or client.call("product.product", "create", vals_list=[vals])
        quant = {"product_id": product, "location_id": place["lot_stock_id"], "inventory_quantity_auto_apply": 10**6}
        client.call("stock.quant", "create", context={"inventory_mode": True}, vals_list=[quant])


def settings_of(server: Server, more: str = "", of_odoo: str = "") -> Settings:
    text = SETTINGS.replace("http://127.0.0.1:8069", server.url).replace(
        "database: demo", f"database: {server.database}"
    )
    user = f"{of_odoo}username: {server.username}, transport: {server.transport}"
    text = text.replace("username: admin", user).replace("start_date:", f"{more}start_date:")
    return parse(text + "vat: {oss: true}\n")


def open_administrator(server: Server) -> Client:
    """A new client of an administrator, for what a person does in Odoo."""
    if server.calls is None:
        return administrator()
    return connect_odoo(settings_of(server).odoo, server.password)


@pytest.fixture
def connect(odoo: Server, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ODOO_PASSWORD", odoo.password)
    environ = {
        "COMMERCE_DATABASE_URL": warehouse.url,
        "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(),
    }

    def of(settings: Settings, **options: Any) -> Lane:
        return Lane(settings, environ, **{"person": administrator if odoo.calls is None else None, **options})

    def open_lane(more: str = "", of_odoo: str = "") -> Lane:
        return of(settings_of(odoo, more, of_odoo))

    open_lane.of = of  # type: ignore[attr-defined]
    return open_lane


@pytest.fixture
def lane(connect: Any) -> Lane:
    return connect()
