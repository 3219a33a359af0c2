"""The arithmetic of a token bucket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.throttle import ROUNDING, Bucket, Rate, take


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
        assert after == before  # nothing was spent
        assert take(after, rate, wait, cost)[1] == 0


def test_a_clock_that_went_back_yields_nothing() -> None:
    assert take(Bucket(0.0, 100.0), Rate(1, 5), 50.0)[1] == 1.0


def test_tokens_can_be_given_back_up_to_the_burst() -> None:
    bucket, _ = take(None, Rate(1, 5), 0.0, 3.0)
    assert take(bucket, Rate(1, 5), 0.0, -9.0)[0].tokens == 5.0
