"""What the libraries are, and that none has a known weakness: uv.lock, by the installer that reads it.

`make audit` runs this with COMMERCE_AUDIT set, so that an advisory service which cannot be asked is an error. In
`make test` it is skipped then. A service without data, or one that leaves packages out, is never "no weakness known".
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from commerce_sandbox.server import Call, Reply, StandIn

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).parent / "uv"
SERVICE = "https://api.osv.dev"
FAMOUS = {"package": {"name": "jinja2", "ecosystem": "PyPI"}, "version": "2.4.1"}  # its weaknesses are known for years
needs_uv = pytest.mark.skipif(not UV.exists(), reason="uv is not installed beside Python: run `make install`")
pytestmark = needs_uv


def run_uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "UV_HTTP_RETRIES": "0", "NO_PROXY": "127.0.0.1", "UV_NO_PROGRESS": "1"}
    return subprocess.run([UV, *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


def list_components() -> list[dict[str, Any]]:
    done = run_uv("export", "--frozen", "--offline", "--no-dev", "--quiet", "--format", "cyclonedx1.5")
    assert done.returncode == 0, done.stderr
    bill = json.loads(done.stdout)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    listed: list[dict[str, Any]] = bill["components"]
    return listed


def find_weaknesses(service: str) -> list[str]:
    """What is known against the libraries, or why nobody can say, a sentence each."""
    try:
        answer = requests.post(f"{service}/v1/query", json=FAMOUS, timeout=10).json()
    except (requests.RequestException, ValueError) as error:
        return [f"The advisory service cannot be asked ({type(error).__name__})."]
    if not answer.get("vulns"):
        return ["The advisory service has no data: it does not know what is known for years."]
    done = run_uv("audit", "--frozen", "--no-dev", "--quiet", "--preview-features", "audit", "--output-format", "json",
                  "--service-url", service)  # fmt: skip
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return [f"The audit gave no report (exit {done.returncode})."]
    problems = [
        f"{row['dependency']['name']} {row['dependency']['version']}: {row['id']}, mended in "
        f"{', '.join(row['fix_versions']) or 'no version yet'}." for row in report["vulnerabilities"]
    ]  # fmt: skip
    audited, needed = report["summary"]["audited_packages"], len(list_components())
    if audited < needed:
        problems.append(f"Only {audited} of {needed} packages were looked at.")
    return problems


def is_reachable(service: str) -> bool:
    try:
        socket.create_connection((urlsplit(service).hostname or "", 443), timeout=3).close()
    except OSError:
        return False
    return True


def test_no_library_has_a_known_weakness() -> None:
    if not os.environ.get("COMMERCE_AUDIT") and not is_reachable(SERVICE):
        pytest.skip(f"{SERVICE} cannot be reached from here: `make audit` where it can")
    assert find_weaknesses(SERVICE) == []


class Advisories(StandIn):
    """An advisory service: knows what is famous, and `weak`, names of packages."""

    famous, weak = True, frozenset[str]()

    def handle(self, call: Call) -> Reply:
        if call.path.startswith("/v1/vulns/"):
            return Reply(body={"id": "GHSA-aaaa-bbbb-cccc", "modified": "2026-01-01T00:00:00Z", "summary": "bad",
                               "affected": []})  # fmt: skip
        asked = json.loads(call.body)
        if "queries" not in asked:
            return Reply(body={"vulns": [{"id": "GHSA-1"}]} if self.famous else {})
        found_one = {"vulns": [{"id": "GHSA-aaaa-bbbb-cccc", "modified": "2026-01-01T00:00:00Z"}]}
        names = [query["package"]["name"] for query in asked["queries"]]
        return Reply(body={"results": [found_one if name in self.weak else {} for name in names]})


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    with Advisories() as server:
        yield server


def test_a_known_weakness_is_named(advisories: Advisories) -> None:
    assert find_weaknesses(advisories.url) == []
    advisories.weak = frozenset({"requests"})
    (problem,) = find_weaknesses(advisories.url)
    assert problem.startswith("requests 2.")
    assert "GHSA-aaaa-bbbb-cccc" in problem


def test_a_service_without_data_is_no_good_news(advisories: Advisories) -> None:
    advisories.famous = False
    (problem,) = find_weaknesses(advisories.url)
    assert "has no data" in problem
    (problem,) = find_weaknesses("http://127.0.0.1:9")
    assert "cannot be asked" in problem


def test_packages_that_are_left_out_are_missed(advisories: Advisories, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = list_components()
    monkeypatch.setattr(f"{__name__}.list_components", lambda: [*listed, *listed])
    (problem,) = find_weaknesses(advisories.url)
    assert problem.startswith("Only ")
    assert problem.endswith(f" of {2 * len(listed)} packages were looked at.")


def test_the_bill_of_materials_lists_every_library_with_its_hash() -> None:
    components = list_components()
    direct = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {component["name"] for component in components}
    assert {name.split(">")[0].split("[")[0].strip() for name in direct} <= names
    for component in components:
        assert component["purl"].startswith("pkg:pypi/")
        assert any(reference["hashes"] for reference in component["externalReferences"])
