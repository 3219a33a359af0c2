"""The keys with which eBay signs its messages, as its API shows them.

What belongs here: asking for a key. What does not: which keys are asked for, and how often (messages.py).
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ..api.account import Account
from .messages import EbayNotices

PUBLIC_KEY = "/commerce/notification/v1/public_key"
ANSWER_WITHIN_SECONDS = 4.0  # eBay waits for the answer to its message meanwhile


class PublicKey(msgspec.Struct, frozen=True):
    key: str
    digest: str
    algorithm: str = ""


def open_notices(account: Account, clock: Callable[[], float]) -> EbayNotices | None:
    """None where the settings switch the messages off."""
    token = account.settings.notifications.verification_token
    if not account.settings.receives or token is None:
        return None

    def ask(key_id: str) -> tuple[str, str]:
        response = account.administer("GET", "getPublicKey", f"{PUBLIC_KEY}/{key_id}", deadline=ANSWER_WITHIN_SECONDS)
        answer = account.decode(response, PublicKey)
        return answer.key, answer.digest

    return EbayNotices(token.value(), ask, clock)
