"""What the other side said about a record in its own words: sealed, the newest of each record, gone with its cause.

Such a text may quote the buyer and anybody else whom the other side found. It lies under the key of the record's own
subject, so that destroying that key destroys it too; what is about no buyer lies under a subject of its own.

What belongs here: sealing, opening, forgetting them. What does not: who said it and when it is shown (flows/).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ...core.topics import Topic
from ...core.words import Words
from ..tables.database import storable
from .vault import CorruptError, Vault

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# Shipments, invoices and refunds out are of orders: words about them are about the order's buyer.
_LANDED_AS = dict.fromkeys((str(Topic.FULFILMENT), str(Topic.INVOICING), str(Topic.REFUNDING)), str(Topic.ORDERS))
_NOBODY = "words about"  # the subject of what is about a listing, by topic: no person has such a name


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """Words about one record. text: None where its subject is forgotten, or where it cannot be opened."""

    said_at: datetime
    text: str | None


def keep(
    connection: Connection, vault: Vault, channel: str, topic: str, words: Mapping[str, Words], now: datetime
) -> None:
    """Seal words by record id in place of those before. A record that was landed lends its subject; of a forgotten one
    nothing is kept. Where nothing was said this time, the words of before have no use any more and go."""
    _forget(connection, channel, topic, [record_id for record_id, text in words.items() if not text])
    texts = {storable(record_id): text for record_id, text in words.items() if text}
    if not texts:
        return
    subjects = _select_subjects(connection, channel, topic, texts)
    nobody = vault.subject_id(f"{_NOBODY} {topic}")
    of = {record_id: subjects.get(record_id, nobody) for record_id in texts}
    keys = vault.keys_for(connection, set(of.values()), create=True)
    with connection.cursor() as cursor:
        for record_id, text in sorted(texts.items()):
            key = keys[of[record_id]]
            if key is None:
                continue
            sealed = vault.seal(key, text.reveal().encode("utf-8", "replace"), _build_place(topic, record_id))
            cursor.execute(
                "INSERT INTO commerce.words (channel, topic, record_id, subject_id, said_at, sealed)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (channel, topic, record_id) DO UPDATE SET"
                " subject_id = excluded.subject_id, said_at = excluded.said_at, sealed = excluded.sealed",
                (channel, topic, record_id, of[record_id], now, sealed),
            )


def read(connection: Connection, vault: Vault, channel: str, topic: str, record_id: str) -> Sealed | None:
    """The words about a record, opened."""
    name = storable(record_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT subject_id, said_at, sealed FROM commerce.words WHERE channel = %s AND topic = %s"
            " AND record_id = %s",
            (channel, topic, name),
        )
        row = cursor.fetchone()
    if row is None:
        return None
    subject, said_at, sealed = bytes(row[0]), row[1], bytes(row[2])
    key = vault.keys_for(connection, {subject}, create=False).get(subject)
    text = None
    if key is not None:
        try:
            text = vault.open(key, sealed, _build_place(topic, name)).decode("utf-8", "replace")
        except CorruptError:
            text = None
    return Sealed(said_at=said_at, text=text)


def reseal(connection: Connection, vault: Vault, keys: Mapping[bytes, tuple[bytes, bytes]]) -> None:
    """Seal what was said about these subjects under their new keys. keys: (old, new) by subject."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT channel, topic, record_id, subject_id, sealed FROM commerce.words"
            " WHERE subject_id = ANY(%s::bytea[])",
            (list(keys),),
        )
        for channel, topic, record_id, subject, sealed in cursor.fetchall():
            (old, new), place = keys[bytes(subject)], _build_place(topic, record_id)
            try:
                text = vault.open(old, bytes(sealed), place)
            except CorruptError:
                continue
            cursor.execute(
                "UPDATE commerce.words SET sealed = %s WHERE channel = %s AND topic = %s AND record_id = %s",
                (vault.seal(new, text, place), channel, topic, record_id),
            )


def _forget(connection: Connection, channel: str, topic: str, record_ids: Collection[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM commerce.words WHERE channel = %s AND topic = %s AND record_id = ANY(%s)",
            (channel, topic, list(map(storable, record_ids))),
        )


def _select_subjects(connection: Connection, channel: str, topic: str, record_ids: Collection[str]) -> dict[str, bytes]:
    """The subject of each record's newest landed answer."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (record_id) record_id, subject_id FROM commerce.snapshots WHERE channel = %s"
            " AND topic = %s AND record_id = ANY(%s)"
            " ORDER BY record_id, source_updated_at DESC, first_seen DESC, digest DESC",
            (channel, _LANDED_AS.get(topic, topic), list(record_ids)),
        )
        return {record_id: bytes(subject) for record_id, subject in cursor}


def _build_place(topic: str, record_id: str) -> bytes:
    """What the words are sealed for; without the channel's name, which may change."""
    return b"words\0" + topic.encode() + b"\0" + record_id.encode()
