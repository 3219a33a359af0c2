"""Time windows in the form that eBay takes: at most 90 days each, at most two years back, bounds included,
milliseconds.

What belongs here: cutting windows, and the place where a list continues. What does not: the calls (rest_reading.py,
trading_reading.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from ...capabilities import Window

LONGEST_SPAN = timedelta(days=90)
SHORTEST_SPAN = timedelta(minutes=1)
REACH = timedelta(days=729)  # how far back eBay gives orders: two years
# eBay's clock and ours differ by seconds, and a change becomes visible a little after it happened.
SETTLED = timedelta(seconds=5)
MILLISECOND = timedelta(milliseconds=1)


class Place(msgspec.Struct, frozen=True):
    """Where a list continues: in the span that begins at `start`, at `offset` (an order's index or a page's number),
    after the order `anchor`; `total` is the length of the list so far."""

    by: str
    start: datetime
    end: datetime
    offset: int = 0
    anchor: str = ""
    total: int = -1


def settled(window: Window, now: datetime) -> Window:
    """The part of a window for which eBay's answer is final."""
    return Window(
        max(_cut_to_milliseconds(window.start), _cut_to_milliseconds(now - REACH)),
        min(_cut_to_milliseconds(window.end), _cut_to_milliseconds(now - SETTLED)),
    )


def spans(window: Window) -> Iterator[Window]:
    """Consecutive parts of at most 90 days; an empty window has none."""
    start = window.start
    while start < window.end:
        end = min(start + LONGEST_SPAN, window.end)
        yield Window(start, end)
        start = end


def halve(span: Window) -> tuple[Window, Window] | None:
    """The span in two, None for one that is too short for that."""
    middle = _cut_to_milliseconds(span.start + (span.end - span.start) / 2)
    return (Window(span.start, middle), Window(middle, span.end)) if span.end - span.start > SHORTEST_SPAN else None


def bounds(span: Window) -> tuple[str, str]:
    """The inclusive bounds that eBay takes for a half-open span."""
    return _format_instant(span.start), _format_instant(span.end - MILLISECOND)


def read_place(text: str | None, by: str) -> Place | None:
    """The stored place of a list of this kind; any other text begins the window again."""
    try:
        place = msgspec.json.decode(text, type=Place) if text else None
    except msgspec.DecodeError:
        return None
    return place if place and place.by == by else None


def _cut_to_milliseconds(instant: datetime) -> datetime:
    instant = instant.astimezone(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _format_instant(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")
