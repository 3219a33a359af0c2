"""`commerce-pipelines channels list | rename | agree`: which accounts the channels are, from a terminal.

What belongs here: arguments and tables of these commands. What does not: what they find out (flows/identity.py).
"""

from __future__ import annotations

import click

from ..resources.connections import open_connections
from ..settings import file as settings_file


@click.group()
def channels() -> None:
    """Which account each channel is, and which Odoo it is kept in step with."""


@channels.command("list")
def list_channels() -> None:
    """Show what is kept of every channel; asks nobody."""
    from rich.console import Console
    from rich.table import Table

    from ..flows.identity import strangers
    from ..warehouse.shared.accounts import read_all

    connections = open_connections(settings_file.load())
    with connections.warehouse.transaction() as connection:
        rows = read_all(connection)
    table = Table()
    for heading in ("channel", "kind", "account", "known in Odoo as", "Odoo", "publishes"):
        table.add_column(heading)
    for account in rows:
        where = account.place.address if account.place else "not used yet"
        agreed = "yes" if account.agreed else f"not before `channels agree {account.channel}`"
        table.add_row(account.channel, account.kind, account.account_id, account.label, where, agreed)
    Console().print(table)
    for name in strangers(connections):
        click.echo(f"commerce.yaml has no channel {name}; its records stay as they are.")


@channels.command()
@click.argument("old")
@click.argument("new")
def rename(old: str, new: str) -> None:
    """Adopt the records of the channel OLD, which commerce.yaml calls NEW now.

    Stop Dagster first. Orders in Odoo keep the external ids that they have.
    """
    from ..flows.identity import rename as rename_channel

    rename_channel(open_connections(settings_file.load()), old, new)
    click.echo(f"{old} is {new} now.")


@channels.command()
@click.argument("channel")
def agree(channel: str) -> None:
    """Let this installation write: keep CHANNEL in step with the Odoo of commerce.yaml, and publish to it.

    Needed where an account was kept in step with another Odoo before, or where Odoo holds its orders already.
    """
    from ..flows.identity import agree as agree_to

    place = agree_to(open_connections(settings_file.load()), channel)
    click.echo(f"{channel} is kept in step with {place.address} from now on.")
