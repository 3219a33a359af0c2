"""Running Dagster on one machine: its home folder, its processes, and ending all of them.

What belongs here: the processes and looks of `dev`, its lock, what it prints. What does not: keeping processes running
(supervisor.py), settings, the demo's marketplaces.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..core.errors import CommerceError, SettingsError, TransientError
from ..core.groups import attribute_of, location_of
from ..resources.slots import START_SECONDS, has_workers
from ..warehouse.server.server import database_url, make_private, stop_database
from .part import CODE_SOCKET
from .supervisor import Look, Part, Supervisor, cut_log
from .terminal import logs_json, say

if TYPE_CHECKING:
    from ..settings.file import Settings

CODE, WEBSERVER, DAEMON = "Dagster's code server", "Dagster's webserver", "Dagster's daemon"
RECEIVER, METRICS = "The receiver of messages", "The server of metrics"
EXTRAS = {RECEIVER: ("commerce_pipelines.cli.receive",), METRICS: ("--yield", "commerce_pipelines.cli.metrics")}
LEAST_FREE_BYTES = 500_000_000  # with less, PostgreSQL will soon refuse to write, and in the end to start
DEAD_SECONDS = 10.0  # a run without its lock for so long is dead; a living run may lose its connection for a moment

Tell = Callable[[str, str], None]


def dagster_home(root: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """`<root>/.commerce/dagster` with the instance's dagster.yaml and workspace.yaml, written anew each time."""
    home = root / ".commerce" / "dagster"
    make_private(home.parent)
    make_private(home)
    package = resources.files("commerce_pipelines") / "instance"
    instance = package / "scaled" if has_workers(environ) else package
    for source in (instance / "dagster.yaml", package / "workspace.yaml"):
        (home / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    return home


class Ui(NamedTuple):
    """The address of the UI. token: what a browser has to know; None admits everybody. proxies: under which a proxy
    reaches the UI, as `name` or `name:port`."""

    host: str
    port: int
    token: str | None = None
    proxies: Sequence[str] = ()


class Services:
    """Code servers, webserver and daemon of the project at `root`, and those of EXTRAS that `extras` names, supervised
    by a thread while this context is open.

    log: a file for their output, else they write to the terminal. tell: is called, besides the terminal, when something
    stopped or came back. stops_database: the embedded database ends with them. looks: further things to look after.
    """

    def __init__(
        self, root: Path, ui: Ui, *, log: Path | None = None, stops_database: bool = True,
        tell: Tell = lambda subject, text: None, looks: Sequence[Look] = (), extras: Collection[str] = (),
    ) -> None:  # fmt: skip
        self._root, self._host, self._port = root, ui.host, ui.port
        self._environ, self._log, self._tell_people = dict(os.environ), log, tell
        self._stops_database, self._more_looks, self._extras = stops_database, looks, extras
        self._environ |= {"COMMERCE_UI_TOKEN": ui.token or "", "COMMERCE_UI_HOSTS": ",".join(ui.proxies)}
        self._unlocked: dict[str, float] = {}
        self._settings_seen: float | None = None
        self._groups: tuple[str, ...] = ()
        self._cleanup = contextlib.ExitStack()
        self.supervisor: Supervisor | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Services:
        """Raises SettingsError for a port that is in use, and for a folder in which `dev` already runs."""
        with contextlib.ExitStack() as cleanup:
            cleanup.enter_context(only_one(self._root, self._host, self._port))
            _check_port(self._host, self._port)
            home = dagster_home(self._root, self._environ)
            sockets = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="commerce-")))
            self._environ |= {"DAGSTER_HOME": str(home)}
            with contextlib.suppress(SettingsError):  # which the code server tells, with each of its starts
                self._groups = self._load_settings().groups
            end_dead_runs(self._root, self._environ)
            self.supervisor = Supervisor(
                self._list_parts(sockets / "code"),
                self._list_looks(sockets / "code"),
                folder=self._root,
                environ=self._environ,
                tell=self._tell,
                log=self._log,
            )
            self._thread = threading.Thread(target=self.supervisor.run, name="supervisor", daemon=True)
            self._thread.start()
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self.supervisor is not None and self._thread is not None:
            self.supervisor.ending.set()
            self._thread.join()
            end_dead_runs(self._root, self._environ)
            if self._stops_database:
                stop_database(self._root)
        self._cleanup.close()

    def alive(self) -> bool:
        """Whether the services are kept running."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self) -> None:
        """Wait until the supervisor ends by itself, which it does only for a fault of its own."""
        while self.alive():
            time.sleep(0.5)

    def _tell(self, subject: str, text: str) -> None:
        say(f"commerce-pipelines: {subject}: {text}", err=True)
        threading.Thread(target=self._tell_people, args=(subject, text), daemon=True).start()

    def _list_parts(self, code_socket: Path) -> list[Part]:
        """The parts for the groups of channels that there are now, whose sockets are named in the environment."""
        sockets = list_sockets(code_socket, self._groups)
        self._environ[CODE_SOCKET] = os.pathsep.join(map(str, sockets.values()))
        return parts(Path(self._environ["DAGSTER_HOME"]), sockets, self._host, self._port, self._extras)

    def _list_looks(self, code_socket: Path) -> list[Look]:
        return [
            Look("The database", 5.0, self._look_at_database),
            Look("The disk", 60.0, lambda: look_at_disk(self._root)),
            Look("Looking for dead runs", 5.0, self._look_for_dead_runs),
            Look("commerce.yaml", 2.0, lambda: self._look_at_settings(code_socket)),
            Look("The database's log", 60.0, lambda: cut_log(self._root / ".commerce" / "postgres.log")),
            *self._more_looks,
        ]

    def _look_at_database(self) -> None:
        """Start the embedded server again if it ended. Raises TransientError if a server of your own is away."""
        from ..resources.run_life import open_storage

        embedded = not self._environ.get("COMMERCE_DATABASE_URL", "").strip()
        if embedded and not server_runs(self._root):
            database_url(self._environ, self._root)
            self._tell("The database ended", "The embedded PostgreSQL was gone; it has been started again.")
        try:
            with open_storage(database_url(self._environ, self._root)) as cursor:
                cursor.execute("SELECT 1")
        except CommerceError:
            raise TransientError("PostgreSQL does not answer; nothing is read or written until it does.") from None

    def _look_for_dead_runs(self) -> None:
        """End runs whose processes are gone, even if the daemon that should notice is dead."""
        from ..resources.run_life import dead_runs

        assert self.supervisor is not None  # noqa: S101 - narrows the type
        now, age = time.monotonic(), _wait_for_start(self._environ, self.supervisor.age(DAEMON))
        dead = dead_runs(database_url(self._environ, self._root), age)
        self._unlocked = {run_id: self._unlocked.get(run_id, now) for run_id in dead}
        if any(now - since >= DEAD_SECONDS for since in self._unlocked.values()):
            end_dead_runs(self._root, self._environ, age)

    def _load_settings(self) -> Settings:
        from ..settings import file as settings_file

        return settings_file.load(self._root / settings_file.config_path(self._environ), self._environ)

    def _look_at_settings(self, code_socket: Path) -> None:
        """Load changed settings into the code servers. Other groups of channels are other code servers, which daemon
        and webserver find only at their start, so that all parts are started again. Raises SettingsError for wrong
        settings; the old ones stay in use."""
        from ..settings import file as settings_file

        changed = (self._root / settings_file.config_path(self._environ)).stat().st_mtime
        if self._settings_seen is None:
            self._settings_seen = changed
        if changed != self._settings_seen:
            before, self._groups = self._groups, self._load_settings().groups
            self._settings_seen = changed
            assert self.supervisor is not None  # noqa: S101 - narrows the type
            if set(before) != set(self._groups):
                self.supervisor.rearrange(self._list_parts(code_socket), self._environ)
            else:
                for part in (*map(name_code, ("", *self._groups)), *self._extras):
                    self.supervisor.restart(part)
            say("commerce-pipelines: commerce.yaml changed and is in use.", err=True)


def name_code(group: str) -> str:
    """The part that serves the code location of a group of channels; '': of those without a group."""
    return f"{CODE} of the group {group}" if group else CODE


def list_sockets(code_socket: Path, groups: Sequence[str]) -> dict[str, Path]:
    """Where each code server listens, by its group; that of channels without a group is the first."""
    return {"": code_socket} | {group: Path(f"{code_socket}{at}") for at, group in enumerate(groups, start=1)}


def parts(home: Path, sockets: Mapping[str, Path], host: str, port: int, extras: Collection[str] = ()) -> list[Part]:
    """The processes of Dagster, and those of EXTRAS that are wanted. Each is a child of the supervisor, which so sees
    it die. sockets: of the code servers, by the group of channels that each serves.

    The webserver yields: after a restart all begin at once, and orders matter more than pages.
    """
    workspace = home / "services.yaml"
    servers = [
        {"grpc_server": {"socket": str(place), "location_name": location_of(group)}} for group, place in sockets.items()
    ]
    workspace.write_text(json.dumps({"load_from": servers}), encoding="utf-8")  # JSON is YAML
    run = (sys.executable, "-m", "commerce_pipelines.cli.part")
    code = (*run, "dagster", "api", "grpc", "-m", "commerce_pipelines.definitions")
    logs = ("--log-format", "json") if logs_json() else ()
    served = ("-w", str(workspace), "-h", host, "-p", str(port), *logs)

    def serve_code(group: str, place: Path) -> Part:
        where = ("-a", attribute_of(group), "--socket", str(place), "--location-name", location_of(group))
        return Part(name_code(group), (*code, *where, *logs))

    return [
        *(serve_code(group, place) for group, place in sockets.items()),
        Part(DAEMON, (*run, "commerce_pipelines.cli.daemon", "run", "-w", str(workspace), *logs)),
        Part(WEBSERVER, (*run, "--yield", "commerce_pipelines.cli.webserver", *served)),
        *(Part(name, (*run, *EXTRAS[name])) for name in EXTRAS if name in extras),
    ]


@contextlib.contextmanager
def only_one(root: Path, host: str, port: int) -> Iterator[None]:
    """Hold the folder's lock. Raises SettingsError with process id and address of the process that holds it."""
    folder = root / ".commerce"
    make_private(folder)
    with open(folder / "dev.lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            who = lock.read().strip() or "another process"
            raise SettingsError(f"Dagster runs here already ({who}): end it first, or use another folder.") from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}, http://{host}:{port}")
        lock.flush()
        yield
        lock.truncate(0)


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} on {host} is taken: stop what runs there, or choose another with --port."
                if error.errno == errno.EADDRINUSE
                else f"{host}:{port} cannot be listened on ({error.strerror}): choose others with --host and --port."
            ) from None


def look_at_disk(root: Path) -> None:
    """Raises TransientError where the disk is nearly full, because PostgreSQL stops when it is full and may not start
    again."""
    free = shutil.disk_usage(root).free
    if free < LEAST_FREE_BYTES:
        raise TransientError(f"Only {free // 1_000_000} MB are free on the disk of {root}: make room.")


def server_runs(root: Path) -> bool:
    """Whether the embedded PostgreSQL of the folder has a process."""
    from ..warehouse.server import keeper

    return keeper.postmaster(root / ".commerce" / "postgres") is not None


def end_dead_runs(root: Path, environ: Mapping[str, str], launched_before_seconds: float = 0.0) -> None:
    """Runs whose processes are gone are reported as ended, so that no later run waits for them (resources/run_life.py).

    If there are any, a command of its own ends them, because it imports Dagster, which this process does without.
    """
    from ..resources.run_life import dead_runs

    launched_before_seconds = _wait_for_start(environ, launched_before_seconds)
    with contextlib.suppress(CommerceError):  # without a database nothing is known, and Dagster will report that
        if dead_runs(database_url(environ, root), launched_before_seconds):
            command = [sys.executable, "-m", "commerce_pipelines.cli.main", "end-dead-runs"]
            command += ["--launched-before", str(launched_before_seconds)]
            home = {**environ, "DAGSTER_HOME": str(dagster_home(root, environ))}
            subprocess.run(command, cwd=root, env=home, check=False)  # noqa: S603 - our own interpreter and arguments


def _wait_for_start(environ: Mapping[str, str], seconds: float) -> float:
    """For how long a run may be starting before it counts as dead: one may be on its way to a worker."""
    return max(seconds, START_SECONDS) if has_workers(environ) else seconds


def serve(services: Services, url: str) -> int:
    """Run until Ctrl-C or SIGTERM; afterwards neither Dagster nor an embedded database runs.

    url: the address that a person is told to open. Returns 0 if it was asked to end, else 1, so that a service manager
    starts it again. Raises SettingsError if it cannot start at all.
    """
    try:
        with ending_cleanly(), services:
            say(f"commerce-pipelines: {url} (ready in half a minute); Ctrl-C ends everything.")
            services.wait()
    except KeyboardInterrupt:
        return 0
    return 1


def ui_token(root: Path) -> str:
    """What a browser has to know to use the UI. It is stored in the folder, so that a bookmark works the next time."""
    path = root / ".commerce" / "ui.token"
    make_private(path.parent)
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
    return path.read_text().strip()


@contextlib.contextmanager
def ending_cleanly() -> Iterator[None]:
    """SIGTERM and a closed terminal end the process in the same way as Ctrl-C, so that it cleans up too.

    Further signals are ignored then, because cleaning up must not be interrupted.
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
