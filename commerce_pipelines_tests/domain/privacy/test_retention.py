"""From when an answer's age counts, and what happens at its limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import Order, OrderStatus, Shipped
from commerce_pipelines.domain.privacy.policy import PrivacyPolicy
from commerce_pipelines.domain.privacy.retention import (
    Verdict,
    count_order_from,
    count_return_from,
    is_needed,
    judge_age,
)

PLACED = datetime(2026, 11, 1, 12, tzinfo=UTC)
CHANGED, ARRIVES = PLACED + timedelta(days=2), PLACED + timedelta(days=5)
LATER = PLACED + timedelta(days=400)
MONTH = timedelta(days=30)


def order(**more: Any) -> Order:
    return Order(**{
        "channel": "amazon_de", "order_id": "1", "number": "1", "placed_at": PLACED, "updated_at": CHANGED,
        "status": OrderStatus.PAID, "currency": "EUR", "total": 0, "prices_include_tax": True, "lines": (), **more,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("more", "since"),
    [
        ({"shipped": Shipped.YES, "delivered_by": ARRIVES}, ARRIVES),
        ({"shipped": Shipped.YES}, CHANGED),  # the channel promises no day
        ({"shipped": Shipped.PARTLY, "delivered_by": ARRIVES}, None),
        ({"delivered_by": ARRIVES}, None),  # promised, and not sent: the address is needed
        ({"status": OrderStatus.CANCELLED}, CHANGED),
        ({"status": OrderStatus.WAITING}, CHANGED),  # unpaid for so long that it will not be paid
        ({"is_test": True}, CHANGED),
    ],
)
def test_the_age_of_an_order_counts_from_its_delivery(more: dict[str, Any], since: datetime | None) -> None:
    assert count_order_from(order(**more), LATER) == since


def test_an_order_that_can_still_be_paid_is_open() -> None:
    waiting = order(status=OrderStatus.WAITING)
    assert count_order_from(waiting, PLACED + timedelta(days=29)) is None


@pytest.mark.parametrize(
    ("state", "days", "is_open"),
    [("requested", 31, True), ("announced", 31, True), ("pending", 31, True), ("announced", 181, False),
     ("closed", 1, False), ("done", 1, False), ("", 1, False)],
)  # fmt: skip
def test_a_return_under_way_is_open_and_not_for_ever(state: str, days: int, is_open: bool) -> None:
    since = count_return_from(state, PLACED, PLACED + timedelta(days=days))
    assert (since is None) == is_open


@given(st.integers(0, 100), st.booleans(), st.booleans())
def test_at_the_limit_all_goes_but_what_would_be_lost(days: int, is_open: bool, needed: bool) -> None:
    since = None if is_open else PLACED
    verdict = judge_age(since, MONTH, PLACED + timedelta(days=days), needed=needed)
    past = not is_open and days >= 30
    assert verdict is (Verdict.HOLD if past and needed else Verdict.DESTROY if past else Verdict.KEEP)


@pytest.mark.parametrize(("today", "verdict"), [(datetime(2026, 6, 30, 23, 59, tzinfo=UTC), Verdict.KEEP),
                                               (datetime(2026, 7, 1, tzinfo=UTC), Verdict.DESTROY)])  # fmt: skip
def test_g102_thirty_days_after_it_was_shipped_nobody_reads_an_order_of_amazon(
    today: datetime, verdict: Verdict
) -> None:
    """Shipped on 1 June, without a promised day. What it destroys is in assets/test_privacy_lane.py."""
    shipped = order(shipped=Shipped.YES, updated_at=datetime(2026, 6, 1, tzinfo=UTC))
    keep_for = PrivacyPolicy().keep_for("amazon", Topic.ORDERS)
    assert judge_age(count_order_from(shipped, today), keep_for, today, needed=is_needed(shipped, True)) is verdict


def test_only_a_sale_that_odoo_lacks_is_needed() -> None:
    assert is_needed(order(), settled=False)
    assert not is_needed(order(), settled=True)
    for more in ({"status": OrderStatus.CANCELLED}, {"is_test": True}, {"is_other_channel": True}):
        assert not is_needed(order(**more), settled=False)


def test_amazon_has_its_own_limit_and_the_others_have_theirs() -> None:
    policy = PrivacyPolicy()
    assert policy.keep_for("amazon", Topic.ORDERS) == MONTH
    assert policy.keep_for("shopify", Topic.REFUNDS) == timedelta(days=1095)
