"""How the orders of a time are read: page by page, or by bulk operations.

What belongs here: the choice, as a pure function of the amount of work, and its reason in words. What does not: reading
(reading.py, bulk_reading.py).
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from math import ceil

import msgspec

from ...capabilities import Window

# Points that an order costs in a page: itself, its money, two lines with their tax, two addresses.
POINTS_AN_ORDER = 7.0
PAGING_SECONDS = 90.0  # a bulk operation is quicker from here on, and leaves the points to the others
ORDERS_A_FILE = 10_000  # some 80 MB; the whole file is in memory, because lines of an order may stand anywhere in it


class Strategy(msgspec.Struct, frozen=True):
    """files: by how many bulk operations, 0 for pages. why: for people."""

    files: int
    why: str


LONGEST_DAY = timedelta(hours=25)  # a day on which clocks are set back
PAGES_OF_A_DAY = Strategy(0, "pages: a single day is not counted first")


def choose(orders: int, points_a_second: float) -> Strategy:
    """The way to read so many orders. points_a_second: what the shop's plan gives back."""
    seconds = orders * POINTS_AN_ORDER / points_a_second
    if seconds <= PAGING_SECONDS:
        return Strategy(0, f"pages: {orders:,} orders take about {seconds:,.0f} s of the shop's points")
    files = ceil(orders / ORDERS_A_FILE)
    return Strategy(
        files, f"{files} bulk operations: {orders:,} orders would take {seconds:,.0f} s of the shop's points as pages"
    )


def split(window: Window, parts: int) -> list[Window]:
    """The window, whose bounds are whole seconds, in equal parts of whole seconds; none is empty."""
    seconds = int((window.end - window.start).total_seconds())
    edges = [window.start + timedelta(seconds=seconds * part // parts) for part in range(parts)]
    edges.append(window.end)
    return [Window(begin, end) for begin, end in pairwise(edges) if begin < end]
