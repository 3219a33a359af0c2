"""A person's credit note in Odoo, paid back by eBay and by Amazon as they are: once, whatever is lost on the way. Their
contracts judge every call."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.core.instruments import Instruments
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.orders.load import load
from commerce_pipelines.flows.orders.stage import stage
from commerce_pipelines.flows.refunding.issue import issue
from commerce_pipelines.flows.refunding.prepare import compute_wait
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse import exceptions
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines.warehouse.tables.frames import read_frame, replace_days
from commerce_pipelines_tests.channels.amazon.contract import NOON, Clock, judged
from commerce_pipelines_tests.channels.ebay.account import BUYER
from commerce_pipelines_tests.channels.ebay.contract import Judged
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.outbox import later
from commerce_pipelines_tests.doubles.refunds_out import credit
from commerce_sandbox.amazon.making import Maker
from commerce_sandbox.amazon.places import DE
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay.making import Sold, make_order
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.server import Call, Fault, StandIn

ARTICLE = CATALOGUE[0]
NAMES = ("ebay", "amazon")
SETTINGS = """
odoo: {url: "%s", database: demo, username: admin, password: {env: SOME_SECRET}}
vat: {seller_country: DE, oss: true}
channels:
  - {name: %s, kind: %s, endpoint: "%s", token_endpoint: "%s", %s, start_date: 2026-11-01, carrier_fallback: Standard,
     returns: {enabled: true}, refunding: {enabled: true, since: 2026-11-01}, credentials: {
     client_id: {env: SOME_SECRET}, client_secret: {env: SOME_SECRET}, refresh_token: {env: SOME_SECRET}}}
"""
OPTIONS = {
    "ebay": "marketplace: EBAY_DE, signature: {private_key: {env: EBAY_KEY}, jwe: {env: EBAY_JWE}}",
    "amazon": "region: eu, marketplaces: [DE], seller_id: A2DEMOSELLER01",
}


class Market(NamedTuple):
    """One marketplace with an order of one article that is invoiced in Odoo. note: a person's credit note of it."""

    name: str
    stand_in: Any
    connections: Connections
    clock: Clock
    order_id: str
    note: int

    def issue(self) -> dict[str, int]:
        """One run of the lane, some minutes after the one before: outcomes by status."""
        self.clock.passed += 300
        later(self.connections.warehouse)
        return dict(issue(self.connections, self.name).outcomes)

    @property
    def sent(self) -> int:
        """Calls that pay back."""
        return sum(map(IS_PAYMENT[self.name], self.stand_in.calls))

    @property
    def paid(self) -> list[int]:
        """Cents of each refund that the marketplace has made."""
        if self.name == "amazon":
            return [amount for _, amount in self.stand_in.adjusting.made]
        refunds = self.stand_in.orders[self.order_id]["paymentSummary"]["refunds"]
        return [round(float(refund["amount"]["value"]) * 100) for refund in refunds]

    def waits(self) -> list[tuple[str, str]]:
        """(code, message) of what waits for a person."""
        with self.connections.warehouse.transaction() as connection:
            rows = exceptions.open_exceptions(connection, self.name, Topic.REFUNDING)
        return [(row.code, row.message) for row in rows]


IS_PAYMENT: dict[str, Callable[[Call], bool]] = {
    "ebay": lambda call: call.path.endswith("/issue_refund"),
    "amazon": lambda call: call.path.endswith("/feeds") and call.method == "POST",
}


@pytest.fixture(params=NAMES)
def market(request: pytest.FixtureRequest, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    name, clock = request.param, Clock()
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for variable, value in (("SOME_SECRET", "admin"), ("EBAY_KEY", pem), ("EBAY_JWE", "eyJ6aXAi.abc")):
        monkeypatch.setenv(variable, value)
    opened: Any = Judged(now=clock.now) if name == "ebay" else judged(clock, monkeypatch)
    with opened as stand_in, OdooStandIn(demo_database(CATALOGUE, clock.now)) as odoo:
        if name == "ebay":
            stand_in.issuing.key = private.public_key()
        connections = open_channel(name, stand_in, odoo, warehouse, clock)
        order_id = sell(name, stand_in)
        bring(connections, name)
        odoo.invoice([order_id])
        [bill] = connections.odoo.call("account.move", "search", domain=[["move_type", "=", "out_invoice"]])
        market = Market(name, stand_in, connections, clock, order_id, credit(connections.odoo, bill))
        if wait := compute_wait(connections, name):
            assert (market.issue(), market.sent) == ({}, 0)  # the marketplace may report one of its own meanwhile
            clock.passed += wait.total_seconds()
        yield market
        if name == "ebay":
            assert stand_in.judge() > 0


def open_channel(name: str, stand_in: StandIn, odoo: OdooStandIn, warehouse: Warehouse, clock: Clock) -> Connections:
    token = f"{stand_in.url}/{'identity/v1/oauth2' if name == 'ebay' else 'auth/o2'}/token"
    settings = parse(SETTINGS % (odoo.url, name, name, stand_in.url, token, OPTIONS[name]))
    shared = MemoryBuckets(clock.seconds), MemoryTokens(clock.seconds)
    timed = Instruments(now=clock.now, clock=clock.seconds, sleep=clock.sleep, jitter=lambda: 1.0)
    kind: Any = {"ebay": EbayChannel, "amazon": AmazonChannel}[name]
    key = base64.urlsafe_b64encode(MASTER_KEY).decode()
    return open_connections(
        settings, {"COMMERCE_DATABASE_URL": warehouse.url, "COMMERCE_MASTER_KEY": key},
        channels=lambda of, *_: kind(of, *shared, timed), instruments=timed,
    )  # fmt: skip


def sell(name: str, stand_in: Any) -> str:
    placed = NOON - timedelta(hours=3)
    if name == "ebay":
        order = make_order(1, placed, [Sold(ARTICLE.sku, ARTICLE.title, 6990)], BUYER)
    else:
        maker = Maker(7, CATALOGUE)
        order = maker.order(DE, placed, [maker.item(DE, ARTICLE)])
    stand_in.add(order)
    return str(order["orderId"])


def bring(connections: Connections, name: str) -> None:
    """The order comes into Odoo."""
    day = NOON.date()
    pull(connections, name, day, day + timedelta(days=1))
    stage(connections, name, day, day + timedelta(days=1))
    with connections.warehouse.transaction() as connection:
        orders = read_frame(connection, "orders", None, "channel = %s", (name,))
    ledger, _ = load(connections, name, orders)
    with connections.warehouse.transaction() as connection:
        replace_days(connection, "sale_orders", name, [day], ledger)


def test_a_credit_note_is_paid_back_by_one_call(market: Market) -> None:
    first = market.issue()
    assert first == ({"accepted": 1} if market.name == "ebay" else {"pending": 1})
    market.issue()
    market.issue()
    assert (market.sent, market.paid, market.waits()) == (1, [6990], [])


@pytest.mark.parametrize("arrives", [True, False])
def test_after_a_lost_answer_the_marketplace_is_read_before_anything_is_sent_again(
    market: Market, arrives: bool
) -> None:
    fault = Fault(match=IS_PAYMENT[market.name], after=arrives, drop=True)
    market.stand_in.faults.append(fault)
    market.issue()
    read = len(market.stand_in.calls)
    market.issue()
    market.issue()
    assert (market.sent, market.paid, market.waits()) == (1 if arrives else 2, [6990], [])
    assert not IS_PAYMENT[market.name](market.stand_in.calls[read])


def test_a_refusal_waits_with_its_reason_and_without_the_marketplaces_words(market: Market) -> None:
    body = b'{"errors": [{"errorId": 34929, "domain": "API_FULFILLMENT", "message": "not yet for Ada"}]}'
    market.stand_in.faults.append(Fault(match=IS_PAYMENT["ebay"], status=409, body=body))
    if market.name == "amazon":
        market.stand_in.feeds.fate = ["CANCELLED"]
    market.issue()
    market.issue()
    [(code, message)] = market.waits()
    reason = {"ebay": "34929", "amazon": "CANCELLED"}[market.name]
    assert (code, reason in message, "Ada" in message) == ("refund_refused", True, False)
    market.issue()
    assert (market.sent, market.paid) == (1, [])
