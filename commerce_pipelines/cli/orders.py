"""`commerce-pipelines plan | trace | exceptions`: orders one by one, from a terminal.

What belongs here: arguments and tables of these commands. What does not: the work behind them (flows/).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..channels.settings import EARLIEST, ChannelSettings
from ..core.errors import SettingsError
from ..core.local_time import local_time
from ..resources.connections import Connections, open_connections
from ..settings import file as settings_file
from .content_plan import show_plan as show_content
from .inbound_plans import show_plan as show_inbound
from .terminal import say, show_table

if TYPE_CHECKING:
    from ..flows.orders.trace import Event

LAST_DAY = date(2999, 12, 31)
MINUTE = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"])
EXCEPTION_COLUMNS = (
    "channel", "flow", "record", "reason", "says, and what to do", "first seen", "tries", "due", "person",
    "ignored until",
)  # fmt: skip


def _open_connections() -> Connections:
    return open_connections(settings_file.load())


def days(
    channel: ChannelSettings, start: datetime | None, end: datetime | None, back: int, now: datetime
) -> tuple[date, date]:
    """The business days that --from and --to mean, both included. back: how many days ago they begin by default."""
    last = end.date() if end else now.astimezone(channel.zone).date()
    first = start.date() if start else last - timedelta(days=back)
    for option, day in (("--from", first), ("--to", last)):
        if not EARLIEST <= day <= LAST_DAY:
            raise click.UsageError(f"{option} {day} must lie between {EARLIEST} and {LAST_DAY}.")
    if first > last:
        raise click.UsageError(f"--from {first} lies after --to {last}: exchange them.")
    return first, last


@click.command()
@click.argument("channel")
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), help="first business day; default: 7 days back")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), help="last business day; default: today")
@click.option("--json", "as_json", is_flag=True, help="end with one JSON object on the last line")
@click.option(
    "--flow",
    type=click.Choice(["orders", "content", "inbound"]),
    default="orders",
    show_default=True,
    help="content: what its listings would show; inbound: plans for its warehouses; both have no days",
)
def plan(channel: str, start: datetime | None, end: datetime | None, as_json: bool, flow: str) -> None:
    """Show what the next run would create, change, cancel or refuse.

    Writes nothing, to Odoo or to the channel.
    """
    if flow != "orders":
        if start or end or as_json:
            raise click.UsageError(f"--flow {flow} takes no days and no --json.")
        (show_content if flow == "content" else show_inbound)(channel)
        return
    from ..flows.orders.plan import figures
    from ..flows.orders.plan import plan as plan_days

    connections = _open_connections()
    settings = connections.settings.channel(channel)
    first, last = days(settings, start, end, back=7, now=connections.instruments.now())
    planned = plan_days(connections, channel, first, last + timedelta(days=1))
    rows = [(str(order.day or ""), order.order_id, str(order.action), order.why) for order in planned]
    title = f"{channel}: {first} to {last}, nothing is written"
    show_table(title, ("day", "order", "would be", "why"), rows, texts=("why",))
    counted = figures(planned)
    say(", ".join(f"{count} {action}" for action, count in sorted(counted.items())) or "nothing to do")
    if as_json:
        click.echo(json.dumps({"channel": channel, "orders": dict(counted)}))


@click.command()
@click.argument("channel")
@click.argument("order_id")
@click.option(
    "--personal", is_flag=True, help="also show the buyer's data, and what Odoo or the channel said in their own words"
)
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="write it as a page instead")
@click.option("--as-of", type=MINUTE, help="only what was known at that minute, in this machine's time zone")
def trace(channel: str, order_id: str, personal: bool, page: Path | None, as_of: datetime | None) -> None:
    """Tell the story of one order, with its returns and refunds.

    Answers received, decisions and why, records in Odoo, what waits. ORDER_ID may also be the number that people see,
    as Shopify's #1001, the id of a return or refund, or of goods that go to the marketplace's own warehouses: a
    transfer of Odoo's, a shipment, a plan, a removal order. The page also shows what each answer of the marketplace
    changed; the UI has it under /orders/CHANNEL/ORDER_ID.
    """
    from ..flows.lineage import trace as story

    connections = _open_connections()
    if page is None and as_of is None:
        _tell(story(connections, channel, order_id, personal=personal))
        return
    from ..flows.explain import explain
    from .order_page import write_page

    whole = explain(connections, channel, order_id, personal=personal, as_of=as_of.astimezone() if as_of else None)
    if page is None:
        _tell(whole.events)
        return
    page.write_text(write_page(whole), "utf-8")
    say(f"{page} holds the story of {order_id}.")


def _tell(events: Iterable[Event]) -> None:
    for event in events:
        when = local_time(event.at, seconds=True) if event.at else "now"
        click.echo(f"{click.style(when, dim=True)}  {click.style(event.what, bold=True)}")
        for name, value in event.details.items():
            text = f"{name}: {value}".replace("\n", "\n        ")
            say(f"    {text}")


@click.group()
def exceptions() -> None:
    """Records that wait, and notes for a person."""


@exceptions.command("list")
@click.argument("channel", required=False)
@click.option("--reason", default="", help="only this reason code")
def list_(channel: str | None, reason: str) -> None:
    """One line per waiting record, and how many there are of each reason."""
    from collections import Counter

    from ..flows.desk import read_desk

    connections = _open_connections()
    if channel:
        connections.settings.channel(channel)
    entries = [
        entry for entry in read_desk(connections)
        if channel in (None, entry.held.row.channel) and reason in ("", entry.held.row.code)
    ]  # fmt: skip
    rows = []
    for entry in entries:
        record = entry.held.row
        code = record.code if record.blocking else f"{record.code} (in Odoo)"
        rows.append((
            record.channel, record.topic, record.record_id, code, f"{record.message} {record.fix}",
            local_time(record.first_seen), str(record.tries),
            local_time(record.retry_at) if record.retry_at else "", entry.held.person,
            str(entry.ignored_until or ""),
        ))  # fmt: skip
    show_table("Exceptions", EXCEPTION_COLUMNS, rows, texts=("says, and what to do",))
    reasons = Counter(entry.held.row.code for entry in entries)
    say(", ".join(f"{count} {code}" for code, count in reasons.most_common()) or "Nothing waits.")
    if ignored := sum(entry.is_ignored for entry in entries):
        say(f"{ignored} of them are ignored until a day to come.")


@exceptions.command()
@click.argument("channel")
@click.argument("record_id")
def show(channel: str, record_id: str) -> None:
    """Show everything that is known of one waiting record, by its id in the channel."""
    from ..flows.desk import read_desk

    connections = _open_connections()
    connections.settings.channel(channel)
    entries = read_desk(connections)
    waiting = [entry for entry in entries if (entry.held.row.channel, entry.held.row.record_id) == (channel, record_id)]
    if not waiting:
        raise SettingsError(
            f"No record {record_id!r} of {channel} waits; `commerce-pipelines exceptions list {channel}` shows those "
            "that do."
        )
    for entry in waiting:
        row, held = entry.held.row, entry.held
        for text in (
            f"{row.code}: {row.message}", f"  what to do: {row.fix}", f"  about: {row.subject or 'the whole record'}"
        ):  # fmt: skip
            say(text)
        say(f"  first seen {local_time(row.first_seen)}, last {local_time(row.last_seen)}, {row.tries} tries")
        say(f"  more: {entry.reason_page}")
        if held.person:
            say(f"  {held.person} looks after it")
        if entry.ignored_until:
            say(f"  ignored until {entry.ignored_until}")
        if row.run_id:
            say(f"  run: /runs/{row.run_id} in the Dagster UI")
        if entry.order_page:
            say(f"  in the marketplace: {entry.order_page}")
        if entry.odoo_page:
            say(f"  Odoo: {entry.odoo_page}")


@exceptions.command()
@click.argument("channel")
@click.argument("order_id")
def accept(channel: str, order_id: str) -> None:
    """Let one order go on although the marketplace calls it risky (`risky` in commerce.yaml).

    The channel's sensor requests the run within a minute.
    """
    from ..flows.orders.risky_orders import accept as accept_order

    connections = _open_connections()
    connections.settings.channel(channel)
    accept_order(connections, channel, order_id)
    say(f"Order {order_id} goes on; the sensor {channel}_new_orders requests its run at its next tick.")


@exceptions.command()
@click.argument("channel")
@click.argument("order_ids", nargs=-1)
@click.option("--reason", default="", help="all of this reason code")
def replay(channel: str, order_ids: tuple[str, ...], reason: str) -> None:
    """Try waiting records of all flows again: those named, of one reason, or all of the channel.

    The channel's sensors then request the runs; for orders this takes at most a minute.
    """
    from ..flows.lineage import replay as make_due

    connections = _open_connections()
    connections.settings.channel(channel)
    due = make_due(connections, channel, code=reason, record_ids=order_ids)
    if not any(due) and (order_ids or reason):
        raise SettingsError(
            f"No such record waits; `commerce-pipelines exceptions list {channel}` shows those that do."
        )
    if not any(due):
        say("Nothing waits.")
    if due.orders:
        say(f"{due.orders} orders are due; the sensor {channel}_new_orders requests their run at its next tick.")
    if due.returns:
        say(f"{due.returns} returns and refunds are due; the sensor {channel}_new_returns requests their run.")
    if due.invoices:
        say(f"{due.invoices} orders to invoice are due; the schedule {channel}_invoicing requests their run.")
    if due.listings:
        say(f"{due.listings} listings are due; the schedule {channel}_content_nightly looks at them again.")
    if due.paid_back:
        say(f"{due.paid_back} orders to pay back are due; the schedule {channel}_refunding requests their run.")
    if due.in_warehouses:
        say(
            f"{due.in_warehouses} records of the marketplace's warehouses are due; the schedules {channel}_inbound and "
            f"{channel}_receiving request their runs."
        )
