"""Whether a marketplace can be reached, where calls in a row get no answer.

What belongs here: when to stop calling. What does not: the calls, what an error means for what was called about.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.errors import CredentialError, PermanentError, RateLimited, SettingsError, TransientError

MOST_LOST = 3  # calls in a row without an answer; with one more the marketplace is asked something else
MOST_ALONE = 16  # such calls in a row although it answers that


class Reach:
    """Listings that a marketplace always fails at are no reason to give up those behind them, and one that is down is
    not to be called about each. ask: a cheap call that it answers whenever it answers anything; None for none."""

    def __init__(self, ask: Callable[[], object] | None) -> None:
        self._ask, self._lost = ask, 0

    def note_answer(self) -> None:
        self._lost = 0

    def is_lost(self) -> bool:
        """Note one more call without an answer; whether the marketplace counts as out of reach by now. Raises what is
        about every call."""
        self._lost += 1
        if self._lost > MOST_ALONE:
            return True
        if self._lost % (MOST_LOST + 1):
            return False
        if self._ask is None:
            return True
        try:
            self._ask()
        except (CredentialError, SettingsError, RateLimited):
            raise
        except (TransientError, PermanentError):
            return True
        return False
