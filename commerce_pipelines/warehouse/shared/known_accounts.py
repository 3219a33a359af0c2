"""Accounts: which account of a marketplace each channel is, its first name, and which Odoo belongs to it.

What belongs here: rows, and renaming a channel in every table. What does not: asking the marketplace or Odoo who they
are, and what follows from it (flows/identity.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ..tables.database import lock_number

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class Place(msgspec.Struct, frozen=True):
    """One Odoo: its address and database in one text, the company's database id, and in uuid what tells the database
    from another one of that name (odoo/reference/database.py), '' where nothing does."""

    address: str
    uuid: str
    company: int | None


class KnownAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One row. account_id: '' where the marketplace does not tell it. label: the name under which answers are sealed
    and records are known in Odoo. credentials: a keyed hash, which changes with the credentials. place: the Odoo to
    which orders of this account were first written, None before. agreed: a person has agreed to that Odoo, where that
    was needed."""

    channel: str
    kind: str
    account_id: str
    label: str
    credentials: str
    place: Place | None
    agreed: bool


_COLUMNS = "channel, kind, account_id, label, credentials, odoo_place, odoo_uuid, odoo_company, agreed"


def read_all(connection: Connection) -> list[KnownAccount]:
    """Every account that was ever used, by channel."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM commerce.accounts ORDER BY channel")
        return [
            KnownAccount(
                channel=channel, kind=kind, account_id=account_id, label=label, credentials=credentials,
                place=Place(address, uuid, company) if address else None, agreed=agreed,
            )
            for channel, kind, account_id, label, credentials, address, uuid, company, agreed in cursor
        ]  # fmt: skip


def label_of(connection: Connection, channel: str) -> str | None:
    """The name under which a channel's answers are sealed and its records are known in Odoo; None before it has one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT label FROM commerce.accounts WHERE channel = %s", (channel,))
        row = cursor.fetchone()
    return row[0] if row else None


def add(connection: Connection, channel: str, kind: str, account_id: str, credentials: str) -> None:
    """Record a channel's account at its first use. The label is the channel's name, with a number if another account,
    which has been renamed since, had that name first."""
    with connection.cursor() as cursor:
        # Two processes may use a channel for the first time at once; the second one finds the label of the first.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number("accounts"),))
        cursor.execute("SELECT label FROM commerce.accounts")
        taken = {label for (label,) in cursor}
        label, number = channel, 2
        while label in taken:
            label, number = f"{channel}_{number}", number + 1
        cursor.execute(
            "INSERT INTO commerce.accounts (channel, kind, account_id, label, credentials) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (channel) DO NOTHING",
            (channel, kind, account_id, label, credentials),
        )


def set_credentials(connection: Connection, channel: str, account_id: str, credentials: str) -> None:
    """Record new credentials of the same account."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.accounts SET credentials = %s, account_id = %s WHERE channel = %s",
            (credentials, account_id, channel),
        )


def set_place(connection: Connection, channel: str, place: Place, agreed: bool) -> None:
    """Record which Odoo belongs to the account. agreed: Odoo may be written to, and quantities may be published."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.accounts SET odoo_place = %s, odoo_uuid = %s, odoo_company = %s, agreed = %s"
            " WHERE channel = %s",
            (place.address, place.uuid, place.company, agreed, channel),
        )


def channels_with_rows(connection: Connection) -> set[str]:
    """Channels that have rows in the ledger of sale orders or in the landing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT channel FROM commerce.sale_orders UNION SELECT channel FROM commerce.accounts")
        return {channel for (channel,) in cursor}


def has_loaded(connection: Connection, channel: str) -> bool:
    """Whether this database knows an order of the channel that is in Odoo."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM commerce.sale_orders WHERE channel = %s AND odoo_id IS NOT NULL)", (channel,)
        )
        return bool(cursor.fetchone()[0])  # type: ignore[index]


def rename(connection: Connection, old: str, new: str) -> int:
    """Rename a channel in every table, as the channel of rows and as the target of effects; returns the number of
    tables. Its label stays."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t"
            " USING (table_schema, table_name) WHERE c.table_schema = 'commerce'"
            " AND (c.column_name = 'channel' OR c.column_name = 'target' AND c.data_type = 'text')"
            " AND t.table_type = 'BASE TABLE' ORDER BY 1"
        )
        tables = cursor.fetchall()
        for table, column in tables:
            cursor.execute(f"UPDATE commerce.{table} SET {column} = %s WHERE {column} = %s", (new, old))
    return len(tables)
