"""`commerce-pipelines inventory plan | release | history`: stock from a terminal.

What belongs here: arguments and tables of these commands. What does not: the work behind them
(flows/inventory/publish.py, history.py).
"""

from __future__ import annotations

import getpass
from datetime import datetime, timedelta

import click

from ..core.errors import SettingsError
from ..core.local_time import local_time
from ..resources.connections import Connections, open_connections
from ..settings import file as settings_file
from .terminal import say, show_table

ROWS_SHOWN = 200  # rows of the difference that a terminal shows


@click.group()
def inventory() -> None:
    """Show what stock would be published, and release it.

    A release agrees to the figures of a run that the breaker stopped.
    """


@inventory.command()
@click.argument("channel")
def plan(channel: str) -> None:
    """Show the difference between Odoo and CHANNEL.

    Reads Odoo's stock anew, and CHANNEL's listings if they were never read. Writes nothing to either.
    """
    from ..flows.inventory.publish import compare

    planned = compare(_open_connections(channel), channel)
    rows = planned.pushes()
    columns = ("sku", "location", "believed", "target", "free", "reason")
    records = rows.head(ROWS_SHOWN).astype("string").fillna("?").to_dict("records")
    show_table(
        f"{channel}: nothing is written",
        ("sku", "location", "shown", "would show", "free", "why"),
        [[str(row[column]) for column in columns] for row in records],
        right=("shown", "would show", "free"),
        texts=("why",),
    )
    if len(rows) > ROWS_SHOWN:
        say(f"… and {len(rows) - ROWS_SHOWN} more")
    counted = planned.table["action"].value_counts()
    say(", ".join(f"{count} {action}" for action, count in sorted(counted.items())) or "no listing")
    for reason in planned.reasons:
        say(f"The breaker would stop this: {reason}.")


@inventory.command()
@click.argument("channel")
def release(channel: str) -> None:
    """Agree to the run of CHANNEL that the breaker holds back.

    The next run publishes exactly its figures.
    """
    from ..flows.inventory.publish import release as agree

    reasons = agree(_open_connections(channel), channel, getpass.getuser())
    say(f"Released: {reasons}. The next run of {channel}, within ten minutes, publishes it.")


@inventory.command()
@click.argument("channel")
@click.argument("sku")
@click.option(
    "--at", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"]),
    help="the minute, in this machine's time zone; default: now",
)  # fmt: skip
@click.option("--hours", type=click.IntRange(1, 24 * 366), default=24, show_default=True, help="how far back to show")
def history(channel: str, sku: str, at: datetime | None, hours: int) -> None:
    """Show what of an article was free, shown and sold at a minute.

    SKU is that of a listing of CHANNEL, or the article's code in Odoo; all listings of the article are shown, and why
    orders took what was not there. Asks neither Odoo nor a marketplace.
    """
    from ..flows.inventory.history import explain_oversold, look_back
    from .article_page import COLUMNS, EVENTS, LEVELS, list_events, list_levels, list_shown, name_events, name_levels

    connections = _open_connections(channel)
    minute = at.astimezone() if at else connections.instruments.now()
    story = look_back(connections, channel, sku, minute, timedelta(hours=hours))
    show_table(f"{story.code}, {local_time(minute)}", COLUMNS, list_shown(story), right=COLUMNS[2:4] + COLUMNS[5:])
    if levels := list_levels(story):
        show_table(name_levels(story), LEVELS, levels, right=LEVELS[1:5])
    else:
        say(name_levels(story))
    events = [
        (local_time(when, seconds=True), channel_, what, f"{order_id}, {how}" if order_id else how)
        for when, channel_, what, order_id, how in list_events(story)
    ]
    show_table("", EVENTS, events, texts=("how",))
    if cut := name_events(story):
        say(cut)
    for sentence in explain_oversold(story):
        say(sentence)


def _open_connections(channel: str) -> Connections:
    """The doors. Raises SettingsError for an unknown channel, and for one whose stock is not published."""
    settings = settings_file.load()
    if not settings.channel(channel).inventory.enabled:
        raise SettingsError(f"channels[{channel}].inventory.enabled is not true: no stock is published there.")
    return open_connections(settings)
