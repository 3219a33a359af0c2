"""What all flows' assets share: partitions, retry and error policy, metadata of money.

What belongs here: Dagster settings that must be the same everywhere. What does not: any flow's own assets.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from string import punctuation
from typing import Any

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.errors import CommerceError, PermanentError, TransientError, UnknownOutcome
from ..core.foreign import alone
from ..core.groups import odoo_path
from ..core.lanes import LONGEST_RUN_DAYS
from ..core.urls import order_page
from ..domain.money import to_decimal
from ..resources.borders import in_our_words

Wrap = Callable[[Callable[..., Any]], dg.AssetsDefinition]

# The tag of a run that the sensor requested, whose orders are landed already; a run started by hand or by a backfill
# pulls them.
LANDED_TAG = "commerce/landed"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
# The tag of a backfill's runs. They have a lane of their own, so that the sensor's runs need not wait for old days.
BACKFILL_TAG = "commerce/backfill"
# Tags of a run that a sensor or a frequent schedule requested: the sensor requests it again, so Dagster must not retry
# it as well.
ASKED_AGAIN = {"dagster/max_retries": "0"}

# How old an asset may become that a schedule makes anew every night, or at least every hour. Nights are 25 hours apart
# when summer time ends, and a night's run waits for its turn and works; an hour's may be left out while another works.
NIGHTLY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=30), warn_window=timedelta(hours=27))
OFTEN = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=4), warn_window=timedelta(hours=2))

IDS_SHOWN = 100
RETRY = dg.RetryPolicy(max_retries=3, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
# A backfill from Dagster's UI becomes as many runs as needed, one after another; its page shows their progress.
SLICES = dg.BackfillPolicy.multi_run(max_partitions_per_run=LONGEST_RUN_DAYS)
# Dagster marks the parameter as beta and warns once per asset and process.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)


def labels(name: str, owner: str, flow: str, stage: str, fresh: dg.FreshnessPolicy | None = None) -> dict[str, Any]:
    """Where an asset of the channel `name` stands in Dagster, for a definition or a spec. fresh: how old it may become,
    where a schedule makes it anew whatever happens."""
    shared = {"group_name": name, "owners": [owner], "tags": {"flow": flow, "stage": stage}}
    return shared | ({"freshness_policy": fresh} if fresh else {})


def link_records(channel: str, record_ids: Iterable[str], most: int = IDS_SHOWN) -> dg.MetadataValue:
    """Ids as links to their pages, each once, at most so many; `none` where there is none. Orders, returns, refunds,
    and what goes to and from a marketplace's own warehouses have pages."""
    ids = list(dict.fromkeys(record_ids))
    if not ids:
        return dg.MetadataValue.text("none")
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return dg.MetadataValue.md(", ".join(write_link(channel, record_id) for record_id in ids[:most]) + more)


def write_link(channel: str, record_id: str) -> str:
    """Markdown: the id, leading to the record's page."""
    return f"[{escape_cell(record_id)}]({order_page(channel, record_id)})"


def odoo_key(table: str, group: str) -> dg.AssetKey:
    """The asset that reads this of Odoo for the channels of a group; '': for those that are in none."""
    return dg.AssetKey(odoo_path(table, group))


def escape_cell(text: str) -> str:
    """Text that markdown shows unchanged: without links (not even of a bare address), images, or the end of the
    cell."""
    return "".join(f"\\{c}" if c in punctuation else c for c in " ".join(text.split()))


def business_days(channel: ChannelSettings) -> dg.DailyPartitionsDefinition:
    """One partition per business day of the channel's zone, today included, by the day an order was placed."""
    return dg.DailyPartitionsDefinition(
        start_date=channel.start_date.isoformat(), timezone=channel.time_zone, end_offset=1
    )


def days_of(context: dg.AssetExecutionContext) -> tuple[date, date]:
    """The run's business days as `[start, end)`, for one partition and for a range.

    Raises Failure for a range that no backfill has sliced, because such a run would show no progress for hours.
    """
    window = context.partition_time_window
    start, end = window.start.date(), window.end.date()
    if (end - start).days > LONGEST_RUN_DAYS and BACKFILL_TAG not in context.run.tags:
        (name, *_), last = min(context.selected_asset_keys).path, end - timedelta(days=1)
        raise dg.Failure(
            f"{(end - start).days} days are too many for one run, the most are {LONGEST_RUN_DAYS}. Run "
            f"`commerce-pipelines backfill {name} --from {start} --to {last}`, which goes a week at a time, or launch "
            "these days as a backfill.",
            allow_retries=False,
        )
    return start, end


def say_by_day(
    context: dg.AssetExecutionContext, key: dg.AssetKey, days: Mapping[date, Mapping[str, Any]], run: Mapping[str, Any]
) -> None:
    """Give each partition of the run its own figures, and name the run's figures `run/…`.

    Dagster copies the metadata of a MaterializeResult to every partition of its run: each of seven days would show the
    money of all seven, and a plot would add it up. run: its short figures go to each day, its pictures only to the last
    day, because each copy is stored.
    """
    figures = {f"run/{name}": figure for name, figure in run.items()}
    small = {name: figure for name, figure in figures.items() if not isinstance(figure, dg.MarkdownMetadataValue)}
    for day, of_day in days.items():
        metadata = {**of_day, **(figures if day == max(days) else small)}
        context.add_asset_metadata(metadata, asset_key=key, partition_key=day.isoformat())


def each_day(context: dg.AssetExecutionContext) -> list[date]:
    """The run's business days, oldest first."""
    start, end = days_of(context)
    return [start + timedelta(days=offset) for offset in range((end - start).days)]


@contextmanager
def failures() -> Iterator[None]:
    """Tell Dagster what an error means: a transient one is retried after the wait that the other side asks for, any
    other is not retried."""
    try:
        yield
    except TransientError as error:
        if error.wait:
            raise dg.RetryRequested(max_retries=3, seconds_to_wait=error.wait) from alone(error)
        raise
    except (PermanentError, UnknownOutcome) as error:
        raise dg.Failure(description=str(error), allow_retries=False) from alone(error)
    except CommerceError as error:
        raise dg.Failure(description=str(error)) from alone(error)


def build_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> dg.TableMetadataValue:
    """A table of texts, with these headings; figures are written as texts, too."""
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(zip(columns, map(str, row), strict=True))) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(column) for column in columns]),
    )


def shows_now(key: dg.AssetKey, places: Mapping[str, Any], description: str, **more: Any) -> Wrap:
    """An asset that is made of PostgreSQL alone and not partitioned, because it shows how things stand now. places: as
    `labels` gives them. more: for `@dg.asset`."""
    made = dg.asset(
        key=key, description=description, **{"kinds": {"postgres"}, "retry_policy": RETRY, **places, **more}
    )
    return lambda body: made(in_our_words(body))


def money(totals: Mapping[str, int]) -> dict[str, dg.MetadataValue]:
    """`money/EUR: 1234.50` for each currency, as text, because a float would be inexact."""
    return {
        f"money/{currency}": dg.MetadataValue.text(str(to_decimal(minor, currency)))
        for currency, minor in sorted(totals.items())
    }


def counts(figures: Mapping[str, int], prefix: str) -> dict[str, dg.MetadataValue]:
    return {f"{prefix}/{key}": dg.MetadataValue.int(value) for key, value in sorted(figures.items())}
