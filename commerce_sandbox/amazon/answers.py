"""What Amazon's answers share: error bodies, refusals, instants, and the token bucket of every operation.

What belongs here: what every operation of the stand-in uses. What does not: any operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ..server import Reply


class Refused(Exception):
    """The operation answers an error: {"errors": [{code, message, details}]} with this status."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(message)
        self.reply = Reply(status, {"errors": [{"code": code, "message": message, "details": details}]})


def invalid(message: str) -> Refused:
    return Refused(400, "InvalidInput", message)


def one_marketplace(named: Sequence[str]) -> None:
    """Changes of listings take one marketplace, although their parameter is a list. Raises Refused."""
    if len(named) != 1 or not named[0]:
        raise invalid("Too many 'marketplaceIds' values provided. Expected a maximum of 1.")


def instant(text: str, name: str) -> datetime:
    """An ISO 8601 date-time with its zone. Raises Refused for anything else."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"{name} is not an ISO 8601 date-time.") from None
    if when.tzinfo is None:
        raise invalid(f"{name} has no time zone.")
    return when.astimezone(UTC)


def written(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Bucket:
    """Tokens of one operation: full at first, one is spent per call, refilled steadily."""

    def __init__(self, per_second: float, burst: float, at: datetime) -> None:
        self.per_second, self.burst, self.tokens, self.at = per_second, burst, burst, at

    def spend(self, now: datetime) -> bool:
        """Whether the bucket had a token to spend."""
        flowed = (now - self.at).total_seconds() * self.per_second
        self.tokens, self.at = min(self.burst, self.tokens + max(flowed, 0.0)), max(now, self.at)
        if self.tokens < 1 - 1e-6:
            return False
        self.tokens -= 1
        return True


def without(payload: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in names}
