"""A run proves that it lives: its own process holds an advisory lock named after the run for as long as it works.

PostgreSQL lets the lock go when the process is gone, however it went, so a free lock means a dead run on whichever
machine it ran. Dagster itself believes in a run until somebody reports its end: a killed one would count for
`max_concurrent_runs` and keep its pool slots for ever.

What belongs here: the lock, the thread that keeps it and listens for the run's end, who is alive, ending the dead. What
does not: starting runs (run_launcher.py), how a run's steps wait (run_process.py).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import select
import signal
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

from ..warehouse.server.server import libpq_url

if TYPE_CHECKING:
    import dagster as dg
    from psycopg2.extensions import connection as Connection

LOOK_SECONDS = 2.0  # how often a run looks whether it shall end, and whether its lock is still held
TURN_SECONDS = 0.5  # how often a run that waits for a pool slot looks whether the slot is its own
END_SECONDS = 10.0  # how long a run that was asked to end may take before its process is killed
RETAKE_SECONDS = 10.0  # a living run whose connection broke has its lock again by then

_ENDING = ("CANCELING", "CANCELED", "FAILURE")  # statuses of Dagster in which a run's process has to stop
_IN_PROCESS = ("STARTING", "STARTED", "CANCELING")  # those in which it has a process


def lock_key(run_id: str) -> int:
    """The 64 bits that name the run's advisory lock, signed as PostgreSQL's bigint is."""
    return int.from_bytes(hashlib.sha256(f"run {run_id}".encode()).digest()[:8], signed=True)


def held_locks(url: str) -> set[int]:
    """The keys of all advisory locks of 64 bits that somebody in this database holds, among them each living run's.

    Raises psycopg2.OperationalError where the database does not answer.
    """
    with closing(_connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT classid::bigint << 32 | objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return {key for (key,) in cursor.fetchall()}


def _connect(url: str) -> Connection:
    import psycopg2

    connection = psycopg2.connect(
        libpq_url(url), keepalives_idle=15, keepalives_interval=5, keepalives_count=3, connect_timeout=10
    )
    connection.autocommit = True
    return connection


class RunLife:
    """Keeps one run's lock in the run's own process, and hears when the run is asked to end.

    A run is asked to end by a signal (the service stops) or by its status (somebody pressed Terminate, or the run was
    taken for dead and failed). Either way `ending` is set at once and the main thread is interrupted; a process that is
    still there END_SECONDS later is killed. What it left half done is finished by the next run, as after a crash.

    url: the database of Dagster's storage. Enter it in the main thread, which alone may listen for signals.
    """

    def __init__(self, url: str, run_id: str) -> None:
        self.ending = threading.Event()
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
        # Whichever handler Dagster has put in place for the moment, Python writes the signal's number here as well.
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
        """Wait in the main thread for a pool slot, `seconds` at most; whether the slot became this run's own."""
        self._wake.clear()
        self._waiting.set()
        if not self.ending.is_set():
            self._nudge()
            self._wake.wait(seconds)
        turn = self._wake.is_set() and not self.ending.is_set()
        self._waiting.clear()
        return turn

    def _nudge(self) -> None:
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes the thread just as well
            os.write(self._signalled, b"\0")

    def _take_connection(self) -> Connection:
        self._connection = connection = _connect(self._url)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (lock_key(self._run_id),))
        return connection

    def _keep(self) -> None:
        """The thread's work until the run is over. Errors of the database are met by a new connection, later."""
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
            if self._asked_at is not None and time.monotonic() - self._asked_at > END_SECONDS:
                os.kill(os.getpid(), signal.SIGKILL)

    def _listen(self, seconds: float) -> None:
        """Sleep until a signal came, the main thread nudged, or `seconds` are over."""
        readable, _, _ = select.select([self._signals], [], [], seconds)
        if readable and set(os.read(self._signals, 512)) & {signal.SIGINT, signal.SIGTERM}:
            self._wake_waiter()

    def _look_at_database(self, connection: Connection) -> None:
        """Ask the database once: shall the run end, and is a slot that its main thread waits for its own now?"""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT status, EXISTS (SELECT FROM pending_steps p WHERE p.run_id = r.run_id"
                " AND assigned_timestamp IS NOT NULL) FROM runs r WHERE run_id = %s",
                (self._run_id,),
            )
            status, assigned = cursor.fetchone() or ("FAILURE", False)  # a run that was deleted has nothing to do
        if status in _ENDING and not self.ending.is_set():
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
    """Report the end of a run whose process is gone: its pool slots and its places in their queues are free at once."""
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
    """Ids of the runs that a process should be working on, by their status. Asks SQL: importing Dagster takes seconds.

    launched_before_seconds: a run that is only starting counts when it was launched so long ago; on a busy machine its
    process may need a while to come to life. Raises psycopg2.Error where the database does not answer; a database that
    Dagster never used has none.
    """
    with closing(_connect(url)) as connection, connection.cursor() as cursor:
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
    """Ids of the unfinished runs (see there) whose lock is free. Raises psycopg2.Error."""
    unfinished = unfinished_runs(url, launched_before_seconds)
    held = held_locks(url) if unfinished else set()
    return [run_id for run_id in unfinished if lock_key(run_id) not in held]


def end_dead_runs(instance: dg.DagsterInstance, url: str, launched_before_seconds: float = 0.0) -> list[str]:
    """End every run that is dead (see `dead_runs`); the ids of these runs.

    For whoever starts, stops or watches the service. A run that is not dead after all (its connection broke a moment
    ago) sees its end within LOOK_SECONDS and stops; its work is asked for again.
    """
    dead = dead_runs(url, launched_before_seconds)
    for run_id in dead:
        end_run(instance, run_id, "The run's process is gone: the service was stopped or killed.")
    return dead
