"""Our own code and the definitions of the settings, held by the process that runs are forked from.

Importing our modules and building the definitions was more than half of what a run cost. A run still executes the
code on disk: where a file of the package changed since it was imported, the run forgets all of it and imports it again.
The settings are read anew in each run (definitions.py).

What belongs here: what is held, and when it is forgotten; what Dagster's storage is asked before. What does not:
starting the process (warm_server.py). Modules are named by strings, because this room may not know the rooms above it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import pkgutil
import sys
from pathlib import Path
from typing import Any

import dagster as dg

PACKAGE = Path(__file__).parents[1]
NAME = __name__.partition(".")[0]
ROOMS = (
    "core", "domain", "channels", "odoo", "warehouse", "settings", "resources", "flows", "assets", "sensors",
    "definitions",
)  # fmt: skip
ASSET_TABLES = ("asset_event_tags", "asset_check_executions")  # which Dagster looks for as it stores an asset


def read_stamp() -> tuple[int, int]:
    """How many files of code the package has, and the sum of the times at which they were changed, in nanoseconds: a
    file that is replaced by an older one counts, too. Costs ten milliseconds."""
    times = [
        os.stat(os.path.join(folder, name)).st_mtime_ns
        for folder, _, names in os.walk(PACKAGE)
        for name in names
        if name.endswith(".py")
    ]
    return len(times), sum(times)


def import_rooms() -> None:
    """Import every module that a run may need, and build the definitions. What fails here fails again in the run, which
    tells it."""
    for room in ROOMS:
        with contextlib.suppress(Exception):
            module = importlib.import_module(f"{NAME}.{room}")
            for place in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{module.__name__}."):
                if ".migrations." not in place.name:
                    with contextlib.suppress(Exception):
                        importlib.import_module(place.name)
    with contextlib.suppress(Exception):
        sys.modules[f"{NAME}.definitions"].build_repository()


def practise() -> None:
    """Execute a run in memory. Dagster writes code for each kind of record as it makes the first one, and so would each
    run."""
    logging.disable()
    try:
        with contextlib.suppress(Exception), dg.DagsterInstance.ephemeral() as instance:
            key = dg.AssetKey(NAME)
            made = dg.asset(key=key, check_specs=[dg.AssetCheckSpec("practised", asset=key)])
            dg.materialize([made(_return_practice)], instance=instance, tags={NAME: NAME})
    finally:
        logging.disable(logging.NOTSET)


def _return_practice() -> dg.MaterializeResult:
    table = dg.MetadataValue.table([dg.TableRecord({NAME: NAME})])
    metadata: dict[str, Any] = {"text": NAME, "figure": 1, "lines": dg.MetadataValue.md(NAME), "table": table}
    return dg.MaterializeResult(metadata=metadata, check_results=[dg.AssetCheckResult(passed=True, metadata=metadata)])


def ask_storage() -> None:
    """Ask Dagster's storage what each run asks first. What it says of its tables, and the SQL that was made to ask it,
    every run finds in memory then; nothing stays open. Without DAGSTER_HOME there is nothing to ask."""
    with contextlib.suppress(Exception), dg.DagsterInstance.get() as instance:
        events: Any = instance.event_log_storage
        instance.get_run_by_id(NAME)
        instance.get_asset_records([dg.AssetKey(NAME)])
        if events.supports_global_concurrency_limits:
            events.get_pool_limits()
            events.check_concurrency_claim(NAME, NAME, NAME)
        _ = events.has_default_pool_limit_col, *map(events.has_table, ASSET_TABLES)  # of PostgreSQL's storage alone
    with contextlib.suppress(Exception):
        importlib.import_module(f"{NAME}.resources.run_history").close_connections()


def forget_if_changed() -> None:
    """To be called first in a run's process: let it import our modules again if one of them changed on disk."""
    if read_stamp() != _stamp:
        for name in list(sys.modules):
            if name == NAME or name.startswith(f"{NAME}."):
                del sys.modules[name]


_stamp = read_stamp()  # before the imports, so that a change during them counts
import_rooms()
practise()
ask_storage()
# The collector of a run need not look at what all runs share: looking would also copy its memory.
gc.collect()
gc.freeze()
