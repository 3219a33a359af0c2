"""How long an access token is used, of the seconds that its issuer grants it.

What belongs here: that rule, for tokens of one process and of all. What does not: where tokens are kept
(channels/http/memory.py, warehouse/shared/tokens.py).
"""

from __future__ import annotations

EARLY_SECONDS = 60.0  # so that a token cannot expire between our look at it and the vendor's


def used_seconds(valid_seconds: float) -> float:
    """A token is renewed EARLY_SECONDS before its end, or after nine tenths of a short life."""
    return valid_seconds - min(EARLY_SECONDS, valid_seconds / 10)
