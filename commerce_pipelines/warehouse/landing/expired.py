"""Answers that were destroyed at their age limit. Their rows stay, with an empty payload: so a record is known, and an
answer about it that comes late is not kept.

What belongs here: finding such records, giving their subjects new keys. What does not: which records are too old
(domain/privacy/retention.py), what else is stripped (privacy/expiry.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date
from typing import TYPE_CHECKING

from ..tables.database import AMONG, listed
from . import words
from .landing import build_place
from .vault import CorruptError, Vault

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

# A condition on `s`: the answer was destroyed at its age limit. The length is known without reading the payload.
EXPIRED = "octet_length(s.payload) = 0"


def expired_of(connection: Connection, channel: str, topic: str, record_ids: Collection[str]) -> set[str]:
    """Those of these records whose answers were destroyed at their age limit."""
    if not record_ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT s.record_id FROM commerce.snapshots s WHERE s.channel = %s AND s.topic = %s"
            f" AND s.record_id {AMONG} AND {EXPIRED}",
            (channel, topic, listed(record_ids)),
        )
        return {record_id for (record_id,) in cursor}


def expired_on(connection: Connection, channel: str, topic: str, days: Collection[date]) -> list[str]:
    """Records of these days whose answers were destroyed at their age limit, without those of erased persons: their
    staged rows cannot be made again, and stay."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT s.record_id FROM commerce.snapshots s JOIN commerce.subject_keys k USING (subject_id)"
            f" WHERE s.channel = %s AND s.topic = %s AND s.day = ANY(%s::date[]) AND {EXPIRED}"
            " AND k.wrapped_key IS NOT NULL",
            (channel, topic, list(days)),
        )
        return [record_id for (record_id,) in cursor]


def renew_keys(
    connection: Connection, vault: Vault, subjects: Collection[bytes], label_of: Callable[[str], str]
) -> int:
    """Give these subjects new keys, so that no copy of a destroyed answer can be opened by the old ones, and seal under
    the new keys what else there is of them. Returns how many old keys were destroyed. The caller holds the locks of all
    landings. An answer that cannot be opened stays as it is. label_of: a channel's first name."""
    keys = vault.renew(connection, subjects)
    _update_answers(connection, vault, keys, label_of)
    words.reseal(connection, vault, keys)
    return len(keys)


def _update_answers(
    connection: Connection, vault: Vault, keys: dict[bytes, tuple[bytes, bytes]], label_of: Callable[[str], str]
) -> None:
    from psycopg2.extras import execute_values

    rows = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.channel, s.topic, s.record_id, s.digest, s.subject_id, s.payload FROM commerce.snapshots s"
            f" WHERE s.subject_id = ANY(%s::bytea[]) AND NOT {EXPIRED}",
            (list(keys),),
        )
        for channel, topic, record_id, digest, subject, payload in cursor.fetchall():
            place = build_place(label_of(channel), topic) + record_id.encode() + b"\0" + bytes(digest)
            old, new = keys[bytes(subject)]
            try:
                sealed = vault.seal(new, vault.open(old, bytes(payload), place), place)
            except CorruptError:
                continue
            rows.append((channel, topic, record_id, bytes(digest), sealed))
        if rows:
            execute_values(
                cursor,
                "UPDATE commerce.snapshots s SET payload = v.payload FROM (VALUES %s) AS v (channel, topic, record_id,"
                " digest, payload) WHERE (s.channel, s.topic, s.record_id, s.digest) ="
                " (v.channel, v.topic, v.record_id, v.digest)",
                rows,
            )
