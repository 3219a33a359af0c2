"""`commerce-pipelines audit`: who did what to which record, as a table or as lines of JSON.

What belongs here: arguments and what is printed. What does not: the rows (warehouse/audit.py).
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

import click
import msgspec

from ..core.local_time import local_time
from ..resources.connections import open_warehouse
from .terminal import show_table


@click.command()
@click.option("--from", "since", type=click.DateTime(["%Y-%m-%d"]), help="the first day, UTC")
@click.option("--to", "until", type=click.DateTime(["%Y-%m-%d"]), help="the day after the last one, UTC")
@click.option("--channel", default="", help="only this channel, by its name of then")
@click.option("--record", default="", help="only this order, return, refund or request")
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line, to be kept elsewhere")
def audit(since: datetime | None, until: datetime | None, channel: str, record: str, as_json: bool) -> None:
    """Show who did what to which record.

    Created, changed, pushed, released, replayed, erased, exported, keys changed: by run, by person, or by process.
    Nothing of it can be changed, and nothing names a buyer.
    """
    from ..warehouse.audit import read

    span = [day and day.replace(tzinfo=UTC) for day in (since, until)]
    rows = []
    with open_warehouse(os.environ).transaction() as connection:
        for event in read(connection, *span, account=channel, record=record):
            if as_json:
                click.echo(msgspec.json.encode(event).decode())
                continue
            details = ", ".join(f"{key} {value}" for key, value in event.details.items())
            about = " ".join(filter(None, (event.account, event.topic, event.record)))
            rows.append((local_time(event.at, seconds=True), event.actor, event.action, about, details))
    if not as_json:
        show_table("audit", ("when", "who", "what", "of", "details"), rows, texts=("details",))
