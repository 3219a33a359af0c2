"""Six channels, two workers of two slots, a real Redis: each order is in Odoo once although a worker is killed at work,
and a run reads no file of its machine but the settings."""

from __future__ import annotations

import base64
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from commerce_pipelines.resources.slots import count_slots
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.deployment import ROOT, Deployment
from commerce_pipelines_tests.doubles.redis_server import run_redis
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.shopify import ShopifyStandIn, make_order
from commerce_sandbox.shopify.demo import PEOPLE, build_customer, sell

CHANNELS, ORDERS = 6, 3
WORKERS = ("worker one", "worker two")
# Writes down what a process opens; Python imports this module by itself.
SPY = """
import os, sys
file = os.open(os.environ["SPY"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
def spy(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        os.write(file, os.path.abspath(arguments[0]).encode() + b"\\n")
sys.addaudithook(spy)
"""


class Scaled:
    def __init__(self, deployment: Deployment, odoo: OdooStandIn, warehouse: Warehouse) -> None:
        self.deployment, self.odoo, self._warehouse = deployment, odoo, warehouse
        self.elsewhere = deployment.folder / "elsewhere"  # the workers' machine
        self.opened = deployment.folder / "opened"
        self.elsewhere.mkdir()

    def start(self) -> None:
        spies = self.deployment.folder / "spies"
        spies.mkdir()
        (spies / "sitecustomize.py").write_text(SPY)
        path = f"{spies}{os.pathsep}{ROOT}"
        home, self.deployment.folder = self.deployment.folder, self.elsewhere
        for worker in WORKERS:
            self.deployment.start("worker", worker, PYTHONPATH=path, SPY=str(self.opened))
        self.deployment.folder = home
        for service in ("code", "daemon"):
            self.deployment.start(service)

    def count_orders(self) -> Counter[str]:
        with self.odoo.lock:
            return Counter(str(row["client_order_ref"]) for row in self.odoo.database.rows["sale.order"].values())

    def find_worker_at_work(self) -> str | None:
        """A worker with a run: beside its own process, the warm one, and that which tidies up after both."""
        if not self.count_runs("STARTED"):
            return None
        sessions = Counter(map(_read_session, Path("/proc").glob("[0-9]*")))
        return next((name for name in WORKERS if sessions[self.deployment.running[name].pid] > 3), None)

    def count_runs(self, status: str) -> int:
        with self._warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('public.runs') IS NOT NULL")
            if cursor.fetchone() == (False,):  # the daemon makes it
                return 0
            cursor.execute("SELECT count(*) FROM public.runs WHERE status = %s", (status,))
            return int((cursor.fetchone() or (0,))[0])


def _read_session(process: Path) -> int:
    try:
        return os.getsid(int(process.name))
    except ProcessLookupError:
        return 0


@pytest.fixture
def scaled(warehouse: Warehouse, tmp_path: Path) -> Iterator[Scaled]:
    now = datetime.now(UTC)
    with ExitStack() as stack:
        odoo = stack.enter_context(OdooStandIn(demo_database(CATALOGUE)))
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        deployment = Deployment(tmp_path, {
            "PATH": path, "PYTHONPATH": str(ROOT), "COMMERCE_CONFIG": str(tmp_path / "commerce.yaml"),
            "COMMERCE_DATABASE_URL": warehouse.url, "COMMERCE_BROKER_URL": stack.enter_context(run_redis()),
            "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(),
            "ODOO_PASSWORD": "admin", "ID": "x", "SECRET": "y" * 40,
        }, "scaled")  # fmt: skip
        channels = []
        for number in range(CHANNELS):
            domain = f"shop-{number}.myshopify.com"
            shop = stack.enter_context(ShopifyStandIn(shop=domain))
            for order in range(ORDERS):
                created = (now - timedelta(minutes=10 + order)).isoformat(timespec="seconds").replace("+00:00", "Z")
                line, person = sell(CATALOGUE[order]), PEOPLE[0]
                shop.add(
                    make_order([line], number=5000 + 10 * number + order, created=created, **build_customer(person))
                )
            channels.append({
                "name": f"shop_{number}", "kind": "shopify", "shop": domain, "endpoint": shop.url,
                "credentials": {"client_id": {"env": "ID"}, "client_secret": {"env": "SECRET"}},
                "start_date": (now - timedelta(days=2)).date().isoformat(),
            })  # fmt: skip
        (tmp_path / "commerce.yaml").write_text(yaml.safe_dump({
            "odoo": {"url": odoo.url, "database": "demo", "username": "admin", "password": {"env": "ODOO_PASSWORD"}},
            "channels": channels,
        }))  # fmt: skip
        stack.callback(deployment.end)
        yield Scaled(deployment, odoo, warehouse)


def test_orders_of_six_channels_reach_odoo_once_though_a_worker_is_killed(scaled: Scaled, warehouse: Warehouse) -> None:
    deployment = scaled.deployment
    scaled.start()
    deployment.wait_until(lambda: count_slots(warehouse.url) == 4, *WORKERS)
    deployment.wait_until(lambda: scaled.find_worker_at_work() is not None, "code", "daemon", *WORKERS)
    killed = scaled.find_worker_at_work() or WORKERS[0]  # it may be done by now
    os.killpg(deployment.running[killed].pid, signal.SIGKILL)
    [left] = {*WORKERS} - {killed}
    deployment.wait_until(lambda: count_slots(warehouse.url) == 2, "code", "daemon", left)
    deployment.wait_until(lambda: len(scaled.count_orders()) >= CHANNELS * ORDERS, "code", "daemon", left)
    assert set(scaled.count_orders().values()) == {1}
    deployment.wait_until(lambda: scaled.count_runs("SUCCESS") >= CHANNELS, "code", "daemon", left)

    own = [str(Path(place).resolve()) for place in (sys.prefix, sys.base_prefix, ROOT, Path(__file__).parent)]
    system = ("/proc/", "/dev/", "/etc/", "/usr/", "/sys/", str(deployment.folder / "spies"))
    paths = set(scaled.opened.read_text().splitlines())
    opened = {path for path in paths if not path.startswith((*own, *system))}
    opened -= {path for path in opened if Path(path).parent == Path(tempfile.gettempdir())}  # can it be written to?
    assert opened == {str(deployment.folder / "commerce.yaml"), str(deployment.home / "dagster.yaml")}
    assert [path.name for path in scaled.elsewhere.iterdir() if path.suffix != ".log"] == []
