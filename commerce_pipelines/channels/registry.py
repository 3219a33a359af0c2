"""The one list of marketplaces. Adding one is a folder beside this file and a line here (docs/add-a-marketplace.md).

Each folder offers `Settings` (its part of commerce.yaml, a ChannelSettings with its own tag) and
`open_channel(settings, buckets, tokens) -> Channel`. Folders are imported when a channel of their kind is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .base import Channel
from .settings import ChannelSettings
from .throttle import BucketStore, TokenStore

KINDS = ("amazon", "ebay", "shopify")


def settings_types() -> tuple[type[ChannelSettings], ...]:
    return tuple(_folder(kind).Settings for kind in KINDS)


def open_channel(settings: ChannelSettings, buckets: BucketStore, tokens: TokenStore) -> Channel:
    """The channel of these settings; makes no call yet."""
    channel: Channel = _folder(str(settings.__struct_config__.tag)).open_channel(settings, buckets, tokens)
    return channel


def _folder(kind: str) -> Any:
    return import_module(f"{__package__}.{kind}")
