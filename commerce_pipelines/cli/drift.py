"""`commerce-pipelines drift`: what marketplaces' answers look like that they did not before, as a table.

What belongs here: arguments and what is printed. What does not: the comparison (flows/drift.py).
"""

from __future__ import annotations

from datetime import timedelta

import click

from ..resources.connections import open_connections
from ..settings import file as settings_file
from .terminal import say, show_table


@click.command()
@click.argument("channels", nargs=-1)
@click.option("--days", type=click.IntRange(1, 400), default=14, show_default=True, help="how many days back")
def drift(channels: tuple[str, ...], days: int) -> None:
    """Show what the answers of CHANNELS, of all by default, have that they did not have before, or lack.

    `told`: chance does not explain it. `noted`: seen for the first time, which may be the first order of its kind.
    Asks no marketplace: the assets CHANNEL/schema_profile compare, every hour in which something came. Also shows which
    versions of interfaces are announced to end soon.
    """
    from ..flows.drift import FIGURES, HEADINGS, list_cells, list_sunsets, read_recent

    connections = open_connections(settings_file.load())
    names = channels or tuple(channel.name for channel in connections.settings.channels)
    for name in names:
        connections.settings.channel(name)
    rows = read_recent(connections, names, timedelta(days=days))
    if rows:
        show_table("", HEADINGS, list_cells(rows), right=FIGURES)
    else:
        say(f"Nothing differed in the last {days} days.")
    for name in names:
        for sentence in list_sunsets(connections, name):
            say(sentence)
