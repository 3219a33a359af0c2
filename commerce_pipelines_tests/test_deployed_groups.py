"""`dev` with two groups of channels: each has its code server, and a channel moves from one to the other at work."""

from __future__ import annotations

import base64
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.deployment import ROOT, Deployment
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.shopify import ShopifyStandIn, make_order
from commerce_sandbox.shopify.demo import PEOPLE, build_customer, sell

LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }"


class Grouped:
    """Two shops, one Odoo, `dev` in a folder of its own."""

    def __init__(self, deployment: Deployment, odoo: OdooStandIn, shops: list[ShopifyStandIn], warehouse: Warehouse):
        self.deployment, self.odoo, self.shops, self.warehouse = deployment, odoo, shops, warehouse
        self.ui = f"http://127.0.0.1:{deployment.ports['3000']}"

    def settle(self, *groups: str) -> None:
        """Write settings in which the shops are in these groups."""
        channels = [
            {
                "name": f"shop_{at}", "group": group, "kind": "shopify", "shop": f"shop-{at}.myshopify.com",
                "endpoint": self.shops[at].url, "poll_seconds": 10,
                "credentials": {"client_id": {"env": f"ID_{at}"}, "client_secret": {"env": f"SECRET_{at}"}},
                "start_date": (datetime.now(UTC) - timedelta(days=2)).date().isoformat(),
            }
            for at, group in enumerate(groups)
        ]  # fmt: skip
        odoo = {"url": self.odoo.url, "database": "demo", "username": "admin", "password": {"env": "ODOO_PASSWORD"}}
        (self.deployment.folder / "commerce.yaml").write_text(yaml.safe_dump({"odoo": odoo, "channels": channels}))

    def sell(self, shop: int, number: int) -> None:
        created = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        lines = [sell(CATALOGUE[number % 3])]
        self.shops[shop].add(make_order(lines, number=number, created=created, **build_customer(PEOPLE[0])))

    def count_orders(self) -> Counter[str]:
        with self.odoo.lock:
            return Counter(str(row["client_order_ref"]) for row in self.odoo.database.rows["sale.order"].values())

    def list_locations(self) -> dict[str, str]:
        answer: Any = requests.post(f"{self.ui}/graphql", json={"query": LOCATIONS}, timeout=240).json()
        return {row["name"]: row["loadStatus"] for row in answer["data"]["workspaceOrError"]["locationEntries"]}

    def list_runs(self) -> list[tuple[str, str]]:
        """(channel, code location) of the runs that succeeded."""
        with self.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT run_body::json FROM public.runs WHERE status = 'SUCCESS'")
            bodies = [body for (body,) in cursor.fetchall()]
        origins = [body["external_pipeline_origin"]["external_repository_origin"] for body in bodies]
        names = [origin["repository_location_origin"]["location_name"] for origin in origins]
        return [(body["tags"]["commerce/channel"], name) for body, name in zip(bodies, names, strict=True)]


@pytest.fixture
def grouped(warehouse: Warehouse, tmp_path: Path) -> Iterator[Grouped]:
    with ExitStack() as stack:
        odoo = stack.enter_context(OdooStandIn(demo_database(CATALOGUE)))
        shops = [stack.enter_context(ShopifyStandIn(shop=f"shop-{at}.myshopify.com")) for at in range(2)]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        credentials = {f"ID_{at}": f"x{at}" for at in range(2)} | {f"SECRET_{at}": f"{at}" * 40 for at in range(2)}
        deployment = Deployment(tmp_path, {
            "PATH": path, "PYTHONPATH": str(ROOT), "COMMERCE_DATABASE_URL": warehouse.url, "ODOO_PASSWORD": "admin",
            "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(), **credentials,
        })  # fmt: skip
        stack.callback(deployment.end)
        yield Grouped(deployment, odoo, shops, warehouse)


def test_dev_serves_each_group_and_a_channel_moves_at_work(grouped: Grouped) -> None:
    grouped.settle("north", "south")
    grouped.sell(0, 4001)
    grouped.sell(1, 4101)
    grouped.deployment.start_words("dev", "commerce-pipelines", "dev", "--behind-proxy", "--port",
                                   str(grouped.deployment.ports["3000"]))  # fmt: skip
    grouped.deployment.wait_until(lambda: len(grouped.count_orders()) >= 2, "dev")
    of_groups = {"commerce_pipelines_north", "commerce_pipelines_south"}
    everywhere = dict.fromkeys({"commerce_pipelines", *of_groups}, "LOADED")
    grouped.deployment.wait_until(lambda: grouped.list_locations() == everywhere, "dev")
    grouped.deployment.wait_until(lambda: len({name for name, _ in grouped.list_runs() if "shop" in name}) == 2, "dev")
    runs = {run for run in grouped.list_runs() if "shop" in run[0]}
    assert runs == {("shop_0", "commerce_pipelines_north"), ("shop_1", "commerce_pipelines_south")}
    grouped.settle("north", "north")
    grouped.sell(1, 4102)
    grouped.deployment.wait_until(lambda: len(grouped.count_orders()) >= 3, "dev")
    everywhere.pop("commerce_pipelines_south")
    grouped.deployment.wait_until(lambda: grouped.list_locations() == everywhere, "dev")
    assert set(grouped.count_orders().values()) == {1}
