"""The REST shape of webhook bodies where it says things otherwise than a query; what is common to both stands in
test_translate.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from commerce_pipelines.channels.shopify.orders import rest
from commerce_pipelines.channels.shopify.orders.translate import translate
from commerce_pipelines.domain.orders.order import check

EUR = "EUR"


@pytest.mark.parametrize(
    "gave",
    [
        {"transactions": [{"amount": "19.90", "kind": "refund", "status": "pending"}]},
        {"transactions": [{"amount": "19.90", "kind": "refund", "status": "failure"}]},
        {"order_adjustments": [{"kind": "refund_discrepancy", "amount": "19.90"}]},
        {},
    ],
)
def test_units_of_a_refund_that_moved_no_money_were_not_removed(gave: dict[str, Any]) -> None:
    def bag(amount: str) -> dict[str, Any]:
        side = {"amount": amount, "currency_code": EUR}
        return {"shop_money": side, "presentment_money": side}

    times = dict.fromkeys(("created_at", "updated_at"), "2026-11-20T11:00:00+01:00")
    row = {"line_item_id": 1, "quantity": 1, "subtotal_set": bag("19.90"), "total_tax_set": bag("3.18")}
    mugs = {"id": 1, "name": "Mug", "quantity": 2, "current_quantity": 1, "price_set": bag("19.90"),
            "tax_lines": [{"rate": 0.19, "price_set": bag("6.36")}]}  # fmt: skip
    body = {"id": 1, "name": "#1", "currency": EUR, "presentment_currency": EUR, "taxes_included": True, **times,
            "financial_status": "paid", "total_price_set": bag("39.80"), "line_items": [mugs],
            "refunds": [{"refund_line_items": [row], **gave}]}  # fmt: skip
    order = rest.order(json.dumps(body).encode())
    result = translate(order, channel="shopify_de", shop="demo.myshopify.com", basis="shop")
    check(result)
    assert (result.total, result.refunded, result.lines[0].quantity) == ((3980, 0, 2) if gave else (1990, 0, 1))
