"""Many advisory locks at once, in an order that cannot end in a deadlock.

What belongs here: taking and releasing them. What does not: what they stand for (flows/odoo_writer.py), a single lock
(tables/database.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from ..tables.database import Warehouse, lock_number, translate_error

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor


@contextmanager
def hold_all(warehouse: Warehouse, names: Iterable[str], slots: Sequence[str]) -> Iterator[None]:
    """Hold the locks of all names and one of the slots, among all processes of this database; waits for them.

    Everybody takes the names in the same order, and a slot last: who holds a slot waits for nothing. Released even if
    this process is killed. Raises TransientError if PostgreSQL goes away.
    """
    import psycopg2

    numbers = sorted(map(lock_number, names))
    try:
        with closing(warehouse.connect()) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                # PostgreSQL calls the function for one row of unnest after the other.
                cursor.execute("SELECT pg_advisory_lock(number) FROM unnest(%s::bigint[]) AS number", (numbers,))
                _take_slot(cursor, [lock_number(slot) for slot in slots], sum(numbers))
            try:
                yield
            finally:  # closing the connection alone frees them some time later
                with suppress(psycopg2.Error), connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_unlock_all()")
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise translate_error(error) from None


def _take_slot(cursor: Cursor, slots: Sequence[int], seed: int) -> None:
    """Take a free slot; if there is none, wait for one of them. seed: any number, so that not all wait for the same."""
    for slot in slots:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", (slot,))
        if cursor.fetchone() == (True,):
            return
    cursor.execute("SELECT pg_advisory_lock(%s)", (slots[seed % len(slots)],))
