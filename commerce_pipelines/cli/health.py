"""`commerce-pipelines health`: an exit code for monitors, and a line for each thing that is wrong.

What belongs here: the command, its output. What does not: what is wrong (flows/health.py), metrics (metrics.py).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from ..core.errors import SettingsError, TransientError
from ..core.foreign import tellable
from ..flows.health import Finding, Health, Level, read_health
from ..resources.connections import Connections, open_connections
from ..resources.slots import count_slots, has_workers
from ..settings import file as settings_file
from ..warehouse.tables.database import Warehouse, head, master_key
from .terminal import say

CANNOT_TELL = 2


def open_unchanged() -> Connections:
    """The doors of the settings file, without migrating the database or starting one: a monitor changes nothing. Raises
    SettingsError for a database of another version."""
    return open_connections(settings_file.load(), warehouse=_open_warehouse)


def _open_warehouse() -> Warehouse:
    from ..warehouse.server.server import database_url
    from .dev import server_runs

    if not os.environ.get("COMMERCE_DATABASE_URL", "").strip() and not server_runs(Path.cwd()):
        raise TransientError("The embedded PostgreSQL does not run: start `commerce-pipelines dev` in this folder.")
    warehouse = Warehouse(database_url(), master_key())
    if (version := warehouse.version()) != head():
        raise SettingsError(
            f"The database has schema version {version or 'none'} and this software needs {head()}: start the new "
            "version of the code location, which migrates it (docs/deploy.md)."
        )
    return warehouse


def tell_health(open_doors: Any = open_unchanged) -> Health | Finding:
    """The health, or why nobody can tell it."""
    try:
        connections = open_doors()
        seen = read_health(connections)
        missing = _list_missing_workers(connections)
        return msgspec.structs.replace(seen, findings=(*missing, *seen.findings)) if missing else seen
    except Exception as error:  # whatever it is, a monitor has to hear of it; a foreign text may quote anybody
        return Finding(level=Level.STOPPED, what="cannot be told", text=str(tellable(error)))


def _list_missing_workers(connections: Connections) -> list[Finding]:
    """What is wrong where runs work in workers and there is none."""
    if not has_workers() or count_slots(connections.warehouse.url):
        return []
    text = "None lives, so no run can begin: start `commerce-pipelines worker` (docs/scale.md)."
    return [Finding(level=Level.STOPPED, what="workers", text=text)]


def build_report(seen: Health | Finding) -> tuple[int, dict[str, Any]]:
    """(exit code, the report as JSON has it)."""
    if isinstance(seen, Finding):
        return CANNOT_TELL, {"status": "stopped", "findings": [msgspec.to_builtins(seen)]}
    status = ("fine", "late", "stopped")[seen.exit_code]
    figures = msgspec.to_builtins(msgspec.structs.replace(seen, limits=(), findings=()))
    for empty in ("limits", "findings"):
        figures.pop(empty)
    findings = [msgspec.to_builtins(finding) for finding in seen.findings]
    return seen.exit_code, {"status": status, "findings": findings, "figures": figures}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="one JSON object: status, findings, figures")
def health(as_json: bool) -> None:
    """Tell a monitor how everything is doing, from the database alone.

    Exit code 0: fine. 1: something waits too long; a line for each says what to do. 2: nothing runs, or it cannot be
    told, such as without the database.
    """
    code, report = build_report(tell_health())
    if as_json:
        say(msgspec.json.encode(report).decode())
        sys.exit(code)
    for finding in report["findings"]:
        say(f"{finding['level']}: {finding['what']}: {finding['text']}")
    if not report["findings"]:
        say("Everything goes on; nothing waits too long.")
    sys.exit(code)
