"""`commerce-pipelines access`: the group that the pipelines' user needs in Odoo, made once by an administrator.

What belongs here: who logs in, and asking for passwords, which are written nowhere. What does not: the rights
(odoo/access.py), verifying them (check.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import click

from ..channels.settings import ChannelSettings
from ..core.errors import SettingsError
from ..core.section import Secret
from ..odoo.rpc.settings import OdooSettings
from ..settings import file as settings_file
from .terminal import say

FLOWS = ("returns", "take_over", "receiving", "invoicing", "refunding")  # which need more than orders do
ADMINISTRATOR_PASSWORD = "ODOO_ADMINISTRATOR_PASSWORD"  # noqa: S105 - the variable's name


def _read_setting(key: str) -> str | None:
    """A key of `odoo` in commerce.yaml, where there is one already."""
    try:
        return str(getattr(settings_file.load().odoo, key))
    except SettingsError:
        return None


def _read_companies() -> list[str]:
    """The companies that commerce.yaml names."""
    try:
        settings = settings_file.load()
    except SettingsError:
        return []
    names = [settings.odoo.company, *(channel.company for channel in settings.channels)]
    return list(dict.fromkeys(name for name in names if name))


def list_flows(channels: Iterable[ChannelSettings]) -> list[str]:
    """The flows that need rights of their own in Odoo and are switched on for one of these channels."""
    flows: set[str] = set()
    for channel in channels:
        fulfilment = channel.fulfilment
        switches = {
            "shipments": fulfilment.enabled, "returns": channel.returns.enabled,
            "take_over": fulfilment.enabled and fulfilment.take_over, "invoicing": channel.invoicing.enabled,
            "refunding": channel.refunding.enabled, "receiving": channel.inbound.enabled and channel.inbound.receive,
        }  # fmt: skip
        flows |= {flow for flow, is_on in switches.items() if is_on}
    return sorted(flows)


def _read_flows() -> list[str]:
    """Those of FLOWS that commerce.yaml switches on."""
    try:
        return [flow for flow in list_flows(settings_file.load().channels) if flow in FLOWS]
    except SettingsError:
        return []


@click.command()
@click.option("--url", prompt="URL of Odoo", default=lambda: _read_setting("url"), help="e.g. https://odoo.example.com")
@click.option("--database", prompt="Database", default=lambda: _read_setting("database"), help="name of its database")
@click.option("--administrator", prompt="Administrator's login", help="login of an administrator, who makes the group")
@click.option("--user", prompt="Login of the pipelines' user", default=lambda: _read_setting("username"),
              help="login of the pipelines' user, who gets the group; created if Odoo does not have it")  # fmt: skip
@click.option(
    "--company", "companies", multiple=True, help="a company that the user may enter; default: those of commerce.yaml"
)
@click.option("--flow", "flows", multiple=True, type=click.Choice(FLOWS),
              help="a flow that needs more rights; default: those that commerce.yaml switches on")  # fmt: skip
@click.option("--transport", type=click.Choice(["jsonrpc", "json2"]), default="jsonrpc", show_default=True)
def access(
    url: str, database: str, administrator: str, user: str, companies: tuple[str, ...], flows: tuple[str, ...],
    transport: str,
) -> None:  # fmt: skip
    """Make the group that the pipelines' user needs in Odoo, and put the user in it.

    An administrator's login is used for this once; running the command again brings the group up to date. The
    administrator's password (or API key) is read from $ODOO_ADMINISTRATOR_PASSWORD or asked for, that of a new user
    from $ODOO_PASSWORD; neither is written anywhere.
    """
    from ..odoo.access import make_group, put_in_group
    from ..odoo.rpc.client import connect

    if user == administrator:
        raise SettingsError(
            f"The pipelines need a user of their own: {user} is the administrator. Give another --user."
        )
    password = os.environ.get(ADMINISTRATOR_PASSWORD) or click.prompt("Administrator's password", hide_input=True)
    settings = OdooSettings(
        url=url, database=database, username=administrator, password=Secret(env=ADMINISTRATOR_PASSWORD),
        transport="json2" if transport == "json2" else "jsonrpc",
    )  # fmt: skip
    client = connect(settings, password)
    client.version()
    for line in make_group(client, flows or _read_flows()):
        say(line)
    for line in put_in_group(client, user, _ask_password, companies or _read_companies()):
        say(line)
    say("Next: log in as this user and make an API key (Preferences > Security), or use its password.")


def _ask_password() -> str:
    return os.environ.get("ODOO_PASSWORD") or str(
        click.prompt("Password of the new user", hide_input=True, confirmation_prompt=True)
    )
