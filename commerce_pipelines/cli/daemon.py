"""`python -m commerce_pipelines.cli.daemon`: Dagster's daemon, with the server of its runs started beside it.

What belongs here: the order in which the two start. What does not: either of them (resources/warm_server.py, Dagster).
"""

from __future__ import annotations

import runpy

from ..resources.warm_server import start

if __name__ == "__main__":
    start()
    runpy.run_module("dagster._daemon", run_name="__main__", alter_sys=True)
