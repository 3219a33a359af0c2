"""How much of an eBay order is refunded: its refunds stand in two lists."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.channels.ebay.orders import translate
from commerce_pipelines.domain.orders.order import Order, Shipped
from commerce_sandbox.ebay.refunding import refund_lines, refund_order

from ..account import NOW, an_order


def read(order: dict[str, Any]) -> Order:
    return translate.translate(json.dumps(order).encode(), "ebay_de", "EBAY_DE")


def test_refunds_of_the_order_and_of_its_lines_add_up() -> None:
    """eBay's description: the order's list "does not include line item level refunds"."""
    order = an_order(1, NOW, payment="PARTIALLY_REFUNDED", shipped=True)
    refund_order(order, 990, number=1, at=NOW)
    refund_order(order, 300, number=2, at=NOW, status="PENDING")
    refund_lines(order, {0: 990}, number=3, at=NOW)
    result = read(order)
    assert (result.refunded, result.total, result.shipped) == (1_980, 6_990, Shipped.YES)


@pytest.mark.parametrize("has_ids", [True, False])
def test_a_refund_stated_at_the_order_and_at_its_lines_counts_once(has_ids: bool) -> None:
    order = an_order(1, NOW, payment="PARTIALLY_REFUNDED", shipped=True)
    refund_order(order, 990, number=1, at=NOW)
    refund_lines(order, {0: 990}, number=1, at=NOW)
    refund_lines(order, {0: 500}, number=2, at=NOW + timedelta(days=1))
    if not has_ids:
        for refund in [*order["paymentSummary"]["refunds"], *order["lineItems"][0]["refunds"]]:
            del refund["refundId"]
    assert read(order).refunded == 1_490


def test_a_line_without_a_date_of_its_refund_is_refunded() -> None:
    order = an_order(1, NOW, payment="PARTIALLY_REFUNDED", shipped=True)
    order["lineItems"][0]["refunds"] = [{"amount": {"value": "9.90", "currency": "EUR"}}]
    assert read(order).refunded == 990
