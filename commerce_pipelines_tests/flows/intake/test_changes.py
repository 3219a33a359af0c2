"""Which days a tick requests: pure choices, no clock, no channel."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from commerce_pipelines.flows.intake.changes import Cursor, Request, due_days, read_cursor, spans
from commerce_pipelines.flows.intake.pull import window_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 19)


def test_a_new_answer_is_due_at_once() -> None:
    assert due_days({DAY: NOW}, {}, NOW) == {DAY: Request(NOW, NOW)}


def test_a_day_whose_run_ended_without_dealing_with_it_is_asked_for_again_at_once_and_once() -> None:
    """The run may have been killed, and perhaps no new order comes that would ask for the day."""
    soon = NOW + timedelta(seconds=10)
    due = due_days({DAY: NOW}, {DAY.isoformat(): Request(NOW, NOW)}, soon)
    assert due == {DAY: Request(NOW, soon, tries=2)}
    assert due_days({DAY: NOW}, {DAY.isoformat(): due[DAY]}, soon + timedelta(minutes=4)) == {}


def test_a_day_that_fails_again_is_asked_for_later_and_later() -> None:
    request, waits, moment = Request(NOW, NOW), [], NOW
    for _ in range(7):
        while not (due := due_days({DAY: NOW}, {DAY.isoformat(): request}, moment)):
            moment += timedelta(minutes=1)
        waits.append((moment - request.at).total_seconds() / 60)
        request = due[DAY]
    assert waits == [0, 5, 10, 20, 40, 80, 80]


def test_a_newer_answer_does_not_wait_for_the_backoff() -> None:
    later = NOW + timedelta(seconds=30)
    due = due_days({DAY: later}, {DAY.isoformat(): Request(NOW, NOW, tries=4)}, later)
    assert due[DAY].tries == 1


def test_days_that_touch_share_a_run() -> None:
    days = {date(2026, 11, d): Request(NOW, NOW) for d in (3, 1, 2, 7)}
    assert spans(days) == [(date(2026, 11, 1), date(2026, 11, 3)), (date(2026, 11, 7), date(2026, 11, 7))]


@pytest.mark.parametrize("text", [None, "", "garbage", '{"other": 1}'])
def test_without_a_readable_cursor_polling_starts_a_day_back(text: str | None) -> None:
    assert read_cursor(text, NOW) == Cursor(watermark=NOW - timedelta(hours=24))


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 10, 25), 25), (date(2026, 3, 29), 23), (date(2026, 3, 30), 24)])
def test_a_business_day_has_the_hours_of_its_zone(day: date, hours: int) -> None:
    from zoneinfo import ZoneInfo

    window = window_of(day, day + timedelta(days=1), ZoneInfo("Europe/Berlin"))
    assert window.end - window.start == timedelta(hours=hours)


def test_no_run_is_longer_than_a_month() -> None:
    """322 days in one run are 1,610 events that Dagster writes before its first call."""
    first = date(2026, 1, 1)
    parts = spans([first + timedelta(days=number) for number in range(322)])
    assert len(parts) == 11
    assert max((end - start).days for start, end in parts) == 30
    assert all(after[0] - before[1] == timedelta(days=1) for before, after in pairwise(parts))
