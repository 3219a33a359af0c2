"""Money goes back once for each credit note, whatever dies or is lost on the way, and whoever else is at work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from commerce_pipelines.domain.returns.sale_books import Move, MoveLine, SaleBooks, SaleLine
from commerce_pipelines.domain.sales.draft import line_xid
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.orders.stage import stage
from commerce_pipelines.flows.refunding import issue as module
from commerce_pipelines.odoo.returns import invoiced_orders
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.warehouse.refunding import manual_credit_notes as notes
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import SETTINGS, FakeChannel, ago, parse
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.doubles.outbox import Market, ended, forked, later, statuses
from commerce_pipelines_tests.doubles.refunds_out import REFUNDING, MarketRefunds

SHOP = "shop_de"
ORDERS = {"A": 1, "B": 2, "C": 3}  # and the record id of the credit note of each
POINTS = ("", "attempt_recorded", "effect_sent", "effect_answered", "effect_settled")
# Of lost answers those that differ: the shop has paid, or it has not.
FAULTS = ("lost before", "lost after")
CASES = [*product(POINTS, FAULTS, (False,)), ("", "lost after", True), ("effect_sent", "lost after", True)]


@pytest.fixture
def market() -> Iterator[Market]:
    with Market() as market:
        yield market


def open_doors(warehouse: Warehouse, market: Market) -> Connections:
    """The doors of one process. Its channel has three orders of one unit each at 11.90, placed an hour ago."""
    channel = FakeChannel(SHOP)
    for order_id in ORDERS:
        channel.add(order_id, ago(hours=1))
    channel.buyer_refunds = MarketRefunds(market.url)
    settings = parse(SETTINGS.replace("start_date:", f"{REFUNDING % ''}start_date:"))
    return doors(settings, warehouse, channels={SHOP: channel})


def read_books(client: Any, label: str, order_ids: Any, names: Any = ()) -> dict[str, SaleBooks]:
    """Each order has one posted credit note of a person, over 5.00."""
    return {order_id: _build_books(order_id, ORDERS[order_id]) for order_id in order_ids}


def _build_books(order_id: str, number: int) -> SaleBooks:
    sold = SaleLine(
        line_id=number, xid=line_xid(SHOP, order_id, "1"), name="Mug", product_id=7, sku="MUG", unit_id=1,
        by_delivery=False, is_goods=True, is_shipping=False, ordered=Decimal(1), delivered=Decimal(1),
        billed=Decimal(1), taxes=(1,),
    )  # fmt: skip
    part = MoveLine(
        line_id=number, xid="", sale_lines=frozenset((number,)), quantity=Decimal(1), total=500, taxes=(1,),
        account_id=1, analytic="{}",
    )  # fmt: skip
    move = Move(
        move_id=number, xid="", name=f"RINV/{number}", is_credit=True, state="posted", payment_state="", total=500,
        tax=80, residual=500, currency="EUR", currency_id=1, partner_id=1, journal_id=1, position_id=0,
        dated=date(2026, 11, 20), booked=None, reversed_id=0, lines=(part,),
    )  # fmt: skip
    return SaleBooks(label=SHOP, order_id=order_id, sale_id=number, name=f"S{number}", state="sale", company_id=1,
                     lines=(sold,), moves=(move,), taxes={})  # fmt: skip


def credit(connections: Connections) -> None:
    """The channel's orders are staged, and their credit notes were seen in Odoo."""
    now = datetime.now(UTC)
    days = (now.date() - timedelta(days=2), now.date() + timedelta(days=2))
    pull(connections, SHOP, *days)
    stage(connections, SHOP, *days)
    rows = [
        notes.Row(odoo_id=number, order_id=order_id, sale_id=number, name=f"RINV/{number}", day=now.date(),
                  written_at="2026-11-20 12:00:00")
        for order_id, number in ORDERS.items()
    ]  # fmt: skip
    with connections.warehouse.transaction() as connection:
        notes.keep_rows(connection, SHOP, rows, now)


@pytest.mark.parametrize(("point", "fault", "together"), CASES)
def test_each_credit_note_is_paid_back_exactly_once(
    warehouse: Warehouse, market: Market, point: str, fault: str, together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run dies at `point` while an answer is lost; another one works after it, or at the same time."""
    monkeypatch.setattr(module, "may_publish", lambda *_: None)
    monkeypatch.setattr(module, "read_new", lambda *_, **__: None)
    monkeypatch.setattr(Connections, "odoo_of", lambda *_: None)
    monkeypatch.setattr(invoiced_orders, "read_books", read_books)
    credit(open_doors(warehouse, market))
    market.fail(fault)

    def run(own: Warehouse) -> Any:
        return module.issue(open_doors(own, market), SHOP)

    first = forked(warehouse, run, point)
    if not together:
        assert ended(first) == (-9 if point else 0)
    second = forked(warehouse, run)
    assert ended(second) == 0
    if together:
        ended(first)
    assert max(market.made().values(), default=0) <= 1
    for _ in range(2):
        later(warehouse)
        run(warehouse)
    assert market.made() == {"1": 1, "2": 1, "3": 1}
    assert [status for _, status, _ in statuses(warehouse)] == ["accepted"] * 3
