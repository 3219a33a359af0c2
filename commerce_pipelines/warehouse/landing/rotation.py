"""Changing the master key while everything goes on: the batches of a rotation.

What belongs here: beginning, wrapping the subjects' keys anew, finishing. What does not: how a running process learns
the new key (master_keys.py), the command (cli/rotate.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...core.errors import SettingsError
from ...core.failpoints import failpoint
from ..tables.database import Warehouse
from .dictionaries import reseal as reseal_dictionaries
from .master_keys import MasterKeys, fingerprint, hold_wrapping, open_key, read_row, seal_key
from .vault import Vault

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

KEYS_A_BATCH = 5_000


def begin(warehouse: Warehouse, new: bytes) -> bool:
    """From now on `new` wraps; returns whether it did already, because a rotation to it was begun before. Raises
    SettingsError where another rotation is not finished, or `new` is the key of now."""
    keys = MasterKeys(warehouse)
    with warehouse.transaction() as connection:
        hold_wrapping(connection)
        row = read_row(connection)
        if row is not None and row.fingerprint == fingerprint(new):
            if row.bridge is None or warehouse.master_key == new:
                raise SettingsError("This is the key of this database already: name another file, or --finish.")
            return True
        if row is not None and row.bridge is not None:
            raise SettingsError("A rotation to another key is not finished: go on with its file, or finish it.")
        old = keys.current(connection)
        if new == old:
            raise SettingsError("This is the key of this database already: name another file.")
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM commerce.master_key")
            cursor.execute(
                "INSERT INTO commerce.master_key (fingerprint, bridge, root, damaged, pending)"
                " VALUES (%s, %s, %s, 0, true)",
                (fingerprint(new), seal_key(old, new, b"bridge"), seal_key(new, keys.root, b"root")),
            )
            cursor.execute("DELETE FROM commerce.tokens")  # each is minted again
        reseal_dictionaries(connection, Vault(warehouse), old, new)
    return False


def wrap_all(warehouse: Warehouse, old: bytes, new: bytes, on_batch: Callable[[int], None] | None = None) -> int:
    """Wrap every subject's key by `new`; returns how many were not yet. Those that `new` opens are left, so that a
    rotation that was killed goes on. Keys that neither opens were damaged before, and are counted in the row."""
    after, done, damaged = b"", 0, 0
    while True:
        with warehouse.transaction() as connection:
            rows = _select_keys(connection, after, "FOR UPDATE")  # else a key that is destroyed meanwhile came back
            changed = []
            for subject, wrapped in rows:
                if open_key(new, wrapped, subject) is not None:
                    continue
                key = open_key(old, wrapped, subject)
                if key is None:
                    damaged += 1
                else:
                    changed.append((subject, seal_key(new, key, subject)))
            _store_keys(connection, changed)
            if not rows:
                with connection.cursor() as cursor:
                    cursor.execute("UPDATE commerce.master_key SET damaged = %s, pending = false", (damaged,))
                return done
        failpoint("keys_wrapped")
        done, after = done + len(changed), rows[-1][0]
        if on_batch:
            on_batch(done)


def finish(warehouse: Warehouse) -> None:
    """Forget the way from the old key to the new one. Raises SettingsError where this process has the old key, or where
    a subject's key is still wrapped by it."""
    own = warehouse.master_key
    with warehouse.transaction() as connection:
        hold_wrapping(connection)
        row = read_row(connection)
        if row is None or row.bridge is None:
            raise SettingsError("There is no rotation to finish.")
        if row.fingerprint != fingerprint(own):
            raise SettingsError("COMMERCE_MASTER_KEY is still the old key: set the new one first, and restart all.")
        if row.pending or _count_unreadable(connection, own) > row.damaged:
            raise SettingsError("Keys are still wrapped by the old key: run `rotate-key --key-file` to its end first.")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE commerce.master_key SET bridge = NULL")


def _count_unreadable(connection: Connection, master: bytes) -> int:
    after, count = b"", 0
    while rows := _select_keys(connection, after):
        count += sum(open_key(master, wrapped, subject) is None for subject, wrapped in rows)
        after = rows[-1][0]
    return count


def _select_keys(connection: Connection, after: bytes, lock: str = "") -> list[tuple[bytes, bytes]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT subject_id, wrapped_key FROM commerce.subject_keys WHERE wrapped_key IS NOT NULL"
            f" AND subject_id > %s ORDER BY subject_id LIMIT %s {lock}",
            (after, KEYS_A_BATCH),
        )
        return [(bytes(subject), bytes(wrapped)) for subject, wrapped in cursor]


def _store_keys(connection: Connection, keys: list[tuple[bytes, bytes]]) -> None:
    from psycopg2.extras import execute_values

    if keys:
        with connection.cursor() as cursor:
            execute_values(
                cursor,
                "UPDATE commerce.subject_keys k SET wrapped_key = v.wrapped FROM (VALUES %s) AS v (subject, wrapped)"
                " WHERE k.subject_id = v.subject",
                keys,
                page_size=1_000,
            )
