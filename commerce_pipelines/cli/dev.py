"""Running Dagster on one machine: its home folder, its processes, and leaving nothing behind.

What belongs here: starting and stopping `dagster dev` as a child. What does not: settings, the demo's marketplaces.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path

from ..core.errors import SettingsError
from ..warehouse.server.server import database_url, stop_database

PATIENCE = 20.0  # seconds that Dagster's processes get to end by themselves


def dagster_home(root: Path) -> Path:
    """`<root>/.commerce/dagster` holding the instance's dagster.yaml and workspace.yaml; written anew each time."""
    home = root / ".commerce" / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    package = resources.files("commerce_pipelines") / "instance"
    for name in ("dagster.yaml", "workspace.yaml"):
        (home / name).write_text((package / name).read_text(encoding="utf-8"), encoding="utf-8")
    return home


def run_dagster(
    root: Path, host: str, port: int, environ: Mapping[str, str], *, quiet: bool = False
) -> subprocess.Popen[bytes]:
    """`dagster dev` for the project at `root`, in a process group of its own; `quiet` logs to <root>/dagster.log.

    Raises SettingsError for a taken port.
    """
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} on {host} is taken: stop what runs there, or choose another with --port."
                if error.errno == errno.EADDRINUSE
                else f"{host}:{port} cannot be listened on ({error.strerror}): choose others with --host and --port."
            ) from None
    home = dagster_home(root)
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(home / "workspace.yaml"), "-h", host, "-p", str(port)]
    with open(root / "dagster.log", "ab") if quiet else contextlib.nullcontext() as log:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            command,
            cwd=root,
            env={**environ, "DAGSTER_HOME": str(home)},
            start_new_session=True,
            stdout=log,
            stderr=log,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: ask, ask firmly, then kill. Waits for each."""
    for sign, patience in ((signal.SIGINT, PATIENCE), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def end_dead_runs(root: Path, environ: Mapping[str, str]) -> None:
    """Runs whose processes are gone are reported as ended, so that they hold up no run to come (resources/run_life.py).

    A command of its own where there are any: it imports Dagster, which this process does without.
    """
    import psycopg2

    from ..resources.run_life import unfinished_runs

    with contextlib.suppress(psycopg2.Error):  # without a database nothing is known, and Dagster will say so
        if unfinished_runs(database_url(environ, root)):
            command = [sys.executable, "-m", "commerce_pipelines.cli.main", "end-dead-runs"]
            home = {**environ, "DAGSTER_HOME": str(dagster_home(root))}
            subprocess.run(command, cwd=root, env=home, check=False)  # noqa: S603 - our own interpreter and arguments


def serve(root: Path, host: str, port: int, beside: contextlib.AbstractContextManager[object]) -> int:
    """Run until Ctrl-C or the end of Dagster; afterwards neither Dagster nor an embedded database is left.

    beside: what else shall be at work for as long."""
    process = None
    try:
        with ending_cleanly():
            try:
                with beside:
                    end_dead_runs(root, os.environ)
                    process = run_dagster(root, host, port, os.environ)
                    return process.wait()
            finally:
                if process is not None:
                    stop(process)
                    end_dead_runs(root, os.environ)
                stop_database(root)
    except KeyboardInterrupt:
        return 0


@contextlib.contextmanager
def ending_cleanly() -> Iterator[None]:
    """SIGTERM and a closed terminal end us the way Ctrl-C does, so that they leave nothing behind either.

    Once it has come, the next ones are ignored: what cleans up must not be interrupted.
    """
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(*_: object) -> None:
        for sign in signals:
            signal.signal(sign, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {sign: signal.signal(sign, interrupt) for sign in signals}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
