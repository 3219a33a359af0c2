"""`python -m commerce_pipelines.cli.daemon ARGUMENT …`: Dagster's daemon, and the server of its runs.

What belongs here: the order in which they start. What does not: either of them (resources/warm_server.py, Dagster).
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys

from ..resources import warm_server
from ..resources.slots import has_workers
from .part import wait_for_code


def main(arguments: list[str]) -> None:
    """The same command line as Dagster's own.

    Three processes import Dagster at a start: the code server, the daemon and the server of runs. All of them begin at
    once, because one after the other they keep orders waiting three times as long.
    """
    if not has_workers():  # else runs are forked on the workers' machines
        warm_server.start()
    importlib.import_module("dagster._daemon.cli")
    wait_for_code(os.environ)
    sys.argv = ["dagster-daemon", *arguments]
    runpy.run_module("dagster._daemon", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
