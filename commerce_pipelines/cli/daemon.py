"""`python -m commerce_pipelines.cli.daemon ARGUMENT …`: Dagster's daemon, and the server of its runs.

What belongs here: the order in which they start. What does not: either of them (resources/warm_server.py, Dagster).
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys

from ..core.instruments import REAL
from ..resources import warm_server
from ..resources.slots import has_workers
from .part import wait_for_code

# Read by Dagster as it is imported. Assets may become hours old before they count as stale; a run whose process died is
# tried again at the latest after so long, if no sensor asks for it again anyway.
INTERVALS = {"FRESHNESS_DAEMON_INTERVAL_SECONDS": "300", "DAGSTER_EVENT_LOG_CONSUMER_DAEMON_INTERVAL_SECONDS": "20"}


def main(arguments: list[str]) -> None:
    """The same command line as Dagster's own.

    Three processes import Dagster at a start: the code server, the daemon and the server of runs. All of them begin at
    once, because one after the other they keep orders waiting three times as long.
    """
    if not has_workers():  # else runs are forked on the workers' machines
        warm_server.start()
    import_daemon()
    wait_for_code(os.environ)
    sys.argv = ["dagster-daemon", *arguments]
    runpy.run_module("dagster._daemon", run_name="__main__", alter_sys=True)


def import_daemon() -> None:
    """Import Dagster's daemon, made to do little while nothing happens."""
    for name, seconds in INTERVALS.items():
        os.environ.setdefault(name, seconds)
    importlib.import_module("dagster._daemon.cli")
    from ..resources import calm_services, tick_gate

    calm_services.watch_calmly()
    calm_services.keep_definitions()
    calm_services.rest_while_no_run_is_queued()
    tick_gate.install(REAL)


if __name__ == "__main__":
    main(sys.argv[1:])
