"""How many runs the living workers have room for. A worker holds a lock for as long as it lives, named after its slots.

PostgreSQL frees the lock when the worker is gone, whatever ended it. So no run is launched for which nobody has room:
it would wait in Redis, seem to have started, and fail by the time-out of starts.

What belongs here: whether there are workers at all, the lock, the sum. What does not: the worker (worker.py), who asks
(run_coordinator.py, flows/health.py).
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from ..core.errors import CommerceError, SettingsError
from ..core.instruments import REAL
from ..core.urls import LOOPBACK
from ..warehouse.server.server import is_ended
from .run_life import LOOK_SECONDS, keep_connection, open_storage, translate_error

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

BROKER = "COMMERCE_BROKER_URL"
DATABASE = "COMMERCE_DATABASE_URL"
START_SECONDS = 45.0  # a run that is on its way to a worker for so long has got lost; as scaled/dagster.yaml says
CLASS = 0x636F6D6D  # our locks among those with two numbers; the second is the number of slots
MOST_SKEW_SECONDS = 10.0
SCHEMES = ("redis", "rediss", "redis+socket")


def has_workers(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether runs work in workers (docs/scale.md), and not beside the daemon."""
    return bool(environ.get(BROKER, "").strip())


def broker_url(environ: Mapping[str, str] = os.environ) -> str:
    """Where runs are handed to workers. Raises SettingsError in a sentence."""
    url = environ.get(BROKER, "").strip()
    if not url:
        raise SettingsError(f"{BROKER} is not set: it names the Redis that hands runs to workers (docs/scale.md).")
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise SettingsError(f"{BROKER} must look like redis://localhost:6379/0, rediss:// or redis+socket:///path.")
    if parts.scheme == "redis" and parts.hostname not in LOOPBACK:
        raise SettingsError(f"{BROKER} leads to {parts.hostname} in the clear: use rediss:// or redis+socket://.")
    return _verify_certificate(url) if parts.scheme == "rediss" else url


def _verify_certificate(url: str) -> str:
    """The URL that has the certificate verified, which is not done unless it says so. Raises SettingsError where it
    says the contrary."""
    query = urlsplit(url).query
    asked = parse_qs(query).get("ssl_cert_reqs")
    if asked not in (None, ["required"]):
        raise SettingsError(f"{BROKER} has to have the certificate verified: take ssl_cert_reqs out of it.")
    return url if asked else f"{url}{'&' if query else '?'}ssl_cert_reqs=required"


def require_shared_database(environ: Mapping[str, str] = os.environ) -> None:
    """Raises SettingsError where the database would be one of this machine alone, which other machines' runs cannot
    reach."""
    if not environ.get(DATABASE, "").strip():
        raise SettingsError(
            f"{DATABASE} is not set: workers and the daemon share one PostgreSQL, and the embedded one belongs to one "
            "folder (docs/scale.md)."
        )


def check_clock(url: str, now: Callable[[], datetime] = REAL.now) -> None:
    """Raises SettingsError where this machine's clock and the database's differ by more than MOST_SKEW_SECONDS: which
    orders are new, and what is late, would be judged by two times. Raises TransientError where it does not answer."""
    with open_storage(url) as cursor:
        before = now().timestamp()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        there = float((cursor.fetchone() or (before,))[0])
        ahead = (before + now().timestamp()) / 2 - there
    if abs(ahead) > MOST_SKEW_SECONDS:
        raise SettingsError(
            f"The clock of this machine is {abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} the "
            "database's: have both set by the network (`timedatectl set-ntp true`), then start the worker again."
        )


@contextlib.contextmanager
def offer_slots(url: str, slots: int) -> Iterator[Callable[[], None]]:
    """Say that this process has room for so many runs at once, until the block ends or what it yields is called.
    Without the database it is said again once that answers."""
    ended = threading.Event()
    connection: Connection | None = _hold_slots(url, slots)

    def keep() -> None:
        nonlocal connection
        while not ended.wait(LOOK_SECONDS):
            try:
                if connection is None:
                    connection = _hold_slots(url, slots)
                elif is_ended(connection):
                    connection.close()
                    connection = None
            except CommerceError:
                continue
        if connection is not None:
            connection.close()

    thread = threading.Thread(target=keep, name="slots", daemon=True)
    thread.start()
    try:
        yield ended.set
    finally:
        ended.set()
        thread.join()


def _hold_slots(url: str, slots: int) -> Connection:
    """Raises what `open_storage` raises, also where the connection is lost before the lock is taken."""
    import psycopg2

    connection = keep_connection(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock_shared(%s, %s)", (CLASS, slots))
    except psycopg2.Error as error:
        connection.close()
        raise translate_error(error) from None
    return connection


def count_slots(url: str) -> int:
    """The slots of all living workers of this database. Raises TransientError where it does not answer."""
    with open_storage(url) as cursor:
        cursor.execute(
            "SELECT coalesce(sum(objid::bigint), 0) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND objsubid = 2 AND classid = %s::bigint::oid"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            (CLASS,),
        )
        return int((cursor.fetchone() or (0,))[0])
