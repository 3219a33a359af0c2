"""The vendors' sample orders through whole lanes: each becomes one sale order to the cent, or waits with a reason."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lxml import etree

from commerce_pipelines.channels.capabilities import Page
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.orders.order import LineKind, Order, OrderStatus
from commerce_pipelines.domain.sales.rules import TaxMapping
from commerce_pipelines.flows.identity import credentials_digest
from commerce_pipelines.flows.intake.pull import Landed, land
from commerce_pipelines.flows.orders.load import is_sale, load, records
from commerce_pipelines.flows.orders.prove import prove
from commerce_pipelines.flows.orders.stage import stage
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse import exceptions as quarantine
from commerce_pipelines.warehouse.shared import known_accounts
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines.warehouse.tables.frames import read_frame, replace_days
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.lane import MUG
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database

SPECS = os.environ.get("COMMERCE_SPECS", "")
pytestmark = pytest.mark.skipif(not SPECS, reason="COMMERCE_SPECS is not set: the vendors' samples are not at hand")
PAYLOADS = Path(SPECS).parent / "payloads"

SETTINGS = """
odoo: {url: "%s", database: demo, username: admin, password: {env: ODOO_PASSWORD}}
vat: {seller_country: %s, oss: true, registrations: [PL, GB]}
channels:
  - {name: amazon, kind: amazon, credentials: {client_id: {env: X}, client_secret: {env: X}, refresh_token: {env: X}},
     channel_warehouse: FBA, channel_departure_country: DE, start_date: 2000-01-01}
  - {name: ebay, kind: ebay, credentials: {client_id: {env: X}, client_secret: {env: X}, refresh_token: {env: X}},
     start_date: 2000-01-01}
  - {name: shopify, kind: shopify, shop: a.myshopify.com, credentials: {access_token: {env: X}}, start_date: 2000-01-01}
"""


def amazon() -> list[bytes]:
    folder = PAYLOADS / "amazon"
    orders = [json.loads(path.read_bytes()) for path in sorted((folder / "orders_2026-01-01").glob("*.json"))]
    for pair in json.loads((folder / "sandbox_pairs" / "orders_2026-01-01.pairs.json").read_bytes()):
        if pair["status"] == 200:
            orders += pair["response"].get("orders") or [pair["response"]["order"]]
    return [json.dumps(order.get("order", order)).encode() for order in orders]


def ebay() -> list[bytes]:
    answers = []
    for path in sorted((PAYLOADS / "ebay" / "rest_official_docs_samples").glob("*.json")):
        body = json.loads(path.read_bytes())
        answers += [json.dumps(order).encode() for order in body.get("orders", [body])]
    for path in sorted((PAYLOADS / "ebay" / "trading_xml").glob("*GetOrders*.xml")):
        answers += [etree.tostring(order) for order in etree.parse(path).iter("{*}Order")]
    return answers


@pytest.mark.parametrize(
    ("name", "seller", "samples", "sold"),
    [("amazon", "DE", amazon, 5), ("ebay", "US", ebay, 2)],
)
def test_samples_go_through_a_lane_end_to_end(
    name: str, seller: str, samples: Any, sold: int, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in (("ODOO_PASSWORD", "admin"), ("X", "x")):
        monkeypatch.setenv(variable, value)
    environ = {
        "COMMERCE_DATABASE_URL": warehouse.url,
        "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(),
    }
    with OdooStandIn(demo_database(CATALOGUE)) as odoo:
        settings = parse(SETTINGS % (odoo.url, seller))
        answers = samples()
        read = translated(open_connections(settings, environ), name, answers)
        skus = {line.sku: MUG for order in read for line in order.lines if line.kind is LineKind.PRODUCT}
        channels = [
            msgspec.structs.replace(account, skus=skus, titles={"*": MUG}) if account.name == name else account
            for account in settings.channels
        ]
        connections = open_connections(msgspec.structs.replace(settings, channels=tuple(channels)), environ)
        _name_taxes(connections, name, read)
        with connections.warehouse.transaction() as connection:  # nobody is asked whose account it is
            known_accounts.add(connection, name, name, "", credentials_digest(connections, name))
        now, landed = datetime.now(UTC), Landed()
        land(connections, name, Page(records=tuple(answers), resume=None, watermark=now), "webhook", now, landed)
        days = sorted(landed.days)
        start, end = days[0], days[-1] + timedelta(days=1)
        stage(connections, name, start, end)
        with connections.warehouse.transaction() as connection:
            orders = read_frame(connection, "orders", None, "channel = %s", (name,))
        ledger, loaded = load(connections, name, orders)
        with connections.warehouse.transaction() as connection:
            replace_days(connection, "sale_orders", name, days, ledger)
            waiting = quarantine.open_exceptions(connection, name, "orders")
        proof = prove(connections, name, start, end, afresh=False).whole
    assert proof.complete, (proof, loaded)
    assert all(record.code and record.message and record.fix for record in waiting)
    assert proof.sale_orders_in_odoo >= sold, [(record.code, record.record_id, record.message) for record in waiting]
    must = {row["order_id"] for row in records(orders) if is_sale(row)}
    held = {record.record_id for record in waiting if record.blocking}
    assert proof.sale_orders_in_odoo + len(must & held) == len(must)


def _name_taxes(connections: Connections, name: str, read: list[Order]) -> None:
    """Names a tax for every rate that an American shop states: nobody else knows its states' rates."""
    settings = connections.settings
    if settings.vat.seller_country != "US":
        return
    stated = {(order.destination.country or "US", line.rate) for order in read for line in order.lines if line.rate}
    taxes = []
    for country, rate in sorted(stated):
        tax = f"Sales tax {country} {rate}"
        connections.odoo.call("account.tax", "create", vals_list=[
            {"name": tax, "amount": rate / 10_000, "type_tax_use": "sale", "price_include_override": "tax_excluded"}
        ])  # fmt: skip
        taxes.append(TaxMapping(country=country, rate=Decimal(rate) / 10_000, tax=tax, included=False))
    channel = msgspec.structs.replace(settings.channel(name), taxes=tuple(taxes))
    connections.settings = msgspec.structs.replace(settings, channels=(channel,))


def translated(connections: Connections, name: str, answers: list[bytes]) -> list[Order]:
    orders = []
    for raw in answers:
        try:
            orders.append(connections.channel(name).orders.translate(raw))
        except RecordError:
            continue
    assert any(order.status is OrderStatus.PAID for order in orders)
    return orders
