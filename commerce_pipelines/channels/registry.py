"""The list of marketplaces. A new marketplace is a folder beside this file and a line here (docs/add-a-marketplace.md).

Each folder offers `settings.Settings` (its part of commerce.yaml, a ChannelSettings with its own tag) and
`open_channel(settings, buckets, tokens, instruments) -> Channel`. Folders are imported when a channel of their kind is
used.
"""

from __future__ import annotations

from importlib import import_module

from ..core.instruments import Instruments
from ..domain.privacy.personal import PersonalFields
from .capabilities import Channel
from .http.throttle import BucketStore, TokenStore
from .settings import ChannelSettings

KINDS = ("amazon", "ebay", "shopify")


def settings_types() -> tuple[type[ChannelSettings], ...]:
    return tuple(import_module(f"{__package__}.{kind}.settings").Settings for kind in KINDS)


def personal_fields() -> tuple[PersonalFields, ...]:
    """The personal fields of every kind of answer of every marketplace."""
    return tuple(fields for kind in KINDS for fields in import_module(f"{__package__}.{kind}.personal").ALL)


def open_channel(
    settings: ChannelSettings, buckets: BucketStore, tokens: TokenStore, instruments: Instruments
) -> Channel:
    """The channel of these settings. Makes no call yet."""
    folder = import_module(f"{__package__}.{settings.__struct_config__.tag}")
    channel: Channel = folder.open_channel(settings, buckets, tokens, instruments)
    return channel
