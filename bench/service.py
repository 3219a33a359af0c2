"""`commerce-pipelines dev` as a process of its own, in a folder of its own, between the stand-ins of the demo.

What belongs here: starting and ending it, finding its processes, what they use. What does not: what is measured
(nemesis.py, living_system.py).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from commerce_sandbox.world import World, running

from .figures import Skipped

READY_SECONDS = 300.0
# By what a process of `dev` is recognised in its command line.
COMMANDS = {
    "daemon": "commerce_pipelines.cli.daemon",
    "code server": "api grpc",
    "webserver": "commerce_pipelines.cli.webserver",
    "PostgreSQL": "/postgres",
}


class Dev:
    """`commerce-pipelines dev` as a process of its own, which is started again whenever it ends."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "dev.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "commerce_pipelines.cli.main", "dev", "--port", str(self.port)]
        with self.log.open("ab") as log:
            return subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)  # noqa: S603 - our own

    def end(self, sign: signal.Signals) -> None:
        self.process.send_signal(sign)
        self.process.wait(timeout=60)

    def wait_until(self, done: Callable[[], bool]) -> None:
        """Raises Skipped, with the end of its log, for a `dev` that does not begin to work."""
        deadline = time.monotonic() + READY_SECONDS
        while not done():
            if time.monotonic() > deadline:
                lines = self.log.read_text(errors="replace").splitlines()[-12:]
                raise Skipped("dev did not begin to work:\n" + "\n".join(lines))
            time.sleep(0.5)

    def find(self, command: str) -> list[int]:
        """Processes that work in this folder and whose command line holds `command`. That of the database goes on after
        `dev` has ended."""
        processes = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if command in line and Path(os.readlink(entry / "cwd")).is_relative_to(self.folder):
                        processes.append(int(entry.name))
        return processes

    def find_warm(self) -> set[int]:
        """The warm process that runs are forked from, which the daemon started, and its helper."""
        daemons = set(self.find(COMMANDS["daemon"]))
        return {pid for daemon in daemons for pid in list_children().get(daemon, [])} - daemons

    def find_runs(self) -> list[int]:
        """Processes of runs: forked from the warm process."""
        return sorted(list_descendants(self.find_warm()))


@contextmanager
def open_world() -> Iterator[tuple[World, Path]]:
    """The demo's world and settings in a folder of its own, nobody's database but its own."""
    with tempfile.TemporaryDirectory(prefix="commerce-bench-") as name, running() as world:
        folder = Path(name).resolve()
        os.environ.pop("COMMERCE_DATABASE_URL", None)
        os.environ.update(world.environment(folder))
        os.environ["PYTHONPATH"] = os.pathsep.join(
            filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")))
        )
        settings = world.settings().replace("poll_seconds: 15", "poll_seconds: 10")
        (folder / "commerce.yaml").write_text(settings, encoding="utf-8")
        (folder / "dagster.yaml").symlink_to(Path(__file__).parents[1] / "dagster.yaml")
        os.chdir(folder)
        yield world, folder


def read_database_size(folder: Path) -> float:
    """MB of the embedded database's files."""
    return sum(file.stat().st_size for file in (folder / ".commerce" / "postgres").rglob("*") if file.is_file()) / 1e6


def list_children() -> dict[int, list[int]]:
    """The processes of this machine by their parent."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    return children


def list_descendants(pids: set[int]) -> set[int]:
    """All processes below these."""
    children = list_children()
    below: set[int] = set()
    queue = list(pids)
    while queue:
        for child in children.get(queue.pop(), []):
            if child not in below:
                below.add(child)
                queue.append(child)
    return below
