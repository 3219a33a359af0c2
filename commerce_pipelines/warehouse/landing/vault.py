"""Envelope encryption: one key per data subject, wrapped by the master key. Destroying a subject's key forgets the
subject.

    master key ─HKDF─┬─ wraps the key of each subject ── seals the payloads about that subject (AES-256-GCM)
                     └─ seals what is about nobody: access tokens, compression dictionaries
    the first master key ─HKDF─┬─ hashes subjects to ids (HMAC-SHA256), so that no table names anybody
                               └─ digests of answers (keyed BLAKE2b), so that none confirms a guess

The master key can be changed (master_keys.py); ids and digests stay, because Odoo's contacts bear the ids.

A destroyed key is never made again. A person who buys again later is a new subject: its id is the *heir* of the
destroyed one, so that neither old payloads nor Odoo's anonymised partner are used again.

What belongs here: keys, sealing, opening. What does not: which master key (master_keys.py), what is sealed (landing.py,
shared/tokens.py), whom to forget and when (the privacy flow). Import it inside functions: it loads a cryptography
library.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from ...core.errors import SettingsError
from .master_keys import NONCE_BYTES, MasterKeys, derive, open_key, read_row, seal_key

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

    from ..tables.database import Warehouse

ID_BYTES, KEY_BYTES = 16, 32  # bytes of a subject's id and of its key
# Keys that are opened with the master key at the start, so that one damaged row does not make the key look wrong.
KEYS_TRIED = 5


class CorruptError(Exception):
    """Sealed bytes cannot be opened: they changed, or were sealed for another place. This error is handled inside the
    landing."""


class Vault:
    """The keys of one warehouse. It keeps no subject's key in memory, and threads may share it."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._masters = MasterKeys(warehouse)

    def check(self, connection: Connection) -> None:
        """Raises SettingsError if this database was written with another master key.

        Otherwise a wrong key would be noticed only when something old is opened, after new data was sealed with it.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT subject_id, wrapped_key FROM commerce.subject_keys WHERE wrapped_key IS NOT NULL LIMIT %s",
                (KEYS_TRIED,),
            )
            rows = cursor.fetchall()
        if read_row(connection) is not None:
            self._masters.current(connection)
        elif rows and not any(self._try_unwrap(bytes(subject), bytes(wrapped)) for subject, wrapped in rows):
            raise SettingsError(
                "COMMERCE_MASTER_KEY is not the key that this database was written with: set the old one again."
            )

    def subject_id(self, subject: str) -> bytes:
        """16 bytes that stand for a data subject (`email:anna@example.com`); not reversible without the master key."""
        return self._hash(subject.encode())

    def digest(self, answer: bytes) -> bytes:
        """32 bytes by which answers of a marketplace are compared. Whoever guesses an answer that was erased cannot
        confirm it without the master key."""
        return blake2b(answer, digest_size=KEY_BYTES, key=self._answers).digest()

    @cached_property
    def address_secret(self) -> str:
        """What the external ids of addresses in Odoo are made with, hex: they outlive an erasure there."""
        return self.own_key("addresses in Odoo").hex()

    def heir(self, subject_id: bytes) -> bytes:
        """The id of a subject that comes back after its key was destroyed."""
        return self._hash(b"heir of " + subject_id)

    def lineage(self, connection: Connection, subject: str) -> list[bytes]:
        """All ids that a subject ever had here, oldest first: the first id, and an heir for each time the subject was
        forgotten."""
        return self.lineage_of(connection, self.subject_id(subject))

    def lineage_of(self, connection: Connection, subject_id: bytes) -> list[bytes]:
        """The ids that followed a subject's id, itself included; none for an id that has no row."""
        return self.lineages_of(connection, [subject_id])[subject_id]

    def lineages_of(self, connection: Connection, subject_ids: Collection[bytes]) -> dict[bytes, list[bytes]]:
        """The same of many subjects, with a statement for each generation of heirs."""
        lines: dict[bytes, list[bytes]] = {subject: [] for subject in subject_ids}
        youngest = {subject: subject for subject in subject_ids}
        while youngest:
            keys = _select(connection, set(youngest.values()))
            heirs = {}
            for subject, current in youngest.items():
                if current not in keys:
                    continue
                lines[subject].append(current)
                wrapped = keys[current]
                if wrapped is None or self._try_unwrap(current, wrapped) is None:
                    heirs[subject] = self.heir(current)
            youngest = heirs
        return lines

    def keys_for(
        self, connection: Connection, subject_ids: Collection[bytes], create: bool
    ) -> dict[bytes, bytes | None]:
        """The 32-byte key of each subject; None if it was destroyed, or if its row is damaged. An unknown subject is
        left out, or gets a key with `create`.

        Of two processes that create the same key, the first to commit wins and the other waits for it. One to three
        statements.
        """
        wrapped = _select(connection, subject_ids)
        unknown = sorted(set(subject_ids) - wrapped.keys()) if create else []
        made = self._make(connection, unknown)
        if len(made) < len(unknown):
            wrapped |= _select(connection, unknown)
        keys = {subject: None if key is None else self._try_unwrap(subject, key) for subject, key in wrapped.items()}
        return {**keys, **made}

    def unwrap(self, subject_id: bytes, wrapped: bytes) -> bytes:
        """A subject's key from its row. Raises CorruptError for a damaged row, because `check` has already found that
        the master key is right."""
        key = self._try_unwrap(subject_id, wrapped)
        if key is None:
            raise CorruptError
        return key

    def _try_unwrap(self, subject_id: bytes, wrapped: bytes) -> bytes | None:
        """The key by any master key that this process knows or can learn of; None for a damaged row."""
        while True:
            for master in reversed(self._masters.known):
                if (key := open_key(master, wrapped, subject_id)) is not None:
                    return key
            if not self._masters.learn():
                return None

    def nonces(self, count: int) -> list[bytes]:
        """So many random nonces for `seal`, each to be used once. One call of the operating system gives all of
        them."""
        return _cut_pieces(os.urandom(NONCE_BYTES * count), NONCE_BYTES)

    def seal(self, key: bytes, plain: bytes, aad: bytes, nonce: bytes = b"") -> bytes:
        """Encrypt under a subject's key. aad: binds the result to its place, so that it cannot be opened for another
        one."""
        nonce = nonce or os.urandom(NONCE_BYTES)
        return nonce + AESGCM(key).encrypt(nonce, plain, aad)

    def open(self, key: bytes, sealed: bytes, aad: bytes) -> bytes:
        """Decrypt what `seal` returned. Raises CorruptError for a flipped bit, another key or another place."""
        try:
            return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
        except (InvalidTag, ValueError):
            raise CorruptError from None

    def destroy(self, connection: Connection, subject_ids: Collection[bytes]) -> int:
        """Forget subjects for good: no payload under their keys can be read again. Returns how many keys were
        destroyed.

        The row stays without its key, as evidence, and so that the key is not made again.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE commerce.subject_keys SET wrapped_key = NULL, destroyed_at = now()"
                " WHERE subject_id = ANY(%s::bytea[]) AND wrapped_key IS NOT NULL",
                (list(subject_ids),),
            )
            return cursor.rowcount

    def renew(self, connection: Connection, subject_ids: Collection[bytes]) -> dict[bytes, tuple[bytes, bytes]]:
        """Replace the keys of these subjects: (old key, new key) of each that had a readable one. Whoever calls it
        seals again, in the same transaction, what has to stay readable."""
        master = self._masters.current(connection)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT subject_id, wrapped_key FROM commerce.subject_keys WHERE subject_id = ANY(%s::bytea[])"
                " AND wrapped_key IS NOT NULL ORDER BY subject_id FOR UPDATE",
                (_quote_array(subject_ids),),
            )
            stored = {bytes(subject): bytes(wrapped) for subject, wrapped in cursor}
            old = {subject: key for subject, wrapped in stored.items() if (key := self._try_unwrap(subject, wrapped))}
            new = {subject: os.urandom(KEY_BYTES) for subject in old}
            wrapped_anew = [seal_key(master, key, subject) for subject, key in new.items()]
            cursor.execute(
                "UPDATE commerce.subject_keys k SET wrapped_key = v.wrapped"
                " FROM unnest(%s::bytea[], %s::bytea[]) AS v (subject, wrapped) WHERE k.subject_id = v.subject",
                (_quote_array(new), _quote_array(wrapped_anew)),
            )
        return {subject: (old[subject], new[subject]) for subject in old}

    def own_key(self, purpose: str) -> bytes:
        """32 bytes for hashes of one purpose. They stay the same when the master key is changed."""
        return derive(self._masters.root, purpose)

    def seal_own(self, connection: Connection, purpose: str, plain: bytes, aad: bytes) -> bytes:
        """Encrypt what is about no subject."""
        return self.seal(derive(self._masters.current(connection), purpose), plain, aad)

    def open_own(self, purpose: str, sealed: bytes, aad: bytes) -> bytes:
        """Decrypt what `seal_own` returned. Raises CorruptError as `open`."""
        while True:
            for master in reversed(self._masters.known):
                try:
                    return self.open(derive(master, purpose), sealed, aad)
                except CorruptError:
                    continue
            if not self._masters.learn():
                raise CorruptError

    def _hash(self, text: bytes) -> bytes:
        hashing = self._subjects.copy()
        hashing.update(text)
        return hashing.finalize()[:ID_BYTES]

    @cached_property
    def _answers(self) -> bytes:
        return self.own_key("digests of answers")

    @cached_property
    def _subjects(self) -> HMAC:
        """An HMAC that has the key but no data yet: copying it costs a third of creating a new one."""
        return HMAC(self.own_key("subjects"), SHA256())

    def _make(self, connection: Connection, subject_ids: list[bytes]) -> dict[bytes, bytes]:
        """New keys of these subjects; none if another process created one of them meanwhile, because the stored keys
        count.

        The ids are sorted, so that two processes lock rows in the same order.
        """
        if not subject_ids:
            return {}
        count, master = len(subject_ids), self._masters.current(connection)
        keys = _cut_pieces(os.urandom(KEY_BYTES * count), KEY_BYTES)
        wrapped = [seal_key(master, key, of) for key, of in zip(keys, subject_ids, strict=True)]
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO commerce.subject_keys (subject_id, wrapped_key)"
                " SELECT * FROM unnest(%s::bytea[], %s::bytea[]) ON CONFLICT DO NOTHING",
                (_quote_array(subject_ids), _quote_array(wrapped)),
            )
            return dict(zip(subject_ids, keys, strict=True)) if cursor.rowcount == count else {}


def _cut_pieces(whole: bytes, size: int) -> list[bytes]:
    return [whole[at : at + size] for at in range(0, len(whole), size)]


def _select(connection: Connection, subject_ids: Collection[bytes]) -> dict[bytes, bytes | None]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT subject_id, wrapped_key FROM commerce.subject_keys WHERE subject_id = ANY(%s::bytea[])",
            (_quote_array(subject_ids),),
        )
        return {bytes(subject): None if key is None else bytes(key) for subject, key in cursor}


def _quote_array(values: Collection[bytes]) -> str:
    """PostgreSQL's text for an array of bytea, so that the driver quotes one value instead of many."""
    return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"
