"""The services of the compose file as processes, by the very commands that stand there: they find each other, the guard
admits the proxy's name and no other, the daemon looks, and all end when they are told to."""

from __future__ import annotations

import base64
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.warehouse.shared import conditions
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.shopify import ShopifyStandIn

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
UI = "shop-ui.example.com"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside of a container; the test replaces it


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Deployment:
    """ports: by the number that the compose file has. home: in place of the image's /opt/commerce/home."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.ports = {port: find_port() for port in ("4000", "3000", "3001", "9464")}
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir()
        instance = (ROOT / "commerce_pipelines/instance/dagster.yaml").read_text()
        (self.home / "dagster.yaml").write_text(instance)
        workspace = yaml.safe_load((ROOT / "deploy/workspace.yaml").read_text())
        workspace["load_from"][0]["grpc_server"] |= {"host": "127.0.0.1", "port": self.ports["4000"]}
        (self.home / "workspace.yaml").write_text(yaml.safe_dump(workspace))
        self.environ = {**os.environ, **environ, "DAGSTER_HOME": str(self.home), "COMMERCE_LOG_FORMAT": "json"}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, service: str, **environ: str) -> None:
        words = [str(word) for word in COMPOSE["services"][service]["command"]]
        words = [str(self.ports.get(word, word)).replace("/opt/commerce/home", str(self.home)) for word in words]
        words = ["127.0.0.1" if word == EVERYWHERE else word for word in words]
        log = open(self.folder / f"{service}.log", "wb")  # noqa: SIM115 - the process keeps it
        self.running[service] = subprocess.Popen(
            words, cwd=self.folder, env={**self.environ, **environ}, stdout=log, stderr=log, start_new_session=True
        )

    def wait_until(self, is_true: Callable[[], bool], *services: str) -> None:
        """Raises with the logs where a service ends, or where it never becomes true."""
        deadline = REAL.clock() + 240
        while True:
            ended = [service for service in services if self.running[service].poll() is not None]
            if ended or REAL.clock() > deadline:
                logs = {service: (self.folder / f"{service}.log").read_text()[-3000:] for service in self.running}
                raise AssertionError(f"{ended or 'nothing'} ended; {logs}")
            try:
                if is_true():
                    return
            except (requests.RequestException, OSError):
                pass
            REAL.sleep(0.3)

    def end(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.running.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


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
    deployed.wait_until(lambda: requests.get(f"{at['9464']}/health", timeout=5).status_code == 503, "metrics")
    deployed.start("webserver", COMMERCE_UI_HOSTS=UI)
    deployed.start("daemon")

    def ask(host: str) -> int:
        return requests.get(f"{at['3000']}/server_info", headers={"Host": host}, timeout=5).status_code

    deployed.wait_until(lambda: ask(UI) == 200, "webserver", "code")
    assert ask("elsewhere.example.com") == 421
    assert requests.post(f"{at['3001']}/notices/shop_de", data=b"{}", timeout=5).status_code == 401

    def has_looked() -> bool:
        with warehouse.transaction() as connection:
            return any(beat.name == "shop_de_new_orders" for beat in conditions.heartbeats(connection))

    deployed.wait_until(has_looked, "daemon", "code", "webserver", "receiver", "metrics")
    health: dict[str, Any] = requests.get(f"{at['9464']}/health", timeout=20).json()
    assert health["status"] in ("fine", "late")
    assert shlex.split(COMPOSE["services"]["daemon"]["command"][2])[0] == "commerce-pipelines"
    deployed.end()
    assert all(process.poll() is not None for process in deployed.running.values())
