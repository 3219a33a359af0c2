"""One day of one shop through every lane, failing first and then fine, and then a search for persons and secrets.

Orders, stock, parcels, invoices, returns, refunds and an erasure share one world, so that the search is made once. What
each marketplace and Odoo may say in orders and stock is in test_nothing_leaks.py and test_others_words.py.
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

from commerce_pipelines.assets.privacy import RETENTION
from commerce_pipelines.cli import orders as cli_orders
from commerce_pipelines.cli import privacy as cli_privacy
from commerce_pipelines.cli.main import main
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.sensors.fulfilment import lane as shipment_lane
from commerce_pipelines.sensors.returns import TABLES as RETURN_TABLES
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.everywhere import SECRETS, Lanes, open_lanes
from commerce_sandbox import world as sandbox
from commerce_sandbox.server import Call, Fault

AMAZON, EBAY, SHOPIFY = sandbox.LANES
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


@pytest.mark.usefixtures("caplog")
def test_no_lane_leaves_a_person_or_a_secret_behind(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert len(set(KINDS_OF_SECRETS)) == 40
    logging.getLogger("commerce_pipelines").setLevel(logging.DEBUG)
    invoicing = {"invoicing": {"trigger": "order", "since": "2026-01-01", "journals": {"other": "Bank"}}}
    with open_lanes(warehouse, monkeypatch, tmp_path, shopify_de=invoicing) as lanes:
        persons = {person for name in sandbox.LANES for person in lanes.persons(name)}
        quote = "; ".join([*sorted(persons), *KINDS_OF_SECRETS, *SECRETS.values()])
        for at, secret in enumerate(KINDS_OF_SECRETS):
            monkeypatch.setenv(f"CANARY_{at}", secret)
        with dg.DagsterInstance.local_temp(str(lanes.folder), {"telemetry": {"enabled": False}}) as instance:
            run_every_lane(lanes, instance, quote)
            shown = erase_somebody(lanes, instance, monkeypatch, quote)
            printed = "".join(capfd.readouterr()) + shown
            places = dict(lanes.stored()) | {"printed": printed.encode()}
    logging.getLogger("commerce_pipelines").setLevel(logging.NOTSET)
    assert_nothing_is_left(places, {*persons, *KINDS_OF_SECRETS, *SECRETS.values()})


def run_every_lane(lanes: Lanes, instance: dg.DagsterInstance, quote: str) -> None:
    """Each lane fails first, and then succeeds."""
    assert lanes.run(instance, SHOPIFY)
    assert lanes.run_stock(instance, SHOPIFY)
    try_flow(lanes, instance, Topic.INVOICING, ["invoices"], refuse(quote, "account.move", "action_post"), fails=False)
    lanes.world.after_sale.ship()
    parcels = shipment_lane(SHOPIFY)
    try_flow(lanes, instance, Topic.FULFILMENT, parcels, fail(not_login, quote, 403))
    lanes.world.after_sale.pay_back(datetime.now(UTC))
    try_flow(lanes, instance, Topic.RETURNS, RETURN_TABLES, fail(not_login, quote, 400))
    assert len(lanes.said) >= 2
    for sentence in lanes.said:
        assert sentence.startswith(SHOPIFY), sentence


def try_flow(
    lanes: Lanes, instance: dg.DagsterInstance, flow: str, tables: Any, fault: Fault, *, fails: bool = True
) -> None:
    server = lanes.world.channels[SHOPIFY] if fails else lanes.world.odoo
    server.faults.append(fault)
    assert lanes.run_flow(instance, SHOPIFY, flow, tables) is not fails, flow
    assert fault.times < MANY, flow
    server.faults.clear()
    assert lanes.run_flow(instance, SHOPIFY, flow, tables), flow


def erase_somebody(lanes: Lanes, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, quote: str) -> str:
    """A person by the command, whom Odoo first refuses to change, and the daily run; returns what was shown."""
    for module in (cli_privacy, cli_orders):
        for door in ("open_connections", "_open_connections"):
            if hasattr(module, door):
                monkeypatch.setattr(module, door, lambda *_: lanes.connections)
    monkeypatch.setattr("commerce_pipelines.settings.file.load", lambda: lanes.connections.settings)
    with lanes.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT order_id FROM commerce.sale_orders WHERE channel = %s ORDER BY 1", (SHOPIFY,))
        orders = [order_id for (order_id,) in cursor.fetchall()]
    shell, shown = CliRunner(), ""
    lanes.world.odoo.faults.append(refuse(quote, "res.partner", "write"))
    for order_id in orders[:3]:
        shown += shell.invoke(main, ["erase", "--channel", SHOPIFY, "--order", order_id, "--yes", "--json"]).output
    lanes.world.odoo.faults.clear()
    assert lanes.run_flow(instance, "privacy", Topic.PRIVACY, [RETENTION])
    shown += shell.invoke(main, ["exceptions", "list", SHOPIFY]).output
    shown += shell.invoke(main, ["trace", SHOPIFY, orders[-1]]).output
    assert orders[-1] in shown
    return shown


def assert_nothing_is_left(places: dict[str, bytes], texts: set[str]) -> None:
    assert b"credit_notes" in b"\n".join(places.values())
    for table in ("shipments", "credit_notes", "invoices", "erasures", "attempts"):
        assert places[table], table
    leaks = {
        (place, text)
        for place, content in places.items()
        for text in texts
        if text.encode() in content or text.encode().hex().encode() in content
    }
    assert leaks == set()
    assert [place for place, content in places.items() if place.endswith((".pkl", ".pickle"))] == []
    assert [place for place, content in places.items() if content[:2] in (b"\x80\x03", b"\x80\x04", b"\x80\x05")] == []
