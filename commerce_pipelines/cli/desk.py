"""`commerce-pipelines exceptions assign | ignore`: who looks after what waits, and what need not be looked at for now.

What belongs here: arguments and answers of these commands. What does not: the list (orders.py), the work behind them
(flows/desk.py).
"""

from __future__ import annotations

from datetime import datetime

import click

from ..resources.connections import open_connections
from ..settings import file as settings_file
from .terminal import say


@click.command()
@click.argument("channel")
@click.argument("record_id")
@click.option("--to", "person", required=True, help="who looks after it; '' for nobody any more")
@click.option("--reason", default="", help="only this reason code; default: all for which it waits")
def assign(channel: str, record_id: str, person: str, reason: str) -> None:
    """Say who looks after a record that waits."""
    from ..flows.desk import assign as assign_record

    assign_record(open_connections(settings_file.load()), channel, record_id, person, reason)
    say(f"{person.strip() or 'Nobody'} looks after {record_id} of {channel} now.")


@click.command()
@click.argument("channel")
@click.argument("record_id")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="the day on which it comes back")
@click.option("--no-longer", is_flag=True, help="it comes back now")
@click.option("--reason", default="", help="only this reason code; default: all for which it waits")
def ignore(channel: str, record_id: str, until: datetime | None, no_longer: bool, reason: str) -> None:
    """Put a record that waits at the end of the list until a day.

    It stays open, is tried again and is counted all the same, and comes back by itself on that day.
    """
    from ..flows.desk import ignore as ignore_record

    if (until is None) is not no_longer:
        raise click.UsageError("Give either --until DAY or --no-longer.")
    day = until.date() if until else None
    ignore_record(open_connections(settings_file.load()), channel, record_id, day, reason)
    say(f"{record_id} of {channel} is ignored until {day}." if day else f"{record_id} of {channel} is back.")
