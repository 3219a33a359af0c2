"""What the stand-in marketplaces answer, as bytes, by the API they speak; and such an answer with one value changed."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
from lxml import etree

from commerce_pipelines.channels.capabilities import Channel, Window
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.registry import open_channel
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.settings.file import Settings
from commerce_sandbox.world import World

DIALECTS = ("amazon_eu", "ebay_de", "ebay_de trading", "shopify_de")
VALUES: tuple[Any, ...] = (
    *(2**63, -(2**63), 2**31, -1, 0, 10**400, 1e308, True, None, [], {}, [None]),
    *("9" * 30, "1e999", "NaN", "-5", "Infinity", "", "\0", "a\0b", "\ud800", "x" * 10_000, "\U0001f4a5\u202e"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0000-00-00T00:00:00Z"),
    *("2026-02-30T00:00:00Z", "2026-01-01T00:00:00", "' OR 1=1 --", "../../etc/passwd", "%s{}%(x)s", "<script>"),
)


def answers(world: World, settings: Settings, dialect: str) -> tuple[Channel, list[bytes]]:
    """The channel, and the largest, a middling and the smallest of its orders."""
    name, _, api = dialect.partition(" ")
    chosen: Any = settings.channel(name)
    if api:
        chosen = msgspec.structs.replace(chosen, orders_api=api)
    channel = open_channel(chosen, MemoryBuckets(), MemoryTokens(), REAL)
    window = Window(world.start - timedelta(days=2), world.start)
    orders = sorted((raw for page in channel.orders.created(window) for raw in page.records), key=len)
    return channel, [orders[-1], orders[len(orders) // 2], orders[0]]


def changed(raw: bytes, count: int, seed: int = 7) -> Iterator[tuple[str, bytes]]:
    """The answer, `count` times, each with one value replaced by one that nobody expects: (what was done, bytes)."""
    rng = random.Random(seed)  # noqa: S311
    if raw.lstrip()[:1] == b"<":
        yield from _change_xml(raw, count, rng)
        return
    whole = json.loads(raw)
    places = list(_list_places(whole))
    for _ in range(count):
        place, value = rng.choice(places), rng.choice(VALUES)
        copied = copy.deepcopy(whole)
        if place:
            inner = copied
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = value
        yield f"{place} = {str(value)[:30]!r}", json.dumps(copied if place else value).encode()


def _change_xml(raw: bytes, count: int, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    root = etree.fromstring(raw)
    leaves = [element for element in root.iter() if not len(element)]
    texts = [value for value in map(str, VALUES) if "\0" not in value and "\ud800" not in value]
    for _ in range(count):
        leaf, text = rng.choice(leaves), rng.choice(texts)
        before, leaf.text = leaf.text, text
        yield f"{leaf.tag} = {text[:30]!r}", etree.tostring(root)
        leaf.text = before


def _list_places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from _list_places(inner, (*place, key))
