"""`commerce-pipelines access`: the group that the pipelines' user needs in Odoo, made once by an administrator.

What belongs here: who logs in, and asking for passwords, which are written nowhere. What does not: the rights
(odoo/access.py), verifying them (check.py).
"""

from __future__ import annotations

import os

import click

from ..core.errors import SettingsError
from ..core.section import Secret
from ..odoo.rpc.settings import OdooSettings
from ..settings import file as settings_file
from .terminal import say

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


def _read_returns_switch() -> bool:
    """Whether commerce.yaml takes over the returns of a channel."""
    try:
        return any(channel.returns.enabled for channel in settings_file.load().channels)
    except SettingsError:
        return False


def _read_take_over_switch() -> bool:
    """Whether commerce.yaml takes over the deliveries of what a channel ships itself."""
    try:
        return any(channel.fulfilment.take_over for channel in settings_file.load().channels)
    except SettingsError:
        return False


@click.command()
@click.option("--url", prompt="URL of Odoo", default=lambda: _read_setting("url"), help="e.g. https://odoo.example.com")
@click.option("--database", prompt="Database", default=lambda: _read_setting("database"), help="name of its database")
@click.option("--administrator", prompt="Administrator's login", help="login of an administrator, who makes the group")
@click.option("--user", prompt="Login of the pipelines' user", default=lambda: _read_setting("username"),
              help="login of the pipelines' user, who gets the group; created if Odoo does not have it")  # fmt: skip
@click.option(
    "--company", "companies", multiple=True, help="a company that the user may enter; default: those of commerce.yaml"
)
@click.option("--returns", is_flag=True, default=_read_returns_switch,
              help="also what credit notes need; default: if commerce.yaml has returns.enabled")  # fmt: skip
@click.option(
    "--deliveries",
    is_flag=True,
    default=_read_take_over_switch,
    help="also what deliveries of the marketplace need; default: if commerce.yaml has fulfilment.take_over",
)
@click.option("--transport", type=click.Choice(["jsonrpc", "json2"]), default="jsonrpc", show_default=True)
def access(
    url: str, database: str, administrator: str, user: str, companies: tuple[str, ...], transport: str, **flows: bool
) -> None:
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
    for line in make_group(client, flows["returns"], flows["deliveries"]):
        say(line)
    for line in put_in_group(client, user, _ask_password, companies or _read_companies()):
        say(line)
    say("Next: log in as this user and make an API key (Preferences > Security), or use its password.")


def _ask_password() -> str:
    return os.environ.get("ODOO_PASSWORD") or str(
        click.prompt("Password of the new user", hide_input=True, confirmation_prompt=True)
    )
