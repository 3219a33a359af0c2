"""Which partner in Odoo a marketplace's customer is, so that a customer without an e-mail address is recognised.

A row holds no personal data: the customer is the vault's hash of an id, which nobody can reverse without the master
key, and the partner is a number. An erased buyer's partner is archived in Odoo, and an archived partner is never
matched.

What belongs here: storing and reading rows. What does not: matching (odoo/partners/buyers.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


def keep(connection: Connection, odoo: str, partners: Mapping[str, int], now: datetime) -> None:
    """partners: by customer. The newest order of a customer counts."""
    from psycopg2.extras import execute_values

    if not partners:
        return
    with connection.cursor() as cursor:
        execute_values(
            cursor,
            "INSERT INTO commerce.customers (odoo, customer, partner_id, kept_at) VALUES %s"
            " ON CONFLICT (odoo, customer) DO UPDATE SET partner_id = excluded.partner_id, kept_at = excluded.kept_at",
            [(odoo, customer, partner_id, now) for customer, partner_id in sorted(partners.items())],
        )


def read(connection: Connection, odoo: str, customers: Collection[str]) -> dict[str, int]:
    """Partners of these customers, by customer."""
    if not customers:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT customer, partner_id FROM commerce.customers WHERE odoo = %s AND customer = ANY(%s)",
            (odoo, sorted(customers)),
        )
        return dict(cursor.fetchall())
