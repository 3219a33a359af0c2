"""An edit takes units off an order that the buyer had paid, and the channel pays them back: that refund is no credit
note, whatever dies on the way and whoever else is at work; a refund after it is one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.domain.orders.order import Payment
from commerce_pipelines.domain.returns.records import RefundKind, RefundLine
from commerce_pipelines_tests.doubles.lane import Server, later, line, numbered
from commerce_pipelines_tests.doubles.returns import make_refund
from commerce_pipelines_tests.flows.conftest import open_administrator
from commerce_pipelines_tests.flows.returns.conftest import ReturnsLane
from commerce_pipelines_tests.flows.test_returns_in_odoo import invoice


class Killed(BaseException):
    """Stands for a SIGKILL at a failpoint: nothing after it is done, and no open transaction commits."""


def run_together(returns: ReturnsLane) -> None:
    """Two runs at the same time."""
    with ThreadPoolExecutor(2) as pool:
        for outcome in [pool.submit(returns.run, pulled=False) for _ in range(2)]:
            outcome.result()


@pytest.mark.parametrize("point", ["returns_moved", "refunds_credited"])
def test_the_money_of_an_edit_is_no_credit_note_and_a_refund_after_it_is_one(
    connect: Any, odoo: Server, request: pytest.FixtureRequest, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    returns = ReturnsLane(connect("returns: {enabled: true}, "), None)
    order_id = f"{numbered(request)[0]}-{point}"
    paid = (Payment(method="card", amount=3380),)
    sold = returns.orders.order(order_id, line(3380, quantity=2), payments=paid)
    returns.orders.put(sold)
    returns.orders.run()
    returns.orders.put(later(sold, lines=(line(1690),), total=1690))  # one of the two is taken off
    assert returns.orders.run().actions == {"changed": 1}
    invoice(odoo, returns.orders, order_id)
    money = RefundLine(line_id="1", kind=RefundKind.GOODWILL, amount=1690)
    returns.put(make_refund(f"E-{order_id}", order_id, returns.noon, money))

    def kill(name: str) -> None:
        if name == point:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("commerce_pipelines.flows.returns.load.failpoint", kill)
        with pytest.raises(Killed):
            returns.run()
    run_together(returns)
    assert (count_notes(odoo, returns, order_id), returns.prove().whole.complete) == (0, True)

    sorry = RefundLine(line_id="1", kind=RefundKind.GOODWILL, amount=250)
    returns.put(make_refund(f"W-{order_id}", order_id, returns.noon + timedelta(minutes=1), sorry))
    with monkeypatch.context() as patch:
        patch.setattr("commerce_pipelines.flows.returns.load.failpoint", kill)
        with pytest.raises(Killed):
            returns.run()
    run_together(returns)
    assert (count_notes(odoo, returns, order_id), returns.prove().whole.complete) == (1, True)


def count_notes(odoo: Server, returns: ReturnsLane, order_id: str) -> int:
    """Credit notes of the order's invoices, in any state."""
    [sale] = returns.orders.sales(order_id)
    client = open_administrator(odoo)
    [row] = client.call("sale.order", "read", ids=[sale["id"]], fields=["invoice_ids"], load=None)
    domain = [["move_type", "=", "out_refund"], "|", ["id", "in", row["invoice_ids"]],
              ["reversed_entry_id", "in", row["invoice_ids"]]]  # fmt: skip
    return int(client.call("account.move", "search_count", domain=domain))
