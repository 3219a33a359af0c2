"""Destroying answers at their age limit, and stripping what else there is about their records.

The rows of a record stay, staged ones and the ledger's, without what leads to a person: returns, refunds, shipments and
proofs go on with them.

What belongs here: rows. What does not: which records are too old (flows/privacy/retention.py), the keys
(landing/expired.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from ...core.topics import Topic
from .. import audit
from ..landing.expired import EXPIRED, renew_keys
from ..landing.vault import Vault
from ..tables.database import AMONG, listed

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_READABLE = f"NOT {EXPIRED} AND EXISTS (SELECT FROM commerce.subject_keys k WHERE k.subject_id = s.subject_id" \
    " AND k.wrapped_key IS NOT NULL)"  # fmt: skip
_STAGED = {Topic.ORDERS: ("orders", "order_id"), Topic.RETURNS: ("returns", "return_id"),
           Topic.REFUNDS: ("refunds", "refund_id")}  # fmt: skip
_LEDGERS = {Topic.ORDERS: "sale_orders", Topic.RETURNS: "return_pickings", Topic.REFUNDS: "credit_notes"}
# Whose words lie under the id of a landed order.
_ABOUT_ORDERS = (str(Topic.ORDERS), str(Topic.FULFILMENT), str(Topic.INVOICING))


class Candidate(msgspec.Struct, frozen=True):
    """A return or refund with readable answers. state: '' if it is not staged. settled: its ledger says what became of
    it, and it does not wait."""

    record_id: str
    state: str
    updated_at: datetime
    settled: bool


class Destroyed(msgspec.Struct, frozen=True):
    """How many answers, and how many keys of subjects that were replaced."""

    answers: int = 0
    keys: int = 0


def list_old(
    connection: Connection, channel: str, topic: str, before: datetime, after: str, limit: int
) -> list[str]:  # fmt: skip
    """Ids of records made before that moment that have readable answers, sorted, those behind `after`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT s.record_id FROM commerce.snapshots s WHERE s.channel = %s AND s.topic = %s"
            f" AND s.record_id > %s AND s.created_at <= %s AND {_READABLE} ORDER BY s.record_id LIMIT %s",
            (channel, topic, after, before, limit),
        )
        return [record_id for (record_id,) in cursor]


def in_odoo(connection: Connection, channel: str, order_ids: Sequence[str]) -> set[str]:
    """Those of these orders that are in Odoo."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT order_id FROM commerce.sale_orders WHERE channel = %s AND odoo_id IS NOT NULL"
            f" AND order_id {AMONG}",
            (channel, listed(order_ids)),
        )
        return {order_id for (order_id,) in cursor}


def unfinished_of(
    connection: Connection, channel: str, order_ids: Sequence[str], *, taken_over: bool, invoiced_since: date | None
) -> set[str]:  # fmt: skip
    """Those of these orders whose answers are still to be read: by whoever takes deliveries of the channel over, and by
    whoever registers payments. taken_over: deliveries are. invoiced_since: from which day the pipelines invoice, None:
    they do not."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT o.order_id FROM commerce.orders o JOIN commerce.sale_orders s USING (channel, order_id)
            WHERE o.channel = %(channel)s AND o.order_id {AMONG.replace("%s", "%(ids)s")} AND o.status = 'paid'
            AND s.odoo_id IS NOT NULL AND s.state <> 'cancel' AND (
                %(taken_over)s AND o.fulfilled_by = 'channel' AND NOT EXISTS (SELECT FROM commerce.channel_deliveries d
                    WHERE d.channel = o.channel AND d.order_id = o.order_id AND d.settled <> '')
                OR s.day >= %(since)s AND NOT EXISTS (SELECT FROM commerce.invoices i
                    WHERE i.channel = o.channel AND i.order_id = o.order_id AND i.settled <> ''))""",
            {"channel": channel, "ids": listed(order_ids), "taken_over": taken_over, "since": invoiced_since},
        )
        return {order_id for (order_id,) in cursor}


def unread_of(
    connection: Connection, channel: str, topic: Topic, record_ids: Sequence[str], since: datetime
) -> set[str]:  # fmt: skip
    """Those of these records of which an answer came since then that no run has dealt with."""
    key = _STAGED[topic][1]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT s.record_id FROM commerce.snapshots s WHERE s.channel = %s AND s.topic = %s"
            f" AND s.record_id {AMONG} AND s.first_seen > %s AND NOT EXISTS (SELECT FROM commerce.{_LEDGERS[topic]} l"
            f" WHERE l.channel = s.channel AND l.{key} = s.record_id AND l.digest = encode(s.digest, 'hex'))",
            (channel, topic, listed(record_ids), since),
        )
        return {record_id for (record_id,) in cursor}


def read_candidates(connection: Connection, channel: str, topic: Topic, record_ids: Sequence[str]) -> list[Candidate]:
    """These returns or refunds as they are staged, else as they were landed."""
    table, key = _STAGED[topic]
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT s.record_id, coalesce(t.state, ''), coalesce(t.updated_at, max(s.source_updated_at)),
            EXISTS (SELECT FROM commerce.{_LEDGERS[topic]} l WHERE l.channel = %(channel)s AND l.{key} = s.record_id
                AND l.code = '')
            FROM commerce.snapshots s LEFT JOIN commerce.{table} t ON t.channel = s.channel AND t.{key} = s.record_id
            WHERE s.channel = %(channel)s AND s.topic = %(topic)s AND s.record_id {AMONG.replace("%s", "%(ids)s")}
            GROUP BY s.record_id, t.state, t.updated_at ORDER BY s.record_id""",
            {"channel": channel, "topic": topic, "ids": listed(record_ids)},
        )
        return [Candidate(*row) for row in cursor]


def oldest_readable(connection: Connection) -> dict[tuple[str, str], tuple[datetime, int]]:
    """By channel and topic: when the oldest record with readable answers was made, and how many records there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.channel, s.topic, min(s.created_at), count(DISTINCT s.record_id)::int"
            f" FROM commerce.snapshots s WHERE {_READABLE} GROUP BY s.channel, s.topic ORDER BY 1, 2"
        )
        return {(channel, topic): (oldest, count) for channel, topic, oldest, count in cursor}


def destroy(
    connection: Connection, vault: Vault, channel: str, topic: Topic, record_ids: Sequence[str],
    label_of: Callable[[str], str],
) -> Destroyed:  # fmt: skip
    """Destroy the answers about these records. The caller holds the locks of all landings. label_of: a channel's first
    name."""
    ids = listed(record_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.snapshots s SET payload = '', dictionary_id = NULL WHERE s.channel = %s AND s.topic = %s"
            f" AND s.record_id {AMONG} AND NOT {EXPIRED} RETURNING s.subject_id",
            (channel, topic, ids),
        )
        subjects = [bytes(subject) for (subject,) in cursor]
        about = _ABOUT_ORDERS if topic is Topic.ORDERS else (str(topic),)
        cursor.execute(
            f"DELETE FROM commerce.words WHERE channel = %s AND topic = ANY(%s) AND record_id {AMONG}",
            (channel, list(about), ids),
        )
    _strip_rows(connection, channel, topic, about, ids)
    audit.note(connection, "answers destroyed at the age limit", account=channel, topic=topic, records=record_ids)
    return Destroyed(len(subjects), renew_keys(connection, vault, set(subjects), label_of))


def _strip_rows(connection: Connection, channel: str, topic: Topic, about: Sequence[str], ids: str) -> None:
    """Take what leads to a person out of the staged rows, the ledger and the exceptions. An exception that is open
    stays open; its sentence says what happened, because nothing can be tried again."""
    table, key = _STAGED[topic]
    with connection.cursor() as cursor:
        if topic is Topic.ORDERS:  # first, because who writes the ledger changes it before its trigger changes orders
            cursor.execute(
                f"UPDATE commerce.sale_orders SET base = '' WHERE channel = %s AND order_id {AMONG}", (channel, ids)
            )
        cursor.execute(
            f"UPDATE commerce.{table} SET subject_id = '' WHERE channel = %s AND {key} {AMONG}", (channel, ids)
        )
        cursor.execute(
            "DELETE FROM commerce.exceptions WHERE channel = %s AND topic = ANY(%s) AND resolved_at IS NOT NULL"
            f" AND record_id {AMONG}",
            (channel, list(about), ids),
        )
        cursor.execute(
            "UPDATE commerce.exceptions SET subject = '', message = 'The answers about it were destroyed at their age"
            " limit before this was settled.' WHERE channel = %s AND topic = ANY(%s)"
            f" AND record_id {AMONG}",
            (channel, list(about), ids),
        )
