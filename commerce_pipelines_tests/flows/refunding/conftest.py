"""The lane of refunds out beside that of returns, on the stand-in of Odoo, and on a real one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.identity import agree
from commerce_pipelines.flows.refunding.issue import Issued, issue
from commerce_pipelines.flows.refunding.prepare import has_work
from commerce_pipelines.flows.refunding.prove import PaidBack, prove
from commerce_pipelines.odoo.rpc.client import Client
from commerce_pipelines.warehouse import exceptions
from commerce_pipelines_tests.doubles.lane import NAME, Server
from commerce_pipelines_tests.doubles.refunds_out import REFUNDING, RefundDesk, desk_of, invoice
from commerce_pipelines_tests.flows.conftest import open_administrator
from commerce_pipelines_tests.flows.returns.conftest import ReturnsLane


class Desk(NamedTuple):
    """The lane of refunds out beside that of returns. person: what a person's browser does in Odoo."""

    returns: ReturnsLane
    desk: RefundDesk
    person: Client

    def sell(self, *order_ids: str) -> list[int]:
        """Paid orders of one mug at 16.90; their posted invoices."""
        self.returns.orders.put(*map(self.returns.orders.order, order_ids))
        self.returns.orders.run()
        agree(self.returns.connections, NAME)  # the server knows orders of tests whose database is another one
        return [invoice(self.person, self.returns.orders, order_id) for order_id in order_ids]

    def issue(self, **options: Any) -> Issued:
        return issue(self.returns.connections, NAME, **options)

    def report(self) -> dict[str, int]:
        """The channel reports what it paid back, and the lane of returns deals with it."""
        self.returns.put(*self.desk.report(self.returns))
        return dict(self.returns.run().actions)

    def prove(self) -> PaidBack:
        """The proof of the last days, in euro."""
        today = self.returns.connections.instruments.now().date()
        proof = prove(self.returns.connections, NAME, today - timedelta(days=2), today + timedelta(days=2))
        assert set(proof.whole) <= {"EUR"}
        return proof.whole.get("EUR", PaidBack())

    def waits(self) -> dict[str, str]:
        with self.returns.connections.warehouse.transaction() as connection:
            rows = exceptions.open_exceptions(connection, NAME, Topic.REFUNDING)
        return {row.record_id: row.code for row in rows}

    def has_work(self) -> bool:
        return has_work(self.returns.connections, NAME)


@pytest.fixture
def open_desk(connect: Any, odoo: Server) -> Any:
    def open_with(more: str = "") -> Desk:
        returns = ReturnsLane(connect(REFUNDING % more), None)
        return Desk(returns, desk_of(returns.orders), open_administrator(odoo))

    return open_with
