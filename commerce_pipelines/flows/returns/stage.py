"""Landing -> staged tables: the newest answer of each return and refund, translated, without calls to anybody.

What belongs here: running a channel's pure translation over the landed days of both topics. What does not: the
translation (channels/*/returns/), the tables (warehouse/returns/staged_rows.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from ...channels.capabilities import Channel, Source, source_of
from ...core.errors import RecordError
from ...core.failpoints import failpoint
from ...core.topics import Topic
from ...domain.returns.records import Refund, RefundState, Return, check_refund, check_return
from ...resources.connections import Connections
from ..intake.answers import build_failure, misfiled, read_answer
from ..intake.reading import name_reading

if TYPE_CHECKING:
    from ...warehouse.landing.landing import Snapshot
    from ...warehouse.returns.unread_refunds import UnreadRefund

STAGE = "transform"
TOPICS = (Topic.RETURNS, Topic.REFUNDS)
_RECORDS_A_CHUNK = 500  # answers read at a time


class Staged(msgspec.Struct, kw_only=True):
    """Figures of one run and topic: records by state, money by currency (minor units of refunds that are done); and the
    same for each of its days."""

    records: int = 0
    lines: int = 0
    refused: int = 0
    forgotten: int = 0
    expired: int = 0
    by_state: Counter[str] = msgspec.field(default_factory=Counter)
    by_currency: Counter[str] = msgspec.field(default_factory=Counter)
    days: dict[date, Staged] = msgspec.field(default_factory=dict)

    def of(self, day: date) -> Staged:
        return self.days.setdefault(day, Staged())


def offered_topics(connections: Connections, name: str) -> tuple[Topic, ...]:
    """Which of the two topics the channel has a source for."""
    channel = connections.channel(name)
    sources = {Topic.RETURNS: channel.returns, Topic.REFUNDS: channel.refunds}
    return tuple(topic for topic in TOPICS if sources[topic] is not None)


def read_record(source: Source[Any], topic: Topic, raw: bytes, record_id: str) -> Return | Refund:
    """Translate one answer and check the record. Raises RecordError. record_id: the id under which it was landed."""
    what = "return" if topic is Topic.RETURNS else "refund"
    record = read_answer(source, raw, what)
    if isinstance(record, Return):
        if record.return_id != record_id:
            raise misfiled(what)
        check_return(record)
        return record
    if not isinstance(record, Refund) or record.refund_id != record_id:
        raise misfiled(what)
    check_refund(record)
    return record


def read_landed(
    connections: Connections, name: str, topic: Topic, record_ids: Sequence[str]
) -> Iterator[tuple[Snapshot, Return | Refund]]:
    """These records as their newest landed answers tell them. One whose answers were destroyed at their age limit is as
    it was staged. A record whose data subject is erased, or that cannot be read, is left out."""
    from ...warehouse.returns import staged_rows

    source = source_of(connections.channel(name), topic)
    landing = connections.landing(name, topic)
    for start in range(0, len(record_ids), _RECORDS_A_CHUNK):
        snapshots = landing.newest_of(record_ids[start : start + _RECORDS_A_CHUNK])
        expired = [snapshot.record_id for snapshot in snapshots.values() if snapshot.expired]
        with connections.warehouse.transaction() as connection:
            kept = staged_rows.rebuild(connection, name, topic, expired)
        for snapshot in snapshots.values():
            if snapshot.record_id in kept:
                yield snapshot, kept[snapshot.record_id]
                continue
            try:
                if snapshot.raw is not None:
                    yield snapshot, read_record(source, topic, snapshot.raw, snapshot.record_id)
            except RecordError:
                continue


def stage(
    connections: Connections, name: str, topic: Topic, start: date, end: date, *, run_id: str = "",
    whole: bool = True,
) -> Staged:  # fmt: skip
    """Replace the topic's staged rows of the days `[start, end)`, all in one transaction; what stays is not written. An
    answer that cannot be read goes to the exceptions, and the others go on. A record whose data subject is erased gets
    no row; one whose answers were destroyed at their age limit keeps the one that it has. whole: read all answers (runs
    by hand, backfills, the nightly run), and not only those that are not staged yet. The figures are always of all."""
    from ...warehouse import exceptions
    from ...warehouse.landing.kept_rows import list_read, note_read
    from ...warehouse.returns import staged_rows, unread_refunds

    now = connections.instruments.now()
    source = source_of(connections.channel(name), topic)
    staged, days = Staged(), [start + timedelta(days=offset) for offset in range((end - start).days)]
    reading = name_reading(connections.settings, name, topic)
    failures = []
    unread: list[UnreadRefund] = []
    readable: list[str] = []
    with connections.warehouse.transaction() as connection:
        with staged_rows.writer(connection, name, topic, start, end) as writer:
            read = () if whole else list_read(connection, name, topic, days, reading)
            for snapshot in connections.landing(name, topic).newest(start, end, but_staged=read):
                if snapshot.raw is None:
                    writer.leave_out(snapshot)
                    _count(staged, snapshot.day, "expired" if snapshot.expired else "forgotten")
                    continue
                try:
                    record = read_record(source, topic, snapshot.raw, snapshot.record_id)
                except RecordError as error:
                    failures.append(build_failure(snapshot, error))
                    unread += _describe_unread(connections.channel(name), topic, snapshot, error)
                    writer.leave_out(snapshot)
                    _count(staged, snapshot.day, "refused")
                    continue
                readable.append(snapshot.record_id)
                writer.add(snapshot, record)
        note_read(connection, name, topic, days, reading)
        _add_figures(staged, staged_rows.figures(connection, name, topic, start, end))
        if topic is Topic.REFUNDS:
            unread_refunds.drop(connection, name, readable)
            unread_refunds.keep(connection, name, unread)
        failing = [failure.record_id for failure in failures]
        exceptions.record(connection, name, topic, STAGE, failures, run_id, now)
        exceptions.resolve_others(connection, name, topic, STAGE, (start, end), failing, now)
    failpoint(f"staged_{topic}")
    return staged


def _describe_unread(channel: Channel, topic: Topic, snapshot: Snapshot, error: RecordError) -> Iterator[UnreadRefund]:
    """What is certain of a refund that cannot be read; nothing where that is not even its order."""
    from ...warehouse.returns.unread_refunds import UnreadRefund

    source = channel.refunds if topic is Topic.REFUNDS else None
    outline = source.outline(snapshot.raw) if source and snapshot.raw is not None else None
    if outline:
        yield UnreadRefund(
            refund_id=snapshot.record_id, order_id=outline.order_id, day=snapshot.day, digest=snapshot.digest,
            code=error.reason.code, currency=outline.currency, total=outline.total,
        )  # fmt: skip


def _count(staged: Staged, day: date, figure: str) -> None:
    for part in (staged, staged.of(day)):
        setattr(part, figure, getattr(part, figure) + 1)


def _add_figures(staged: Staged, figures: Iterable[tuple[date, str, str, int, int, int]]) -> None:
    for day, state, currency, records, lines, total in figures:
        for part in (staged, staged.of(day)):
            part.records += records
            part.lines += lines
            part.by_state[state] += records
            if currency and state == RefundState.DONE:
                part.by_currency[currency] += total
