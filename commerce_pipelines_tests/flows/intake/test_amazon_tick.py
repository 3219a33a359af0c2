"""Ticks that follow Amazon, whose orders may be asked for every three minutes: real HTTP, real landing, real bucket."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from commerce_pipelines.channels.capabilities import Window
from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.flows.intake.changes import Cursor, poll
from commerce_pipelines.settings import file as settings
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.channels.amazon.contract import NOON, Clock, connect, judged
from commerce_pipelines_tests.doubles.doors import doors
from commerce_sandbox.amazon.demo import demo_orders
from commerce_sandbox.catalogue import CATALOGUE

NAME = "amazon_eu"
EMPTY = Window(NOON - timedelta(days=9), NOON - timedelta(days=9))
YAML = """
odoo: {url: http://127.0.0.1:1, database: d, username: u, password: {env: P}}
channels:
  - name: amazon_eu
    kind: amazon
    credentials: {client_id: {env: A}, client_secret: {env: B}, refresh_token: {env: C}}
"""


def test_a_catch_up_of_more_pages_than_the_bucket_holds_ends(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    with judged(clock, monkeypatch) as amazon:
        amazon.generous = False
        for seed in range(4):
            for order in demo_orders(seed, 1, NOON, CATALOGUE):
                amazon.add(order)
        channel = connect(amazon, clock)
        connections = doors(
            settings.parse(YAML), warehouse, channels={NAME: channel}, instruments=replace(REAL, clock=clock.seconds)
        )
        for _ in range(18):  # a backfill has left two calls of twenty
            list(channel.orders.totals(EMPTY))
        cursor, seen, ticks = Cursor(watermark=NOON - timedelta(days=2)), 0, 0
        monkeypatch.setattr("commerce_pipelines.channels.amazon.orders.reading.PAGE_SIZE", 10)
        while ticks == 0 or cursor.resume:
            cursor, landed = poll(connections, NAME, cursor, now=clock.now())
            seen, ticks = seen + landed.new, ticks + 1
            clock.passed += 900
        assert seen == len(amazon.orders)
        assert 1 < ticks < 5
        assert 429 not in {reply.status for _, reply in amazon.exchanges}


def test_a_tick_that_got_nothing_says_so(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    with judged(clock, monkeypatch) as amazon:
        amazon.generous = False
        channel = connect(amazon, clock)
        connections = doors(
            settings.parse(YAML), warehouse, channels={NAME: channel}, instruments=replace(REAL, clock=clock.seconds)
        )
        for _ in range(20):
            list(channel.orders.changed(EMPTY))
        with pytest.raises(TransientError, match="rate limit of searchOrders is used up for 179 s"):
            poll(connections, NAME, Cursor(watermark=NOON - timedelta(days=2)), now=clock.now())
