"""What the Odoo stand-in does beyond Odoo: collisions, limited users, the demo's merchant, and all fast."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from commerce_pipelines_tests.sandbox.odoo_protocol import Refused, Server, fresh
from commerce_sandbox.catalogue import CATALOGUE, REDUCED_RATE
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.odoo.confirming import action_cancel, action_confirm
from commerce_sandbox.odoo.founding import add_user
from commerce_sandbox.odoo.importing import load
from commerce_sandbox.odoo.merchant import ARCHIVED, DUPLICATE, NOT_FOR_SALE, many_products
from commerce_sandbox.odoo.orm import Database, Env
from commerce_sandbox.odoo.records import create, unlink, write
from commerce_sandbox.odoo.transfers import button_validate, create_quants
from commerce_sandbox.odoo.transports import in_transaction
from commerce_sandbox.server import Call, Reply, StandIn


@pytest.fixture
def stand_in() -> Iterator[OdooStandIn]:
    with OdooStandIn(demo_database(CATALOGUE)) as running:
        yield running


@pytest.fixture
def odoo(stand_in: OdooStandIn) -> Server:
    return Server(stand_in.url, "demo", "admin", "admin", "admin")


def codes(odoo: Server, *domain: object) -> list[str]:
    context = {"active_test": False}
    rows = odoo.call("product.product", "search_read", domain=list(domain), fields=["default_code"], context=context)
    return sorted(row["default_code"] for row in rows)


def test_the_demos_merchant(odoo: Server) -> None:
    assert {article.sku for article in CATALOGUE} <= set(codes(odoo))
    assert {"Amazon", "eBay", "Shopify"} <= {
        row["name"] for row in odoo.call("crm.team", "search_read", fields=["name"])
    }
    assert [row["code"] for row in odoo.call("stock.warehouse", "search_read", fields=["code"])] == ["WH", "FBA"]
    assert odoo.call("delivery.carrier", "search_count", domain=[["name", "=", "Standard"]]) == 1
    company = odoo.call("res.company", "search_read", fields=["currency_id", "country_id"])[0]
    assert (company["currency_id"][1], company["country_id"][1]) == ("EUR", "Germany")
    assert codes(odoo, ["taxes_id.name", "=", "7%"]) == sorted(REDUCED_RATE)
    assert codes(odoo, ["active", "=", False]) == [ARCHIVED]
    assert NOT_FOR_SALE in codes(odoo, ["sale_ok", "=", False])
    assert codes(odoo, ["default_code", "=", DUPLICATE]) == [DUPLICATE] * 2
    assert all(row["free_qty"] > 0 for row in odoo.call(
        "product.product", "search_read", domain=[["default_code", "in", [a.sku for a in CATALOGUE]]],
        fields=["free_qty"], context={"warehouse_id": 1}))  # fmt: skip


def test_collisions_leave_nothing_behind(stand_in: OdooStandIn, odoo: Server) -> None:
    stand_in.database.conflicts = 2
    name = fresh("C")
    busy = "could not serialize access due to concurrent update"
    created = odoo.call("res.partner", "create", vals_list=[{"name": name}])
    assert created == Refused(500, "psycopg2.errors.SerializationFailure", busy)
    assert odoo.call("res.partner", "search", domain=[["name", "=", name]]) == []  # reading collides with nobody
    loaded = odoo.load("res.partner", "id", "name", rows=[[f"mkt.{name}", name]])
    assert (loaded["ids"], loaded["messages"][0]["message"]) == (False, busy)
    [partner] = odoo.load("res.partner", "id", "name", rows=[[f"mkt.{name}", name]])["ids"]
    assert odoo.read("res.partner", partner, "name") == name


def test_a_failed_call_is_undone_to_the_last_row(stand_in: OdooStandIn, odoo: Server) -> None:
    """Everything that a call may do, and then an error: rows and indexes are what they were."""
    product = odoo.first("product.product", ["default_code", "=", CATALOGUE[0].sku])
    kept = odoo.order({"product_id": product, "product_uom_qty": 2}, confirm=True)
    gone = odoo.order({"product_id": product})
    before = state_of(stand_in.database)

    def work() -> None:
        env = Env(stand_in.database, 2, {"inventory_mode": True})
        for order in create(
            env, "sale.order", [{"partner_id": 1, "order_line": [[0, 0, {"product_id": product}]]}] * 2
        ):
            action_confirm(env, "sale.order", [order])
        write(env, "sale.order.line", [1], {"product_uom_qty": 1})
        create_quants(
            env, "stock.quant", [{"product_id": product, "location_id": 5, "inventory_quantity_auto_apply": 1}]
        )
        button_validate(
            env.having(skip_backorder=True), "stock.picking", list(env.get("sale.order", kept, "picking_ids"))
        )
        action_cancel(env, "sale.order", [kept])
        unlink(env, "sale.order", [gone])
        load(env, "res.partner", ["id", "name"], [["mkt.undone", "Undone"]])
        assert state_of(stand_in.database) != before
        raise RuntimeError("at the end")

    with pytest.raises(RuntimeError, match="at the end"):
        in_transaction(stand_in.database, work)
    assert state_of(stand_in.database) == before


def state_of(db: Database) -> dict[str, Any]:
    """Rows, and the indexes without their empty entries."""
    referring = {
        key: {target: set(ids) for target, ids in referring.items() if ids} for key, referring in db._referring.items()
    }
    keys = {key: dict(referring) for key, referring in db._keys.items() if referring}
    return deepcopy({"rows": db.rows, "referring": {k: v for k, v in referring.items() if v}, "keys": keys})


def test_a_limited_user(stand_in: OdooStandIn) -> None:
    add_user(Env(stand_in.database, 1, sudo=True), "reader", "secret", rights={"sale.order": ["read"], "*": []})
    reader = Server(stand_in.url, "demo", "reader", "secret", "secret")
    assert reader.call("sale.order", "search", domain=[]) == []
    refused = reader.call("res.partner", "create", vals_list=[{"name": "x"}])
    assert (refused.status, refused.name) == (403, "odoo.exceptions.AccessError")
    assert refused.message.startswith("You are not allowed to create 'Contact' (res.partner) records.")
    assert reader.call("sale.order", "has_access", ids=[], operation="read") is True
    assert reader.call("sale.order", "has_access", ids=[], operation="write") is False


def test_stirring_receives_and_ships(stand_in: OdooStandIn, odoo: Server) -> None:
    product = odoo.first("product.product", ["default_code", "=", CATALOGUE[0].sku])
    order = odoo.order({"product_id": product}, confirm=True)
    before = odoo.call("stock.quant", "search_read", fields=["quantity"], order="id")
    rng = random.Random(4)  # noqa: S311
    events = [stand_in.stir(rng) for _ in range(12)]
    assert any(event.endswith("received") for event in events)
    assert "WH/OUT/00001 shipped" in events
    assert odoo.read("sale.order", order, "delivery_status") == "full"
    assert odoo.call("stock.quant", "search_read", fields=["quantity"], order="id") != before


def test_a_person_ships_in_two_parcels_and_invoices(stand_in: OdooStandIn, odoo: Server) -> None:
    product = odoo.first("product.product", ["default_code", "=", CATALOGUE[0].sku])
    order = odoo.order({"product_id": product, "product_uom_qty": 3}, confirm=True, client_order_ref="A-1")
    assert stand_in.list_waiting() == ["A-1"]
    stand_in.ship(["A-1"], in_two=["A-1"])
    assert stand_in.list_waiting() == []
    fields = ["carrier_tracking_ref", "state"]
    left = odoo.call("stock.picking", "search_read", domain=[["sale_id", "=", order]], fields=fields)
    assert [row["state"] for row in left] == ["done", "done"]
    assert len({row["carrier_tracking_ref"] for row in left}) == 2
    assert odoo.read("sale.order", order, "delivery_status") == "full"
    assert (stand_in.invoice(["A-1"]), stand_in.invoice()) == (1, 0)
    (invoice,) = odoo.read("sale.order", order, "invoice_ids")
    assert odoo.read("account.move", invoice, "state") == "posted"


def test_it_is_fast_enough_to_stand_in_for_a_large_shop(stand_in: OdooStandIn, odoo: Server) -> None:
    """Bounds in processor time, ten times what it takes, so that only a quadratic mistake breaks them."""
    start = time.process_time()
    products = many_products(stand_in.database, 5_000, units=1_000)
    partner = str(odoo.new("res.partner", name="Buyer"))
    columns = ("id", "partner_id/.id", "order_line/id", "order_line/product_id/.id", "order_line/name",
               "order_line/product_uom_qty", "order_line/price_unit")  # fmt: skip
    for batch in range(0, 500, 50):
        rows = [
            [f"mkt.o{i}", partner, f"mkt.o{i}_1", str(products[i]), "Text", "1", "9.99"]
            for i in range(batch, batch + 50)
        ]
        orders = odoo.load("sale.order", *columns, rows=rows)["ids"]
        assert odoo.call("sale.order", "action_confirm", ids=orders) is True
    assert len(odoo.call("stock.quant", "search_read", fields=["product_id"], order="id", load=None)) > 5_000
    assert time.process_time() - start < 20


class Hook(StandIn):
    """Whom Odoo calls."""

    def __init__(self) -> None:
        super().__init__()
        self.rung = threading.Event()

    def handle(self, call: Call) -> Reply:
        self.rung.set()
        return Reply(204)


def test_a_changed_quant_calls_the_webhook_and_nothing_else_does(stand_in: OdooStandIn, odoo: Server) -> None:
    (product,) = odoo.call("product.product", "search", domain=[["default_code", "=", CATALOGUE[0].sku]])
    with Hook() as hook:
        stand_in.webhook = f"{hook.url}/hint"
        odoo.call("product.product", "write", ids=[product], vals={"name": "Renamed"})
        odoo.stock(product)
        odoo.count(product, 6)
        assert hook.rung.wait(240)
        assert [(call.method, call.path, call.json()["_model"]) for call in hook.calls] == [
            ("POST", "/hint", "stock.quant")
        ]
    odoo.count(product, 7)  # nobody listens: Odoo does not mind
