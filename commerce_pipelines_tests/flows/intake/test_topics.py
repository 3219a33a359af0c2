"""Returns and refunds come in like orders, each with a cursor, a landing and pulls of its own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from commerce_pipelines.core.errors import PermanentError
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import business_day
from commerce_pipelines.domain.returns.records import Refund
from commerce_pipelines.flows.intake.changes import Cursor, poll
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import FakeChannel, ago, some_settings
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.doubles.returns import RecordSource, make_refund

NAME = "shop_de"


def test_a_refund_is_landed_under_its_own_topic_and_no_order_with_it(warehouse: Warehouse) -> None:
    settings, channel, at = some_settings(), FakeChannel(), ago(hours=2)
    channel.add("A1", at)
    refunds: RecordSource[Refund] = RecordSource(Topic.REFUNDS)
    channel.refunds = refunds
    refunds.put(make_refund("R1", "A1", at))
    connections = doors(settings, warehouse, channels={NAME: channel})
    _cursor, landed = poll(connections, NAME, Cursor(watermark=ago(hours=4)), topic=Topic.REFUNDS)
    assert (landed.seen, landed.new) == (1, 1)
    assert connections.landing(NAME, Topic.ORDERS).history("A1") == []
    assert [answer.how for answer in connections.landing(NAME, Topic.REFUNDS).history("R1")] == ["poll"]
    day = business_day(at, settings.channel(NAME).zone)
    assert pull(connections, NAME, day, day + timedelta(days=1), topic=Topic.REFUNDS).new == 0
    assert pull(connections, NAME, day, day + timedelta(days=1)).new == 1


def test_a_marketplace_without_returns_says_so(warehouse: Warehouse) -> None:
    connections = doors(some_settings(), warehouse, channels={NAME: FakeChannel()})
    with pytest.raises(PermanentError, match="offers no returns"):
        poll(connections, NAME, Cursor(watermark=ago(hours=4)), topic=Topic.RETURNS)
