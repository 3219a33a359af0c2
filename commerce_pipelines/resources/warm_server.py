"""The process that runs are forked from: it has imported Dagster, pandas and our own modules.

What belongs here: what it imports, starting it early, waiting for it. What does not: forking runs from it
(run_launcher.py). It imports only the standard library, so that the server begins while its parent still imports.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver

# What runs import. Our own modules come last, because they take what is imported before them.
PRELOADED = (
    "commerce_pipelines.resources.silent_interrupt",
    "dagster", "dagster._cli.api", "dagster._daemon.cli", "dagster._core.executor.in_process",
    "dagster._core.instance.factory", "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.root", "dagster._core.system_config.composite_descent", "dagster._core.utility_ops",
    "dagster._core.workspace.autodiscovery", "dagster._utils.test.definitions",
    "dagster_postgres", "psycopg2", "psycopg2.extras", "fsspec.implementations.local", "upath.implementations.local",
    "watchdog.observers.polling", "pandas", "pandas.core.methods.to_dict", "pyarrow", "pyarrow.pandas_compat",
    "pyarrow.vendored.version", "requests", "odoorpc", "msgspec", "zstandard", "stdnum.eu.oss", "stdnum.eu.vat",
    "commerce_pipelines.resources.warm_modules",
)  # fmt: skip


def start() -> None:
    """Start it, so that the first run need not wait for its imports. Costs nothing if it runs."""
    multiprocessing.set_forkserver_preload(list(PRELOADED))
    forkserver.ensure_running()


def wait_until_warm() -> None:
    """Return once it has imported everything, so that the next run begins at once."""
    start()
    process = multiprocessing.get_context("forkserver").Process(target=_return_at_once)
    process.start()
    process.join()


def _return_at_once() -> None:
    pass
