"""One record of a page that cannot be read waits alone: its neighbours come, whatever is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from hashlib import blake2b
from typing import Any

import msgspec
import pytest

from commerce_pipelines.channels.capabilities import Channel, Window
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.registry import open_channel
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.domain.orders.order import Order
from commerce_pipelines.flows.intake.pull import _read_head
from commerce_pipelines.flows.orders.stage import read_order
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines.settings.file import Settings
from commerce_pipelines_tests.faults.marketplaces import DIALECTS
from commerce_sandbox import world as sandbox
from commerce_sandbox.amazon import AmazonStandIn
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.server import Call, Reply, StandIn
from commerce_sandbox.shopify import ShopifyStandIn


def digest_of(raw: bytes) -> bytes:
    return blake2b(raw).digest()


class _Nowhere:
    url = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def marketplaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[sandbox.World, Settings]]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(sandbox, "DAYS", 1)
        start: Any = stack.enter_context
        nowhere: Any = _Nowhere()
        world = sandbox.World(start(AmazonStandIn()), start(EbayStandIn()), start(ShopifyStandIn()), nowhere)
        for name, value in world.environment(tmp_path_factory.mktemp("world")).items():
            patch.setenv(name, value)
        yield world, settings_file.parse(world.settings())


def opened(settings: Settings, dialect: str) -> Channel:
    name, _, api = dialect.partition(" ")
    chosen: Any = settings.channel(name)
    if api:
        chosen = msgspec.structs.replace(chosen, orders_api=api)
    return open_channel(chosen, MemoryBuckets(), MemoryTokens(), REAL)


@contextmanager
def spoilt(world: sandbox.World, change: Callable[[bytes], bytes]) -> Iterator[None]:
    """The marketplaces' answers pass through `change` on the wire."""
    with pytest.MonkeyPatch.context() as patch:
        for stand_in in world.channels.values():
            patch.setattr(stand_in, "handle", _change_orders(stand_in, change))
        yield


def _change_orders(stand_in: StandIn, change: Callable[[bytes], bytes]) -> Callable[[Call], Reply]:
    handle = stand_in.handle

    def through(call: Call) -> Reply:
        reply = handle(call)
        body, headers = reply.encoded()
        return Reply(reply.status, change(body), headers)

    return through


def read(channel: Channel, window: Window) -> dict[str, Order | RecordError]:
    """What staging makes of the window: orders, or why not, by the id under which each is filed."""
    orders: dict[str, Order | RecordError] = {}
    for page in channel.orders.created(window):
        heads = page.heads or (None,) * len(page.records)
        for raw, known_head in zip(page.records, heads, strict=True):
            head = _read_head(channel.orders, raw, known_head, window.end, digest_of)
            try:
                orders[head.record_id] = read_order(channel.orders, raw, head.record_id)
            except RecordError as error:
                orders[head.record_id] = error
    return orders


TITLES = {"<": re.compile(rb"<Title>()"), "{": re.compile(rb'"(?:title|name)":\s?"()(?=[^#])')}
TEXTS = {
    "half an emoji": rb"\ud83d",
    "half an emoji, by reference": b"&#xD83D;",
    "the other half": rb"\ude00",
    "a control character": b"\x01",
    "a control character, escaped": rb"\u0001",
    "a control character, by reference": b"&#1;",
    "NUL": rb"\u0000",
    "a byte that is no UTF-8": b"\xff",
    "a surrogate in UTF-8": b"\xed\xa0\xbd",
    "an escape of nobody": rb"\x",
    "a form feed": rb"\f",
    "a line end": b"\n",
    "HTML's entity": b"&nbsp;",
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_text_that_cannot_be_is_read_all_the_same(
    marketplaces: tuple[sandbox.World, Settings], dialect: str, text: bytes
) -> None:
    world, settings = marketplaces
    channel, window = opened(settings, dialect), Window(world.start - timedelta(days=2), world.start)
    sound = read(channel, window)
    done: list[bytes] = []

    def change(body: bytes) -> bytes:
        title = TITLES.get(body.lstrip()[:1].decode("latin-1") if body else "", TITLES["{"])
        if done or not title.search(body):
            return body
        done.append(body)
        return title.sub(lambda match: match[0] + text, body, count=1)

    with spoilt(world, change):
        orders = read(channel, window)
    assert done
    assert orders.keys() == sound.keys()
    assert [order_id for order_id, order in orders.items() if isinstance(order, RecordError)] == [
        order_id for order_id, order in sound.items() if isinstance(order, RecordError)
    ]
    for order in orders.values():
        assert isinstance(order, RecordError) or not re.search(rb"\\u00|\\[bf]", msgspec.json.encode(order))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_order_of_another_shape_waits_alone(marketplaces: tuple[sandbox.World, Settings], dialect: str) -> None:
    world, settings = marketplaces
    channel, window = opened(settings, dialect), Window(world.start - timedelta(days=2), world.start)
    sound = read(channel, window)
    totals = {total.order_id for total in channel.orders.totals(window)}
    victim = sorted(totals)[len(totals) // 2]
    gid = f"gid://shopify/Order/{victim}"
    name = gid if dialect == "shopify_de" else victim

    def change(body: bytes) -> bytes:
        if body.lstrip()[:1] == b"<":
            return re.sub(rb"<(OrderID|ExtendedOrderID)>%s<" % re.escape(name.encode()), rb"<\1><Odd/><", body)
        return re.sub(rb'"(orderId|id)":\s?%s' % re.escape(json.dumps(name).encode()), rb'"\1":[5]', body)

    with spoilt(world, change):
        orders = read(channel, window)
        proof = {total.order_id for total in channel.orders.totals(window)}
    assert sound.keys() - orders.keys() == {victim}
    (alone,) = orders.keys() - sound.keys()
    assert alone.startswith("unreadable-")
    waits = orders[alone]
    assert isinstance(waits, RecordError)
    assert waits.code == "bad_payload"
    assert proof == totals - {victim}
