"""A landed answer, decoded: what every topic does before and around its own translation.

What belongs here: damaged answers, control characters, values that no translation foresaw. What does not: the
translation (channels/*), what a record must hold (domain/).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from ...channels.capabilities import Source
from ...core.errors import STUMBLES, RecordError

if TYPE_CHECKING:
    from ...warehouse.exceptions import Failure
    from ...warehouse.landing.landing import Snapshot

R = TypeVar("R")
_CONTROL = re.compile(rb"(?<!\\)((?:\\\\)*)\\(?:u00(?:0[0-8bcefBCEF]|1[0-9a-fA-F])|[bf])")


def read_answer(source: Source[R], raw: bytes, what: str) -> R:
    """Translate one answer. Raises RecordError. what: the record in a sentence, `order`, `return`, `refund`.

    Control characters become U+FFFD, because PostgreSQL cannot store NUL, and an invoice's XML none of them.
    """
    if not raw:
        raise RecordError(
            "corrupt_snapshot", "The landed answer is damaged in the database.",
            fix="Restore a backup, or delete its rows of commerce.snapshots and pull its day again.",
        )  # fmt: skip
    if b"\\" in raw:  # most answers contain no backslash, and searching for one byte is ten times faster
        raw = _CONTROL.sub(rb"\1\\ufffd", raw)
    try:
        return source.translate(raw)
    except STUMBLES as error:
        raise RecordError(
            "bad_payload", f"The answer holds a value that cannot be read ({type(error).__name__}).",
            fix=f"Look at the {what} in the marketplace; if it is right there, report its payload.",
        ) from None  # fmt: skip


def misfiled(what: str) -> RecordError:
    """The error of an answer whose content names another record than the one it was landed under."""
    return RecordError(
        "bad_payload", f"The answer's head cannot be read, so that it is not filed under its own {what}.",
        fix="Pull its day again; if that does not help, report its payload.",
    )  # fmt: skip


def build_failure(snapshot: Snapshot, error: RecordError) -> Failure:
    """What the exceptions hold of an answer that cannot be read."""
    from ...warehouse.exceptions import Failure

    return Failure(record_id=snapshot.record_id, day=snapshot.day, reason=error.reason, digest=snapshot.digest)
