"""`commerce-pipelines limits`: what is used and left of each channel's call limits, as a table.

What belongs here: arguments and what is printed. What does not: the figures (flows/limits.py).
"""

from __future__ import annotations

import click

from ..resources.connections import open_connections
from ..settings import file as settings_file
from .terminal import say, show_table


@click.command()
@click.argument("channels", nargs=-1)
def limits(channels: tuple[str, ...]) -> None:
    """Show the call limits of CHANNELS, of all by default, and what is used of them today.

    Asks no marketplace. `stated`: whether the marketplace itself stated the rate, or it is the documented one. Days are
    UTC; calls a day are eBay's and come back at midnight Pacific time. Shopify counts points instead of calls.
    """
    from ..flows.limits import FIGURES, HEADINGS, list_cells, read_limits

    connections = open_connections(settings_file.load())
    for name in channels:
        connections.settings.channel(name)
    rows = read_limits(connections, channels)
    if not rows:
        say("No marketplace was called yet.")
        return
    show_table("", HEADINGS, list_cells(rows), right=FIGURES)
    for row in rows:
        if row.is_short:
            say(f"{row.channel}: {row.operation} is nearly used up; what is less urgent than orders waits.")
