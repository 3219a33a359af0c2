"""Dagster's own processes while nothing happens: they look less often, and load again only what has changed.

Left alone, the daemon reads all definitions from the code server again each minute, which is half of what it does;
each service asks every second whether that server is another one; and every second the daemon reads all runs at work
before it looks whether another one waits.

What belongs here: watching the code server, reading its definitions, looking at the queue. What does not: sensors'
ticks (tick_gate.py), the intervals of the daemon's loops (cli/daemon.py), what the storage is asked (run_history.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..core.errors import CommerceError
from ..warehouse.server.server import database_url
from .dagster_internals import WorkspaceProcessContext, import_queue_daemon, server_watcher
from .run_life import open_storage

WATCH_SECONDS = 5  # after a restart of the code server, as for new settings, the services go on with it so much later
WATCH_FAILURES = 2  # in a row, until the code server counts as away: ten seconds, as in Dagster's own rhythm


def watch_calmly() -> None:
    """Ask the code server seldom who it is; for the daemon and the webserver."""
    server_watcher.WATCH_INTERVAL = WATCH_SECONDS
    server_watcher.MAX_RECONNECT_ATTEMPTS = WATCH_FAILURES


def rest_while_no_run_is_queued() -> None:
    """Let the daemon look each second at the queue alone, and at running runs and pools only where a run waits in it.
    Again changes nothing."""
    daemon = import_queue_daemon()
    if not hasattr(daemon.run_iteration, "wraps"):
        daemon.run_iteration = wrap_queue(daemon.run_iteration)


def wrap_queue(look: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    def look_where_runs_wait(*values: Any, **named: Any) -> Iterator[Any]:
        if _is_queue_filled():
            yield from look(*values, **named)

    look_where_runs_wait.wraps = look  # type: ignore[attr-defined]
    return look_where_runs_wait


def _is_queue_filled() -> bool:
    """Also where that cannot be said: Dagster's own way tells why."""
    try:
        with open_storage(database_url()) as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM runs WHERE status = 'QUEUED')")
            return cursor.fetchone() != (False,)
    except CommerceError:
        return True


def keep_definitions() -> None:
    """Let the daemon read the definitions only from a code server that is another one than before. Again changes
    nothing."""
    refresh = WorkspaceProcessContext.refresh_workspace
    if not hasattr(refresh, "wraps"):
        WorkspaceProcessContext.refresh_workspace = wrap(refresh)  # type: ignore[method-assign,assignment]


def wrap(refresh: Callable[[Any], None]) -> Callable[[Any], None]:
    def refresh_what_changed(workspace: Any) -> None:
        if not all(_is_current(entry) for entry in workspace.get_current_workspace().code_location_entries.values()):
            refresh(workspace)

    refresh_what_changed.wraps = refresh  # type: ignore[attr-defined]
    return refresh_what_changed


def _is_current(entry: Any) -> bool:
    """Whether the location was loaded without an error from the code server that answers now."""
    location = entry.code_location
    if entry.load_error is not None or location is None or not hasattr(location, "client"):
        return False
    try:
        return bool(location.client.get_server_id() == location.server_id)
    except Exception:  # it is away: Dagster's own way tells that
        return False
