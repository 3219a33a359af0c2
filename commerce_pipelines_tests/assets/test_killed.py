"""A run killed at any point and run again leaves exactly one confirmed sale order per paid order."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from commerce_pipelines.assets.common import RANGE_END, RANGE_START
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.flows.orders.prove import prove
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.sensors.orders import TABLES
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.server import Fault
from commerce_sandbox.shopify import ShopifyStandIn, demo_orders

NAME = "shopify_de"
RUN = """
import sys
from commerce_pipelines.core.failpoints import arm
from commerce_pipelines.settings import file as settings
from commerce_pipelines.resources.connections import open_connections
from commerce_pipelines_tests.assets.test_killed import run_lane
arm(sys.argv[1])
sys.exit(0 if run_lane(open_connections(settings.load()), *sys.argv[2:]) else 1)
"""
POINTS = ("landed", "staged", "after_load", "before_confirm", "after_confirm", "before_sale_orders")


def run_lane(connections: Connections, first: str, last: str) -> bool:
    job = build_defs(connections.settings, connections).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey([NAME, table]) for table in TABLES],
            tags={RANGE_START: first, RANGE_END: last},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
    return result.success


class Shop:
    """A Shopify, an Odoo and a warehouse, and runs of the lane in processes of their own."""

    def __init__(self, shop: ShopifyStandIn, odoo: OdooStandIn, warehouse: Warehouse, folder: Path) -> None:
        self.shop, self.odoo = shop, odoo
        start = datetime.now(UTC)
        for order in demo_orders(7, 1, start, CATALOGUE):
            shop.add(order)
        self.days = ((start - timedelta(days=2)).date(), start.date() + timedelta(days=1))
        settings = {
            "odoo": {
                "url": odoo.url, "database": "demo", "username": "admin", "password": {"env": "PASSWORD"}, "batch": 5,
            },
            "channels": [
                {
                    "name": NAME, "kind": "shopify", "shop": "demo.myshopify.com", "endpoint": shop.url,
                    "time_zone": "UTC", "credentials": {"client_id": {"env": "ID"}, "client_secret": {"env": "SECRET"}},
                    "start_date": self.days[0].isoformat(),
                }
            ],
            "vat": {"oss": True},
        }  # fmt: skip
        (folder / "commerce.yaml").write_text(yaml.safe_dump(settings))
        self.environ = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PASSWORD": "admin", "ID": "id", "SECRET": "secret",
            "COMMERCE_DATABASE_URL": warehouse.url,
            "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(),
            "COMMERCE_CONFIG": str(folder / "commerce.yaml"),
        }  # fmt: skip
        self.connections = open_connections(parse((folder / "commerce.yaml").read_text()), self.environ)

    def killed(self, failpoint: str) -> int:
        """Exit code of a run over all days in a process of its own: -9 when it was killed."""
        command = [sys.executable, "-c", RUN, failpoint, *self._write_span()]
        return subprocess.run(
            command, env=self.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ).returncode

    def run(self) -> bool:
        """The same run in this process; whether it succeeded."""
        return run_lane(self.connections, *self._write_span())

    def _write_span(self) -> tuple[str, str]:
        return self.days[0].isoformat(), (self.days[1] - timedelta(days=1)).isoformat()

    def check(self) -> None:
        """Each paid order is one confirmed sale, to the cent, and there is nothing else."""
        proof = prove(self.connections, NAME, *self.days).whole
        assert proof.complete, proof
        assert proof.sale_orders_in_odoo == proof.orders_in_channel - proof.exceptions > 10
        rows = self.odoo.database.rows["sale.order"].values()
        assert Counter(row["state"] for row in rows) == {"sale": proof.sale_orders_in_odoo}


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    with ExitStack() as stack:
        marketplace = stack.enter_context(ShopifyStandIn())
        odoo = stack.enter_context(OdooStandIn(demo_database(CATALOGUE)))
        shop = Shop(marketplace, odoo, warehouse, tmp_path)
        for name in ("PASSWORD", "ID", "SECRET"):
            monkeypatch.setenv(name, shop.environ[name])
        yield shop


@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_any_point_is_finished_by_the_next(shop: Shop, point: str) -> None:
    assert shop.killed(point) == -signal.SIGKILL
    assert shop.run()
    shop.check()


@pytest.mark.parametrize("lost", ["load", "action_confirm"])
def test_an_answer_lost_after_odoo_committed_makes_no_second_order(shop: Shop, lost: str) -> None:
    def matches(call: Any) -> bool:
        return b'"sale.order"' in call.body and f'"{lost}"'.encode() in call.body

    fault = Fault(match=matches, drop=True, after=True, times=2)
    shop.odoo.faults.append(fault)
    shop.run()
    assert fault.times == 0
    assert shop.run()
    shop.check()
