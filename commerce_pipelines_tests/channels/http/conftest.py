"""A misbehaving server on loopback, a clock that only sleeping moves, and a session that calls the one by the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from commerce_pipelines.channels.http.memory import MemoryBuckets
from commerce_pipelines.channels.http.session import HttpSession, Said

from ...doubles.vendor import Clock, Vendor, told_by


@pytest.fixture(scope="module")
def server() -> Iterator[Vendor]:
    vendor = Vendor()
    thread = threading.Thread(target=vendor.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield vendor
    vendor.done.set()
    vendor.shutdown()
    vendor.server_close()


@pytest.fixture
def vendor(server: Vendor) -> Vendor:
    server.script, server.calls, server.peers = [], [], set()
    return server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session(vendor: Vendor, clock: Clock) -> HttpSession:
    return HttpSession(
        "amazon_de",
        [vendor.origin],
        MemoryBuckets(clock),
        told_by(clock),
        describe=lambda r: Said(
            (r.json()["errors"][0]["code"],), r.json()["errors"][0]["message"], {"InvalidInput": "a value is wrong"}
        ),
    )
