"""`commerce-pipelines erase | export`: a data subject's rights, from a terminal.

What belongs here: arguments, what a person is shown and asked. What does not: the work behind them (flows/privacy).
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..core.errors import SettingsError
from ..resources.connections import open_connections
from ..settings import file as settings_file
from .terminal import say

if TYPE_CHECKING:
    from ..flows.privacy.erasure_plan import Plan
    from ..flows.privacy.person import Identity

_LEFT = {
    "user": "it is a user of Odoo",
    "supplier": "it is a supplier",
    "company": "it belongs to one of your own companies",
    "elsewhere": "it has orders that came from no channel: decide in Odoo, and archive it there",
    "bank": "it has a bank account, which the pipelines may not change: overwrite its number in Odoo by ERASED and "
    "anything unique, delete the message with the old number that Odoo writes on the account, then erase again",
}


def _add_identity(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which both commands name a person."""
    options = (
        click.option("--email", default="", help="the e-mail address, as the buyer or the marketplace writes it"),
        click.option("--channel", default="", help="the channel of --order or --buyer"),
        click.option("--order", "order_id", default="", help="the marketplace's id of one of their orders"),
        click.option(
            "--buyer", default="", help="the marketplace's id of the buyer: eBay's user name, Shopify's customer"
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _read_identity(email: str, channel: str, order_id: str, buyer: str) -> Identity:
    from ..flows.privacy.person import Identity

    if bool(email) + bool(order_id) + bool(buyer) != 1:
        raise click.UsageError("Give one of --email, --order and --buyer.")
    if bool(channel) != bool(order_id or buyer):
        raise click.UsageError("--order and --buyer need --channel, --email does not.")
    return Identity(email=email, channel=channel, order_id=order_id, buyer=buyer)


@click.command()
@_add_identity
@click.option("--yes", is_flag=True, help="do not ask")
@click.option("--json", "as_json", is_flag=True, help="end with the certificate as one JSON object on the last line")
def erase(yes: bool, as_json: bool, **named: str) -> None:
    """Erase a person: in Odoo, and every answer of every marketplace.

    Shows what would be done and asks first. Deliveries that are open let the erasure wait; Dagster's schedule
    privacy_retention goes on with it. Money and counts stay as they are.
    """
    from ..flows.privacy.erase import erase as carry_out
    from ..flows.privacy.erase import plan

    connections = open_connections(settings_file.load())
    planned = plan(connections, _read_identity(**named))
    _show_plan(planned)
    if not yes:
        click.confirm("Erase this person? It cannot be undone.", abort=True)
    result = carry_out(connections, planned, getpass.getuser())
    if result.done:
        say(f"Erased; certificate {result.number}. Backups hold the person until they are deleted: docs/privacy.md.")
    else:
        say(f"Request {result.number} waits, and is tried again every day; run `erase` again to try at once.")
    if as_json:
        click.echo(json.dumps({"number": result.number, "done": result.done, "certificate": result.certificate}))


def _show_plan(planned: Plan) -> None:
    decision = planned.decision
    orders = ", ".join(f"{count} of {channel}" for channel, count in planned.orders.items()) or "none"
    say(f"Orders: {orders}.")
    say(f"Contacts in Odoo that become anonymous: {', '.join(map(str, decision.anonymise)) or 'none'}.")
    for kept in decision.kept:
        say(
            f"Contact {kept.partner_id} keeps name and postal address until {kept.until}: {', '.join(kept.invoices)} "
            "has no PDF or XML, and Odoo shows its recipient from the contact."
        )
    for partner_id, why in decision.left:
        say(f"Contact {partner_id} is left alone: {_LEFT[why]}.")
    for reason in decision.waiting:
        say(f"It has to wait: {reason.message} {reason.fix}")


@click.command()
@_add_identity
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="a new file for the JSON"
)
def export(output: Path, **named: str) -> None:
    """Write what is held of a person into a file that only you can read."""
    from ..flows.privacy.asked import answer_export
    from ..flows.privacy.export import export as gather

    if output.exists():
        raise SettingsError(f"{output} exists already: name a new file with --output.")
    connections = open_connections(settings_file.load())
    document = gather(connections, _read_identity(**named))
    with open(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, indent=2)
    if named["order_id"]:
        answer_export(connections, named["channel"], named["order_id"])
    say(f"{output}: {len(document['marketplaces'])} records of marketplaces, "
        f"{len(document['odoo']['contacts'])} contacts in Odoo.")  # fmt: skip
