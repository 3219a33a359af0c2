"""eBay, through its Sell APIs and the Trading API: the folder's front door.

What belongs here: `open_channel` and the topics, light enough to be imported whenever settings are read. What does not:
keys of commerce.yaml (settings.py), HTTP (channel.py, imported when a channel is opened).
"""

from __future__ import annotations

from ...core.instruments import Instruments
from ..capabilities import Channel
from ..http.throttle import BucketStore, TokenStore
from .settings import Settings

__all__ = ["TOPICS", "open_channel"]

# What the marketplace offers, by the names of the flows.
TOPICS = ("orders", "inventory", "fulfilment", "returns", "refunding", "notices", "content")


def open_channel(settings: Settings, buckets: BucketStore, tokens: TokenStore, instruments: Instruments) -> Channel:
    """The account's channel. Makes no call and reads no secret yet."""
    from .channel import EbayChannel

    return EbayChannel(settings, buckets, tokens, instruments)
