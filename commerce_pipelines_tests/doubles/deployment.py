"""The services of the compose file as processes of this machine, by the very commands that stand there."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import requests
import yaml

from commerce_pipelines.core.instruments import REAL
from commerce_pipelines_tests.doubles.ports import find_port

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
# On a slow machine that does other things: whoever waits ends as soon as it is so.
PATIENCE_SECONDS = 900
EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside of a container; the test replaces it


class Deployment:
    """ports: by the number that the compose file has. home: in place of the image's /opt/commerce/home. instance: the
    folder of the package with its dagster.yaml."""

    def __init__(self, folder: Path, environ: dict[str, str], instance: str = "") -> None:
        self.ports = {port: find_port() for port in ("4000", "3000", "3001", "9464")}
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir()
        source = ROOT / "commerce_pipelines/instance" / instance / "dagster.yaml"
        (self.home / "dagster.yaml").write_text(source.read_text())
        workspace = yaml.safe_load((ROOT / "deploy/workspace.yaml").read_text())
        workspace["load_from"][0]["grpc_server"] |= {"host": "127.0.0.1", "port": self.ports["4000"]}
        (self.home / "workspace.yaml").write_text(yaml.safe_dump(workspace))
        self.environ = {**os.environ, **environ, "DAGSTER_HOME": str(self.home), "COMMERCE_LOG_FORMAT": "json"}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, service: str, name: str = "", **environ: str) -> None:
        """Start a process of the service. name: where there are several of it, its own."""
        name = name or service
        words = [str(word) for word in COMPOSE["services"][service]["command"]]
        words = [str(self.ports.get(word, word)).replace("/opt/commerce/home", str(self.home)) for word in words]
        self.start_words(name, *("127.0.0.1" if word == EVERYWHERE else word for word in words), **environ)

    def start_words(self, name: str, *words: str, **environ: str) -> None:
        """Start a process by the words of its command line."""
        log = open(self.folder / f"{name}.log", "wb")  # noqa: SIM115 - the process keeps it
        self.running[name] = subprocess.Popen(
            words, cwd=self.folder, env={**self.environ, **environ}, stdout=log, stderr=log, start_new_session=True
        )

    def wait_until(self, is_true: Callable[[], bool], *services: str) -> None:
        """Raises with the logs where a service ends, or where it never becomes true."""
        deadline = REAL.clock() + PATIENCE_SECONDS
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
                process.wait(120)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
