"""How long the API keys of the pipelines' user are valid still.

What belongs here: reading that. What does not: making a key, which only a person can (docs/run-for-real.md).
"""

from __future__ import annotations

from datetime import date, datetime

from ...core.errors import PermanentError
from ..rpc.client import OdooClient

WARNING_DAYS = 90


def find_expiring_keys(client: OdooClient, today: date) -> list[str]:
    """A sentence for each key that ends within WARNING_DAYS. Odoo does not tell which key a call was made with, so that
    each of the user's counts; where a password is used there may be none."""
    try:
        rows = client.call(
            "res.users.apikeys", "search_read", domain=[["user_id", "=", client.who.uid]], fields=["expiration_date"]
        )
    except PermanentError:  # no user may see keys of others, and everybody sees their own
        return []
    ends = sorted(datetime.fromisoformat(row["expiration_date"]).date() for row in rows if row["expiration_date"])
    return [
        f"An API key of {client.settings.username} ends on {end}, in {(end - today).days} days: make a new one as that "
        f"user (Preferences > Security), store it as {client.settings.password.env}, and delete this one."
        for end in dict.fromkeys(ends)
        if (end - today).days <= WARNING_DAYS
    ]
