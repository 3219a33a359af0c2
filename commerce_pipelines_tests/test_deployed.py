"""The services of the compose file as processes, by the very commands that stand there: they find each other, the guard
admits the proxy's name and no other, the daemon looks, and all end when they are told to."""

from __future__ import annotations

import base64
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from commerce_pipelines.warehouse.shared import conditions
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.deployment import COMPOSE, ROOT, Deployment
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.shopify import ShopifyStandIn

UI = "shop-ui.example.com"


@pytest.fixture
def deployed(warehouse: Warehouse, tmp_path: Path) -> Iterator[Deployment]:
    with ExitStack() as stack:
        shop = stack.enter_context(ShopifyStandIn())
        odoo = stack.enter_context(OdooStandIn(demo_database(CATALOGUE)))
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        deployment = Deployment(tmp_path, {
            "PATH": path, "PYTHONPATH": str(ROOT), "COMMERCE_CONFIG": str(tmp_path / "commerce.yaml"),
            "COMMERCE_DATABASE_URL": warehouse.url,
            "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(),
            "ODOO_PASSWORD": "admin", "ID": "x", "SECRET": "y" * 40, "HINT": "z" * 40,
        })  # fmt: skip
        (tmp_path / "commerce.yaml").write_text(yaml.safe_dump({
            "odoo": {"url": odoo.url, "database": "demo", "username": "admin", "password": {"env": "ODOO_PASSWORD"}},
            "listen": {"port": deployment.ports["3001"], "secret": {"env": "HINT"}},
            "metrics": {"port": deployment.ports["9464"]},
            "channels": [{
                "name": "shop_de", "kind": "shopify", "shop": "demo.myshopify.com", "endpoint": shop.url,
                "credentials": {"client_id": {"env": "ID"}, "client_secret": {"env": "SECRET"}},
                "start_date": "2025-01-01",
            }],
        }))  # fmt: skip
        stack.callback(deployment.end)
        yield deployment


def test_the_services_of_the_compose_file_work_together(deployed: Deployment, warehouse: Warehouse) -> None:
    at = {port: f"http://127.0.0.1:{free}" for port, free in deployed.ports.items()}
    for service in ("code", "receiver", "metrics"):
        deployed.start(service)
    check = [*map(str, COMPOSE["services"]["code"]["healthcheck"]["test"][1:])]
    check = [str(deployed.ports.get(word, word)) for word in check]

    def is_served() -> bool:
        return subprocess.run(check, env=deployed.environ, capture_output=True, check=False).returncode == 0

    deployed.wait_until(is_served, "code")
    deployed.wait_until(lambda: requests.get(f"{at['9464']}/health", timeout=60).status_code == 503, "metrics")
    deployed.start("webserver", COMMERCE_UI_HOSTS=UI)
    deployed.start("daemon")

    def ask(host: str) -> int:
        return requests.get(f"{at['3000']}/server_info", headers={"Host": host}, timeout=60).status_code

    deployed.wait_until(lambda: ask(UI) == 200, "webserver", "code")
    assert ask("elsewhere.example.com") == 421
    assert requests.post(f"{at['3001']}/notices/shop_de", data=b"{}", timeout=60).status_code == 401

    def has_looked() -> bool:
        with warehouse.transaction() as connection:
            return any(beat.name == "shop_de_new_orders" for beat in conditions.heartbeats(connection))

    deployed.wait_until(has_looked, "daemon", "code", "webserver", "receiver", "metrics")
    health: dict[str, Any] = requests.get(f"{at['9464']}/health", timeout=240).json()
    assert health["status"] in ("fine", "late")
    assert shlex.split(COMPOSE["services"]["daemon"]["command"][2])[0] == "commerce-pipelines"
    deployed.end()
    assert all(process.poll() is not None for process in deployed.running.values())
