"""What Dagster's schema has, it keeps: a table or column that was seen is not asked for again.

Dagster asks the server for its tables and columns before nearly every statement, because its code also works with the
schemas of its older versions. Each answer is a query over the whole catalogue, and was most of what PostgreSQL did
while nothing happened.

What belongs here: the memory. What does not: which questions are remembered (run_history.py).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_seen: set[tuple[str, ...]] = set()  # (URL of the database, question, what it asked for)


def lasting(question: Callable[..., bool]) -> Callable[..., bool]:
    """The method of a storage with `postgres_url`, which remembers for this process that the answer was yes. A no is
    asked again, because a migration may add the table."""

    @functools.wraps(question)
    def ask(self: Any, *arguments: Any, **named: Any) -> bool:
        names = [value for value in (*arguments, *named.values()) if isinstance(value, str)]
        key = (self.postgres_url, question.__qualname__, *names)
        if key in _seen:
            return True
        if answer := question(self, *arguments, **named):
            _seen.add(key)
        return answer

    return ask
