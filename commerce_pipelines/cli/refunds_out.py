"""`commerce-pipelines refunds plan | release | answer`: refunds out of a channel from a terminal.

What belongs here: arguments and tables of these commands. What does not: the work behind them
(flows/refunding/issue.py).
"""

from __future__ import annotations

import getpass

import click

from ..core.errors import SettingsError
from ..resources.connections import Connections, open_connections
from ..settings import file as settings_file
from .terminal import say, show_table

ROWS_SHOWN = 200  # rows of the plan that a terminal shows


@click.group()
def refunds() -> None:
    """Show which credit notes would be paid back, and decide on those that wait.

    Refunds wait for a person when they are many or high, or when an answer of the marketplace was lost.
    """


@refunds.command()
@click.argument("channel")
def plan(channel: str) -> None:
    """Show what CHANNEL would pay back.

    Reads the credit notes in Odoo anew. Pays nothing back.
    """
    from ..domain.money import to_decimal
    from ..flows.refunding.issue import issue

    planned = issue(_open_connections(channel), channel, dry_run=True)
    show_table(
        f"{channel}: nothing is paid back", ("order", "credit note", "amount", "lines"), planned.rows[:ROWS_SHOWN],
        texts=("lines",),
    )  # fmt: skip
    if len(planned.rows) > ROWS_SHOWN:
        say(f"… and {len(planned.rows) - ROWS_SHOWN} more")
    money = ", ".join(f"{to_decimal(total, code)} {code}" for code, total in sorted(planned.by_currency.items()))
    waiting = ", ".join(f"{count} {code}" for code, count in sorted(planned.waiting.items()))
    say(f"{planned.planned} refunds, {money or 'no money'}; {waiting or 'nothing'} waits.")
    if planned.postponed:
        say(f"{planned.postponed} credit notes wait for what {channel} may still report (`wait_hours`).")


@refunds.command()
@click.argument("channel")
def release(channel: str) -> None:
    """Agree to the refunds of CHANNEL that wait because they are many or high.

    The next run pays exactly these back.
    """
    from ..flows.refunding.issue import release as agree

    reasons = agree(_open_connections(channel), channel, getpass.getuser())
    click.echo(f"Released: {reasons}. The next run of {channel}, within ten minutes, pays them back.")


@refunds.command()
@click.argument("channel")
@click.argument("refund")
@click.option("--happened/--not-happened", required=True, help="whether the marketplace shows the refund")
def answer(channel: str, refund: str, happened: bool) -> None:
    """Say whether the marketplace shows REFUND, after an answer was lost.

    REFUND is the credit note's record id in Odoo, as the exception names it. One that did not happen is paid back by
    the next run.
    """
    from ..flows.refunding.issue import answer as settle

    settle(_open_connections(channel), channel, refund, happened=happened)
    click.echo(f"Refund {refund} counts as {'paid back' if happened else 'not paid back'}.")


def _open_connections(channel: str) -> Connections:
    """The doors. Raises SettingsError for an unknown channel, and for one that pays nothing back."""
    settings = settings_file.load()
    if not settings.channel(channel).refunding.enabled:
        raise SettingsError(f"channels[{channel}].refunding.enabled is not true: nothing is paid back there.")
    return open_connections(settings)
