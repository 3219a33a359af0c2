"""`commerce-pipelines worker`: work on runs that the daemon hands over by Redis (docs/scale.md).

What belongs here: the command, and what it needs before it begins. What does not: the worker itself
(resources/worker.py).
"""

from __future__ import annotations

import importlib.util
import os
from importlib import resources
from pathlib import Path

import click

from ..core.errors import SettingsError
from .terminal import say

EXTRA = "dagster_celery"


@click.command()
@click.option("--slots", type=click.IntRange(1, 256), default=2, show_default=True, help="how many runs work at once")
def worker(slots: int) -> None:
    """Work on runs that the daemon hands over, until SIGTERM or Ctrl-C.

    For installations on more than one machine: COMMERCE_BROKER_URL names their Redis, COMMERCE_DATABASE_URL their
    PostgreSQL, and both are the same in every process. After SIGTERM the runs at work come to their end first; Ctrl-C
    ends them, and their work is requested again.
    """
    from ..resources.slots import broker_url, require_shared_database
    from ..settings import file as settings_file

    require_shared_database()
    broker = broker_url()
    require_extra()
    settings_file.load()  # a mistake in it, or a secret that is not here, is told now and not by each run
    from ..resources.run_here import open_instance
    from ..resources.slots import check_clock
    from ..resources.worker import serve_runs
    from ..warehouse.server.server import database_url

    check_clock(database_url())
    home = resources.files("commerce_pipelines") / "instance" / "scaled"
    with open_instance(Path(str(home))) as instance:
        say(f"commerce-pipelines: working on up to {slots} runs at once; Ctrl-C ends everything.")
        serve_runs(instance, broker, slots)


def require_extra() -> None:
    """Raises SettingsError where the libraries of the extra are missing."""
    if importlib.util.find_spec(EXTRA) is None:
        raise SettingsError("Workers need the extra `scale`: install commerce-pipelines[scale].")


def check_scaled(environ: dict[str, str] | os._Environ[str] = os.environ) -> None:
    """Raises SettingsError where runs are to work in workers and something for that is missing."""
    from ..resources.slots import broker_url, has_workers, require_shared_database

    if has_workers(environ):
        broker_url(environ)
        require_shared_database(environ)
        require_extra()
