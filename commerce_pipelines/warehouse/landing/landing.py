"""The landing: every distinct answer ever seen for a record, append-only, compressed, sealed under its subject's key.

A record is an order, a return or a refund, depending on the topic. Topics never see each other's records.

What belongs here: keeping answers, and returning the newest of each record. What does not: reading their content
(channels/*/orders/translate.py), keys (vault.py), staged rows (orders/staged_rows.py).
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol
from zoneinfo import ZoneInfo

import msgspec

from ...core.topics import Topic
from ...domain.orders.order import business_day
from ..tables.database import AMONG, Warehouse, listed, lock_number, storable
from .binary_rows import COLUMNS, COMMON, COPY_HEADER, EPOCH_DAY, LENGTH, NUMBER, ROW, count_microseconds
from .dictionaries import COMPRESSION_LEVEL, SAMPLE_COUNT, Dictionaries, label
from .kept_rows import write_condition
from .vault import CorruptError, Vault

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

ROWS_A_FETCH = 250  # rows that are fetched together
How = Literal["poll", "webhook", "pull"]
SAME_MOMENT = timedelta(seconds=5)  # some marketplaces state times of change in whole seconds, and clocks differ
# How long a record may take from the marketplace to here: polls fail, machines stand still.
ON_ITS_WAY = timedelta(days=7)
# Stands for an answer that cannot be opened (no answer is empty); its record is refused, and the others go on.
DAMAGED = b""


def landing_lock(channel: str, topic: str) -> int:
    """The advisory lock that whoever lands answers of a channel and topic holds until the end of the transaction."""
    return lock_number(f"landing {label(channel, topic)}")


def build_place(sealed_as: str, topic: str) -> bytes:
    """With what the place begins to which an answer is sealed; its record's id and its digest follow."""
    return label(sealed_as, topic).encode() + b"\0"


class Head(Protocol):
    """What the landing needs of an answer; the channels' heads have this shape. Times are aware."""

    @property
    def record_id(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def updated_at(self) -> datetime: ...
    @property
    def subject(self) -> str: ...


class LandResult(msgspec.Struct, frozen=True, kw_only=True):
    """seen: all answers given. new: those that were not landed before. days: business days of the new ones, with their
    counts. forgotten: answers left out because their data subject was erased after the record was made. expired: those
    left out because earlier answers about the record were destroyed at their age limit."""

    seen: int
    new: int
    days: dict[date, int]
    forgotten: int = 0
    expired: int = 0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One landed answer. digest: hex SHA-256 of what was sent. day: the channel's business day. subject_id: hex. raw:
    what was stored of it, None if its subject is forgotten or it was destroyed at its age limit (expired), DAMAGED if
    the stored bytes are not those."""

    record_id: str
    digest: str
    day: date
    subject_id: str
    raw: bytes | None = None
    expired: bool = False


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One landing of an answer: its digest in hex, the times that the record states, when and how the answer first
    came. Times are aware UTC."""

    digest: str
    day: date
    created_at: datetime
    updated_at: datetime
    first_seen: datetime
    how: str


# The newest revision of a record has the greatest source time; of equal times the answer seen last counts. So an older
# answer that arrives late changes nothing, and a record whose day changed counts on its newest day only. OFFSET 0 makes
# it a look into the index for each row: joined, a channel that is new in the statistics was compared row by row.
_NEWEST = """NOT EXISTS (
    SELECT FROM commerce.snapshots n WHERE n.channel = s.channel AND n.topic = s.topic AND n.record_id = s.record_id
    AND (n.source_updated_at, n.first_seen, n.digest) > (s.source_updated_at, s.first_seen, s.digest) OFFSET 0)"""
SEALED = """SELECT s.record_id, s.day, s.digest, s.subject_id, k.wrapped_key, s.dictionary_id, s.payload
    FROM commerce.snapshots s LEFT JOIN commerce.subject_keys k USING (subject_id)
    WHERE s.channel = %s AND s.topic = %s"""

# A condition on `s`, by topic: the ledger of what is in Odoo holds this very answer.
_LOADED: dict[str, str] = {
    Topic.ORDERS: """EXISTS (SELECT FROM commerce.sale_orders o WHERE o.channel = s.channel
        AND o.order_id = s.record_id AND o.digest = encode(s.digest, 'hex'))""",
    Topic.RETURNS: """EXISTS (SELECT FROM commerce.return_pickings r WHERE r.channel = s.channel
        AND r.return_id = s.record_id AND r.digest = encode(s.digest, 'hex'))""",
    Topic.REFUNDS: """EXISTS (SELECT FROM commerce.credit_notes c WHERE c.channel = s.channel
        AND c.refund_id = s.record_id AND c.digest = encode(s.digest, 'hex'))""",
}


class Landing:
    """The answers of one channel on one topic. zone: decides their business days.

    sealed_as: the channel's first name, under which its answers are sealed even after the channel was renamed.
    """

    def __init__(
        self, warehouse: Warehouse, vault: Vault, channel: str, topic: str, zone: ZoneInfo, *, sealed_as: str = ""
    ) -> None:
        self._warehouse, self._vault, self._channel, self._topic, self._zone = warehouse, vault, channel, topic, zone
        self._dictionaries = Dictionaries(warehouse, vault, channel, topic, sealed_as=sealed_as)
        self._label = label(channel, topic)
        self._place = build_place(sealed_as or channel, topic)

    def land(
        self, items: Iterable[tuple[Head, bytes]], how: How, seen_at: datetime, cut: Callable[[bytes], bytes] = bytes
    ) -> LandResult:
        """Keep the new answers, all in one transaction. Landing an answer again changes nothing. Processes that land
        answers of the same channel and topic wait for each other. cut: what is stored of an answer; the digest is that
        of what was sent, so that another choice makes none look changed."""
        fresh: dict[tuple[str, bytes], tuple[Head, bytes]] = {}
        seen = 0
        for head, raw in items:
            seen += 1
            fresh[storable(head.record_id), self._vault.digest(raw)] = (head, raw)
        with self._warehouse.transaction() as connection:
            seen_before, too_old = set(), set()
            for record_id, digest, expired in self._read_known(connection, {record_id for record_id, _ in fresh}):
                seen_before.add(record_id)
                fresh.pop((record_id, digest), None)
                if expired:
                    too_old.add(record_id)
            late = [key for key in fresh if key[0] in too_old]
            for key in late:
                del fresh[key]
            subjects = self._load_subjects(connection, {key: head for key, (head, _) in fresh.items()}, seen_before)
            dictionary = self._dictionaries.newest(connection) if subjects else None
            kept = {key: (head, cut(raw)) for key, (head, raw) in fresh.items() if key in subjects}
            days = self._insert_fresh(connection, kept, subjects, dictionary, how, seen_at)
        if days and dictionary is None:
            self._learn()
        forgotten = len(fresh) - len(subjects)
        return LandResult(seen=seen, new=days.total(), days=dict(days), forgotten=forgotten, expired=len(late))

    def unchanged(self, records: Sequence[tuple[str, datetime]]) -> set[str]:
        """Takes (id, change time) of records; returns the ids of the records whose answer of that time is landed.

        An answer that was landed at the same moment as its change does not count, because another change may have the
        same time.
        """
        if not records:
            return set()
        ids, times = zip(*((storable(record_id), changed) for record_id, changed in records), strict=True)
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT s.record_id FROM commerce.snapshots s"
                " JOIN unnest(%s::text[], %s::timestamptz[]) AS asked (record_id, changed)"
                " ON s.record_id = asked.record_id AND s.source_updated_at = asked.changed"
                " WHERE s.channel = %s AND s.topic = %s AND s.first_seen > s.source_updated_at + %s",
                (list(ids), list(times), self._channel, self._topic, SAME_MOMENT),
            )
            return {record_id for (record_id,) in cursor}

    def newest(
        self, start: date, end: date, *, as_python: bool = False, but_staged: Collection[date] = ()
    ) -> Iterator[Snapshot]:
        """The newest answer of each record of the days `[start, end)`, ordered by day and record id: as the database
        orders texts, or, at the cost of a sort there, as Python does. but_staged: days of which those are left out that
        are staged already. Uses constant memory; all rows are from the same instant."""
        by_id = 's.record_id COLLATE "C"' if as_python else "s.record_id"
        staged = f"AND NOT {write_condition(self._topic)}" if but_staged else ""
        with self._warehouse.transaction() as connection:
            with connection.cursor() as cursor:
                # Without statistics (right after a large landing) the planner would hash the whole history.
                cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
            with connection.cursor("newest") as cursor:
                cursor.itersize = ROWS_A_FETCH
                cursor.execute(
                    f"{SEALED} AND s.day >= %s AND s.day < %s AND {_NEWEST} {staged} ORDER BY s.day, {by_id}",
                    (self._channel, self._topic, start, end, *([list(but_staged)] if staged else [])),
                )
                yield from self.open_rows(connection, cursor)

    def newest_of(self, record_ids: Collection[str]) -> dict[str, Snapshot]:
        """The newest answer of each of these records; records never seen are left out."""
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(
                f"{SEALED} AND s.record_id {AMONG} AND {_NEWEST}", (self._channel, self._topic, listed(record_ids))
            )
            return {snapshot.record_id: snapshot for snapshot in self.open_rows(connection, cursor.fetchall())}

    def history(self, record_id: str) -> list[Revision]:
        """All answers seen for a record, oldest revision first."""
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT digest, day, created_at, source_updated_at, first_seen, how FROM commerce.snapshots"
                " WHERE channel = %s AND topic = %s AND record_id = %s ORDER BY source_updated_at, first_seen, digest",
                (self._channel, self._topic, record_id),
            )
            return [
                Revision(digest=digest.hex(), day=day, created_at=placed, updated_at=updated, first_seen=seen, how=how)
                for digest, day, placed, updated, seen, how in cursor
            ]

    def records_per_day(self, start: date, end: date) -> dict[date, int]:
        """How many records belong to each of the days `[start, end)`; days without any are left out."""
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT s.day, count(*) FROM commerce.snapshots s WHERE s.channel = %s AND s.topic = %s"
                f" AND s.day >= %s AND s.day < %s AND {_NEWEST} GROUP BY s.day ORDER BY s.day",
                (self._channel, self._topic, start, end),
            )
            return dict(cursor.fetchall())

    def pending(self, start: date, end: date, since: datetime | None = None) -> dict[date, datetime]:
        """The days of `[start, end)` with answers that no run has dealt with, and when the newest of these answers was
        first seen.

        An answer is dealt with if the topic's ledger holds it, if the record waits in the exceptions because of it, if
        its subject is forgotten, or if it is past its age limit. A record in the exceptions that is due again counts
        from when it became due. since: look only at answers first seen from then on, if all older ones are known to be
        dealt with; that saves seconds.
        """
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(
                f"""SELECT s.day, max(s.first_seen) FROM commerce.snapshots s
                JOIN commerce.subject_keys k USING (subject_id)
                WHERE s.channel = %s AND s.topic = %s AND s.day >= %s AND s.day < %s
                AND s.first_seen >= coalesce(%s::timestamptz, '-infinity') AND k.wrapped_key IS NOT NULL AND {_NEWEST}
                AND octet_length(s.payload) > 0 AND NOT {_LOADED.get(self._topic, "false")}
                AND NOT EXISTS (SELECT FROM commerce.exceptions e WHERE e.channel = s.channel AND e.topic = s.topic
                    AND e.record_id = s.record_id AND e.resolved_at IS NULL AND e.note = ''
                    AND CASE WHEN e.digest = '' THEN e.last_seen >= s.first_seen
                        ELSE e.digest = encode(s.digest, 'hex') END)
                GROUP BY s.day""",
                (self._channel, self._topic, start, end, since),
            )
            days: dict[date, datetime] = dict(cursor.fetchall())
            cursor.execute(
                "SELECT day, max(retry_at) FROM commerce.exceptions WHERE channel = %s AND topic = %s"
                " AND day >= %s AND day < %s AND resolved_at IS NULL AND retry_at <= now() GROUP BY day",
                (self._channel, self._topic, start, end),
            )
            return {**days, **{day: max(at, days.get(day, at)) for day, at in cursor}}

    def _read_known(self, connection: Connection, record_ids: Collection[str]) -> Iterator[tuple[str, bytes, bool]]:
        """What is landed of these records, and whether it was destroyed at its age limit. Until the transaction ends,
        no other process lands answers of this channel and topic."""
        with connection.cursor() as cursor:
            cursor.execute(
                # A statement of its own, so that the next one sees what was committed meanwhile.
                "SELECT pg_advisory_xact_lock(%s);"
                "SELECT record_id, digest, octet_length(payload) = 0 FROM commerce.snapshots"
                f" WHERE channel = %s AND topic = %s AND record_id {AMONG}",
                (landing_lock(self._channel, self._topic), self._channel, self._topic, listed(record_ids)),
            )
            for record_id, digest, expired in cursor:
                yield record_id, bytes(digest), expired

    def _load_subjects(
        self, connection: Connection, heads: dict[tuple[str, bytes], Head], seen_before: Collection[str]
    ) -> dict[tuple[str, bytes], tuple[bytes, bytes]]:
        """Id and key of each answer's subject. Of a forgotten subject only records made later stay, and those made
        shortly before that were never seen, because an erasure must not swallow an order that is on its way here; they
        belong to its heir."""
        ids = {key: self._vault.subject_id(head.subject) for key, head in heads.items()}
        result: dict[tuple[str, bytes], tuple[bytes, bytes]] = {}
        while ids:
            keys = self._vault.keys_for(connection, set(ids.values()), create=True)
            forgotten = [subject for subject, secret in keys.items() if secret is None]
            since = self._read_forgotten_since(connection, forgotten)
            heirs = {}
            for key, subject in ids.items():
                if (secret := keys[subject]) is not None:
                    result[key] = (subject, secret)
                elif subject not in since or heads[key].created_at > since[subject] - (
                    timedelta() if key[0] in seen_before else ON_ITS_WAY
                ):
                    heirs[key] = self._vault.heir(subject)
            ids = heirs
        return result

    def _read_forgotten_since(self, connection: Connection, subjects: list[bytes]) -> dict[bytes, datetime]:
        if not subjects:
            return {}
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT subject_id, destroyed_at FROM commerce.subject_keys WHERE destroyed_at IS NOT NULL"
                " AND subject_id = ANY(%s::bytea[])",
                (subjects,),
            )
            return {bytes(subject): at for subject, at in cursor}

    def _insert_fresh(
        self,
        connection: Connection,
        fresh: dict[tuple[str, bytes], tuple[Head, bytes]],
        subjects: dict[tuple[str, bytes], tuple[bytes, bytes]],
        dictionary: int | None,
        how: How,
        seen_at: datetime,
    ) -> Counter[date]:
        import zstandard

        if not subjects:
            return Counter()
        trained = None if dictionary is None else self._dictionaries.read(connection, dictionary)
        compress = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, dict_data=trained).compress
        seal, place = self._vault.seal, self._place
        common = COMMON.pack(len(COLUMNS), 8, count_microseconds(seen_at)) + b"".join(
            LENGTH.pack(len(value)) + value for value in (self._channel.encode(), self._topic.encode(), how.encode())
        ) + (LENGTH.pack(-1) if dictionary is None else NUMBER.pack(4, dictionary))  # fmt: skip
        copy, days = bytearray(COPY_HEADER), Counter[date]()
        for key, nonce in zip(subjects, self._vault.nonces(len(subjects)), strict=True):
            (record_id, digest), (subject, secret), (head, raw) = key, subjects[key], fresh[key]
            name, day = record_id.encode(), business_day(head.created_at, self._zone)
            payload = seal(secret, compress(raw), place + b"\0".join((name, digest)), nonce)
            days[day] += 1
            copy += common
            copy += LENGTH.pack(len(name))
            copy += name
            created, updated = count_microseconds(head.created_at), count_microseconds(head.updated_at)
            copy += ROW.pack(
                32, digest, 4, (day - EPOCH_DAY).days, 8, created, 8, updated, 16, subject, len(payload)
            )  # fmt: skip
            copy += payload
        copy += b"\xff\xff"
        with connection.cursor() as cursor:
            names = ", ".join(COLUMNS)
            cursor.copy_expert(f"COPY commerce.snapshots ({names}) FROM STDIN (FORMAT binary)", io.BytesIO(copy))
        return days

    def open_rows(self, connection: Connection, rows: Iterable[Any]) -> Iterator[Snapshot]:
        """The answers one by one, so that only one unpacked answer is in memory."""
        import zstandard

        readers: dict[int | None, Any] = {}
        unwrap, unseal = self._vault.unwrap, self._vault.open
        for record_id, day, digest, subject, wrapped, dictionary, payload in rows:
            raw = None
            if wrapped is not None and payload:
                if dictionary not in readers:
                    trained = None if dictionary is None else self._dictionaries.read(connection, dictionary)
                    readers[dictionary] = zstandard.ZstdDecompressor(dict_data=trained).decompress
                place = self._place + b"\0".join((record_id.encode(), digest))
                try:
                    secret = unwrap(bytes(subject), bytes(wrapped))
                    raw = readers[dictionary](unseal(secret, bytes(payload), place))
                except CorruptError:
                    raw = DAMAGED
            yield Snapshot(
                record_id=record_id, digest=digest.hex(), day=day, subject_id=subject.hex(), raw=raw,
                expired=wrapped is not None and not payload,
            )  # fmt: skip

    def _learn(self) -> None:
        """Learn a dictionary once there are enough records. One process learns, the others go on without a
        dictionary."""
        attempted = ("no dictionary", self._channel, self._topic)
        if attempted in self._warehouse.memory:
            return
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM"
                " (SELECT FROM commerce.snapshots WHERE channel = %s AND topic = %s LIMIT %s) AS enough",
                (self._channel, self._topic, SAMPLE_COUNT),
            )
            row = cursor.fetchone()
        if not row or row[0] < SAMPLE_COUNT:
            return
        with self._warehouse.lock(f"dictionary {self._label}", wait=False) as ours:
            if not ours:
                return
            with self._warehouse.transaction() as connection, connection.cursor() as cursor:
                if self._dictionaries.newest(connection) is None:
                    cursor.execute(f"{SEALED} ORDER BY s.day DESC LIMIT %s", (self._channel, self._topic, SAMPLE_COUNT))
                    opened = self.open_rows(connection, cursor.fetchall())
                    samples = [(snapshot.subject_id, snapshot.raw) for snapshot in opened if snapshot.raw]
                    if self._dictionaries.learn(connection, samples) is None:
                        self._warehouse.memory[attempted] = True
