"""One day of three channels through every lane, failing first and then fine, and then a search for persons and
secrets.

Orders, stock, parcels, invoices, returns, refunds in and out, messages and erasures share one world, so that the search
is made once. What else each marketplace and Odoo may say in orders and stock is in test_nothing_leaks.py and
test_others_words.py.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from commerce_pipelines.assets.privacy import RETENTION
from commerce_pipelines.cli import orders as cli_orders
from commerce_pipelines.cli import privacy as cli_privacy
from commerce_pipelines.cli.main import main
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.sensors.fulfilment import lane as shipment_lane
from commerce_pipelines.sensors.orders import TABLES as ORDER_TABLES
from commerce_pipelines.sensors.returns import TABLES as RETURN_TABLES
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.everywhere import SECRETS, STOCK, Lanes, open_lanes
from commerce_pipelines_tests.doubles.notices import ORDER, SHOP, by_shopify, receiving
from commerce_pipelines_tests.doubles.receiver import HINT_SECRET, PATH, Door
from commerce_pipelines_tests.doubles.refunds_out import credit
from commerce_sandbox import world as sandbox
from commerce_sandbox.server import Call, Fault

_, EBAY, SHOPIFY = sandbox.LANES
MANY = 10**6
HEX = "c0ffee" * 6
# Forms of secrets, as they would stand in somebody's words: the marketplaces', Odoo's, those of services around them.
KINDS_OF_SECRETS = (
    "Atza|IwEBIcanary-access", "Atzr|IwEBIcanary-refresh", f"amzn1.oa2-cs.v1.{HEX}",
    "amzn1.application-oa2-client.canary1", f"shpat_{HEX}", f"shpca_{HEX}", f"shppa_{HEX}", f"shpss_{HEX}",
    f"shprt_{HEX}", "v^1.1#i^1#canary-ebay-user-token", f"PRD-{HEX[:12]}-cafe-4711", f"SBX-{HEX[:12]}-cafe-4711",
    "canary-dev-id-4711", "Bearer canary-bearer-4711", "Basic Y2FuYXJ5OmJhc2ljLTQ3MTE=", "IAF canary-iaf-4711",
    "AKIACANARY4711EXAMPLE", "canary/aws/secret/4711EXAMPLEKEY", "X-Amz-Signature=canary4711f00d",
    "X-Amz-Security-Token=canary-sts-4711", "sig=canary-azure-sas-4711",
    "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ.canary", "ghp_canary4711canary4711", "xoxb-canary-4711-slack",
    "https://hooks.slack.com/services/T0/B0/canary4711", "-----BEGIN PRIVATE KEY-----canary4711",
    "AIzaCanary4711google", "sk_live_canary4711stripe", "SG.canary4711.sendgrid",
    "postgresql://bot:canary-db-4711@db.example/x", "mailtos://ops:canary-smtp-4711@smtp.example.com",
    "session_id=canary-odoo-session-4711", "csrf_token=canary-csrf-4711", "api_key=canary-odoo-key-4711",
    "password: canary-pass-4711", "refresh_token=canary-rt-4711", "Cookie: canary-cookie-4711",
    "client_secret=canary-cs-4711", "challenge=canary-ebay-challenge-4711", "hmac=canary-shopify-hmac-4711",
)  # fmt: skip


def fail(match: Any, quote: str, status: int) -> Fault:
    """A marketplace that refuses every call in words that quote everybody."""
    body = {"errors": [{"code": "InvalidInput", "errorId": 25001, "message": quote, "details": quote}]}
    return Fault(match=match, status=status, body=json.dumps(body).encode(), times=MANY)


def refuse(quote: str, *parts: str) -> Fault:
    """An Odoo that refuses calls of these models and methods, quoting everybody."""
    data = {"name": "odoo.exceptions.UserError", "message": quote, "debug": quote, "arguments": [quote]}
    body = {"jsonrpc": "2.0", "id": 1, "error": {"code": 0, "message": quote, "data": data}}
    return Fault(
        match=lambda call: all(f'"{part}"'.encode() in call.body for part in parts),
        body=json.dumps(body).encode(), times=MANY,
    )  # fmt: skip


def not_login(call: Call) -> bool:
    return "token" not in call.path


def test_no_lane_leaves_a_person_or_a_secret_behind(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    assert len(set(KINDS_OF_SECRETS)) == 40
    caplog.set_level(logging.DEBUG)  # of all libraries, too
    more = {
        "invoicing": {"trigger": "order", "since": "2026-01-01", "journals": {"other": "Bank"}},
        "refunding": {"enabled": True, "since": "2026-01-01", "wait_hours": 0},
    }
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    monkeypatch.setenv("EBAY_KEY", private)
    monkeypatch.setenv("EBAY_JWE", "eyJ6aXAi.canary-jwe-4711")
    of_channels: dict[str, dict[str, Any]] = {
        **dict.fromkeys(sandbox.LANES, more),
        EBAY: {**more, "signature": {"private_key": {"env": "EBAY_KEY"}, "jwe": {"env": "EBAY_JWE"}}},
    }
    secrets = {*KINDS_OF_SECRETS, *SECRETS.values(), HINT_SECRET, private.splitlines()[1], "canary-jwe-4711"}
    with open_lanes(warehouse, monkeypatch, tmp_path, **of_channels) as lanes:
        persons = {person for name in sandbox.LANES for person in lanes.persons(name)}
        quote = "; ".join([*sorted(persons), *sorted(secrets)])
        for at, secret in enumerate(KINDS_OF_SECRETS):
            monkeypatch.setenv(f"CANARY_{at}", secret)
        with dg.DagsterInstance.local_temp(str(lanes.folder), {"telemetry": {"enabled": False}}) as instance:
            run_every_lane(lanes, instance, quote)
            monkeypatch.setenv("HINT_SECRET", HINT_SECRET)
            receive_messages(Door(warehouse), min(person for person in persons if "@" in person), quote)
            shown = erase_somebody(lanes, instance, monkeypatch, quote)
            printed = "".join(capfd.readouterr()) + shown
            logged = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
            places = dict(lanes.stored()) | {"printed": printed.encode(), "logged": logged.encode()}
    assert_nothing_is_left(places, persons | secrets)


def run_every_lane(lanes: Lanes, instance: dg.DagsterInstance, quote: str) -> None:
    """Each lane of each channel fails first, and then succeeds. What Odoo refuses waits as an exception instead."""
    after_sale = lanes.world.after_sale
    try_flow(lanes, instance, Topic.ORDERS, ORDER_TABLES, quote, 400)
    try_flow(lanes, instance, Topic.INVENTORY, [dg.AssetKey(["odoo", "stock_levels"]), *STOCK], quote, 403)
    lanes.world.odoo.faults.append(refuse(quote, "account.move", "action_post"))
    for _ in range(2):  # refused, and then posted
        assert lanes.run_together(instance, Topic.INVOICING, ["invoices"])
        lanes.world.odoo.faults.clear()
    after_sale.ship()
    parcels = [key for name in sandbox.LANES for key in shipment_lane(name)]
    try_flow(lanes, instance, Topic.FULFILMENT, parcels, quote, 403)
    left = {name: list(references) for name, references in after_sale.shipped.items()}
    after_sale.pay_back(datetime.now(UTC), most=1)
    try_flow(lanes, instance, Topic.RETURNS, RETURN_TABLES, quote, 400)
    for references in left.values():
        credit_order(lanes, references[-1])
    try_flow(lanes, instance, Topic.REFUNDING, ["issued_refunds"], quote, 403)
    for references in left.values():
        credit_order(lanes, references[-2])
    assert lanes.run_together(instance, Topic.REFUNDING, ["issued_refunds"])
    for sentence in lanes.said:
        assert sentence.startswith((*sandbox.LANES, "Shopify", "The answer", "Amazon")), sentence


def try_flow(
    lanes: Lanes, instance: dg.DagsterInstance, flow: str, tables: Any, quote: str, status: int
) -> None:  # fmt: skip
    """status: with which every channel refuses every call of the first run, quoting everybody."""
    faults = {name: fail(not_login, quote, status) for name in sandbox.LANES}
    for name, fault in faults.items():
        lanes.world.channels[name].faults.append(fault)
    assert not lanes.run_together(instance, flow, tables), flow
    assert [name for name, fault in faults.items() if fault.times == MANY] == [], flow
    for name in sandbox.LANES:
        lanes.world.channels[name].faults.clear()
    assert lanes.run_together(instance, flow, tables), flow


def credit_order(lanes: Lanes, reference: str) -> None:
    """A person credits an order that has left."""
    client = lanes.connections.odoo
    [sale] = client.call(
        "sale.order", "search_read", domain=[["client_order_ref", "=", reference]], fields=["invoice_ids"], load=None
    )
    credit(client, sale["invoice_ids"][0])


def receive_messages(door: Door, email: str, quote: str) -> None:
    """Messages about a buyer, honest and forged, full of whatever must not be kept."""
    whole = {**ORDER, "email": email, "note": quote, "customer": {"id": 7, "email": email, "note": quote}}
    redact = {"shop_id": 1, "shop_domain": SHOP, "customer": {"id": 7, "email": email}, "orders_to_redact": [5]}
    with receiving(door.connections):
        assert door.shopify(by_shopify(whole, "orders/create", delivery="one")) == 204
        assert door.shopify(by_shopify(redact, "customers/redact", delivery="two")) == 204
        assert door.shopify(by_shopify(whole, "orders/create", delivery="three", secret="guess")) == 401
        assert door.shopify(by_shopify(quote.encode(), "orders/create", delivery="four")) != 204
        for topic, data in (
            ("ORDER_CONFIRMATION", {"order": {"orderId": "12-345", "buyer": quote}}),
            ("MARKETPLACE_ACCOUNT_DELETION", {"username": email, "userId": quote[:60], "eiasToken": quote}),
        ):
            assert door.send("/notices/ebay_de", door.ebay.send(topic, data, delivery=topic)) == (204, b"")
        assert door.send(f"{PATH}?{email}")[0] == 204
        assert door.send(f"{PATH}/{email}")[0] == 401


def erase_somebody(lanes: Lanes, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, quote: str) -> str:
    """A person of each channel by the command, whom Odoo first refuses to change, and the daily run; returns what was
    shown."""
    for module in (cli_privacy, cli_orders):
        for door in ("open_connections", "_open_connections"):
            if hasattr(module, door):
                monkeypatch.setattr(module, door, lambda *_: lanes.connections)
    monkeypatch.setattr("commerce_pipelines.settings.file.load", lambda: lanes.connections.settings)
    with lanes.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT channel, order_id FROM commerce.sale_orders WHERE odoo_id IS NOT NULL ORDER BY 1, 2")
        orders: dict[str, list[str]] = {name: [] for name in sandbox.LANES}
        for name, order_id in cursor.fetchall():
            orders[name].append(order_id)
    shell, shown = CliRunner(), ""
    lanes.world.odoo.faults.append(refuse(quote, "res.partner", "write"))
    for name in sandbox.LANES:
        for order_id in orders[name][:3]:
            shown += shell.invoke(main, ["erase", "--channel", name, "--order", order_id, "--yes", "--json"]).output
    lanes.world.odoo.faults.clear()
    assert lanes.run_flow(instance, "privacy", Topic.PRIVACY, [RETENTION])
    for name in sandbox.LANES:
        shown += shell.invoke(main, ["exceptions", "list", name]).output
        shown += (story := shell.invoke(main, ["trace", name, orders[name][-1]]).output)
        assert "/odoo/sales/" in story, name
    return shown


def assert_nothing_is_left(places: dict[str, bytes], texts: set[str]) -> None:
    assert b"credit_notes" in b"\n".join(places.values())
    for table in ("shipments", "credit_notes", "invoices", "erasures", "attempts", "notifications"):
        assert places[table], table
    for flow in ("shipment", "refund", "quantity"):
        assert flow.encode() in places["effects"], flow
    leaks = {
        (place, text)
        for place, content in places.items()
        for text in texts
        if text.encode() in content or text.encode().hex().encode() in content
    }
    assert leaks == set()
    assert [place for place, content in places.items() if place.endswith((".pkl", ".pickle"))] == []
    assert [place for place, content in places.items() if content[:2] in (b"\x80\x03", b"\x80\x04", b"\x80\x05")] == []
