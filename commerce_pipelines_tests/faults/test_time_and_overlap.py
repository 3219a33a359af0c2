"""Clocks that are wrong or jump, days of odd length, ticks that crash, and runs that overlap."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce_pipelines.domain.orders.order import business_day
from commerce_pipelines.flows.intake.changes import Cursor, poll
from commerce_pipelines.flows.intake.pull import window_of
from commerce_pipelines_tests.doubles.lane import NAME, Lane, later, line, waiting
from commerce_pipelines_tests.faults.checker import check
from commerce_pipelines_tests.sensors.test_orders import Ticker
from commerce_sandbox.odoo import OdooStandIn

HOUR = timedelta(hours=1)
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "UTC")


def landed_ids(lane: Lane) -> set[str]:
    return set(lane.connections.landing(NAME, "orders").newest_of(list(lane.channel.known)))


@pytest.mark.parametrize("ahead", [timedelta(minutes=9), HOUR, timedelta(days=300)])
def test_a_clock_that_was_ahead_hides_no_order(lane: Lane, ahead: timedelta) -> None:
    """One tick by a clock that is ahead, then the clock is set right: what changed meanwhile is still found."""
    now = lane.noon
    cursor, _ = poll(lane.connections, NAME, Cursor(watermark=now - HOUR), now=now + ahead)
    lane.put(*(lane.order(f"o-{i}", updated_at=now + timedelta(seconds=50 * i)) for i in range(8)))
    for minute in range(1, 9):
        cursor, _ = poll(lane.connections, NAME, cursor, now=now + timedelta(minutes=minute))
    assert landed_ids(lane) == set(lane.channel.known)
    assert cursor.watermark == now + timedelta(minutes=8)


@pytest.mark.parametrize("behind", [timedelta(minutes=10), timedelta(days=2)])
def test_a_clock_that_was_behind_hides_no_order(lane: Lane, behind: timedelta) -> None:
    now = lane.noon
    cursor, _ = poll(lane.connections, NAME, Cursor(watermark=now - HOUR), now=now - behind)
    lane.put(lane.order("o-1", updated_at=now - timedelta(minutes=5)))
    poll(lane.connections, NAME, cursor, now=now + timedelta(minutes=1))
    assert landed_ids(lane) == {"o-1"}


def test_a_corrected_order_is_due_although_the_clock_was_set_back(lane: Lane, odoo: OdooStandIn) -> None:
    """The refusal was written by a clock that was an hour ahead; the correction comes by the right one."""
    order = lane.order("o-1", total=1)  # its lines do not add up: refused by staging
    lane.put(order)
    lane.run()
    end = lane.day + timedelta(days=1)
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.exceptions SET last_seen = last_seen + interval '1 hour'")
    assert waiting(lane, "o-1")[0].code == "unbalanced"
    assert lane.connections.landing(NAME, "orders").pending(lane.day, end) == {}
    lane.put(later(order))
    poll(lane.connections, NAME, Cursor(watermark=lane.noon))
    assert list(lane.connections.landing(NAME, "orders").pending(lane.day, end)) == [lane.day]
    lane.run(again=False, pulled=False)
    check(lane, odoo)


@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    day=st.dates(date(2007, 1, 1), date(2030, 12, 31)),
    second=st.integers(0, 25 * 3600 - 1),
)
@settings(max_examples=300, deadline=None)
def test_days_follow_each_other_without_gap_and_overlap(zone: ZoneInfo, day: date, second: int) -> None:
    """Changes of the clock in both directions, of half an hour too, a day left out, leap days, years' ends."""
    today, tomorrow = (window_of(start, start + timedelta(days=1), zone) for start in (day, day + timedelta(days=1)))
    assert today.end == tomorrow.start
    assert window_of(day, day + timedelta(days=2), zone).end == tomorrow.end
    instant = today.start + timedelta(seconds=second)
    placed = business_day(instant, zone)
    whole = window_of(placed, placed + timedelta(days=1), zone)
    assert whole.start <= instant < whole.end
    assert (placed == day) == (today.start <= instant < today.end)


@pytest.mark.parametrize("when", [date(2025, 3, 30), date(2025, 10, 26), date(2024, 2, 29), date(2025, 12, 31)])
def test_the_days_of_a_clock_change_are_proved_like_others(
    another: Callable[[], Lane], odoo: OdooStandIn, when: date
) -> None:
    """Orders at both ends of the day and through its odd hour: each on exactly one day, to the cent."""
    lane = another()
    lane.day = when
    whole = window_of(when, when + timedelta(days=1), ZoneInfo("Europe/Berlin"))
    moments = [whole.start + timedelta(minutes=30 * i) for i in range(-1, 9)] + [
        whole.end - timedelta(seconds=1),
        whole.end,
    ]
    orders = [lane.order(f"o-{i}", placed_at=at, updated_at=at) for i, at in enumerate(moments)]
    lane.put(*orders)
    inside = sum(whole.start <= at < whole.end for at in moments)
    assert inside == len(moments) - 2
    assert lane.run().actions == {"created": inside}
    assert lane.prove().whole.odoo_total == {"EUR": inside * 1690}
    for lane.day in (when - timedelta(days=1), when + timedelta(days=1)):
        assert lane.run().actions == {"created": 1}
    check(lane, odoo)


def test_runs_of_the_same_day_at_once_and_polling_beside_them(another: Callable[[], Lane], odoo: OdooStandIn) -> None:
    """Two backfills, the sensor and its run, while orders change under them."""
    lanes = [another() for _ in range(4)]
    first = lanes[0]
    orders = first.channel.known
    for lane in lanes:
        lane.channel.known = orders
    first.put(*(first.order(f"o-{i}") for i in range(6)))

    def backfill(lane: Lane) -> None:
        lane.run()

    def sensor(lane: Lane) -> None:
        cursor = Cursor(watermark=lane.noon - HOUR)
        for i in range(4):
            lane.put(later(orders[f"o-{i}"], lines=(line(3380, quantity=2),)))
            cursor, _ = poll(lane.connections, NAME, cursor)
            lane.run(again=False, pulled=False)

    with ThreadPoolExecutor(4) as pool:
        for work in [pool.submit(job, lane) for job, lane in zip((backfill, backfill, sensor, backfill), lanes)]:
            work.result()
    first.run()
    check(first, odoo)


def test_a_tick_that_crashes_before_its_cursor_is_kept_asks_for_no_second_run(lane: Lane) -> None:
    """Dagster drops a request whose run_key it knows: the same news must ask by the same key."""
    lane.put(lane.order("o-1", updated_at=datetime.now(UTC) - timedelta(minutes=1)))
    with dg.DagsterInstance.ephemeral() as instance:
        ticker, keys = Ticker(lane.connections, instance), set()
        for _ in range(3):
            (request,) = ticker.tick().run_requests or []
            keys.add(request.run_key)
            ticker.end_runs()  # the crash left none
            ticker.cursor = None
    assert len(keys) == 1
