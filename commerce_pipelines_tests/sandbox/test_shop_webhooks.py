"""The demo's shop tells of a new order: subscribed to, signed, received and kept by its id."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.notices.follow import list_hints
from commerce_pipelines.flows.notices.subscribe import subscribe
from commerce_pipelines.resources.connections import open_connections
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.notices import receiving
from commerce_pipelines_tests.doubles.waits import until
from commerce_sandbox.shopify.shop import number
from commerce_sandbox.world import LANES, running

SHOP = LANES[2]


def test_an_order_at_the_shop_is_named_by_a_webhook(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running() as world:
        environ = world.environment(tmp_path) | {
            "COMMERCE_DATABASE_URL": warehouse.url,
            "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(),
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        connections = open_connections(settings_file.parse(world.settings(webhooks=True)))
        first, again = subscribe(connections, SHOP, "r1"), subscribe(connections, SHOP, "r2")
        assert (first.made, first.problems, len(again.lacks)) == (len(first.lacks), (), 0)
        with receiving(connections):
            order = world.channels[SHOP].add_new(next(world._fresh[2]), datetime.now(UTC))
            until(lambda: list_hints(connections, SHOP, [Topic.ORDERS]), pause=0.05)
            hints = list_hints(connections, SHOP, [Topic.ORDERS])
    assert [hint.record_id for hint in hints] == [str(number(order["id"]))]
