"""The demo as `make demo` runs it, in a process and a folder of its own, for benchmarks of what takes how long there.

What belongs here: starting it, its end, and how its times come back. What does not: what happens in it
(stock_change.py, delivery_told.py).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec


class Times(msgspec.Struct):
    """The last line of the demo: seconds by change and channel."""

    seconds: list[dict[str, float]]


def run_demo(module: str, count: int, tell: Callable[[str], None]) -> list[dict[str, float]]:
    """Run `python -m module count port` in a folder of its own, which is removed afterwards. Its last line is Times."""
    with tempfile.TemporaryDirectory(prefix="commerce-bench-") as folder:
        command = [sys.executable, "-m", module, str(count), str(_find_free_port())]
        paths = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", ""))))
        demo = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            command, cwd=folder, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True
        )
        line = ""
        try:
            assert demo.stdout is not None
            for line in demo.stdout:
                tell(line.strip())
            if demo.wait():
                raise SystemExit("The demo did not get to its end; what it said stands above.")
        finally:
            with suppress(ProcessLookupError):
                demo.send_signal(signal.SIGTERM)
            demo.wait()
        return msgspec.json.decode(line, type=Times).seconds


@contextmanager
def open_demo(port: int, change: Callable[[Path], None] = lambda path: None) -> Iterator[tuple[Any, Any]]:
    """(world, connections) of the demo in the working directory, once Dagster has dealt with every order so far.
    change: takes the path of its settings before they are read."""
    from commerce_pipelines.cli.dev import ending_cleanly
    from commerce_sandbox import demo

    os.environ.pop("COMMERCE_DATABASE_URL", None)
    root = Path.cwd() / "demo"
    with ending_cleanly(), demo.prepared(root) as world:
        change(root / "commerce.yaml")
        with demo.caught_up(world, root, port) as (connections, _):
            yield world, connections


def describe_load() -> str:
    return f"load of the machine {os.getloadavg()[0]:.1f}, of {os.cpu_count()} cores"


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
