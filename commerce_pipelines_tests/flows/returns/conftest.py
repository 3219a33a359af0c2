"""The lane of returns beside that of its orders: a channel with all three sources, the documents of Odoo in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.returns.records import Refund, Return
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.returns.load import Loaded, load
from commerce_pipelines.flows.returns.prove import Proof, prove
from commerce_pipelines.flows.returns.stage import stage
from commerce_pipelines.warehouse import exceptions as quarantine
from commerce_pipelines_tests.doubles.lane import NAME, Lane
from commerce_pipelines_tests.doubles.returns import Documents, RecordSource

TOPICS = (Topic.RETURNS, Topic.REFUNDS)


class ReturnsLane:
    """`run` does what a run of the returns lane does; `orders` is the lane of the orders."""

    def __init__(self, orders: Lane, documents: Any) -> None:
        self.orders, self.documents, self.connections = orders, documents, orders.connections
        self.channel: Any = orders.channel
        self.channel.returns, self.channel.refunds = RecordSource(Topic.RETURNS), RecordSource(Topic.REFUNDS)
        self.noon, self.day = orders.noon, orders.day
        self.span = (self.day, self.day + timedelta(days=1))

    def put(self, *records: Return | Refund) -> None:
        for record in records:
            source = self.channel.returns if isinstance(record, Return) else self.channel.refunds
            source.put(record)

    def run(self, *, again: bool = True, pulled: bool = True) -> Loaded:
        for topic in TOPICS:
            if pulled:
                pull(self.connections, NAME, *self.span, topic=topic)
            stage(self.connections, NAME, topic, *self.span)
        return load(self.connections, NAME, self.span, again=again)

    def prove(self) -> Proof:
        return prove(self.connections, NAME, *self.span)

    def waiting(self, topic: Topic) -> list[quarantine.OpenException]:
        with self.connections.warehouse.transaction() as connection:
            return quarantine.open_exceptions(connection, NAME, topic)

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        with self.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM commerce.{table} ORDER BY 1, 2")
            return cursor.fetchall()


@pytest.fixture
def returns(connect: Any, monkeypatch: pytest.MonkeyPatch) -> ReturnsLane:
    """Without a real Odoo: what is written there is tested in commerce_pipelines_tests/odoo/returns/."""
    return ReturnsLane(connect("returns: {enabled: true}, "), Documents().patch(monkeypatch))


@pytest.fixture(scope="module")
def odoo() -> Any:
    from commerce_pipelines_tests.doubles.lane import Server
    from commerce_sandbox.catalogue import CATALOGUE
    from commerce_sandbox.odoo import OdooStandIn, demo_database

    with OdooStandIn(demo_database(CATALOGUE)) as stand_in:
        yield Server(stand_in.url, "demo", "admin", "admin", stand_in.calls)
