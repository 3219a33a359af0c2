"""The age limits: every day, what is older than its limit and settled is destroyed, and what stays is told.

What belongs here: going through the landing in chunks, what is told of it. What does not: the decision
(domain/privacy/retention.py), the rows (warehouse/privacy/expiry.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from ...channels.settings import ChannelSettings
from ...core.errors import RecordError
from ...core.failpoints import failpoint
from ...core.topics import Topic
from ...domain.privacy.retention import Verdict, count_order_from, count_return_from, is_needed, judge_age
from ...resources.connections import Connections
from ..identity import kind_of
from ..orders.stage import read_order

RECORDS_A_CHUNK = 500
NAMES_SHOWN = 20
RUNS_WITHIN = timedelta(days=2)  # an answer that came since is read by a run first


class Kept(msgspec.Struct, frozen=True):
    """Records of a channel and topic that are past their limit and still readable. why: a sentence with the fix."""

    channel: str
    topic: str
    count: int
    names: tuple[str, ...]
    why: str


class Aged(msgspec.Struct, kw_only=True):
    """What a pass did. oldest: by channel and topic, when the oldest record with readable answers was made, and how
    many records there are. log_renewed: no file of the database holds destroyed keys; None where there were none."""

    records: dict[str, int] = msgspec.field(default_factory=dict)  # destroyed, by channel
    answers: int = 0
    keys: int = 0
    overdue: list[Kept] = msgspec.field(default_factory=list)
    oldest: dict[tuple[str, str], tuple[datetime, int]] = msgspec.field(default_factory=dict)
    log_renewed: bool | None = None


def apply_limits(connections: Connections) -> Aged:
    """Destroy what is past its age limit. Each chunk is a transaction, so that a pass that is killed has done a part,
    and the next one goes on."""
    from ...warehouse.privacy import expiry, subjects

    aged = Aged()
    names = {channel.name for channel in connections.settings.channels}
    with connections.warehouse.transaction() as connection:
        landings = subjects.list_landings(connection, names)
    for channel in connections.settings.channels:
        for topic in subjects.LANDED:
            _apply_limit(connections, channel, topic, landings, aged)
    if aged.answers:
        aged.log_renewed = subjects.scrub(connections.warehouse)
    with connections.warehouse.transaction() as connection:
        aged.oldest = expiry.oldest_readable(connection)
    aged.overdue += [
        Kept(name, topic, count, (), "It is not in commerce.yaml any more: put it back, or `channels rename` it.")
        for (name, topic), (_, count) in aged.oldest.items() if name not in names
    ]  # fmt: skip
    return aged


def _apply_limit(
    connections: Connections, channel: ChannelSettings, topic: Topic, landings: set[tuple[str, str]], aged: Aged
) -> None:
    from ...warehouse.privacy import expiry, subjects

    held: list[str] = []
    keep_for = connections.settings.privacy.keep_for(kind_of(connections, channel.name), topic)
    judge = _judge_orders if topic is Topic.ORDERS else _judge_returns
    for record_ids in _list_chunks(connections, channel.name, topic, keep_for):
        verdicts = judge(connections, channel, topic, record_ids, keep_for)
        held += [record_id for record_id, verdict in verdicts.items() if verdict is Verdict.HOLD]
        due = [record_id for record_id, verdict in verdicts.items() if verdict is Verdict.DESTROY]
        if not due:
            continue
        with connections.warehouse.transaction() as connection:
            subjects.hold_landings(connection, landings)
            unread = expiry.unread_of(connection, channel.name, topic, due, connections.instruments.now() - RUNS_WITHIN)
            due = [record_id for record_id in due if record_id not in unread]
            done = expiry.destroy(connection, connections.vault, channel.name, topic, due, connections.label)
        failpoint("answers_destroyed")
        aged.records[channel.name] = aged.records.get(channel.name, 0) + len(due)
        aged.answers += done.answers
        aged.keys += done.keys
    if held:
        why = (
            "They cannot be read, or are not in Odoo, delivered or invoiced there yet, and would be lost: see "
            "`commerce-pipelines exceptions list`."
        )
        aged.overdue.append(Kept(channel.name, str(topic), len(held), tuple(held[:NAMES_SHOWN]), why))


def _list_chunks(
    connections: Connections, name: str, topic: Topic, keep_for: timedelta
) -> Iterator[Sequence[str]]:  # fmt: skip
    """Records that were made so long ago that they may be past their limit."""
    from ...warehouse.privacy import expiry

    before, after = connections.instruments.now() - keep_for, ""
    while True:
        with connections.warehouse.transaction() as connection:
            chunk = expiry.list_old(connection, name, topic, before, after, RECORDS_A_CHUNK)
        if not chunk:
            return
        yield chunk
        after = chunk[-1]


def _judge_returns(
    connections: Connections, channel: ChannelSettings, topic: Topic, record_ids: Sequence[str], keep_for: timedelta
) -> dict[str, Verdict]:
    """What to do with each of these returns or refunds, by their staged rows."""
    from ...warehouse.privacy import expiry

    now, verdicts = connections.instruments.now(), {}
    with connections.warehouse.transaction() as connection:
        rows = expiry.read_candidates(connection, channel.name, topic, record_ids)
    for row in rows:
        since, needed = count_return_from(row.state, row.updated_at, now), channel.returns.enabled and not row.settled
        verdicts[row.record_id] = judge_age(since, keep_for, now, needed=needed)
    return verdicts


def _judge_orders(
    connections: Connections, channel: ChannelSettings, topic: Topic, record_ids: Sequence[str], keep_for: timedelta
) -> dict[str, Verdict]:
    """What to do with each of these orders, by their newest answers. Nobody can read a damaged one: it is left out."""
    from ...warehouse.privacy import expiry

    now, verdicts = connections.instruments.now(), {}
    rules = channel.invoicing
    since = None if rules.trigger == "merchant" else rules.since or channel.start_date
    with connections.warehouse.transaction() as connection:
        loaded = expiry.in_odoo(connection, channel.name, record_ids)
        loaded -= expiry.unfinished_of(
            connection, channel.name, record_ids, taken_over=channel.fulfilment.take_over, invoiced_since=since
        )
    source = connections.channel(channel.name).orders
    for record_id, snapshot in connections.landing(channel.name, topic).newest_of(record_ids).items():
        if not snapshot.raw:
            continue
        try:
            order = read_order(source, snapshot.raw, record_id)
        except RecordError:
            verdicts[record_id] = Verdict.HOLD
            continue
        needed = is_needed(order, record_id in loaded)
        verdicts[record_id] = judge_age(count_order_from(order, now), keep_for, now, needed=needed)
    return verdicts
