"""Which way Amazon's orders are read while they come in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from commerce_pipelines.channels.amazon.orders.strategy import BUCKET, LISTED_AT, SETTLED, choose, share_calls
from commerce_pipelines.channels.amazon.settings import Notifications
from commerce_pipelines.channels.capabilities import Window
from commerce_pipelines.core.errors import RateLimited
from commerce_pipelines.core.section import Secret

from ..contract import NOON, Clock, connect, judged


def waiting(count: int, seconds: float) -> list[datetime]:
    """So many orders, the first of them for so long."""
    return [NOON - timedelta(seconds=seconds * (count - number) / count) for number in range(count)]


@pytest.mark.parametrize(
    ("count", "seconds", "lists", "why"),
    [
        (0, 0, False, "0 orders wait"), (1, 3_600, False, "1 orders wait"), (BUCKET, 3_600, False, "30 calls"),
        (BUCKET + 1, 60, False, "a list would show few"), (500, 204, False, "no change of the last 150 s"),
        (BUCKET + 1, 205, True, "31 orders wait, more than 30 calls, the first for 205 s"), (500, 900, True, "900 s"),
    ],
)  # fmt: skip
def test_few_are_read_one_by_one_and_many_by_a_list_that_shows_them(
    count: int, seconds: float, lists: bool, why: str
) -> None:
    plan = choose(waiting(count, seconds), NOON)
    assert why in plan.why
    assert plan.span == (Window(NOON - timedelta(seconds=seconds), NOON - SETTLED) if lists else None)
    assert LISTED_AT > SETTLED


def test_messages_come_before_polls_and_polls_before_old_days() -> None:
    for receives in (True, False):
        leaves = share_calls(receives)
        assert 0 <= leaves.poll < leaves.pull < 19
    assert share_calls(receives=True).poll > 0 == share_calls(receives=False).poll


def test_a_pull_leaves_calls_to_polls_and_both_leave_some_to_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, day = Clock(), Window(NOON - timedelta(days=1), NOON)
    with judged(clock, monkeypatch) as amazon:
        amazon.generous = False
        key = Secret(env="AMZ_ID")
        url = "https://sqs.eu-west-1.amazonaws.com/123456789012/messages"
        queue = Notifications(enabled=True, queue_url=url, access_key_id=key, secret_access_key=key)
        orders = connect(amazon, clock, notifications=queue).orders

        def count(read: Callable[[], object]) -> int:
            for calls in range(99):
                before = clock.passed
                try:
                    read()
                except RateLimited:
                    return calls
                if clock.passed > before + 1:
                    return calls
            raise AssertionError

        assert count(lambda: list(orders.created(day))) == 9
        assert count(lambda: list(orders.changed(day))) == 1
        assert count(lambda: orders.read_span(day)) == 10
