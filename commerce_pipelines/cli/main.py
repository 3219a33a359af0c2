"""`commerce-pipelines`: set up, verify, run and prove, from a terminal.

What belongs here: arguments, tables, exit codes. What does not: anything that an asset needs too (flows/). Exit codes:
0 fine, 1 something is wrong and the output says what, 2 wrong usage.
"""

from __future__ import annotations

import contextlib
import getpass
import logging
import os
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import click
from dotenv import load_dotenv

from ..core.errors import CommerceError, SettingsError, TransientError
from ..core.foreign import frames, tellable
from ..core.section import Secret
from ..odoo.rpc.settings import OdooSettings
from ..resources.connections import Connections, open_connections
from ..settings import file as settings_file
from ..warehouse.tables.database import ACTOR
from . import INTERRUPTED
from .access import access
from .audit import audit
from .backfill import backfill
from .channels import NO_CHANNEL, channels
from .content_plan import release
from .desk import assign, ignore
from .drift import drift
from .health import health
from .inventory import inventory
from .limits import limits
from .metrics import metrics
from .orders import exceptions, plan, trace
from .privacy import erase, export
from .pull import pull
from .receive import receive
from .refunds_out import refunds
from .rehearse import rehearse
from .report import report
from .rotate import rotate_key
from .shipments import shipments
from .subscribe import subscribe
from .terminal import log_to_terminal, say, use_terminal
from .worker import check_scaled, worker


class _Group(click.Group):
    """Prints our own errors as one sentence per mistake instead of a traceback, and ends after Ctrl-C with 130."""

    def main(self, *args: Any, **extra: Any) -> Any:
        use_terminal()
        return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort) as error:
            if isinstance(error.__context__, EOFError):  # a prompt without anybody to answer it
                raise
            say("\ncommerce-pipelines: interrupted.", err=True)
            sys.exit(INTERRUPTED)
        except CommerceError as error:
            problem = str(error)
        except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError) as error:
            problem = f"{error.filename} cannot be used ({error.strerror}): check the path and its permissions."
        except (click.exceptions.Exit, click.ClickException):
            raise
        except Exception as error:  # nobody foresaw it: where it happened helps, and its text may quote anybody
            say(frames(error).rstrip(), err=True)
            problem = str(tellable(error))
        for line in problem.splitlines():
            say(f"commerce-pipelines: {line}", err=True)
        sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="commerce-pipelines")
@click.option("-v", "--verbose", is_flag=True, help="also show what is done, such as every call to a marketplace")
@click.option("-q", "--quiet", is_flag=True, help="show no progress and no warnings")
@click.pass_context
def main(context: click.Context, verbose: bool, quiet: bool) -> None:
    """Keep one Odoo 19 and your marketplaces in step.

    Settings are read from commerce.yaml (or $COMMERCE_CONFIG), secrets from the environment and from .env.
    """
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.WARNING
    context.with_resource(log_to_terminal(level))
    load_dotenv(".env")
    if context.invoked_subcommand != "dev":  # whose children work for nobody in particular
        os.environ[ACTOR] = f"person {getpass.getuser()}: {context.invoked_subcommand}"


for _command in (
    access, backfill, pull, channels, plan, trace, exceptions, inventory, report, shipments, refunds, erase, export,
    rotate_key, audit, receive, subscribe, limits, drift, rehearse, release, health, metrics, worker,
):  # fmt: skip
    main.add_command(_command)
for _command in (assign, ignore):
    exceptions.add_command(_command)


@main.command()
@click.option("--url", prompt="URL of Odoo", help="e.g. https://odoo.example.com")
@click.option("--database", prompt="Database", help="the Odoo database's name")
@click.option("--username", prompt="User", help="the dedicated user's login")
@click.option("--transport", type=click.Choice(["jsonrpc", "json2"]), default="jsonrpc", show_default=True)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="KIND:NAME",
    help="an account to begin with, such as shopify:shop_de",
)
@click.option("--country", help="where the company is established; default: as in Odoo")
@click.option(
    "--oss/--no-oss",
    default=None,
    help="whether it declares VAT by the Union scheme (OSS); default: if Odoo has its fiscal positions",
)
@click.option("--output", type=click.Path(path_type=Path), default=Path("commerce.yaml"), show_default=True)
def init(url: str, database: str, username: str, transport: str, **wanted: Any) -> None:
    """Write commerce.yaml, and a master key into .env.

    Lists in the file what your Odoo offers for the mappings of your channels.

    The password or API key is read from $ODOO_PASSWORD, or asked for; it is not written anywhere.
    """
    from .init import NewFile, read_channel, write_settings

    channels = [read_channel(text) for text in wanted.pop("channels")]
    password = os.environ.get("ODOO_PASSWORD") or click.prompt("Password or API key", hide_input=True)
    odoo = OdooSettings(
        url=url, database=database, username=username, password=Secret(env="ODOO_PASSWORD"),
        transport="json2" if transport == "json2" else "jsonrpc",
    )  # fmt: skip
    for line in write_settings(odoo, password, NewFile(channels=channels, **wanted)):
        say(line)


@main.command()
@click.option("--send-test-alert", is_flag=True, help="also send a message to every target of `alerts`")
def check(send_test_alert: bool) -> None:
    """Verify settings, credentials, rights, and the names that Odoo must have.

    Prints one line for each and exits 1 if anything is wrong. A line with an exclamation mark is advice: it works as it
    is.
    """
    from .check import send_test, verify
    from .findings import Advice

    connections = _open_connections()
    wrong = 0
    for what, problem in chain(verify(connections), send_test(connections) if send_test_alert else ()):
        advice_only = isinstance(problem, Advice)
        wrong += bool(problem) and not advice_only
        sign, colour = ("!", "yellow") if advice_only else ("✗", "red") if problem else ("✓", "green")
        click.secho(f"{sign} ", fg=colour, nl=False)
        say(f"{what}: {problem.removeprefix(f'{what}: ')}" if problem else what)
    if not connections.settings.channels:
        say(NO_CHANNEL)
    if wrong:
        click.echo(f"{wrong} to mend.", err=True)
        sys.exit(1)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@click.option("--behind-proxy", is_flag=True, help="a proxy with a login is in front: the UI needs no token")
@click.option("--public-host", multiple=True, help="name[:port] under which the proxy is reached, if it passes it on")
def dev(host: str, port: int, behind_proxy: bool, public_host: tuple[str, ...]) -> None:
    """Run Dagster (UI, daemon, sensors) until Ctrl-C.

    Prints the UI's address with the token that a browser needs once. With `listen` in commerce.yaml it does the work of
    the command `receive` too.
    """
    from ..flows.alerts import note_watchers_off, watch
    from ..flows.identity import identify
    from ..resources.alerts import alert
    from ..resources.switched_off import list_switched_off
    from .dev import METRICS, RECEIVER, Services, Ui, serve, ui_token
    from .message_server import check_place
    from .supervisor import Look

    if host not in ("127.0.0.1", "localhost", "::1") and not behind_proxy:
        raise click.UsageError("Dagster's UI has no login: put a proxy with one in front and add --behind-proxy.")
    check_scaled()
    connections = _open_connections()
    _ = connections.vault  # the database is migrated and readable before anything is started
    for channel in connections.settings.channels:
        try:
            identify(connections, channel.name)
        except TransientError as error:  # the channel's own sensor reports it for as long as it lasts
            say(f"commerce-pipelines: {error}", err=True)
    alerts = connections.settings.alerts

    def tell(subject: str, text: str) -> None:
        for problem in alert(alerts.targets, f"commerce_pipelines: {subject}", text):
            say(f"commerce-pipelines: the alert could not be sent. {problem}", err=True)

    def watch_outcomes() -> None:
        with contextlib.suppress(CommerceError):  # the look at the database reports a database that is away
            now = connections.instruments.now()
            off = {name for _, name in list_switched_off(connections.warehouse.url)}
            note_watchers_off(connections, off, now)
            for problem in watch(connections, lambda subject, text: alert(alerts.targets, subject, text), now):
                say(f"commerce-pipelines: the alert could not be sent. {problem}", err=True)

    token = None if behind_proxy else ui_token(Path.cwd())
    looks = [Look("Watching what stands still", 60.0, watch_outcomes)]
    listen = connections.settings.listen
    if listen is not None:
        check_place(listen)
    receives = listen is not None or any(channel.inbox for channel in connections.settings.channels)
    measures = connections.settings.metrics is not None
    extras = [*([RECEIVER] if receives else []), *([METRICS] if measures else [])]
    services = Services(Path.cwd(), Ui(host, port, token, public_host), tell=tell, looks=looks, extras=extras)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}" + (f"/?token={token}" if token else "")
    sys.exit(serve(services, url))


@main.command()
@click.option(
    "--launched-before",
    type=float,
    default=0.0,
    help="a run that was launched less than so many seconds ago and is still starting is left alone",
)
def end_dead_runs(launched_before: float) -> None:
    """End the runs whose processes are gone.

    For installations that start and stop Dagster's parts as services of their own; `dev` does it as well. $DAGSTER_HOME
    names their folder. A run that is at work is left alone.
    """
    import dagster as dg

    from ..resources.run_life import end_dead_runs as end
    from ..resources.slots import START_SECONDS, has_workers
    from ..warehouse.server.server import database_url

    if not os.environ.get("DAGSTER_HOME"):
        raise SettingsError("DAGSTER_HOME is not set: it names the folder of Dagster's dagster.yaml.")
    if has_workers():  # a run that is starting may be on its way to one
        launched_before = max(launched_before, START_SECONDS)
    with dg.DagsterInstance.get() as instance:
        for run_id in end(instance, database_url(), launched_before):
            click.echo(f"Run {run_id} is ended: its process is gone.")


def _open_connections() -> Connections:
    return open_connections(settings_file.load())


if __name__ == "__main__":
    main()
