"""The returns lane killed at every step, with lost answers and two runs at once: each refund is one credit note and is
paid back once, goods come back once, and the lane of the orders never waits."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.core.failpoints import arm
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.returns.records import RefundKind, RefundLine, ReturnLine, ReturnState
from commerce_pipelines.flows.intake.pull import Landed, land, pull
from commerce_pipelines.flows.returns.load import load
from commerce_pipelines.flows.returns.stage import stage
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import SETTINGS
from commerce_pipelines_tests.doubles.doors import IMPATIENT
from commerce_pipelines_tests.doubles.lane import MUG, NAME, Lane, line, writes
from commerce_pipelines_tests.doubles.returns import make_refund, make_return
from commerce_pipelines_tests.flows.returns.conftest import TOPICS, ReturnsLane
from commerce_sandbox.odoo import OdooStandIn
from commerce_sandbox.server import Fault

from .conftest import environ_of
from .test_odoo_faults import does

POINTS = (
    "after_return_load", "before_receipt", "after_receipt", "returns_moved", "after_credit_load", "after_credit_post",
    "refunds_credited",
)  # fmt: skip
LOST = ("load", "action_confirm", "button_validate", "action_post", "action_create_payments", "write")
ORDERS = ("A1", "A2")
PRICE, UNITS = 5_070, 3
KILLED = """
import sys
from commerce_pipelines_tests.faults.test_returns_faults import run_until
run_until(*sys.argv[1:])
"""


def settings_of(url: str) -> str:
    rules = "returns: {enabled: true, refund_journal: Bank}, start_date:"
    return SETTINGS.replace("http://127.0.0.1:8069", url).replace("start_date:", rules)


def run_until(point: str, url: str) -> None:
    """A run of the lane, killed at a failpoint. For a process of its own."""
    os.environ["ODOO_PASSWORD"] = "admin"
    arm(point)
    ReturnsLane(Lane(parse(settings_of(url)), dict(os.environ), IMPATIENT), None).run(again=False, pulled=False)


class Shop(NamedTuple):
    """A merchant's world. another: one more process, so to speak."""

    returns: ReturnsLane
    odoo: OdooStandIn
    another: Callable[[], ReturnsLane]
    environ: dict[str, str]

    def sell(self) -> None:
        """Two orders are shipped and invoiced; units of both come back, and their money goes back in three parts."""
        orders = self.returns.orders
        orders.put(*(orders.order(order_id, line(PRICE, quantity=UNITS)) for order_id in ORDERS))
        orders.run()
        client = orders.connections.odoo
        for sale in orders.sales(*ORDERS):
            client.call("stock.picking", "button_validate", ids=sale["picking_ids"], context={"skip_sms": True})
        self.odoo.invoice()
        self._pay()
        for order_id in ORDERS:
            self.returns.put(*self.list_records(order_id))
        for topic in TOPICS:
            pull(self.returns.connections, NAME, *self.returns.span, topic=topic)

    def _pay(self) -> None:
        """The invoices are paid, so that a credit note stays open until its own money is registered."""
        client = self.returns.connections.odoo
        invoices = client.call("account.move", "search", domain=[["move_type", "=", "out_invoice"]])
        context = {"active_model": "account.move", "active_ids": invoices}
        [journal] = client.call("account.journal", "search", domain=[["type", "=", "bank"]], limit=1)
        values = {"journal_id": journal, "group_payment": False}
        wizard = client.call("account.payment.register", "create", vals_list=[values], context=context)
        client.call("account.payment.register", "action_create_payments", ids=wizard, context=context)

    def list_records(self, order_id: str) -> list[Any]:
        at = self.returns.noon
        goods = RefundLine(
            line_id="1", kind=RefundKind.GOODS, amount=PRICE // UNITS, quantity=1, order_line_id="1", is_returned=True
        )
        part = RefundLine(line_id="1", kind=RefundKind.PRICE, amount=500, order_line_id="1")
        goodwill = RefundLine(line_id="1", kind=RefundKind.GOODWILL, amount=250)
        units = ReturnLine(line_id="1", quantity=2, received=2, order_line_id="1", sku=MUG)
        return [
            make_return(f"T-{order_id}", order_id, at, units, state=ReturnState.RECEIVED),
            make_refund(f"G-{order_id}", order_id, at, goods),
            make_refund(f"P-{order_id}", order_id, at + timedelta(minutes=1), part),
            make_refund(f"W-{order_id}", order_id, at + timedelta(minutes=2), goodwill),
        ]

    def kill(self, point: str) -> int:
        """Exit code of a run in a process of its own: -9 when it was killed."""
        command = [sys.executable, "-c", KILLED, point, self.odoo.url]
        return subprocess.run(command, env=self.environ, capture_output=True, check=False).returncode

    def check(self) -> None:
        """What must hold, asked of Odoo's rows; and a further run writes nothing."""
        client = self.returns.connections.odoo
        for sale in self.returns.orders.sales(*ORDERS):
            assert self._read_notes(sale) == [(2.50, "posted", 0), (5.00, "posted", 0), (16.90, "posted", 0)]
            [sold] = client.call("sale.order.line", "read", ids=sale["order_line"], fields=["qty_delivered"])
            assert sold["qty_delivered"] == UNITS - 2
            backs = client.call(
                "stock.move", "search_read", fields=["quantity", "state"], load=None,
                domain=[["sale_line_id", "in", sale["order_line"]], ["origin_returned_move_id", "!=", False]],
            )  # fmt: skip
            assert [(back["quantity"], back["state"]) for back in backs] == [(2, "done")]
        whole = self.returns.prove().whole
        assert (whole.complete, whole.orders_in_channel, whole.exceptions) == (True, 6, 0)
        assert whole.odoo_total == {"EUR": 2 * (1690 + 500 + 250)}
        since = len(self.odoo.calls)
        self.returns.run(pulled=False)
        assert writes(self.odoo, since) == []

    def _read_notes(self, sale: dict[str, Any]) -> list[tuple[float, str, float]]:
        client = self.returns.connections.odoo
        invoices = client.call("sale.order", "read", ids=[sale["id"]], fields=["invoice_ids"], load=None)
        rows = client.call(
            "account.move", "search_read", fields=["amount_total", "state", "amount_residual"], load=None,
            domain=[["move_type", "=", "out_refund"], ["reversed_entry_id", "in", invoices[0]["invoice_ids"]]],
        )  # fmt: skip
        assert sum(row["amount_total"] for row in rows) <= sale["amount_total"]
        return sorted((row["amount_total"], row["state"], row["amount_residual"]) for row in rows)


@pytest.fixture
def shop(odoo: OdooStandIn, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("ODOO_PASSWORD", "admin")
    environ = environ_of(warehouse)
    settings = parse(settings_of(odoo.url))

    def another() -> ReturnsLane:
        return ReturnsLane(Lane(settings, environ, IMPATIENT), None)

    path = str(Path(__file__).parents[2])
    return Shop(another(), odoo, another, {**os.environ, **environ, "PYTHONPATH": path})


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_is_killed_is_finished_by_two_at_once_whose_answers_are_lost(shop: Shop, point: str) -> None:
    shop.sell()
    assert shop.kill(point) == -9
    shop.odoo.faults += [Fault(match=does(method), after=True, drop=True) for method in LOST]
    runs = [shop.another(), shop.another()]
    with ThreadPoolExecutor(2) as pool:
        outcomes = [pool.submit(run.run, again=False, pulled=False) for run in runs]
    errors = [error for outcome in outcomes if (error := outcome.exception())]
    assert [error for error in errors if not isinstance(error, TransientError)] == []
    shop.odoo.faults.clear()
    shop.returns.run(again=False, pulled=False)
    shop.check()


def test_the_same_refund_by_every_door_is_one_credit_note(shop: Shop) -> None:
    """G69, into Odoo: a webhook, a poll and the pull of a backfill bring the same answers, in three processes."""
    shop.sell()

    def come(door: str) -> None:
        run = shop.another()
        run.channel.returns.known, run.channel.refunds.known = (
            shop.returns.channel.returns.known, shop.returns.channel.refunds.known
        )  # fmt: skip
        for topic in TOPICS:
            source = run.channel.returns if topic is Topic.RETURNS else run.channel.refunds
            for page in source.created(find_window(run)):
                now = run.connections.instruments.now()
                land(run.connections, NAME, page, door, now, Landed(), topic)  # type: ignore[arg-type]
            stage(run.connections, NAME, topic, *run.span)
        load(run.connections, NAME, run.span, again=door == "pull")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(come, ("webhook", "poll", "pull")))
    shop.check()


def test_orders_never_wait_for_their_returns(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """While Odoo refuses everything about returns, and while a run of returns is between two groups, orders go on."""
    shop.sell()
    refused = Fault(match=lambda call: b'"account.move"' in call.body or b'"stock.move"' in call.body,
                    status=503, times=10**6)  # fmt: skip
    shop.odoo.faults.append(refused)
    with pytest.raises(TransientError):
        shop.returns.run(again=False, pulled=False)
    shop.odoo.faults.clear()
    orders = shop.returns.orders
    during: list[dict[str, int]] = []

    from commerce_pipelines.flows.returns import load as module

    write = module._write_group

    def write_then_sell(work: Any, order_ids: Any, loaded: Any) -> None:
        write(work, order_ids, loaded)
        other = shop.another().orders
        number = len(during)
        other.put(other.order(f"B{number}"))
        during.append(dict(other.run().actions))

    monkeypatch.setattr(module, "_write_group", write_then_sell)
    monkeypatch.setattr(module, "ORDERS_A_GROUP", 1)
    shop.returns.run(again=False, pulled=False)
    assert [actions.get("created") for actions in during] == [1, 1]
    monkeypatch.undo()
    monkeypatch.setenv("ODOO_PASSWORD", "admin")
    assert orders.prove().whole.sale_orders_in_odoo >= 2
    shop.check()


def find_window(run: ReturnsLane) -> Any:
    from commerce_pipelines.flows.intake.pull import window_of

    return window_of(*run.span, run.connections.settings.channel(NAME).zone)
