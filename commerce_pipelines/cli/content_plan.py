"""`commerce-pipelines plan CHANNEL --flow content` and `release CHANNEL --flow content`: content from a terminal.

What belongs here: arguments and tables of these commands. What does not: the work behind them
(flows/content/publish.py), what `check` looks at (content_verifiers.py).
"""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from ..core.errors import SettingsError
from ..resources.connections import Connections, open_connections
from ..settings import file as settings_file
from .inbound_plans import release_plans
from .rehearse import agree as agree_to_settings
from .terminal import say, show_table

if TYPE_CHECKING:
    from ..flows.content.new_listings import Planned

ROWS_SHOWN = 200  # rows of the difference that a terminal shows
LONGEST_TEXT = 60  # characters of a text in a table


def show_plan(channel: str) -> None:
    """Print what content of a channel would change. Reads Odoo anew, and the channel's listings if they never were."""
    from ..flows.content.new_listings import plan_new
    from ..flows.content.publish import compare_now

    connections = _open_connections(channel)
    done = compare_now(connections, channel)
    rows = [
        (row.sku or row.title or row.key, row.field, _cut(row.before), _cut(row.after), row.code or row.action)
        for row in done.rows
    ]
    show_table(
        f"{channel}: nothing is changed", ("listing", "field", "shows", "would show", "what"), rows[:ROWS_SHOWN],
        texts=("shows", "would show"),
    )  # fmt: skip
    if len(rows) > ROWS_SHOWN:
        say(f"… and {len(rows) - ROWS_SHOWN} more")
    say(f"{done.listings} listings, {done.linked} linked to a product, {done.in_line} in line with Odoo")
    for figures in (done.actions, done.left):
        if figures:
            say(", ".join(f"{count} {what}" for what, count in sorted(figures.items())))
    _show_new(channel, plan_new(connections, channel))


def _show_new(channel: str, planned: Planned) -> None:
    """Print which listings would be made, where the settings want any."""
    from ..flows.content.new_listings import describe_new

    if not planned.enabled:
        return
    rows = [
        (", ".join(plan.skus[:5]), describe_new(plan.listing), plan.reason.code if plan.reason else str(plan.state))
        for plan in planned.plans
    ]
    show_table(f"{channel}: new listings", ("SKU", "title, price", "what"), rows[:ROWS_SHOWN], texts=("title, price",))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} …"


@click.command()
@click.argument("channel", required=False)
@click.option("--flow", type=click.Choice(["content", "inbound"]), help="whose plan you agree to")
@click.option("--rehearsal", type=int, metavar="NUMBER", help="agree to the settings of a rehearsal instead")
def release(channel: str | None, flow: str | None, rehearsal: int | None) -> None:
    """Agree to the plan of CHANNEL that waits, or to the settings of a rehearsal.

    The next run does exactly what that plan names. Content: a field that the channel shows otherwise by then is left
    alone and planned anew. Inbound: so is a plan that would cost something else by then. Where `rehearsal_required` is
    set, only settings that were agreed to may write.
    """
    if rehearsal is not None:
        agree_to_settings(rehearsal)
        return
    if not channel or not flow:
        raise click.UsageError("Name CHANNEL and --flow, or --rehearsal.")
    if flow == "inbound":
        release_plans(channel, getpass.getuser())
        return
    from ..flows.content.publish import release as agree

    reasons = agree(_open_connections(channel), channel, getpass.getuser())
    say(f"Released: {reasons}. The next run of {channel}, within ten minutes, changes it.")


def _open_connections(channel: str) -> Connections:
    """The doors. Raises SettingsError for an unknown channel, and for one whose content is not kept in line."""
    settings = settings_file.load()
    if not settings.channel(channel).content.enabled:
        raise SettingsError(f"channels[{channel}].content.enabled is not true: no content is changed there.")
    return open_connections(settings)
