"""A run proves that it is alive: its process holds an advisory lock named after the run for as long as it works.

PostgreSQL releases the lock when the process is gone, whatever ended it, so a free lock means a dead run, on whichever
machine it ran. Dagster itself counts a run as alive until its end is reported: a killed run would count for
`max_concurrent_runs` and keep its pool slots for ever.

What belongs here: the lock, the thread that keeps it and listens for the run's end, which runs are alive, ending the
dead. What does not: starting runs (run_launcher.py), how a run's steps wait (run_process.py).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..core.errors import CommerceError
from ..warehouse.server.server import is_ended, libpq_url

if TYPE_CHECKING:
    import dagster as dg
    from psycopg2.extensions import connection as Connection
    from psycopg2.extensions import cursor as Cursor

LOOK_SECONDS = 2.0  # how often a run checks whether it shall end, and whether it still holds its lock
TURN_SECONDS = 0.5  # how often a run that waits for a pool slot checks whether the slot is its own
RUN_END_SECONDS = 10.0  # how long a run that was asked to end may take before its process is killed
RETAKE_SECONDS = 10.0  # within this time, a living run whose connection broke has its lock again

_idle: dict[tuple[int, str], Connection] = {}  # by process, because a forked child must not use its parent's sockets

_NOTICE_LOSS = "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3"
_ENDING = ("CANCELING", "CANCELED", "FAILURE")  # Dagster's statuses in which a run's process has to stop
_IN_PROCESS = ("STARTING", "STARTED", "CANCELING")  # Dagster's statuses in which a run has a process


def lock_key(run_id: str) -> int:
    """The 64 bits that name the run's advisory lock, signed like PostgreSQL's bigint."""
    return int.from_bytes(hashlib.sha256(f"run {run_id}".encode()).digest()[:8], signed=True)


def held_locks(url: str) -> set[int]:
    """The keys of all 64-bit advisory locks that are held in this database, among them the lock of each living run.

    Raises TransientError where the database does not answer.
    """
    with open_storage(url) as cursor:
        cursor.execute(
            "SELECT classid::bigint << 32 | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return {key for (key,) in cursor.fetchall()}


@contextlib.contextmanager
def open_storage(url: str) -> Iterator[Cursor]:
    """A cursor on the database of Dagster's storage; each statement is a transaction. The connection is kept for the
    next caller of this process, because the service asks every few seconds.

    Raises TransientError where the database does not answer, SettingsError where it refuses us: the driver's own text
    quotes the URL, and would end up in the daemon's log.
    """
    import psycopg2

    connection = _take_idle(url)
    try:
        with connection.cursor() as cursor:
            yield cursor
    except BaseException as error:
        connection.close()
        if isinstance(error, psycopg2.Error):
            raise translate_error(error) from None
        raise
    if (surplus := _idle.pop((os.getpid(), url), None)) is not None:  # of a thread that asked at the same time
        surplus.close()
    _idle[os.getpid(), url] = connection


def _take_idle(url: str) -> Connection:
    """The connection that an earlier call left, unless the server has ended it, else a new one."""
    connection = _idle.pop((os.getpid(), url), None)
    if connection is not None:
        if not is_ended(connection):
            return connection
        connection.close()
    return _connect(url)


def _connect(url: str) -> Connection:
    import psycopg2

    try:
        connection = psycopg2.connect(
            libpq_url(url), keepalives_idle=15, keepalives_interval=5, keepalives_count=3, connect_timeout=10
        )
    except psycopg2.Error as error:
        raise translate_error(error) from None
    connection.autocommit = True
    return connection


def keep_connection(url: str) -> Connection:
    """A connection that holds a lock for as long as this process lives. Where its machine is lost, the server notices
    within half a minute instead of two hours. Raises what `open_storage` raises."""
    import psycopg2

    connection = _connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(_NOTICE_LOSS)
    except psycopg2.Error as error:
        connection.close()
        raise translate_error(error) from None
    return connection


def translate_error(error: Exception) -> CommerceError:
    from ..warehouse.tables import database  # imported late, because runs seldom need it

    return database.translate_error(error)


class RunLife:
    """Keeps one run's lock in the run's own process, and notices when the run is asked to end.

    A run is asked to end by a signal (the service stops) or by its status (somebody pressed Terminate, or the run was
    taken for dead and failed). In both cases `ending` is set at once and the main thread is interrupted; a process that
    still runs END_SECONDS later is killed. The next run finishes what it left unfinished, as after a crash.

    url: the database of Dagster's storage. Enter it in the main thread, which alone may listen for signals.
    """

    def __init__(self, url: str, run_id: str) -> None:
        self.ending = threading.Event()
        self.called_off = False  # whether it was the run's status that asked it to end
        self._url, self._run_id = url, run_id
        self._wake = threading.Event()  # set when the main thread need not wait any longer
        self._waiting = threading.Event()  # set while the main thread waits for a pool slot
        self._done = threading.Event()
        self._asked_at: float | None = None  # when the run was asked to end, on the monotonic clock
        self._connection: Connection | None = None
        self._signals, self._signalled = os.pipe()
        self._thread = threading.Thread(target=self._keep, name="run life", daemon=True)

    def __enter__(self) -> RunLife:
        self._take_connection()
        os.set_blocking(self._signals, False)
        os.set_blocking(self._signalled, False)
        # Whichever signal handler Dagster has set for the moment, Python also writes the signal's number here.
        self._handler = signal.set_wakeup_fd(self._signalled, warn_on_full_buffer=False)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        signal.set_wakeup_fd(self._handler)
        os.write(self._signalled, b"\0")
        self._thread.join()
        for descriptor in (self._signals, self._signalled):
            os.close(descriptor)
        if self._connection is not None:
            self._connection.close()

    def wait(self, seconds: float) -> bool:
        """Wait in the main thread for a pool slot, at most `seconds`; returns whether the run owns the slot now."""
        self._wake.clear()
        self._waiting.set()
        if not self.ending.is_set():
            self._nudge()
            self._wake.wait(seconds)
        turn = self._wake.is_set() and not self.ending.is_set()
        self._waiting.clear()
        return turn

    def _nudge(self) -> None:
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes the thread as well
            os.write(self._signalled, b"\0")

    def _take_connection(self) -> Connection:
        self._connection = connection = keep_connection(self._url)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (lock_key(self._run_id),))
        return connection

    def _keep(self) -> None:
        """The thread's work until the run is over. After an error of the database it connects again later."""
        while not self._done.is_set():
            self._listen(TURN_SECONDS if self._waiting.is_set() else LOOK_SECONDS)
            if self._done.is_set():
                return
            try:
                self._look_at_database(self._connection or self._take_connection())
            except Exception:
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
            if self._asked_at is not None and time.monotonic() - self._asked_at > RUN_END_SECONDS:
                os.kill(os.getpid(), signal.SIGKILL)

    def _listen(self, seconds: float) -> None:
        """Sleep until a signal comes, the main thread wakes this thread, or `seconds` are over."""
        readable, _, _ = select.select([self._signals], [], [], seconds)
        if readable and set(os.read(self._signals, 512)) & {signal.SIGINT, signal.SIGTERM}:
            self._wake_waiter()

    def _look_at_database(self, connection: Connection) -> None:
        """Ask the database once whether the run shall end, and whether it owns the slot that its main thread waits
        for."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT status, EXISTS (SELECT FROM pending_steps p WHERE p.run_id = r.run_id"
                " AND assigned_timestamp IS NOT NULL) FROM runs r WHERE run_id = %s",
                (self._run_id,),
            )
            status, assigned = cursor.fetchone() or ("FAILURE", False)  # a deleted run has nothing to do
        if status in _ENDING and not self.ending.is_set():
            self.called_off = True
            self._wake_waiter()
            os.kill(os.getpid(), signal.SIGINT)
        if assigned and self._waiting.is_set():
            self._wake.set()

    def _wake_waiter(self) -> None:
        if self._asked_at is None:
            self._asked_at = time.monotonic()
        self.ending.set()
        self._wake.set()


def end_run(instance: dg.DagsterInstance, run_id: str, sentence: str) -> None:
    """Report the end of a run whose process is gone. Its pool slots and its places in their queues are free at once."""
    import dagster as dg

    events = instance.event_log_storage
    if events.supports_global_concurrency_limits:
        events.free_concurrency_slots_for_run(run_id)
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, sentence)
    else:
        instance.report_run_failed(run, sentence)


def unfinished_runs(url: str, launched_before_seconds: float = 0.0) -> list[str]:
    """Ids of the runs that should have a working process, by their status. Asks with SQL, because importing Dagster
    takes seconds.

    launched_before_seconds: how long ago a run must have been launched to count while it is starting, because its
    process may need a while on a busy machine. Raises what `open_storage` raises; a database that Dagster never used
    has no such runs.
    """
    with open_storage(url) as cursor:
        cursor.execute("SELECT to_regclass('runs') IS NOT NULL")
        if cursor.fetchone() == (False,):
            return []
        cursor.execute(
            "SELECT run_id FROM runs WHERE status = ANY(%s) AND (status <> 'STARTING'"
            " OR update_timestamp <= now() AT TIME ZONE 'utc' - make_interval(secs => %s)) ORDER BY id",
            (list(_IN_PROCESS), launched_before_seconds),
        )
        return [run_id for (run_id,) in cursor.fetchall()]


def dead_runs(url: str, launched_before_seconds: float = 0.0) -> list[str]:
    """Ids of the unfinished runs (see `unfinished_runs`) whose lock is free. Raises what `open_storage` raises."""
    unfinished = unfinished_runs(url, launched_before_seconds)
    held = held_locks(url) if unfinished else set()
    return [run_id for run_id in unfinished if lock_key(run_id) not in held]


def end_dead_runs(instance: dg.DagsterInstance, url: str, launched_before_seconds: float = 0.0) -> list[str]:
    """End every dead run (see `dead_runs`); returns their ids.

    For whoever starts, stops or watches the service. A run that is not dead after all (its connection broke a moment
    ago) notices its end within LOOK_SECONDS and stops; its work is requested again.
    """
    dead = dead_runs(url, launched_before_seconds)
    for run_id in dead:
        end_run(instance, run_id, "The run's process is gone: the service was stopped or killed.")
    return dead
