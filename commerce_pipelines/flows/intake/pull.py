"""Channel -> landing: read the records of a topic created on some days and keep every answer that is new.

What belongs here: pulling days for backfills and for runs started by hand, and landing an answer. What does not:
following changes (changes.py), the landing's storage (warehouse/landing/landing.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from ...channels.capabilities import Head, Page, Source, Window, source_of
from ...core.errors import STUMBLES, RecordError
from ...core.failpoints import failpoint
from ...core.topics import Topic
from ...domain.orders.order import LONGEST_ID
from ...resources.connections import Connections
from ...warehouse.landing import ways
from ...warehouse.tables.statistics import refresh_statistics
from ..identity import identify

MANY_ROWS = 500  # new answers after which PostgreSQL's statistics are asked for
YEARS = range(1990, 2100)  # a time outside these years is a mistake, and may be no calendar day in some time zones


class Landed(msgspec.Struct, kw_only=True):
    """What a pull or poll brought: answers seen, answers that were new, and the business days of the new ones. ways:
    how pages were read, for people."""

    seen: int = 0
    new: int = 0
    pages: int = 0
    days: Counter[date] = msgspec.field(default_factory=Counter)
    ways: dict[str, int] = {}


def window_of(start: date, end: date, zone: ZoneInfo) -> Window:
    """The instants of the business days `[start, end)` of a zone; a day of a clock change has 23 or 25 hours."""
    return Window(*(datetime.combine(day, time(), zone).astimezone(UTC) for day in (start, end)))


def pull(
    connections: Connections,
    name: str,
    start: date,
    end: date,
    *,
    topic: Topic = Topic.ORDERS,
    now: datetime | None = None,
) -> Landed:
    """Land all records of the topic created on the days `[start, end)`. Each page is committed before the next is
    read."""
    now = now or connections.instruments.now()
    identify(connections, name)
    source = source_of(connections.channel(name), topic)
    whole = window_of(start, end, connections.settings.channel(name).zone)
    window = Window(whole.start, min(whole.end, now))
    landed = Landed()
    if window.start < window.end:
        for page in source.created(window):
            land(connections, name, page, "pull", now, landed, topic)
    if landed.new >= MANY_ROWS:
        with connections.warehouse.transaction() as connection:
            for table in ("snapshots", "subject_keys"):
                refresh_statistics(connection, table)
    return landed


def land(
    connections: Connections,
    name: str,
    page: Page,
    how: Literal["poll", "pull", "webhook"],
    now: datetime,
    landed: Landed,
    topic: Topic = Topic.ORDERS,
) -> list[Head]:
    """Keep one page's records, and add what was new to `landed`; returns the records' heads."""
    source = source_of(connections.channel(name), topic)
    heads = page.heads or (None,) * len(page.records)
    digest = connections.vault.digest
    items = [(_read_head(source, raw, head, now, digest), raw) for raw, head in zip(page.records, heads, strict=True)]
    result = connections.landing(name, source.topic).land(items, how, now, source.cut)
    failpoint("landed")
    if result.new and page.way and how != "pull":  # a pull's run says it by itself
        with connections.warehouse.transaction() as connection:
            ways.note(connection, name, source.topic, how, page.way, now)
    landed.pages += 1
    if page.way:
        landed.ways[page.way] = landed.ways.get(page.way, 0) + 1
    landed.seen += result.seen
    landed.new += result.new
    landed.days.update(result.days)
    return [head for head, _ in items]


def _read_head(
    source: Source[Any], raw: bytes, read_before: Head | None, now: datetime, digest: Callable[[bytes], bytes]
) -> Head:
    """The record's head. A record that cannot be read is landed as well, so that it can be shown, repaired and
    replayed."""
    try:
        head = read_before or source.head(raw)
        if head.created_at.year in YEARS and head.updated_at.year in YEARS and len(head.record_id) <= LONGEST_ID:
            return head
    except (RecordError, *STUMBLES):
        pass
    key = f"unreadable-{digest(raw).hex()[:16]}"
    return Head(record_id=key, created_at=now, updated_at=now, subject=f"order:{key}")
