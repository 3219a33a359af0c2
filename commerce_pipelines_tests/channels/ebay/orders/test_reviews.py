"""Payments that eBay holds: which of them are a reason not to send the parcel."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_pipelines.channels.ebay.orders import translate
from commerce_pipelines.domain.orders.order import Review

from ..account import NOW, an_order
from .test_translate import read, trading_samples, with_samples


@pytest.mark.parametrize(
    ("state", "actions", "review"),
    [
        ("HELD", [], Review.PAYMENT),
        ("HELD_PENDING", None, Review.PAYMENT),
        ("HELD", [{"sellerActionToRelease": "SHIP"}], None),  # a new seller's money comes with the tracking number
        ("RELEASED", [], None),
        ("NOT_HELD", [], None),
    ],
)
def test_a_payment_that_ebay_looks_into(state: str, actions: Any, review: Review | None) -> None:
    order = an_order(1, NOW)
    order["paymentSummary"]["payments"][0]["paymentHolds"] = [
        {"holdState": state, "holdReason": "BUYER_REVIEW", "sellerActionsToRelease": actions}
    ]
    assert read(order).review is review
    assert read(an_order(1, NOW)).review is None


@with_samples
@pytest.mark.parametrize(
    ("status", "review"),
    [("PaymentReview", Review.PAYMENT), ("NewSellerHold", None), ("MerchantHold", None), ("Released", None)],
)
def test_a_payment_review_of_the_trading_api(status: str, review: Review | None) -> None:
    sample = next(raw for raw in trading_samples().values() if b"<PaymentHoldStatus>None" in raw)
    raw = sample.replace(b"<PaymentHoldStatus>None", f"<PaymentHoldStatus>{status}".encode())
    assert translate.translate(raw, "ebay_de", "EBAY_DE").review is review


@with_samples
def test_the_buyers_account_stays_when_the_user_name_changes() -> None:
    buyers = [translate.translate(raw, "ebay_de", "EBAY_DE").buyer for raw in trading_samples().values()]
    assert any(len(buyer.account) > 20 and buyer.account != buyer.ref for buyer in buyers)
    assert read(an_order(1, NOW)).buyer.account == ""
