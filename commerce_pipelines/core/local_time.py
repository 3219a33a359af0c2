"""An instant as a person reads it: in the time zone of this machine, which is named beside it.

What belongs here: how it is written for terminals, alerts and tables of the UI. What does not: JSON and the database,
which keep UTC; business days, which are the channel's (channels/settings.py).
"""

from __future__ import annotations

from datetime import UTC, datetime


def local_time(at: datetime, *, seconds: bool = False) -> str:
    """As in `2026-11-29 03:38 CET`. at: with a zone; a pandas.Timestamp is taken, too."""
    here = datetime.fromtimestamp(at.timestamp(), UTC).astimezone()
    return f"{here:%Y-%m-%d %H:%M{':%S' if seconds else ''} %Z}"
