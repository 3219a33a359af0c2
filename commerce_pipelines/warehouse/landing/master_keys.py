"""The master key of this database, and the change to another one while everything goes on.

    begin ──▶ row: the new key, sealed by the old one ──▶ subjects' keys wrapped anew ──▶ finish: row without that seal
              (who has the old key learns the new one)    (in batches; both are accepted)

Who has only the old key when a rotation begins finds the new one in the row, so no process has to know both. What is
wrapped after the beginning is wrapped by the new key: whoever wraps holds a lock that the beginning waits for.

What belongs here: the row, which keys a process knows. What does not: what they wrap and seal (vault.py), the batches
(rotation.py).
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ...core.errors import SettingsError
from ..tables.database import Warehouse, lock_number

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

NONCE_BYTES = 12  # random: NIST SP 800-38D allows 2**32 nonces per key
_LOCK = lock_number("master key")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """fingerprint: of the key that wraps. bridge: that key, sealed by the one before; None once a rotation is finished.
    root: the first key, sealed by this one: ids of subjects stay the same for ever, so they are made with it. pending:
    subjects' keys may still be wrapped by the key before. damaged: how many of them neither key opened."""

    fingerprint: str
    bridge: bytes | None
    root: bytes
    damaged: int
    pending: bool


def derive(master: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose (RFC 5869)."""
    return HKDF(SHA256(), 32, salt=b"commerce_pipelines", info=purpose.encode()).derive(master)


def fingerprint(master: bytes) -> str:
    """By which a key is recognised, and which tells nothing of it."""
    return derive(master, "fingerprint").hex()[:16]


def seal_key(master: bytes, key: bytes, place: bytes) -> bytes:
    """A key, sealed by a master key."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _make_wrapper(master).encrypt(nonce, key, place)


def open_key(master: bytes, sealed: bytes, place: bytes) -> bytes | None:
    """What `seal_key` sealed; None for another master key, another place or changed bytes."""
    try:
        return _make_wrapper(master).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
    except (InvalidTag, ValueError):  # ValueError: the row is too short to be a key
        return None


@lru_cache(maxsize=4)
def _make_wrapper(master: bytes) -> AESGCM:
    return AESGCM(derive(master, "wrap"))


def read_row(connection: Connection) -> Row | None:
    """None before the first rotation."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT fingerprint, bridge, root, damaged, pending FROM commerce.master_key")
        row = cursor.fetchone()
    if row is None:
        return None
    name, bridge, root, damaged, pending = row
    return Row(
        fingerprint=name, bridge=None if bridge is None else bytes(bridge), root=bytes(root), damaged=damaged,
        pending=pending,
    )  # fmt: skip


class MasterKeys:
    """The master keys that one process knows: its own, and the one that a rotation replaces it by."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self.known = [warehouse.master_key]  # the newest last
        self._root: bytes | None = None

    @property
    def root(self) -> bytes:
        """The first master key of this database."""
        if self._root is None:
            with self._warehouse.transaction() as connection:
                row = read_row(connection)
            self._root = self.known[-1] if row is None else self._open_root(row)
        return self._root

    def learn(self) -> bool:
        """Look whether a rotation has begun; returns whether that brought another key. Raises SettingsError where this
        process has a key that opens nothing any more."""
        with self._warehouse.transaction() as connection:
            return self._learn_from(read_row(connection))

    def current(self, connection: Connection) -> bytes:
        """The key to wrap with until the transaction ends: no rotation begins before. Raises as `learn`."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_LOCK,))
        self._learn_from(read_row(connection))
        return self.known[-1]

    def _learn_from(self, row: Row | None) -> bool:
        if row is None or row.fingerprint == fingerprint(self.known[-1]):
            if row is not None and row.pending and len(self.known) == 1:
                raise SettingsError(
                    "The change of COMMERCE_MASTER_KEY has not gone through: set the old key again, and run "
                    "`commerce-pipelines rotate-key` with the same --key-file to its end."
                )
            return False
        for master in self.known:
            if row.bridge and (new := open_key(master, row.bridge, b"bridge")):
                self.known.append(new)
                return True
        raise SettingsError(
            "COMMERCE_MASTER_KEY is not the key of this database: it was changed by `commerce-pipelines rotate-key`, "
            "or the database was written with another one. Set that one, and restart."
        )

    def _open_root(self, row: Row) -> bytes:
        self._learn_from(row)
        for master in reversed(self.known):
            if root := open_key(master, row.root, b"root"):
                return root
        raise SettingsError("COMMERCE_MASTER_KEY is not the key of this database: set the one that it was changed to.")


def hold_wrapping(connection: Connection) -> None:
    """Wait for whoever wraps keys, and let nobody wrap any until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
