"""Old days of a channel, a few at a time: which days are next, and how far the backfill has come.

What belongs here: dividing the span, continuing after a kill, the result of some days. What does not: the runs
(cli/backfill.py starts them, the lane of assets/orders.py does the work).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import msgspec

from ...core.errors import SettingsError
from ...core.topics import Topic
from ...resources.connections import Connections

DAYS_PER_RUN = 7  # so few that other runs do not wait long for Odoo, and that a failure repeats little


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Some days of a backfill, both included, and how many of its days are done with them."""

    first: date
    last: date
    done: int
    days: int


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """What the newest proof says of some days: orders (or refunds) in the channel, those of them in Odoo, waiting, and
    missing; and of how many days there is a proof."""

    orders: int = 0
    in_odoo: int = 0
    waiting: int = 0
    missing: int = 0
    proved: int = 0


def backfill(
    connections: Connections,
    name: str,
    span: tuple[date, date],
    run: Callable[[date, date], None],
    *,
    topic: Topic = Topic.ORDERS,
    days_per_run: int = DAYS_PER_RUN,
    anew: bool = False,
) -> Iterator[Part]:
    """Run the days of the span, both ends included, oldest first; yields each part once it is done.

    run: does one part. What it raises ends the backfill, and the next backfill continues with that part. anew: begin
    with the first day although an earlier backfill of the same days was not finished. Raises SettingsError for days
    that are no partition, and while another process works on a backfill of this channel.
    """
    from ...warehouse.orders import backfill_progress

    channel, (first, last) = connections.settings.channel(name), span
    if first < channel.start_date:
        raise SettingsError(
            f"{first} lies before channels[{name}].start_date, {channel.start_date}: set it to {first} or earlier in "
            "commerce.yaml, and restart `commerce-pipelines dev`."
        )
    now = connections.instruments.now()
    today = now.astimezone(channel.zone).date()
    if last > today:
        raise SettingsError(f"{last} is not there yet: today is {today} in {name}'s time zone.")
    with connections.warehouse.lock(_name_lock(name, topic), wait=False) as ours:
        if not ours:
            raise SettingsError(f"A backfill of {name} is at work already: wait for it, or end it with Ctrl-C.")
        with connections.warehouse.transaction() as connection:
            done = backfill_progress.begin(connection, name, topic, first, last, now, anew=anew)
        start = first if done is None else done + timedelta(days=1)
        while start <= last:
            end = min(start + timedelta(days=days_per_run - 1), last)
            run(start, end)
            with connections.warehouse.transaction() as connection:
                backfill_progress.advance(connection, name, topic, span, end, now)
            yield Part(first=start, last=end, done=(end - first).days + 1, days=(last - first).days + 1)
            start = end + timedelta(days=1)


def _name_lock(name: str, topic: Topic) -> str:
    """The lock of a channel's backfill; those of two flows may be at work at once."""
    return f"backfill {name}" if topic is Topic.ORDERS else f"backfill {name} {topic}"


_OF_ORDERS = (
    "SELECT coalesce(sum(orders_in_channel), 0), coalesce(sum(sale_orders_in_odoo), 0), coalesce(sum(exceptions), 0),"
    " coalesce(sum(missing), 0), count(*) FROM commerce.completeness"
)
_OF_REFUNDS = (
    "SELECT coalesce(sum(refunds_in_channel), 0), coalesce(sum(credit_notes_in_odoo), 0), coalesce(sum(exceptions), 0),"
    " coalesce(sum(jsonb_array_length(missing::jsonb)), 0), count(*) FROM commerce.refund_proofs"
)


def came(connections: Connections, name: str, first: date, last: date, topic: Topic = Topic.ORDERS) -> Came:
    """The result of the days `first` to `last`, by the proof with which their run ended. topic: orders, or returns,
    whose proof is that of the refunds."""
    figures = _OF_ORDERS if topic is Topic.ORDERS else _OF_REFUNDS
    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(f"{figures} WHERE channel = %s AND day BETWEEN %s AND %s", (name, first, last))
        row = cursor.fetchone()
    return Came(**dict(zip(Came.__struct_fields__, row or (), strict=True)))
