"""Rows of the landing in PostgreSQL's binary COPY format, which costs a fraction of quoting sealed bytes.

What belongs here: the format. What does not: what a row holds (landing.py).
"""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, timedelta

# PostgreSQL's binary COPY: https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COLUMNS = ("first_seen", "channel", "topic", "how", "dictionary_id", "record_id", "digest", "day", "created_at",
    "source_updated_at", "subject_id", "payload")  # fmt: skip
COMMON, LENGTH, NUMBER = struct.Struct(">hiq"), struct.Struct(">i"), struct.Struct(">ii")
ROW = struct.Struct(">i32siiiqiqi16si")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
EPOCH_DAY = date(2000, 1, 1)
_MICROSECOND = timedelta(microseconds=1)


def count_microseconds(moment: datetime) -> int:
    """Microseconds since PostgreSQL's epoch."""
    return (moment - _EPOCH) // _MICROSECOND
