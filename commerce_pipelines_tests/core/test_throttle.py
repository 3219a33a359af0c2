"""The arithmetic of a call budget."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_pipelines.core.throttle import (
    LEFT_FOR_HIGHER,
    PACIFIC,
    ROUNDING,
    SURE_SHARE,
    Bucket,
    Priority,
    Quota,
    Rate,
    available,
    correct,
    next_reset,
    soften,
    take,
)


@given(
    st.floats(0.001, 50),
    st.floats(1, 500),
    st.lists(st.tuples(st.floats(0, 1_000), st.floats(0.5, 20)), max_size=40),
)
def test_no_window_lets_more_through_than_burst_and_rate(
    per_second: float, burst: float, calls: list[tuple[float, float]]
) -> None:
    rate, bucket, now, spent = Rate(per_second, burst), None, 0.0, 0.0
    for pause, cost in calls:
        now += pause
        bucket, wait = take(bucket, rate, now, cost)
        if wait == 0:
            spent += cost
        assert 0 <= bucket.tokens <= max(burst, cost)
        assert spent <= burst + now * per_second + (len(calls) + 1) * ROUNDING


@given(st.floats(0.001, 50), st.floats(1, 500), st.floats(0.5, 1_000), st.floats(0, 1))
def test_whoever_waits_as_told_may_call(per_second: float, burst: float, cost: float, full: float) -> None:
    rate = Rate(per_second, burst)
    before = Bucket(burst * full, 0.0)
    after, wait = take(before, rate, 0.0, cost)
    if wait:
        assert (after.tokens, after.at) == (before.tokens, before.at)  # nothing was spent
        assert take(after, rate, wait, cost)[1] == 0


def test_a_clock_that_went_back_yields_nothing() -> None:
    assert take(Bucket(0.0, 100.0), Rate(1, 5), 50.0)[1] == 1.0


def test_tokens_can_be_given_back_up_to_the_burst() -> None:
    bucket, _ = take(None, Rate(1, 5), 0.0, 3.0)
    assert take(bucket, Rate(1, 5), 0.0, -9.0)[0].tokens == 5.0


CALLS = st.lists(st.tuples(st.floats(0, 1), st.sampled_from(Priority), st.floats(0.5, 900)), max_size=20)


@given(st.floats(0, 1), st.floats(1, 900), CALLS)
def test_no_lower_class_delays_a_higher_one_that_waits(
    full: float, need: float, calls: list[tuple[float, Priority, float]]
) -> None:
    rate = Rate(100, 1_000)
    bucket, wait = take(Bucket(1_000 * full, 0.0), rate, 0.0, need)
    now = 0.0
    for pause, priority, cost in calls:
        now += pause * (wait - now)
        if priority > Priority.ORDERS:
            bucket, _ = take(bucket, rate, now, cost, priority=priority)
    if wait:
        assert take(bucket, rate, wait + ROUNDING, need)[1] == 0


@given(st.sampled_from(Priority), st.floats(0, 1_000), st.floats(0.5, 1_000))
def test_a_class_leaves_the_last_share_to_those_above(priority: Priority, tokens: float, cost: float) -> None:
    rate = Rate(1, 1_000)
    after, wait = take(Bucket(tokens, 0.0), rate, 0.0, cost, priority=priority)
    if not wait:
        assert after.tokens >= min(LEFT_FOR_HIGHER[priority] * 1_000, 1_000 - cost) - ROUNDING


@given(st.sampled_from(Priority), st.floats(0.5, 2_000), st.floats(0, 2_000))
def test_a_full_budget_that_nobody_waits_for_serves_every_class(priority: Priority, cost: float, need: float) -> None:
    full = Bucket(2_000.0, 0.0)
    rate = Rate(1, 1_000)
    assert take(full, rate, 0.0, min(cost, 1_000), need=min(need, 1_000), priority=priority)[1] == 0
    bucket, wait = take(Bucket(0.0, 0.0), rate, 0.0, cost, need=need, priority=priority)
    assert take(bucket, rate, wait + ROUNDING, cost, need=need, priority=priority)[1] == 0


def test_the_claim_of_a_caller_who_never_comes_back_ends() -> None:
    rate = Rate(100, 1_000)
    bucket, _ = take(Bucket(0.0, 0.0), rate, 0.0, 900)
    _, wait = take(bucket, rate, 10.0, 300, priority=Priority.STOCK)
    assert 0 < wait <= 4.0  # all of it is there, and 900 are claimed until the fourteenth second
    assert take(bucket, rate, 14.1, 300, priority=Priority.STOCK)[1] == 0


@pytest.mark.parametrize("day", [(3, 8), (7, 1), (11, 1)])
def test_a_days_calls_come_back_at_midnight_pacific(day: tuple[int, int]) -> None:
    """Days of 23, 24 and 25 hours."""
    quota, start = Quota(3), datetime(2026, *day, tzinfo=PACIFIC)
    bucket, granted = None, 0
    now = start.timestamp()
    reset = (start + timedelta(days=1)).timestamp()  # wall time: a day of a clock change ends at midnight, too
    while now < reset:
        bucket, wait = take(bucket, quota, now)
        granted += not wait
        if wait:
            assert now + wait == reset == next_reset(now)
        now += 1_800
    assert granted == 3
    assert take(bucket, quota, reset)[1] == 0


def test_a_days_last_calls_are_kept_for_orders() -> None:
    quota, now = Quota(10), datetime(2026, 11, 24, tzinfo=UTC).timestamp()
    bucket, granted = None, {}
    for priority in reversed(Priority):
        granted[priority] = 0
        for _ in range(2 * 10):  # of ten calls
            bucket, wait = take(bucket, quota, now, priority=priority)
            granted[priority] += not wait
    assert granted == {Priority.CONTENT: 5, Priority.STOCK: 3, Priority.ORDERS: 2}


def test_what_the_vendor_says_is_left_lowers_a_rate_and_sets_a_quota() -> None:
    rate = Rate(100, 1_000)
    assert correct(Bucket(500, 0.0), rate, 1.0, left=300).tokens == 300
    assert correct(Bucket(500, 0.0), rate, 1.0, left=900).tokens == 600  # calls of others are on their way
    assert correct(Bucket(500, 0.0), rate, 1.0, cost=-50).tokens == 650  # the call cost less than was taken for it
    assert correct(None, Quota(5_000), 0.0, left=1_200).tokens == 1_200
    assert available(Bucket(2_000, 0.0), Quota(5_000), next_reset(0.0)) == 5_000


def test_calls_that_arrive_closer_than_they_left_are_not_refused() -> None:
    assert soften(Rate(0.5, 30)) == Rate(0.5, 29.75)
    assert soften(Rate(50, 10)) == Rate(50, 5)


@settings(max_examples=40)
@given(st.floats(20, 400), st.floats(20, 400), st.sampled_from([Priority.STOCK, Priority.CONTENT]))
def test_a_class_gets_its_share_however_much_those_above_it_call(order: float, push: float, lower: Priority) -> None:
    """Orders are read without a pause: whoever is below them is served all the same, and takes no more than its
    part."""
    rate = Rate(100, 1_000)
    bucket, asks, spent = Bucket(0.0, 0.0), {Priority.ORDERS: 0.0, lower: 0.0}, {Priority.ORDERS: 0.0, lower: 0.0}
    costs, end, asked = {Priority.ORDERS: order, lower: push}, 200.0, 0
    while (now := min(asks.values())) < end:
        asked += 1
        assert asked < 10_000  # whoever is told a wait comes back after it, and not at once
        priority = min(asks, key=lambda asking: (asks[asking], asking))
        bucket, wait = take(bucket, rate, now, costs[priority], priority=priority)
        spent[priority] += 0 if wait else costs[priority]
        asks[priority] = now + (wait or 0.0) + 0.001
    flowed = end * rate.per_second
    # Its turn comes when its share has flowed in, and then one call of those above may still be promised.
    between = push / rate.per_second / SURE_SHARE[lower] + (order + push) / rate.per_second
    assert spent[lower] / push >= 0.7 * end / between
    assert spent[Priority.ORDERS] >= flowed / 3
    assert sum(spent.values()) >= flowed * 0.9 - order - push


def test_a_small_call_beside_a_large_one_of_its_class_is_told_a_wait_that_passes() -> None:
    """The class waits for the larger call: the smaller one must not ask again and again meanwhile."""
    rate, bucket, now, asked = Rate(100, 1_000), Bucket(0.0, 0.0), 0.0, 0
    while now < 30.0:
        bucket, _ = take(bucket, rate, now, 50)  # orders, without a pause
        bucket, _ = take(bucket, rate, now, 400, priority=Priority.STOCK)
        bucket, wait = take(bucket, rate, now, 20, priority=Priority.STOCK)
        asked, now = asked + 1, now + max(wait, 0.01)
        assert wait == 0 or wait > 1e-3
    assert asked < 1_500
