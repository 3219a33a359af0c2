"""A service that launches one run and stays, for the tests to kill: `python -m …service RUN_ID`, DAGSTER_HOME set."""

import signal
import sys

import dagster as dg

if __name__ == "__main__":
    with dg.DagsterInstance.get() as instance:
        instance.launch_run(sys.argv[1], None)  # type: ignore[arg-type]
        signal.pause()
