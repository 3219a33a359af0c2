"""Tombstones of erased persons in a file apart from the database: a restored backup brings nobody back.

One line for each erasure: when, the subjects' ids (keyed hashes) and the contacts' numbers in Odoo, signed. The file is
written before the database forgets, and read before anything is opened.

    at every start   the file knows more ──▶ the database was restored: keys destroyed again, contacts looked at again
                     the database knows more ──▶ the file is new, or was damaged: what is missing is added

What belongs here: the file, comparing it with the database. What does not: erasing (flows/privacy/erase.py), where the
file lies (`privacy.tombstones`).
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ...core.errors import SettingsError
from ..landing.vault import Vault
from ..tables.database import Warehouse
from . import requests
from .subjects import forget

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """One line. subjects: hex ids. partners: contacts in Odoo, by database id. signature: of the rest, keyed."""

    at: datetime
    subjects: list[str]
    partners: list[int]
    signature: str = ""


class Difference(msgspec.Struct, frozen=True):
    """How many subjects are erased in one place and not in the other."""

    not_in_file: int
    not_in_database: int


class Tombstones:
    """The file at a path. Raises SettingsError where it is not there, or was written for another database."""

    def __init__(self, path: Path, vault: Vault) -> None:
        self._path, self._key = path, vault.own_key("tombstones")

    def read(self) -> list[Tombstone]:
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            raise SettingsError(
                f"privacy.tombstones: {self._path} cannot be read. Without it a restored backup would bring erased "
                "persons back, so nothing is done: mount the place where it lies, or create it as an empty file if it "
                "is new."
            ) from None
        return [self._read_line(number, line) for number, line in enumerate(lines, 1) if line.strip()]

    def append(self, erased: Iterable[tuple[Collection[bytes], Collection[int]]], at: datetime) -> None:
        """Add a line for each (subjects, contacts in Odoo), and return once all are on the disk."""
        lines = [self._make_line(subjects, partners, at) for subjects, partners in erased]
        try:
            with open(self._path, "ab") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            raise SettingsError(
                f"privacy.tombstones: {self._path} cannot be written, so nobody is erased: see its rights and its disk."
            ) from None

    def _make_line(self, subjects: Iterable[bytes], partners: Iterable[int], at: datetime) -> bytes:
        stone = Tombstone(at=at, subjects=sorted(subject.hex() for subject in subjects), partners=sorted(partners))
        return msgspec.json.encode(msgspec.structs.replace(stone, signature=self._make_signature(stone))) + b"\n"

    def _read_line(self, number: int, line: bytes) -> Tombstone:
        try:
            stone = msgspec.json.decode(line, type=Tombstone)
        except msgspec.DecodeError:
            stone = None
        if stone is None or not hmac.compare_digest(stone.signature, self._make_signature(stone)):
            raise SettingsError(
                f"privacy.tombstones: line {number} of {self._path} is not of this database, or was changed: name the "
                "file of this database, or take the line out if its end is torn off."
            )
        return stone

    def _make_signature(self, stone: Tombstone) -> str:
        text = msgspec.json.encode(msgspec.structs.replace(stone, signature=""))
        return hmac.digest(self._key, text, "sha256").hex()


def synchronise(warehouse: Warehouse, vault: Vault, path: Path, now: datetime) -> Difference:
    """Make file and database agree; returns how they differed."""
    stones = Tombstones(path, vault)
    buried = stones.read()
    with warehouse.transaction() as connection:
        missing = _list_missing(connection, buried)
    if missing == ([], []):
        return Difference(0, 0)
    with warehouse.lock("tombstones", wait=True), warehouse.transaction() as connection:
        buried = stones.read()
        restored, unwritten = _list_missing(connection, buried)
        for stone in restored:
            forget(connection, [bytes.fromhex(subject) for subject in stone.subjects], stone.partners, stone.at)
            _look_again(connection, stone, now)
        if unwritten:
            stones.append([(unwritten, ())], now)
    return Difference(len(unwritten), sum(len(stone.subjects) for stone in restored))


def compare(warehouse: Warehouse, vault: Vault, path: Path) -> Difference:
    """How file and database differ now. Writes nothing."""
    buried = Tombstones(path, vault).read()
    with warehouse.transaction() as connection:
        restored, unwritten = _list_missing(connection, buried)
    return Difference(len(unwritten), sum(len(stone.subjects) for stone in restored))


def _list_missing(connection: Connection, buried: Collection[Tombstone]) -> tuple[list[Tombstone], list[bytes]]:
    """Tombstones of subjects that the database has not erased, and subjects that it has erased without one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT subject_id FROM commerce.subject_keys WHERE wrapped_key IS NULL")
        erased = {bytes(subject) for (subject,) in cursor}
    in_file = {bytes.fromhex(subject) for stone in buried for subject in stone.subjects}
    restored = [stone for stone in buried if not erased.issuperset(map(bytes.fromhex, stone.subjects))]
    return restored, sorted(erased - in_file)


def _look_again(connection: Connection, stone: Tombstone, now: datetime) -> None:
    """Have the daily pass make these contacts anonymous again, in case that Odoo was restored too: as those that were
    kept for invoices until yesterday. Only these, because their person may have bought again since."""
    if not stone.partners:
        return
    until = (now.date() - timedelta(days=1)).isoformat()
    number = requests.ask(connection, "tombstones", stone.subjects, stone.partners, now)
    kept = [{"partner_id": partner, "invoices": [], "until": until} for partner in stone.partners]
    certificate = {"contacts_made_anonymous": 0, "kept": kept, "erased_before": stone.at.date().isoformat()}
    requests.settle(connection, number, "done", certificate, now, stone.partners)
