"""An eBay account of the tests: settings, credentials and a channel whose waits cost no time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.ebay.settings import Settings
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.http.throttle import BucketStore
from commerce_pipelines.core.instruments import Instruments
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.ebay.making import Person, Sold, make_order

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BUYER = Person("Jörg Weiß", "Am Süderdamm 1", "Görlitz", "02826", "DE", "joerg-w", "0a1joer2@members.ebay.de")


def settings(url: str, **more: Any) -> Settings:
    secrets = {key: {"env": f"TEST_EBAY_{key.upper()}"} for key in ("client_id", "client_secret", "refresh_token")}
    keys = {"kind": "ebay", "name": "ebay_de", "endpoint": url, "credentials": secrets,
            "token_endpoint": f"{url}/identity/v1/oauth2/token"}  # fmt: skip
    return msgspec.convert({**keys, **more}, Settings)


def channel(
    stand_in: EbayStandIn, monkeypatch: pytest.MonkeyPatch, buckets: BucketStore | None = None, /, **more: Any
) -> EbayChannel:
    for key in ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"):
        monkeypatch.setenv(f"TEST_EBAY_{key}", f"test-{key.lower()}")
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    return EbayChannel(
        settings(stand_in.url, **more), buckets or MemoryBuckets(lambda: clock[0]), MemoryTokens(lambda: clock[0]),
        Instruments(now=lambda: NOW, clock=lambda: clock[0], sleep=sleep, jitter=lambda: 0.0),
    )  # fmt: skip


def an_order(number: int, placed: datetime, **more: Any) -> dict[str, Any]:
    return make_order(number, placed, [Sold("KET-GN-17", "Gooseneck Kettle", 6990)], BUYER, **more)
