"""Texts edited in Odoo reach Amazon and eBay, and nothing else of their listings does: through the real channels over
HTTP, judged by the vendors' contracts."""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator
from typing import Any

import pytest

from commerce_pipelines.channels.ebay.content import managed
from commerce_pipelines.core.instruments import Instruments
from commerce_pipelines.domain.outbox.effects import Kind
from commerce_pipelines.flows.content.inputs import take_products
from commerce_pipelines.flows.content.publish import Published, publish, refresh
from commerce_pipelines.odoo.rpc.client import connect as connect_odoo
from commerce_pipelines.resources.connections import open_connections
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse import exceptions
from commerce_pipelines.warehouse.inventory.rows import lock_name
from commerce_pipelines.warehouse.outbox import holds
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.channels.amazon.contract import SPECS, Recorded, judge
from commerce_pipelines_tests.channels.ebay.contract import Judged
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.doors import hurry
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database

KETTLE, GRINDER = "KET-GN-17", "KET-GN-09"  # on eBay one by the Inventory API, one by Trading
LONG = "Gooseneck kettle of brushed steel for pour-over coffee and tea, with a wooden handle, 1.7 liter"
YAML = """
odoo: {{url: '{odoo}', database: demo, username: admin, password: {{env: KEY}}}}
channels:
  - {{name: amazon_eu, kind: amazon, endpoint: '{amazon}', token_endpoint: '{amazon}/auth/o2/token', marketplaces: [DE],
     seller_id: A2EXAMPLE4SELLER, content: {{enabled: true, approve: false{more}{of_amazon}}},
     credentials: {{client_id: {{env: KEY}}, client_secret: {{env: KEY}}, refresh_token: {{env: KEY}}}}}}
  - {{name: ebay_de, kind: ebay, endpoint: '{ebay}', token_endpoint: '{ebay}/identity/v1/oauth2/token',
     content: {{enabled: true, approve: false{more}{of_ebay}}},
     credentials: {{client_id: {{env: KEY}}, client_secret: {{env: KEY}}, refresh_token: {{env: KEY}}}}}}
"""
CHANNELS = ("amazon_eu", "ebay_de")


class World:
    """A merchant on both marketplaces, whose listings show what Odoo says."""

    def __init__(
        self, amazon: Recorded, ebay: Judged, odoo: OdooStandIn, url: str, keys: tuple[str, ...], prepare: Any,
        hurried: Instruments,
    ) -> None:  # fmt: skip
        more, of_amazon, of_ebay = keys
        self.amazon, self.ebay = amazon, ebay
        settings = parse(YAML.format(odoo=odoo.url, amazon=amazon.url, ebay=ebay.url, more=more, of_amazon=of_amazon,
                                     of_ebay=of_ebay))  # fmt: skip
        environ = {
            "COMMERCE_DATABASE_URL": url, "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(),
        }  # fmt: skip
        self.connections = open_connections(settings, environ, instruments=hurried)
        self.odoo = connect_odoo(settings.odoo, "admin")
        if prepare:
            prepare(self.odoo)
        for name in CHANNELS:
            take_products(self.connections, name)
            refresh(self.connections, name, read=True)

    def edit(self, code: str, **values: Any) -> None:
        """A person edits a product in Odoo."""
        [row] = self.odoo.call(
            "product.product", "search_read", domain=[["default_code", "=", code]], fields=["product_tmpl_id"],
            load=None,
        )  # fmt: skip
        self.odoo.call("product.template", "write", ids=[row["product_tmpl_id"]], vals=values)

    def run(self, name: str) -> Published:
        take_products(self.connections, name)
        refresh(self.connections, name)
        return publish(self.connections, name, run_id="run")

    def on_ebay(self, sku: str) -> Any:
        return next(row for row in self.ebay.listings if row.sku == sku)

    def writes(self) -> int:
        patches = sum(call.method == "PATCH" for call in self.amazon.calls)
        puts = sum(call.method == "PUT" for call in self.ebay.calls)
        return patches + puts + sum(b"ReviseFixedPriceItemRequest" in call.body for call in self.ebay.calls)

    def waits(self, name: str) -> list[str]:
        with self.connections.warehouse.transaction() as connection:
            return [row.code for row in exceptions.open_exceptions(connection, name, "content")]


@pytest.fixture
def open_world(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that opens a merchant with these further keys of `content`, and of one channel's alone. prepare:
    what a person does in Odoo before."""
    monkeypatch.setenv("KEY", "admin")
    with OdooStandIn(demo_database(CATALOGUE)) as odoo, Recorded() as amazon, Judged() as ebay:
        yield lambda more="", of_amazon="", prepare=None, of_ebay="": World(
            amazon, ebay, odoo, warehouse.url, (more, of_amazon, of_ebay), prepare, hurry(monkeypatch)
        )
        ebay.judge()
        if SPECS:
            judge(amazon.exchanges)


def test_g95_a_title_and_a_description_reach_both_and_the_rest_stays(open_world: Any) -> None:
    world: World = open_world()
    rows = {sku: copy.deepcopy(world.on_ebay(sku)) for sku in (KETTLE, GRINDER)}
    stock = copy.deepcopy(world.amazon.listings.offers[KETTLE].availability)
    assert [world.run(name).outcomes for name in CHANNELS] == [{}, {}]
    assert world.writes() == 0
    for sku in (KETTLE, GRINDER):
        world.edit(sku, name=f"Kettle {sku}", description_sale="For pour-over.")
    for name in CHANNELS:
        assert dict(world.run(name).outcomes) == {"accepted": 4}
    offer = world.amazon.listings.offers[KETTLE]
    assert offer.shown["A1PA6795UKMFR9"] == f"Kettle {KETTLE}"
    assert offer.availability == stock
    for sku, before in rows.items():
        now = world.on_ebay(sku)
        assert (now.title, now.description) == (f"Kettle {sku}", "<p>For pour-over.</p>")
        assert (now.total, now.available, now.price) == (before.total, before.available, before.price)
        assert (now.item, now.offer) == (before.item, before.offer)
    count = world.writes()
    assert [world.run(name).outcomes for name in CHANNELS] == [{}, {}]
    assert world.writes() == count  # G96: nothing changed, so nothing is called


def test_g98_a_title_that_is_too_long_for_ebay_waits_before_any_call(open_world: Any) -> None:
    world: World = open_world()
    world.edit(KETTLE, name=LONG)
    world.edit(GRINDER, name="Kettle 0.9 l")
    assert len(LONG) == 95
    assert dict(world.run("ebay_de").outcomes) == {"accepted": 1}
    assert (world.waits("ebay_de"), world.writes()) == (["content_too_long"], 1)
    assert dict(world.run("amazon_eu").outcomes) == {"accepted": 2}  # Amazon takes 200 bytes


def test_g98_or_is_cut_at_a_word_where_the_settings_say_so(open_world: Any) -> None:
    world: World = open_world(", too_long: shorten")
    world.edit(KETTLE, name=LONG)
    assert dict(world.run("ebay_de").outcomes) == {"accepted": 1}
    title = world.on_ebay(KETTLE).title
    assert (len(title) <= 80, LONG.startswith(title), LONG[len(title)]) == (True, True, " ")


def test_no_quantity_can_be_pushed_while_a_text_is_written_with_one(
    open_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world: World = open_world()
    free: list[bool] = []
    real = managed.change_item

    def put(*asked: Any) -> Any:
        with world.connections.warehouse.lock(lock_name("ebay_de"), wait=False) as ours:
            free.append(ours)
        return real(*asked)

    monkeypatch.setattr(managed, "change_item", put)
    world.edit(KETTLE, name="Kettle 1.7 l")
    assert dict(world.run("ebay_de").outcomes) == {"accepted": 1}
    assert free == [False]


@pytest.mark.parametrize(
    ("stock", "stopped", "shown"),
    [("enabled: true", False, 2), ("enabled: true", True, 5), ("enabled: true, dry_run: true", False, 5),
     ("enabled: false", False, 5)],
)  # fmt: skip
def test_a_text_is_written_with_stocks_newest_target_if_stock_may_publish_it(
    open_world: Any, stock: str, stopped: bool, shown: int
) -> None:
    world: World = open_world(f"}}, inventory: {{{stock}")
    row = world.on_ebay(KETTLE)
    row.total, row.available = 5, 5
    with world.connections.warehouse.transaction() as connection:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO commerce.inventory_targets (channel, key, sku, location, code, units, target, reason,"
                " changed_at) VALUES ('ebay_de', %s, %s, '', %s, 1, 2, '', now())",
                (f"{row.item_id}:{KETTLE}", KETTLE, KETTLE),
            )
        if stopped:
            holds.hold(connection, "ebay_de", Kind.QUANTITY, "run", "All would go to 0", {})
    world.edit(KETTLE, name="Kettle 1.7 l", description_sale="For pour-over.")
    assert dict(world.run("ebay_de").outcomes) == {"accepted": 2}
    assert (row.title, row.total, row.available) == ("Kettle 1.7 l", shown, shown)


def test_a_text_that_amazon_accepts_and_does_not_show_waits_and_is_not_sent_again(open_world: Any) -> None:
    """Another seller owns the brand."""
    world: World = open_world()
    world.amazon.listings.foreign.add(KETTLE)
    world.edit(KETTLE, name="Kettle 1.7 l")
    assert dict(world.run("amazon_eu").outcomes) == {"accepted": 1}
    count = world.writes()
    with world.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.content_told SET told_at = told_at - interval '2 days'")
    refresh(world.connections, "amazon_eu", read=True)
    assert dict(world.run("amazon_eu").outcomes) == {}
    assert (world.waits("amazon_eu"), world.writes()) == (["content_not_shown"], count)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_listing_that_was_gone_and_is_there_again_is_told_without_a_person(open_world: Any, name: str) -> None:
    world: World = open_world()
    world.edit(KETTLE, name="Kettle with a spout")
    offers, row = world.amazon.listings.offers, world.on_ebay(KETTLE)
    offer = offers.pop(KETTLE)
    row.ended = True
    assert dict(world.run(name).outcomes) == {"refused": 1}
    assert (world.waits(name), dict(world.run(name).outcomes)) == (["content_refused"], {})
    offers[KETTLE], row.ended = offer, False
    refresh(world.connections, name, read=True)  # at night
    assert dict(world.run(name).outcomes) == {"accepted": 1}
    assert world.waits(name) == []


def test_attributes_and_bullet_points_of_odoo_reach_their_marketplaces(open_world: Any) -> None:
    more = ", owned: [specifics, bullets], sources: {bullets: [description_sale]}"

    def prepare(odoo: Any) -> None:
        domain = [["default_code", "=", KETTLE]]
        [row] = odoo.call("product.product", "search_read", domain=domain, fields=["product_tmpl_id"], load=None)
        [attribute] = odoo.call("product.attribute", "create", vals_list=[{"name": "Material"}])
        [value] = odoo.call("product.attribute.value", "create",
                            vals_list=[{"name": "Stainless steel", "attribute_id": attribute}])  # fmt: skip
        line = {"product_tmpl_id": row["product_tmpl_id"], "attribute_id": attribute, "value_ids": [[6, 0, [value]]]}
        odoo.call("product.template.attribute.line", "create", vals_list=[line])
        vals = {"description_sale": "- 1.7 liters\n- For pour-over"}
        odoo.call("product.template", "write", ids=[row["product_tmpl_id"]], vals=vals)

    world: World = open_world(more, "", prepare)
    row = world.on_ebay(KETTLE)
    assert [dict(world.run(name).outcomes) for name in CHANNELS] == [{"accepted": 1}, {"accepted": 1}]
    assert row.item["product"]["aspects"] == {"Material": ["Stainless steel"]}
    entries = world.amazon.listings.offers[KETTLE].attributes["bullet_point"]
    assert [entry["value"] for entry in entries] == ["1.7 liters", "For pour-over"]
    for name in CHANNELS:
        refresh(world.connections, name, read=True)
        assert dict(world.run(name).outcomes) == {}
