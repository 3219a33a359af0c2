"""`commerce-pipelines shipments plan | release | answer`: shipments of a channel from a terminal.

What belongs here: arguments and tables of these commands. What does not: the work behind them
(flows/fulfilment/confirm.py).
"""

from __future__ import annotations

import getpass

import click

from ..core.errors import SettingsError
from ..core.legible import printable
from ..resources.connections import Connections, open_connections
from ..settings import file as settings_file

ROWS_SHOWN = 200  # rows of the plan that a terminal shows


@click.group()
def shipments() -> None:
    """Show what shipments would be confirmed, and decide on those that wait.

    Parcels wait for a person when they are many, or when an answer of the marketplace was lost.
    """


@shipments.command()
@click.argument("channel")
def plan(channel: str) -> None:
    """Show the parcels that CHANNEL would be told of.

    Reads Odoo's deliveries anew. Tells CHANNEL nothing.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..flows.fulfilment.confirm import confirm
    from ..flows.fulfilment.inputs import read_shipments

    connections = _open_connections(channel)
    read_shipments(connections, whole=True)
    planned = confirm(connections, channel, dry_run=True)
    table = Table(title=f"{channel}: nothing is told")
    for heading in ("order", "delivery", "would", "carrier and number", "units"):
        table.add_column(heading, justify="right" if heading == "units" else "left")
    for row in planned.rows[:ROWS_SHOWN]:
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    Console().print(table)
    if len(planned.rows) > ROWS_SHOWN:
        click.echo(f"… and {len(planned.rows) - ROWS_SHOWN} more")
    click.echo(
        f"{planned.parcels} parcels to confirm, {planned.corrections} tracking numbers to correct, of {planned.orders} "
        "orders with something to tell."
    )


@shipments.command()
@click.argument("channel")
def release(channel: str) -> None:
    """Agree to the parcels of CHANNEL that wait because they are many.

    The next run confirms exactly these.
    """
    from ..flows.fulfilment.confirm import release as agree

    reasons = agree(_open_connections(channel), channel, getpass.getuser())
    click.echo(f"Released: {reasons}. The next run of {channel}, within ten minutes, confirms them.")


@shipments.command()
@click.argument("channel")
@click.argument("parcel")
@click.option("--happened/--not-happened", required=True, help="whether the marketplace shows the parcel")
def answer(channel: str, parcel: str, happened: bool) -> None:
    """Say whether the marketplace shows PARCEL, after an answer was lost.

    A parcel that it does not know is confirmed again by the next run.
    """
    from ..flows.fulfilment.confirm import answer as settle

    settle(_open_connections(channel), channel, parcel, happened=happened)
    click.echo(f"Parcel {parcel} counts as {'confirmed' if happened else 'not confirmed'}.")


def _open_connections(channel: str) -> Connections:
    """The doors. Raises SettingsError for an unknown channel, and for one that is told of no shipments."""
    settings = settings_file.load()
    if not settings.channel(channel).fulfilment.enabled:
        raise SettingsError(f"channels[{channel}].fulfilment.enabled is not true: no shipment is confirmed there.")
    return open_connections(settings)
