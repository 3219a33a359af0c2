"""`commerce-pipelines pull`: one order by its number, with its returns and refunds, from the marketplace into Odoo.

What belongs here: the command and its output. What does not: reading, and the results (flows/orders/single.py,
flows/returns/single.py), the runs (backfill.py).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..core.topics import Topic
from ..domain.sales.draft import Action
from ..resources.connections import Connections, open_connections
from ..settings import file as settings_file
from .backfill import job_name_of, runs
from .terminal import say

if TYPE_CHECKING:
    from ..flows.orders.single import Became

_WORDS = {
    Action.CREATED: "is now",
    Action.CONFIRMED: "is confirmed now as",
    Action.CHANGED: "was brought in line:",
    Action.CANCELLED: "is cancelled",
    Action.WAITING: "is not paid yet, and comes to Odoo once it is",
    Action.NOT_A_SALE: "was sold elsewhere, and is no sale of this channel",
    Action.TEST: "is a test order, which is never loaded",
}


@click.command()
@click.argument("channel")
@click.argument("order_id")
def pull(channel: str, order_id: str) -> None:
    """Read one order from CHANNEL, with its returns and refunds, and bring it to Odoo.

    ORDER_ID is the marketplace's own number; for Shopify it may also be the name ("#1001"). A run loads the order like
    any other; Dagster's UI shows the run. Exits 1 if the marketplace does not know it.
    """
    from ..assets.common import LANDED_TAG
    from ..flows.orders.single import became, fetch

    connections = open_connections(settings_file.load())
    connections.settings.channel(channel)
    fetched = fetch(connections, channel, order_id)
    again = f"`commerce-pipelines pull {channel} {fetched.order_id}` goes on with it"
    with runs(connections, channel, job_name_of(channel), {LANDED_TAG: "true"}, again) as run:
        run(fetched.day, fetched.day)
    lines = list(_tell_story(fetched.order_id, became(connections, channel, fetched.order_id)))
    for line in lines:
        say(line)
    if not lines:
        say(f"No run has dealt with order {fetched.order_id} of {fetched.day}.", err=True)
        sys.exit(1)
    if connections.settings.channel(channel).returns.enabled:
        _fetch_after_sale(connections, channel, fetched.order_id, again)


def _fetch_after_sale(connections: Connections, channel: str, order_id: str, again: str) -> None:
    """The order's returns and refunds, where the channel lists them by their order."""
    from ..assets.common import LANDED_TAG
    from ..flows.returns.single import became, fetch

    fetched = fetch(connections, channel, order_id)
    if fetched.days:
        with runs(connections, channel, job_name_of(channel, Topic.RETURNS), {LANDED_TAG: "true"}, again) as run:
            for day in fetched.days:
                run(day, day)
    for outcome in became(connections, channel, order_id):
        what = f"{'Return' if outcome.topic is Topic.RETURNS else 'Refund'} {outcome.record_id}"
        for reason in outcome.waits:
            say(f"{what} waits: {reason.message} {reason.fix} ({reason.code})")
        if not outcome.waits:
            say(f"{what}: {outcome.action.replace('_', ' ') or 'no run has dealt with it'}.")
    for topic in fetched.unlisted:
        say(f"{channel} lists {topic} by day only: a backfill of its flow `returns` reads them.")


def _tell_story(order_id: str, outcome: Became) -> list[str]:
    lines = [f"Order {order_id} waits: {reason.message} {reason.fix} ({reason.code})" for reason in outcome.waits]
    if outcome.action and not outcome.waits:
        words = _WORDS.get(outcome.action, "is")
        sale = f"sale order {outcome.name} {outcome.link}" if outcome.link else ""
        lines = [f"Order {order_id} {words} {sale}".rstrip() + ("" if sale else ".")]
    elif outcome.link:
        lines.append(f"In Odoo it stays as it was: sale order {outcome.name} {outcome.link}")
    return [*lines, *(f"To look at: {note.message} {note.fix} ({note.code})" for note in outcome.notes)]
