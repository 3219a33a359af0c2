"""The door to PostgreSQL: connections, transactions, advisory locks, the schema's version.

What belongs here: transactions, and our own errors for those of the driver. What does not: which server it is
(server/server.py), the tables (migrations/), what is done with them (the other modules).
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ...core.errors import CommerceError, SettingsError, TransientError
from ..server.server import is_ended, libpq_url
from .key_source import ask_source, decode_key

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

MIGRATIONS = Path(__file__).parents[1] / "migrations"
ACTOR = "COMMERCE_ACTOR"  # the environment variable that says who works in this process
_ASKED: ContextVar[str] = ContextVar("asked", default="")  # see `asked_by`
SPARE_CONNECTIONS = 3  # idle connections that a process keeps

_MARKING = ("sale_orders", "channel_deliveries")  # tables whose triggers write the marks of `commerce.orders`
AMONG = "= ANY(ARRAY(SELECT json_array_elements_text(%s::json)))"  # its parameter: `listed`
# A machine that vanishes ends no connection: with these, either side notices within two minutes and its locks are
# released.
_SESSION = "-c timezone=UTC -c tcp_keepalives_idle=60 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=6"
_ALIVE: dict[str, Any] = {
    "keepalives_idle": 60, "keepalives_interval": 10, "keepalives_count": 6, "tcp_user_timeout": 120_000,
}  # fmt: skip
_READ_ONLY, _NO_RIGHT = "25006", "42501"  # PostgreSQL, appendix A
# Errors of the server that trying again does not change.
_SETTINGS = (
    "password authentication failed", "no pg_hba.conf entry", "does not exist", "no password supplied",
    "invalid integer value", "invalid connection option",
)  # fmt: skip


def master_key(environ: Mapping[str, str] = os.environ) -> bytes:
    """The 32 bytes of COMMERCE_MASTER_KEY, written as URL-safe base64, or what the function returns that
    COMMERCE_MASTER_KEY_FROM names. Raises SettingsError that says where to put the key."""
    if source := environ.get("COMMERCE_MASTER_KEY_FROM", "").strip():
        return ask_source(source, environ)
    text = environ.get("COMMERCE_MASTER_KEY", "").strip()
    if not text:
        raise SettingsError("COMMERCE_MASTER_KEY is not set: set the one that `commerce-pipelines init` wrote to .env.")
    key = decode_key(text)
    if not key:
        raise SettingsError(
            "COMMERCE_MASTER_KEY must be 32 bytes in URL-safe base64, as `commerce-pipelines init` wrote it to .env."
        )
    if len(set(key)) == 1:  # all bytes are equal: zeros, or a placeholder
        raise SettingsError("COMMERCE_MASTER_KEY is no random key; `commerce-pipelines init` writes one to .env.")
    return key


def head() -> str:
    """The newest schema version that this code knows, read from file names, because importing Alembic takes half a
    second."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


class Warehouse:
    """One database. Threads may share it; after a fork the child opens its own connections.

    url: with or without SQLAlchemy's driver. master_key: 32 bytes. memory: keeps rows that never change once written
    (compression dictionaries), so that they are read once.
    """

    def __init__(self, url: str, master_key: bytes) -> None:
        self.url = url
        self.master_key = master_key
        self.memory: dict[Any, Any] = {}
        self._spare: list[Connection] = []
        self._process = os.getpid()
        self._guard = threading.Lock()

    def __repr__(self) -> str:
        return "Warehouse(…)"  # shows neither the key nor the URL's password

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection in a transaction: committed at the end, rolled back on any error.

        Raises TransientError if the server goes away, ends the transaction, is read-only for now, or has no disk space
        left; SettingsError if it refuses our login or our role lacks a right.
        """
        import psycopg2

        connection = None
        try:
            connection = self._take_connection()
            if asked := _ASKED.get():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT set_config('commerce.asked', %s, true)", (asked,))
            yield connection
            connection.commit()
        except BaseException as error:
            if connection is not None:
                _abandon(connection)
            if isinstance(error, (psycopg2.OperationalError, psycopg2.InterfaceError)) or (
                isinstance(error, psycopg2.Error) and error.pgcode in (_READ_ONLY, _NO_RIGHT)
            ):
                raise translate_error(error) from None
            raise
        finally:
            if connection is not None:
                self._return_connection(connection)

    @contextmanager
    def lock(self, name: str, wait: bool, shared: bool = False) -> Iterator[bool]:
        """An advisory lock on `name` among all processes of this database, released even if this process is killed.
        shared: beside others that share it; who wants it alone waits for them, and those that come after it wait too.

        Yields whether the lock is held: always True with `wait`. Uses a connection of its own, so that it blocks no
        transaction. The lock is free when the block ends: closing the connection alone frees it some time later.
        """
        import psycopg2

        try:
            with closing(self.connect()) as connection:
                connection.autocommit = True
                with connection.cursor() as cursor:
                    verb = ("pg_advisory_lock" if wait else "pg_try_advisory_lock") + ("_shared" if shared else "")
                    cursor.execute(f"SELECT {verb}(%s)", (lock_number(name),))
                    row = cursor.fetchone()
                held = wait or bool(row and row[0])
                try:
                    yield held
                finally:
                    if held:
                        _release_lock(connection)
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            raise translate_error(error) from None

    def migrate(self) -> None:
        """Bring the schema `commerce` to the newest version; costs one SELECT if it already is.

        Raises SettingsError if a newer version of this software has migrated it.
        """
        if self.version() == head():
            return
        with self.lock("migrate", wait=True):
            if (has := self.version()) == head():
                return
            if has is not None and has > head():
                raise SettingsError(
                    f"The database has schema version {has} and this software knows {head()}: install the newer one."
                )
            self._upgrade()

    def version(self) -> str | None:
        """The schema's version, None before the first migration."""
        with self.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('commerce.alembic_version')")
            row = cursor.fetchone()
            if not row or row[0] is None:
                return None
            cursor.execute("SELECT version_num FROM commerce.alembic_version")
            row = cursor.fetchone()
            return str(row[0]) if row else None

    def close(self) -> None:
        """Close the idle connections; the next transaction opens one again."""
        with self._guard:
            spare, self._spare = self._spare, []
        for connection in spare:
            connection.close()

    def _upgrade(self) -> None:
        import sqlalchemy
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        engine = sqlalchemy.create_engine(
            "postgresql+psycopg2://", creator=self.connect, poolclass=sqlalchemy.NullPool, hide_parameters=True
        )
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def connect(self) -> Connection:
        """A new connection, which its caller closes: for commands that no transaction may hold."""
        import psycopg2

        try:
            connection: Connection = psycopg2.connect(
                libpq_url(self.url), connect_timeout=20, application_name="commerce_pipelines",
                options=f"{_SESSION} -c commerce.actor={_describe_actor()}", **_ALIVE,
            )  # fmt: skip
            return connection
        except psycopg2.ProgrammingError:  # its text quotes the URL, perhaps with the password
            raise SettingsError(
                "COMMERCE_DATABASE_URL is no URL that PostgreSQL takes: write postgresql://user:password@host:5432/database"
                ", and in the password %25 for %, %40 for @, %2F for /."
            ) from None

    def _take_connection(self) -> Connection:
        """An idle connection that the server has not ended, else a new one."""
        with self._guard:
            if self._process != os.getpid():  # a forked child must not use its parent's sockets
                self._spare, self._process = [], os.getpid()
        while True:
            with self._guard:
                connection = self._spare.pop() if self._spare else None
            if connection is None:
                return self.connect()
            if not is_ended(connection):
                return connection
            connection.close()

    def _return_connection(self, connection: Connection) -> None:
        with self._guard:
            if not connection.closed and len(self._spare) < SPARE_CONNECTIONS and self._process == os.getpid():
                self._spare.append(connection)
                return
        connection.close()


@contextmanager
def asked_by(what: str) -> Iterator[None]:
    """What the block writes was asked for by a person through `what`, such as `job shop_de_replay`; the audit says so
    beside the run. '': nothing changes."""
    token = _ASKED.set(storable(what)[:200])
    try:
        yield
    finally:
        _ASKED.reset(token)


def _describe_actor() -> str:
    """Who works here, for the audit: what the command or the run has put into ACTOR. As an option of libpq."""
    text = storable(os.environ.get(ACTOR, "") or "process")[:200]
    return text.replace("\\", "\\\\").replace(" ", "\\ ")


def clock(connection: Connection) -> datetime:
    """Now, by the database's clock, which also stamps the ledger."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]  # type: ignore[index]
    return now


def lock_number(name: str) -> int:
    """The 64-bit key of a named advisory lock: the name's digest, so that no list of numbers is needed."""
    return int.from_bytes(hashlib.sha256(f"commerce_pipelines {name}".encode()).digest()[:8], "big", signed=True)


def block_writers(connection: Connection, table: str, channel: str) -> None:
    """Until the commit, whoever else replaces rows of this table and channel waits.

    Who writes a table that marks orders waits for the channel's staging as well. Neither sees what the other has not
    committed, so that an order could keep a mark that is not true, and each could hold rows that the other waits for.
    """
    with connection.cursor() as cursor:
        for name in ("orders", table) if table in _MARKING else (table,):
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number(f"{name} {channel}"),))


def storable(text: str) -> str:
    """The text as PostgreSQL can store it: NUL and lone surrogates, which some payloads contain, become U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def listed(texts: Iterable[str]) -> str:
    """The parameter of AMONG: one value for the driver, which needs a microsecond to quote each."""
    return msgspec.json.encode(list(map(storable, texts))).decode()


def _release_lock(connection: Connection) -> None:
    """Give back the only lock of a connection; a connection that is lost has lost it already."""
    import psycopg2

    with suppress(psycopg2.Error), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock_all()")


def _abandon(connection: Connection) -> None:
    import psycopg2

    try:
        connection.rollback()
    except psycopg2.Error:
        connection.close()


def translate_error(error: Exception) -> CommerceError:
    """Our error for an error of the driver. The server's text is used only to tell errors apart, because it may quote
    data."""
    text, state = str(error), getattr(error, "pgcode", None)
    if state is None and any(sign in text for sign in _SETTINGS):
        return SettingsError(
            "PostgreSQL does not let us in: check user, password and database in COMMERCE_DATABASE_URL."
        )
    if state == _NO_RIGHT:
        return SettingsError(
            "PostgreSQL refuses a table to us: make the user in COMMERCE_DATABASE_URL the owner of the schema commerce."
        )
    if state == "53100":
        return TransientError(
            "The disk of PostgreSQL is full: nothing of this transaction was kept; free space and rerun."
        )
    reason = state or type(error).__name__
    return TransientError(
        f"PostgreSQL does not answer or gave the transaction up ({reason}): if it stays so, check that it runs, and "
        "COMMERCE_DATABASE_URL."
    )
