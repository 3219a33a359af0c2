"""Parcels that go to Amazon by a feed reach it once, whatever dies or is lost on the way, and whoever else is at work:
those without tracking number, and very many. Amazon's contract judges every call."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.amazon.fulfilment import shipments as of_amazon
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.core.instruments import Instruments
from commerce_pipelines.domain.fulfilment.deliveries import DeliveredLine, DeliveredOrder, Delivery, Piece
from commerce_pipelines.domain.sales.draft import line_xid
from commerce_pipelines.flows.fulfilment import confirm as module
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.outbox import dispatch
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.fulfilment import shipments
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.channels.amazon.contract import NOON, Clock, Recorded, judged
from commerce_pipelines_tests.channels.amazon.fulfilment.parcels import add_order
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.doubles.outbox import later, statuses
from commerce_sandbox.server import Call, Fault

NAME = "amazon_eu"
ORDERS = ("302-0000001-0000001", "302-0000002-0000002")
POINTS = ("effect_recorded", "attempt_recorded", "effect_answered", "effect_settled")
FAULTS = ("", "lost before", "lost after")
# Numbered parcels or not, where the first run dies, what is lost, whether a second run works at the same time.
CASES = [
    *product((False, True), ("",), FAULTS, (False,)),
    *product((False, True), ("",), ("lost after",), (True,)),
    *product((False,), POINTS, ("lost after",), (False,)),
    *product((True,), ("attempt_recorded", "effect_answered"), ("lost after",), (False,)),
]
SETTINGS = """
odoo: {{url: "http://127.0.0.1:8069", database: demo, username: admin, password: {{env: AMZ_SECRET}}}}
vat: {{seller_country: DE, oss: true}}
channels:
  - {{name: {name}, kind: amazon, region: eu, marketplaces: [DE], seller_id: A2DEMOSELLER01, endpoint: "{url}",
     token_endpoint: "{url}/auth/o2/token", start_date: 2026-11-01, carrier_fallback: Standard,
     fulfilment: {{enabled: true, carriers: {{'': DHL}}, missing_tracking: send}},
     credentials: {{
       client_id: {{env: AMZ_ID}}, client_secret: {{env: AMZ_SECRET}}, refresh_token: {{env: AMZ_REFRESH}}}}}}
"""


class Killed(BaseException):
    """Stands for a SIGKILL at a failpoint: nothing after it is done, and no open transaction commits."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(clock, monkeypatch) as stand_in:
        for order_id in ORDERS:
            add_order(stand_in, 1, order_id=order_id)
        stand_in.feeds.takes = timedelta(minutes=9)  # longer than a run waits before it sends again what is not there
        yield stand_in


def open_doors(warehouse: Warehouse, amazon: Recorded, clock: Clock) -> Connections:
    settings = parse(SETTINGS.format(name=NAME, url=amazon.url))
    timed = Instruments(now=clock.now, clock=clock.seconds, sleep=clock.sleep, jitter=lambda: 1.0)
    of_channel: Any = settings.channel(NAME)
    channel = AmazonChannel(of_channel, MemoryBuckets(clock.seconds), MemoryTokens(clock.seconds), timed)
    return doors(settings, warehouse, channels={NAME: channel}, instruments=timed)


def deliver(connections: Connections, *, numbered: bool) -> None:
    """Both orders have left in Odoo, and the channel's orders are landed."""
    day = NOON.date()
    pull(connections, NAME, day - timedelta(days=2), day + timedelta(days=1))
    delivered = {}
    for number, order_id in enumerate(ORDERS, 1):
        line = line_xid(NAME, order_id, "item1")
        piece = Piece(line=line, product=7, quantity=Decimal(1))
        left = Delivery(
            picking=number, name=f"OUT/{number}", shipped_at=NOON - timedelta(hours=1), pieces=(piece,),
            numbers=(f"JJD{number}",) if numbered else (),
        )  # fmt: skip
        delivered[order_id] = DeliveredOrder(
            odoo_id=number, name=f"S{number}", deliveries=(left,),
            lines=(DeliveredLine(line=line, ordered=Decimal(1), delivered=Decimal(1)),),
        )  # fmt: skip
    with connections.warehouse.transaction() as connection:
        shipments.keep_deliveries(connection, NAME, delivered, NOON)


def is_create(call: Call) -> bool:
    return call.path.endswith("/feeds") and call.method == "POST"


@pytest.mark.parametrize(("numbered", "point", "fault", "together"), CASES)
def test_each_parcel_is_told_exactly_once(
    warehouse: Warehouse, amazon: Recorded, clock: Clock, numbered: bool, point: str, fault: str, together: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A run dies at `point` while an answer is lost; another one works after it, or at the same time."""
    monkeypatch.setattr(module, "may_publish", lambda *_: None)
    monkeypatch.setattr(of_amazon, "is_feed_quicker", lambda parcels: parcels > 1)
    deliver(open_doors(warehouse, amazon, clock), numbered=numbered)
    if fault:
        amazon.faults.append(Fault(match=is_create, after=fault == "lost after", drop=True))

    def run() -> None:
        module.confirm(open_doors(warehouse, amazon, clock), NAME)

    def kill(name: str) -> None:
        if name == point:
            raise Killed

    if together:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: run(), range(2)))
    else:
        with monkeypatch.context() as patch, suppress(Killed):
            patch.setattr(dispatch, "failpoint", kill)
            run()
    for seconds in (300, 300, 3_600, 300):
        clock.passed += seconds
        later(warehouse, timedelta(seconds=seconds))
        run()
    assert [status for _, status, _ in statuses(warehouse)] == ["accepted"] * len(ORDERS)
    assert {order_id: amazon.shipments.heard[order_id] for order_id in ORDERS} == dict.fromkeys(ORDERS, 1)
    assert sorted(amazon.fulfilling.told) == sorted(ORDERS)
    assert len(amazon.feeds.feeds) == 1
    with warehouse.transaction() as connection:
        assert not shipments.has_due(connection, NAME)
