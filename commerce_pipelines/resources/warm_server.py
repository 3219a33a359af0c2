"""The process that runs are forked from: it has imported Dagster and pandas, but none of our modules that work.

What belongs here: what it imports, and starting it early. What does not: forking runs from it (run_launcher.py). It
imports only the standard library, so that the server begins while its parent still imports.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver

# What runs import. Our own modules are left out, so that a run executes the code on disk, as with Dagster's launcher.
PRELOADED = (
    "commerce_pipelines.resources.silent_interrupt",
    "dagster", "dagster._cli.api", "dagster._daemon.cli",
    "dagster_postgres", "psycopg2", "pandas", "pyarrow", "requests", "odoorpc", "msgspec", "zstandard",
)  # fmt: skip


def start() -> None:
    """Start it, so that the first run need not wait for its imports. Costs nothing if it runs."""
    multiprocessing.set_forkserver_preload(list(PRELOADED))
    forkserver.ensure_running()
