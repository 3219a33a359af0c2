"""What this database holds of a data subject, and forgetting it.

What belongs here: which records are filed under which subjects, destroying keys so that no file of the database holds
them. What does not: the keys themselves (landing/vault.py), how a person is identified (flows/privacy/person.py).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import closing
from datetime import date, datetime
from typing import TYPE_CHECKING, NamedTuple

from ...core.topics import Topic
from ...domain.orders.order import UNPAID_FOR_LONG, OrderStatus
from ..landing.landing import landing_lock
from ..tables.database import Warehouse

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_NO_RIGHT = "42501"  # PostgreSQL, appendix A
TRIES = 30  # a second apart: statistics and most reports are done within that
LANDED = (Topic.ORDERS, Topic.RETURNS, Topic.REFUNDS)  # the topics of answers
# The order of a landed return or refund.
_ORDER_OF = {Topic.RETURNS: ("returns", "return_id"), Topic.REFUNDS: ("refunds", "refund_id")}


class Record(NamedTuple):
    channel: str
    topic: str
    record_id: str


def records_of(connection: Connection, subjects: Collection[bytes]) -> set[tuple[bytes, Record]]:
    """What was landed under these subjects: (subject, record)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT subject_id, channel, topic, record_id FROM commerce.snapshots WHERE subject_id = ANY(%s)",
            (list(subjects),),
        )
        return {(bytes(subject), Record(*record)) for subject, *record in cursor}


def subjects_of(connection: Connection, records: Collection[Record]) -> set[tuple[Record, bytes]]:
    """The subjects under which any answer about these records was landed: (record, subject)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT s.subject_id, channel, topic, record_id FROM commerce.snapshots s"
            " JOIN unnest(%s::text[], %s::text[], %s::text[]) AS r (channel, topic, record_id)"
            " USING (channel, topic, record_id)",
            _split_columns(records),
        )
        return {(Record(*record), bytes(subject)) for subject, *record in cursor}


def orders_of(connection: Connection, records: Collection[Record]) -> set[tuple[Record, Record]]:
    """The orders that these returns and refunds are about: (record, order)."""
    pairs = set()
    with connection.cursor() as cursor:
        for topic, (table, key) in _ORDER_OF.items():
            of_topic = [record for record in records if record.topic == topic]
            cursor.execute(
                f"SELECT DISTINCT r.channel, r.topic, r.record_id, t.order_id FROM commerce.{table} t"
                " JOIN unnest(%s::text[], %s::text[], %s::text[]) AS r (channel, topic, record_id)"
                f" ON r.channel = t.channel AND r.record_id = t.{key}",
                _split_columns(of_topic),
            )
            pairs |= {
                (Record(channel, kind, record_id), Record(channel, Topic.ORDERS, order_id))
                for channel, kind, record_id, order_id in cursor
            }
    return pairs


def records_about(connection: Connection, orders: Collection[Record]) -> set[tuple[Record, Record]]:
    """The returns and refunds of these orders, as far as any was read: (order, record)."""
    pairs = set()
    with connection.cursor() as cursor:
        for topic, (table, key) in _ORDER_OF.items():
            cursor.execute(
                f"SELECT r.channel, r.topic, r.record_id, t.{key} FROM commerce.{table} t"
                " JOIN unnest(%s::text[], %s::text[], %s::text[]) AS r (channel, topic, record_id)"
                " ON r.channel = t.channel AND r.record_id = t.order_id",
                _split_columns(orders),
            )
            pairs |= {
                (Record(channel, kind, order_id), Record(channel, topic, record_id))
                for channel, kind, order_id, record_id in cursor
            }
    return pairs


def sales_of(connection: Connection, orders: Collection[Record]) -> dict[Record, int]:
    """Sale orders in Odoo, by order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.channel, s.order_id, s.odoo_id FROM commerce.sale_orders s"
            " JOIN unnest(%s::text[], %s::text[], %s::text[]) AS r (channel, topic, order_id)"
            " USING (channel, order_id) WHERE s.odoo_id IS NOT NULL",
            _split_columns(orders),
        )
        return {Record(channel, Topic.ORDERS, order_id): odoo_id for channel, order_id, odoo_id in cursor}


def orders_in_odoo(connection: Connection, sale_ids: Collection[int]) -> dict[int, Record]:
    """Orders by their sale order in Odoo; orders that came from no channel are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT odoo_id, channel, order_id FROM commerce.sale_orders WHERE odoo_id = ANY(%s)", (list(sale_ids),)
        )
        return {odoo_id: Record(channel, Topic.ORDERS, order_id) for odoo_id, channel, order_id in cursor}


def sales_since(connection: Connection, channel: str, since: date, sale_ids: Collection[int]) -> set[int]:
    """Those of these sale orders that are the channel's and were placed on that business day or later."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT odoo_id FROM commerce.sale_orders WHERE channel = %s AND day >= %s AND odoo_id = ANY(%s)",
            (channel, since, list(sale_ids)),
        )
        return {odoo_id for (odoo_id,) in cursor}


def open_orders(connection: Connection, orders: Collection[Record], now: datetime) -> list[Record]:
    """Those of these orders that are landed and may still have to be brought to Odoo: paid ones, unpaid ones that can
    be paid yet, and those that no run has read."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.channel, r.order_id"
            " FROM unnest(%s::text[], %s::text[], %s::text[]) AS r (channel, topic, order_id)"
            " LEFT JOIN commerce.orders o ON o.channel = r.channel AND o.order_id = r.order_id"
            " WHERE EXISTS (SELECT FROM commerce.snapshots s JOIN commerce.subject_keys k USING (subject_id)"
            " WHERE s.channel = r.channel AND s.topic = r.topic AND s.record_id = r.order_id"
            " AND k.wrapped_key IS NOT NULL AND octet_length(s.payload) > 0)"
            " AND (o.order_id IS NULL OR NOT o.is_test AND NOT o.is_other_channel"
            " AND (o.status = %s OR o.status = %s AND o.placed_at > %s))"
            " AND NOT EXISTS (SELECT FROM commerce.sale_orders s WHERE s.channel = r.channel"
            " AND s.order_id = r.order_id AND s.odoo_id IS NOT NULL) ORDER BY 1, 2",
            (*_split_columns(orders), OrderStatus.PAID, OrderStatus.WAITING, now - UNPAID_FOR_LONG),
        )
        return [Record(channel, Topic.ORDERS, order_id) for channel, order_id in cursor]


def list_dormant(connection: Connection, before: date, after: bytes, limit: int) -> list[bytes]:
    """Subjects with a key of whom no answer is of that business day or later, sorted, those behind `after`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.subject_id FROM commerce.snapshots s JOIN commerce.subject_keys k USING (subject_id)"
            " WHERE k.wrapped_key IS NOT NULL AND s.subject_id > %s GROUP BY s.subject_id HAVING max(s.day) < %s"
            " ORDER BY s.subject_id LIMIT %s",
            (after, before, limit),
        )
        return [bytes(subject) for (subject,) in cursor]


def list_recent(connection: Connection, records: Collection[Record], since: date) -> set[Record]:
    """Those of these records that are of that business day or later."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT channel, topic, record_id FROM commerce.snapshots s"
            " JOIN unnest(%s::text[], %s::text[], %s::text[]) AS r (channel, topic, record_id)"
            " USING (channel, topic, record_id) WHERE s.day >= %s",
            (*_split_columns(records), since),
        )
        return {Record(*row) for row in cursor}


def list_landings(connection: Connection, channels: Collection[str] = ()) -> set[tuple[str, str]]:
    """Every channel and topic of which answers are landed, or may be. channels: those of the settings."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT channel, topic FROM commerce.snapshots")
        landed = {(channel, topic) for channel, topic in cursor}
    return landed | {(channel, str(topic)) for channel in channels for topic in LANDED}


def hold_landings(connection: Connection, landings: Collection[tuple[str, str]]) -> None:
    """Wait for whoever lands answers, and let nobody land any until the transaction ends: an answer that is sealed
    while its key is destroyed would be lost. landings: of `list_landings`."""
    with connection.cursor() as cursor:
        for number in sorted(landing_lock(channel, topic) for channel, topic in landings):
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (number,))


def forget(
    connection: Connection, subjects: Collection[bytes], partners: Collection[int], at: datetime | None = None
) -> set[bytes]:
    """Destroy the keys of these subjects for good, and bury subjects that never had one: an answer that comes later
    about an older order is not kept. Returns the subjects whose keys were destroyed.

    partners: the contacts in Odoo, by which customers without an e-mail address were recognised. A row of another Odoo
    with the same number goes too, and costs one look-up. at: when they were erased, default: now.
    """
    ids = list(subjects)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT subject_id FROM commerce.subject_keys WHERE wrapped_key IS NOT NULL AND subject_id = ANY(%s)",
            (ids,),
        )
        destroyed = {bytes(subject) for (subject,) in cursor}
        cursor.execute(
            "INSERT INTO commerce.subject_keys (subject_id, wrapped_key, destroyed_at)"
            " SELECT subject, NULL, coalesce(%s, now()) FROM unnest(%s::bytea[]) AS subject ORDER BY subject"
            " ON CONFLICT (subject_id) DO UPDATE SET wrapped_key = NULL, destroyed_at = excluded.destroyed_at"
            " WHERE subject_keys.wrapped_key IS NOT NULL",
            (at, ids),
        )
        cursor.execute("DELETE FROM commerce.words WHERE subject_id = ANY(%s)", (ids,))
        cursor.execute("DELETE FROM commerce.customers WHERE partner_id = ANY(%s)", (list(partners),))
    return destroyed


def scrub(warehouse: Warehouse, tries: int = TRIES) -> bool:
    """Rewrite the table of keys, so that no file holds the destroyed ones, and let the server start a new log. Returns
    whether both is so. The log needs the role pg_checkpoint, pg_switch_wal() and `wal_recycle = off`; the embedded
    server has all three. The table needs that nobody looks at it as it was before: what PostgreSQL still keeps for
    another session, it copies. Locks the table for about a second per million keys."""
    import psycopg2

    with warehouse.lock("scrub keys", wait=True), closing(warehouse.connect()) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            rewritten = _write_keys_anew(connection)
            while not rewritten and (tries := tries - 1) > 0:
                cursor.execute("SELECT pg_sleep(1)")
                rewritten = _write_keys_anew(connection)
            try:
                cursor.execute("SELECT pg_switch_wal()")
                cursor.execute("CHECKPOINT")
            except psycopg2.errors.InsufficientPrivilege:
                return False
            cursor.execute("SELECT current_setting('wal_recycle') = 'off'")
            return rewritten and cursor.fetchone() == (True,)


def _write_keys_anew(connection: Connection) -> bool:
    """Whether no row that was changed or deleted was copied. PostgreSQL says how many were in the second line of a
    notice for each table, in the language of the server; it tells nowhere else."""
    del connection.notices[:]
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (FULL, VERBOSE) commerce.subject_keys, commerce.master_key")
    details = [lines[1] for notice in connection.notices if len(lines := notice.splitlines()) > 1]
    return len(details) == 2 and all(re.findall(r"\d+", detail)[:1] == ["0"] for detail in details)


def _split_columns(records: Collection[Record]) -> tuple[list[str], list[str], list[str]]:
    channels, topics, ids = zip(*records, strict=True) if records else ((), (), ())
    return list(channels), list(topics), list(ids)
