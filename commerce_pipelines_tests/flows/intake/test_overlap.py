"""Windows of polls overlap: what is known to be unchanged is not asked for again, by no marketplace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.registry import open_channel
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.flows.intake.changes import Cursor, poll
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines.settings.file import Settings
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.faults.marketplaces import DIALECTS
from commerce_sandbox import world as sandbox
from commerce_sandbox.amazon import AmazonStandIn
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.server import Call
from commerce_sandbox.shopify import ShopifyStandIn

FOLLOWED_UP = {"ebay_de", "shopify_de"}  # whose lists leave parts of some orders out


class _Nowhere:
    url = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def marketplaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[sandbox.World, Settings]]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(sandbox, "DAYS", 2)
        start: Any = stack.enter_context
        nowhere: Any = _Nowhere()
        world = sandbox.World(start(AmazonStandIn()), start(EbayStandIn()), start(ShopifyStandIn()), nowhere)
        for name, value in world.environment(tmp_path_factory.mktemp("world")).items():
            patch.setenv(name, value)
        yield world, settings_file.parse(world.settings())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_second_look_at_the_same_window_asks_for_no_order_by_itself(
    marketplaces: tuple[sandbox.World, Settings], warehouse: Warehouse, dialect: str
) -> None:
    world, settings = marketplaces
    name, _, api = dialect.partition(" ")
    chosen: Any = settings.channel(name)
    if api:
        chosen = msgspec.structs.replace(chosen, orders_api=api)
    connections = doors(
        settings, warehouse, channels={name: open_channel(chosen, MemoryBuckets(), MemoryTokens(), REAL)}
    )
    calls = world.channels[name].calls
    begin = Cursor(watermark=world.start - timedelta(days=3))

    def look(now: datetime) -> tuple[int, int, int]:
        """Answers seen and new, and calls that are about one order."""
        since = len(calls)
        _, landed = poll(connections, name, begin, budget=600, now=now)
        with warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT record_id FROM commerce.snapshots WHERE channel = %s", (name,))
            ids = [record_id for (record_id,) in cursor]
        return landed.seen, landed.new, sum(_is_about_one(call, ids) for call in calls[since:])

    seen, new, alone = look(world.start)
    assert new == seen > 10
    assert (alone > 0) is (dialect in FOLLOWED_UP)
    for _ in range(2):
        again, new, alone = look(world.start + timedelta(minutes=5))
        assert (new, alone) == (0, 0)
        assert again <= seen


def _is_about_one(call: Call, ids: list[str]) -> bool:
    text = call.path.encode() + call.body
    return any(order_id.encode() in text for order_id in ids)
