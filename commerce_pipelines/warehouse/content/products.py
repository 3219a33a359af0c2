"""Odoo's products as they were read last, by company.

What belongs here: these rows and when they were read. What does not: reading Odoo (odoo/catalogue/).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ...domain.content.products import Product, digest

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Product)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """wanted: what was asked for. read_at: when the last reading began, by the database's clock. whole_at: the last one
    of everything."""

    wanted: str
    read_at: datetime
    whole_at: datetime


def read_reading(connection: Connection, company: int) -> Reading | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT wanted, read_at, whole_at FROM commerce.content_readings WHERE company = %s", (company,))
        row = cursor.fetchone()
    return Reading(wanted=row[0], read_at=row[1], whole_at=row[2]) if row else None


def store_products(
    connection: Connection, company: int, products: Iterable[Product], wanted: str, read_at: datetime, *, whole: bool
) -> int:
    """Keep what was read; returns how many products differ from before, those that are gone included. whole: what was
    not read is gone."""
    from psycopg2.extras import execute_values

    rows = [
        (company, product.product_id, product.template_id, product.code, digest(product),
         _encoder.encode(product).decode().replace("\\u0000", ""), read_at)
        for product in products
    ]  # fmt: skip
    with connection.cursor() as cursor:
        changed = 0
        if whole:
            cursor.execute(
                "DELETE FROM commerce.content_products WHERE company = %s AND product_id <> ALL(%s)",
                (company, [row[1] for row in rows]),
            )
            changed += cursor.rowcount
        written = execute_values(
            cursor,
            "INSERT INTO commerce.content_products AS p (company, product_id, template_id, code, digest, body,"
            " changed_at) VALUES %s ON CONFLICT (company, product_id) DO UPDATE SET template_id = excluded.template_id,"
            " code = excluded.code, digest = excluded.digest, body = excluded.body, changed_at = excluded.changed_at"
            " WHERE p.digest <> excluded.digest RETURNING 1",
            rows, page_size=1_000, fetch=True,
        ) if rows else []  # fmt: skip
        changed += len(written)
        cursor.execute(
            "INSERT INTO commerce.content_readings AS r (company, wanted, read_at, whole_at) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (company) DO UPDATE SET wanted = excluded.wanted, read_at = excluded.read_at,"
            " whole_at = CASE WHEN %s THEN excluded.whole_at ELSE r.whole_at END",
            (company, wanted, read_at, read_at, whole),
        )
    return changed


def load_products(connection: Connection, company: int) -> list[Product]:
    """Every product that was read, archived ones too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM commerce.content_products WHERE company = %s ORDER BY product_id", (company,))
        return [_decoder.decode(body) for (body,) in cursor]
