"""The database that is used: the one of COMMERCE_DATABASE_URL, or an embedded PostgreSQL shared by all our processes.

What belongs here: finding the server, starting it once for all processes, keeping it while it is used. What does not:
making and starting a cluster (cluster.py), watching for its last user (keeper.py), tables (tables/database.py).
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol
from urllib.parse import parse_qs, quote

from ...core.errors import SettingsError
from ...core.urls import LOOPBACK
from . import cluster, keeper

GRACE_SECONDS = 20.0  # how long the server runs on without users, so that several commands in a row start it once
START_SECONDS = 60.0  # how long a server may take to answer, recovery included
# The role that owns its database and is no superuser, so that our SQL can neither read files nor start programs. Its
# name differs from our schema's, because PostgreSQL would otherwise search that schema before `public`, where Dagster's
# tables are.
ROLE = "commerce_pipelines"
SCHEMES = ("postgresql+psycopg2", "postgresql", "postgres")

_held: dict[Path, int] = {}  # folders whose server this process uses -> the descriptor that holds the shared lock
_answered: dict[Path, int] = {}  # folders -> the process of the server that has answered this process
_guard = threading.RLock()


class SupportsFileno(Protocol):
    """A connection of the driver; a small import matters here."""

    def fileno(self) -> int: ...


def database_url(environ: Mapping[str, str] = os.environ, root: Path | None = None) -> str:
    """URL of the database with the scheme `postgresql+psycopg2`, for SQLAlchemy; see `libpq_url` for libpq.

    Without COMMERCE_DATABASE_URL a server embedded in `<root>/.commerce` (default: the working directory) is started
    if it does not run, and kept for as long as this process lives. Raises SettingsError.
    """
    url = environ.get("COMMERCE_DATABASE_URL", "").strip()
    if not url:
        return _serve_embedded(_find_folder(root))
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES:
        raise SettingsError("COMMERCE_DATABASE_URL must look like postgresql://user:password@host:5432/database.")
    _refuse_open_line(rest)
    return f"postgresql+psycopg2://{rest}"


def _refuse_open_line(rest: str) -> None:
    """Raises SettingsError for a server elsewhere that is reached without a verified certificate: keys, tokens and
    buyers would travel in the clear, or to anybody who takes the server's place."""
    place, _, query = rest.partition("?")
    asked = parse_qs(query)
    listed = [place.partition("/")[0].rpartition("@")[2], *asked.get("host", ()), *asked.get("hostaddr", ())]
    # libpq takes several servers, each with its port: `a:5432,[::1]:5433`.
    hosts = {re.sub(r"^\[(.*)\](:\d*)?$|:\d*$", r"\1", host) for value in listed for host in value.split(",")}
    away = {host for host in hosts if host and not host.startswith("/") and host not in LOOPBACK}
    if away and asked.get("sslmode") != ["verify-full"]:
        raise SettingsError(
            f"COMMERCE_DATABASE_URL leads to {', '.join(sorted(away))} without a verified certificate: add "
            "?sslmode=verify-full (and &sslrootcert=FILE for an authority of your own)."
        )


def libpq_url(url: str) -> str:
    """The same URL for psycopg2 itself, which does not know SQLAlchemy's drivers."""
    return url.replace("postgresql+psycopg2://", "postgresql://", 1)


def is_ended(connection: SupportsFileno) -> bool:
    """Whether the server has ended an idle connection: only then is there anything to read from it. Asking the socket
    costs a thirtieth of asking the server."""
    poll = select.poll()  # not select.select, which takes no file numbers beyond 1023
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def stop_database(root: Path | None = None) -> None:
    """Stop the embedded server of `<root>/.commerce` at once, even if it is used."""
    folder = _find_folder(root)
    if not folder.is_dir():
        return
    with _lock_start(folder):
        keeper.stop(folder / "postgres")
        with _guard:
            if (descriptor := _held.pop(folder, None)) is not None:
                os.close(descriptor)
        with open(folder / "postgres.keeper", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # granted when the keeper has noticed and ended


def _find_folder(root: Path | None) -> Path:
    return (root or Path.cwd()).resolve() / ".commerce"


def make_private(folder: Path) -> None:
    """The folder, for its owner's eyes alone. PostgreSQL's own account may pass through it (cluster.py)."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    passing = folder.stat().st_mode & stat.S_IXOTH
    folder.chmod(0o700 | passing)


def _serve_embedded(folder: Path) -> str:
    data = folder / "postgres"
    url = f"postgresql+psycopg2://{ROLE}@/commerce?host={quote(str(cluster.socket_folder(data)))}"
    try:
        make_private(folder)
        with _lock_start(folder):
            _lock_use(folder)
            with _hold_interrupt():
                # A server that runs and has answered once is not asked again: that would cost a session each time.
                running = keeper.postmaster(data)
                if running is None or _answered.get(folder) != running:
                    if not _is_answering(url):
                        _start_server(data, folder / "postgres.log", url)
                    _record_answer(folder, keeper.postmaster(data))
                _watch(folder)
    except OSError as error:
        raise SettingsError(
            f"The embedded database in {folder} cannot be used ({error.strerror}); "
            "make the folder writable, or set COMMERCE_DATABASE_URL."
        ) from None
    return url


def _record_answer(folder: Path, pid: int | None) -> None:
    if pid is not None:
        _answered[folder] = pid


@contextmanager
def _lock_start(folder: Path) -> Iterator[None]:
    """One starter at a time, among threads and processes; the lock of a killed starter is released by the kernel."""
    with _guard, open(folder / "postgres.start", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _hold_interrupt() -> Iterator[None]:
    """Ctrl-C counts when the block is done: a server that starts and has no keeper yet would be left running."""
    came: list[tuple[int, FrameType | None]] = []
    before = {sign: signal.getsignal(sign) for sign in (signal.SIGINT, signal.SIGTERM)}
    handlers = {sign: handler for sign, handler in before.items() if callable(handler)}
    if threading.current_thread() is not threading.main_thread():  # which alone sets handlers, and is interrupted
        handlers = {}
    for sign in handlers:
        signal.signal(sign, lambda *arguments: came.append(arguments))
    try:
        yield
    finally:
        for sign, handler in handlers.items():
            signal.signal(sign, handler)
        for number, frame in came[:1]:
            handlers[signal.Signals(number)](number, frame)


def _lock_use(folder: Path) -> None:
    """Take the shared lock that keeps the server running; waits while the keeper is stopping it."""
    if folder not in _held:
        descriptor = os.open(folder / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _held[folder] = descriptor


def _start_server(data: Path, log: Path, url: str) -> None:
    import psycopg2

    if not (data / "PG_VERSION").exists():
        cluster.create(data)
    home = url.replace(f"://{ROLE}@/commerce?", "://postgres@/postgres?")
    if not _is_settled(data, home):
        # Files of a killed server; the process id in them may belong to another process or a zombie by now.
        for left in (data / "postmaster.pid", cluster.socket_folder(data) / f"{cluster.SOCKET}.lock"):
            left.unlink(missing_ok=True)
        cluster.start(data, log)
    with closing(psycopg2.connect(libpq_url(home), connect_timeout=60)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", (ROLE,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE ROLE {ROLE} LOGIN")
            cursor.execute("SELECT FROM pg_database WHERE datname = 'commerce'")
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE commerce OWNER {ROLE}")
            cursor.execute(f"GRANT pg_checkpoint TO {ROLE}")  # an erasure ends with both
    inside = url.replace(f"://{ROLE}@/commerce?", "://postgres@/commerce?")
    with closing(psycopg2.connect(libpq_url(inside), connect_timeout=60)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {ROLE}")


def _is_settled(data: Path, url: str) -> bool:
    """Whether a server runs and answers; waits for one that is starting or stopping."""
    deadline = time.monotonic() + START_SECONDS
    while keeper.postmaster(data) is not None:
        if _is_answering(url):
            return True
        if time.monotonic() > deadline:
            raise SettingsError(
                f"The PostgreSQL in {data} runs but does not answer: look at .commerce/postgres.log and end it, "
                "or set COMMERCE_DATABASE_URL."
            )
        time.sleep(0.05)
    return False


def _is_answering(url: str) -> bool:
    import psycopg2

    try:
        psycopg2.connect(libpq_url(url), connect_timeout=60).close()
    except psycopg2.OperationalError:
        return False
    return True


def _watch(folder: Path) -> None:
    """Make sure that a keeper watches the server. The keeper inherits its lock and so holds it before it runs."""
    with open(folder / "postgres.keeper", "a") as lock:
        if not keeper.lock(lock.fileno()):
            return
        subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", "-S", keeper.__file__, str(folder), str(GRACE_SECONDS), str(lock.fileno())],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, pass_fds=[lock.fileno()], cwd="/", env=cluster.environment(),
        )  # fmt: skip
