"""What a contender costs: CPU-seconds of its process, CPU-seconds of PostgreSQL, peak memory.

What belongs here: the clocks, and running a contender in a fresh process. What does not: what is compared (extract.py
and the other benchmarks).

CPU time, not wall time, because other work on the machine changes the latter. A contender's figure is user and system
time of its own process and children, without imports and the creation of tables. PostgreSQL's time is shown beside it
and counts for no contender.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from commerce_pipelines.warehouse.server.server import libpq_url

# Some environments set these for an emulated processor. They make numpy slow, which would be unfair to the baselines.
_SLOW = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Cost(msgspec.Struct, kw_only=True):
    """What one turn cost. orders: how many were done. seconds: CPU. server_seconds: CPU of PostgreSQL. peak: bytes of
    resident memory."""

    orders: int = 0
    seconds: float = 0.0
    server_seconds: float = 0.0
    peak: int = 0
    rows: dict[str, int] = {}

    @property
    def rate(self) -> float:
        """Orders per CPU-second."""
        return self.orders / self.seconds


@contextmanager
def measured(database: str = "") -> Iterator[Cost]:
    """Fills in the CPU time of the block, and the process's peak memory at its end. database: its URL, or ''."""
    cost, postmaster = Cost(), _find_postmaster(database) if database else 0
    before, server = cpu_seconds(), server_seconds(postmaster)
    yield cost
    cost.seconds, cost.server_seconds = cpu_seconds() - before, server_seconds(postmaster) - server
    cost.peak = peak_memory()


def contender(module: str, *arguments: Any) -> Cost:
    """Run `python -m module arguments…` in a new process; the last line of its output is its Cost."""
    environment = {name: value for name, value in os.environ.items() if name not in _SLOW}
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"{module} failed with exit code {done.returncode}; what it said stands above.")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Cost)


def report(cost: Cost) -> None:
    """Print a Cost as the last line of a contender."""
    print(msgspec.json.encode(cost).decode())


def cpu_seconds() -> float:
    """User and system time of this process and its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _find_postmaster(database: str) -> int:
    """The main process of the PostgreSQL on this machine that serves a database: the parent of any backend of it."""
    import psutil
    import psycopg2

    with closing(psycopg2.connect(libpq_url(database))) as connection:
        return int(psutil.Process(connection.get_backend_pid()).ppid())


def server_seconds(postmaster: int) -> float:
    """The same of a PostgreSQL server: its main process, the backends that have ended and those that live."""
    if not postmaster:
        return 0.0
    import psutil

    main = psutil.Process(postmaster)
    times = main.cpu_times()
    total = times.user + times.system + times.children_user + times.children_system
    for backend in main.children():
        try:
            of = backend.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += of.user + of.system
    return total


def peak_memory() -> int:
    """Peak resident memory in bytes. On Linux from /proc: ru_maxrss also counts what the parent process held before it
    started this program."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
