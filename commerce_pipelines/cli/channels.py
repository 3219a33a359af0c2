"""`commerce-pipelines channels list | rename | agree`: which accounts the channels are, from a terminal.

What belongs here: arguments and tables of these commands. What does not: the work behind them (flows/identity.py).
"""

from __future__ import annotations

import click

from ..resources.connections import open_connections
from ..settings import file as settings_file
from .terminal import say, show_table

NO_CHANNEL = "commerce.yaml has no channel yet: add your accounts under channels, see commerce.example.yaml."


@click.group()
def channels() -> None:
    """Which account each channel is, and which Odoo belongs to it."""


@channels.command("list")
def list_channels() -> None:
    """Show what is recorded of every channel, without asking the marketplaces or Odoo."""
    from ..flows.identity import strangers
    from ..warehouse.shared.known_accounts import read_all

    connections = open_connections(settings_file.load())
    with connections.warehouse.transaction() as connection:
        rows = read_all(connection)
    shown = []
    for account in rows:
        where = account.place.address if account.place else "not used yet"
        agreed = "yes" if account.agreed else f"not before `channels agree {account.channel}`"
        shown.append((account.channel, account.kind, account.account_id, account.label, where, agreed))
    show_table("", ("channel", "kind", "account", "known in Odoo as", "Odoo", "publishes"), shown)
    for name in strangers(connections):
        say(f"commerce.yaml has no channel {name}; its records stay as they are.")


@channels.command()
@click.argument("old")
@click.argument("new")
def rename(old: str, new: str) -> None:
    """Give the records of the channel OLD the name NEW that commerce.yaml has now.

    Stop Dagster first. Orders in Odoo keep their external ids.
    """
    from ..flows.identity import rename as rename_channel

    rename_channel(open_connections(settings_file.load()), old, new)
    say(f"{old} is {new} now.")


@channels.command()
@click.argument("channel")
def agree(channel: str) -> None:
    """Let this installation keep CHANNEL and the Odoo of commerce.yaml in step, and publish to CHANNEL.

    Needed where another Odoo belonged to the account before, or where Odoo already holds orders of the account.
    """
    from ..flows.identity import agree as agree_to

    place = agree_to(open_connections(settings_file.load()), channel)
    say(f"{channel} is kept in step with {place.address} from now on.")
