"""Ctrl-C at any moment of a command: exit code 130, no traceback, and no process that goes on.

Each test sends the signal at a moment that it can tell: when a module is imported, when a server has got a request and
is silent, when the work is done. The commands run in a session of their own, as a terminal's foreground group does.
"""

from __future__ import annotations

import base64
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from commerce_pipelines.warehouse.server.server import stop_database
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY

# Runs the command; Ctrl-C comes when the module of the first argument is imported, or `at the end`.
AT = """
import atexit, os, signal, sys
moment = sys.argv.pop(1)
def press(): os.kill(os.getpid(), signal.SIGINT)
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == moment: sys.meta_path.remove(self); press()
sys.meta_path.insert(0, Finder())
if moment == "at the end": atexit.register(press)
from commerce_pipelines.cli.__main__ import run
run()
"""


@pytest.fixture
def folder(tmp_path: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMMERCE_MASTER_KEY", base64.urlsafe_b64encode(MASTER_KEY).decode())
    monkeypatch.setenv("COMMERCE_DATABASE_URL", warehouse.url)
    for name in ("ODOO_PASSWORD", "ID", "SECRET"):
        monkeypatch.setenv(name, "x")
    return tmp_path


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def write_settings(folder: Path, port: int) -> None:
    settings = {
        "odoo": {
            "url": f"http://127.0.0.1:{port}", "database": "x", "username": "x", "password": {"env": "ODOO_PASSWORD"},
        },
        "channels": [
            {
                "name": "shop_de", "kind": "shopify", "shop": "demo.myshopify.com",
                "endpoint": f"http://127.0.0.1:{port}", "start_date": "2025-01-01",
                "credentials": {"client_id": {"env": "ID"}, "client_secret": {"env": "SECRET"}},
            }
        ],
    }  # fmt: skip
    (folder / "commerce.yaml").write_text(yaml.safe_dump(settings))


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *command], cwd=folder, start_new_session=True, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def check_interrupted(process: subprocess.Popen[str]) -> None:
    """Its output is complete only when every process that inherited it has ended."""
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors, errors
    assert "Exception ignored" not in errors, errors
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.parametrize(
    "moment",
    ["commerce_pipelines.cli.main", "click", "commerce_pipelines.settings.file", "commerce_pipelines.cli.check",
     "psycopg2", "at the end"],
)  # fmt: skip
def test_while_modules_are_imported_and_when_the_work_is_done(folder: Path, moment: str) -> None:
    (folder / "commerce.yaml").write_text("odoo: {}\n")
    write_settings(folder, 9)
    command = ("check",) if moment != "at the end" else ("--version",)
    check_interrupted(start(folder, "-c", AT, moment, *command))


@pytest.mark.parametrize(
    "command",
    [("check",), ("report",), ("plan", "shop_de"), ("pull", "shop_de", "1"), ("dev", "--port", "9")],
    ids=lambda command: command[0],
)
def test_while_a_server_is_silent(folder: Path, silent: socket.socket, command: tuple[str, ...]) -> None:
    write_settings(folder, silent.getsockname()[1])
    process = start(folder, "-m", "commerce_pipelines.cli", *command)
    connection, _ = silent.accept()
    with connection:
        assert connection.recv(1)
        os.killpg(process.pid, signal.SIGINT)
        check_interrupted(process)


def test_a_signal_that_the_waiting_thread_does_not_see(folder: Path, silent: socket.socket) -> None:
    """As one that comes in the instant before the wait: Python knows of it, and nothing breaks the wait up."""
    write_settings(folder, silent.getsockname()[1])
    code = (
        "import signal\n"
        "from commerce_pipelines.cli import __main__ as entry\n"
        "watch = entry._watch_for_interrupts\n"
        "def watch_alone():\n"
        "    watch()\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})\n"
        "entry._watch_for_interrupts = watch_alone\n"
        "entry.run()\n"
    )
    process = start(folder, "-c", code, "check")
    connection, _ = silent.accept()
    with connection:
        assert connection.recv(1)
        os.killpg(process.pid, signal.SIGINT)
        check_interrupted(process)


def test_while_a_prompt_waits(folder: Path) -> None:
    process = start(folder, "-m", "commerce_pipelines.cli", "init")
    assert process.stdout is not None
    assert process.stdout.read(len("URL of Odoo")) == "URL of Odoo"
    os.killpg(process.pid, signal.SIGINT)
    check_interrupted(process)


def test_a_prompt_that_nobody_answers_is_no_interruption(folder: Path) -> None:
    process = start(folder, "-m", "commerce_pipelines.cli", "init")
    _, errors = process.communicate(timeout=900)
    assert (process.returncode, "Aborted" in errors, "Traceback" in errors) == (1, True, False)


def test_an_embedded_database_that_was_just_started_has_its_keeper(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes when initdb runs: the server is made, its keeper watches it, and the command ends."""
    monkeypatch.delenv("COMMERCE_DATABASE_URL")
    code = AT.replace(
        "run()\n",
        "from commerce_pipelines.warehouse.server import cluster\n"
        "create = cluster.create\n"
        "cluster.create = lambda data: (press(), create(data))\n"
        "run()\n",
    )
    # Not below pytest's own folder, through which another session of pytest lets no other account pass.
    with tempfile.TemporaryDirectory(prefix="commerce-tests-", ignore_cleanup_errors=True) as place:
        root = Path(place)
        write_settings(root, 9)
        try:
            check_interrupted(start(root, "-c", code, "no module", "check"))
            with open(root / ".commerce" / "postgres.keeper") as lock, pytest.raises(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            stop_database(root)
