"""The settings for which a refused record may wait: their fingerprint, by topic.

A setting that cannot be the cause of a refusal (how often to poll, what another flow may offer) must not make refused
records due again. What belongs here: which keys count. What does not: the keys themselves (each in its own room).
"""

from __future__ import annotations

import hashlib

import msgspec

from ..core.topics import Topic
from .file import Settings

# How a channel and Odoo are reached, how often and how far back: no record is refused because of these.
_REACH = frozenset((
    *("endpoint", "token_endpoint", "credentials", "secret_rotated_on", "refresh_token_issued_on"),
    *("poll_seconds", "overlap_minutes", "start_date", "trading_calls_per_day", "inventory_skus_per_call"),
    *("fba_returns", "group"),
))  # fmt: skip
_ODOO_REACH = frozenset(("password", "transport", "timeout_seconds", "batch", "writers", "chatter", "page_links"))
# What else is no rule that a person could rehearse: which Odoo it is has a guard of its own (flows/identity.py).
_NO_RULE = _REACH | {"notifications", "signature", "scopes"}
_NO_ODOO_RULE = _ODOO_REACH | {"url", "database", "username"}


def fingerprint(settings: Settings, name: str, topic: str) -> str:
    """16 hex digits that change with every setting for which a record of this topic may have been refused."""
    others = {str(other) for other in Topic if other != topic}  # the sections of other flows have the flow's name
    channel = _drop_keys(settings.channel(name), _REACH | others)
    parts = [topic, channel, msgspec.to_builtins(settings.vat), _drop_keys(settings.odoo, _ODOO_REACH)]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:16]


def fingerprint_of_all(settings: Settings) -> str:
    """16 hex digits that change with every setting that decides what any flow of any channel writes."""
    channels = sorted(settings.channels, key=lambda channel: channel.name)
    parts = [
        [_drop_keys(channel, _NO_RULE) for channel in channels],
        msgspec.to_builtins(settings.vat), _drop_keys(settings.odoo, _NO_ODOO_RULE),
    ]  # fmt: skip
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:16]


def _drop_keys(section: msgspec.Struct, keys: frozenset[str]) -> dict[str, object]:
    whole: dict[str, object] = msgspec.to_builtins(section)
    return {key: value for key, value in whole.items() if key not in keys}
