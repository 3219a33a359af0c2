"""`commerce-pipelines backfill`: old days of a channel into Odoo, part by part, from a terminal.

What belongs here: the command, its runs and its progress. What does not: which days are next
(flows/intake/backfill.py), how a run is executed here (resources/run_here.py).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..core.errors import PermanentError, SettingsError
from ..core.topics import Topic
from ..resources.connections import Connections, open_connections
from ..settings import file as settings_file
from .terminal import say

if TYPE_CHECKING:
    from ..flows.intake.backfill import Came


def advice(name: str, first: date, last: date, flow: str = "orders") -> str:
    """What to do about orders, or refunds, that are missing on some days."""
    of_flow = "" if flow == Topic.ORDERS else f" --flow {flow}"
    return f"run `commerce-pipelines backfill {name}{of_flow} --from {first} --to {last}` to read those days again."


@click.command()
@click.argument("channel")
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), required=True, help="first business day")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), help="last business day; default: today")
@click.option("--days-per-run", type=click.IntRange(1, 366), help="default: 7; with fewer, new orders wait less")
@click.option(
    "--anew", is_flag=True, help="begin with the first day, although an earlier backfill of these days was interrupted"
)
@click.option(
    "--flow", type=click.Choice([str(Topic.ORDERS), str(Topic.RETURNS)]), default=str(Topic.ORDERS), show_default=True,
    help="returns: returns and refunds of these days",
)  # fmt: skip
def backfill(
    channel: str, start: datetime, end: datetime | None, days_per_run: int | None, anew: bool, flow: str
) -> None:
    """Read CHANNEL's orders of old days, or its returns and refunds, and bring them to Odoo.

    Oldest days first, a week in one run; Dagster's UI shows the runs. If the command is stopped or killed, call it
    again: it continues where it was. Exits 1 if an order, or a credit note, is missing at the end.
    """
    from ..assets.common import BACKFILL_TAG
    from ..flows.intake.backfill import DAYS_PER_RUN, came
    from ..flows.intake.backfill import backfill as parts_of
    from .orders import days

    connections = open_connections(settings_file.load())
    now = connections.instruments.now()
    topic, settings = Topic(flow), connections.settings.channel(channel)
    if topic is Topic.RETURNS and not settings.returns.enabled:
        raise SettingsError(f"channels[{channel}].returns.enabled is false: set it to true in commerce.yaml first.")
    first, last = days(settings, start, end, back=0, now=now)
    of_flow = "" if topic is Topic.ORDERS else f" --flow {flow}"
    again = f"`commerce-pipelines backfill {channel}{of_flow} --from {first} --to {last}` continues with these days"
    work = f"{channel} {first} {last}{of_flow}"
    with runs(connections, channel, job_name_of(channel, topic), {BACKFILL_TAG: work}, again) as run:
        for part in parts_of(
            connections, channel, (first, last), run, topic=topic,
            days_per_run=days_per_run or DAYS_PER_RUN, anew=anew,
        ):  # fmt: skip
            figures = _describe_figures(came(connections, channel, part.first, part.last, topic), topic)
            say(f"{part.first} to {part.last}, {part.done} of {part.days} days: {figures}")
    whole = came(connections, channel, first, last, topic)
    say(f"{channel} from {first} to {last}: {_describe_figures(whole, topic)}")
    if whole.waiting:
        say(f"`commerce-pipelines exceptions list {channel}` says what the waiting ones wait for.")
    sys.exit(1 if whole.missing else 0)


def job_name_of(channel: str, topic: Topic = Topic.ORDERS) -> str:
    return f"{channel}_backfill" if topic is Topic.ORDERS else f"{channel}_{topic}_backfill"


@contextmanager
def runs(
    connections: Connections, channel: str, job_name: str, tags: Mapping[str, str], again: str
) -> Iterator[Callable[[date, date], None]]:
    """A function that runs a backfill job of the channel for some days, in this process and recorded in Dagster's
    instance. tags: of its runs. again: the command that continues after a failed run."""
    from ..assets.common import RANGE_END, RANGE_START
    from ..definitions import build_defs
    from ..resources.run_here import end_left_behind, open_instance, run_here
    from .dev import dagster_home

    job = build_defs(connections.settings, connections, channels=[channel]).resolve_job_def(job_name)
    with open_instance(dagster_home(Path.cwd())) as instance:
        end_left_behind(instance, tags)

        def run(start: date, end: date) -> None:
            done = run_here(instance, job, {**tags, RANGE_START: start.isoformat(), RANGE_END: end.isoformat()})
            if not done.is_success:
                raise PermanentError(
                    f"The run of {start} to {end} failed, /runs/{done.run_id} in Dagster's UI says why; after that "
                    f"is fixed {again}."
                )

        yield run


def _describe_figures(came: Came, topic: Topic) -> str:
    what = "orders" if topic is Topic.ORDERS else "refunds"
    parts = [f"{came.orders} {what} in the channel, {came.in_odoo} in Odoo"]
    parts += [f"{count} {word}" for count, word in ((came.waiting, "waiting"), (came.missing, "missing")) if count]
    return ", ".join(parts)
