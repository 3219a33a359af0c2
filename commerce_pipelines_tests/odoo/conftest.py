"""The servers that the suite of Odoo behaviour runs on: the stand-in always, a real Odoo 19 where ODOO_URL is set.

Each over both APIs. Run the real one with `pytest -m odoo commerce_pipelines_tests/odoo`; with ODOO_AS=lean the product
logs in as the user that `commerce-pipelines access` makes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.core.section import Secret
from commerce_pipelines.odoo.rpc.client import Client, connect
from commerce_pipelines.odoo.rpc.settings import OdooSettings
from commerce_pipelines_tests.doubles.lean import administrator, login_of
from commerce_pipelines_tests.doubles.odoo import World
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database

SERVERS = [
    pytest.param(("stand-in", "jsonrpc"), id="standin-jsonrpc"),
    pytest.param(("stand-in", "json2"), id="standin-json2"),
    pytest.param(("odoo", "jsonrpc"), id="odoo-jsonrpc", marks=pytest.mark.odoo),
    pytest.param(("odoo", "json2"), id="odoo-json2", marks=pytest.mark.odoo),
]
Connect = Callable[..., Client]


@pytest.fixture(scope="session")
def stand_in() -> Iterator[OdooStandIn]:
    """One for the whole session: every test makes its own data in it."""
    with OdooStandIn(demo_database(CATALOGUE)) as server:
        yield server


BRISK = replace(REAL, sleep=lambda seconds: time.sleep(min(seconds, 0.2)))  # two writers at once still need a pause


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> tuple[str, str]:
    """(kind, transport)."""
    kind, transport = request.param
    if kind == "odoo" and not os.environ.get("ODOO_URL"):
        pytest.skip("needs a real Odoo 19: set ODOO_URL, ODOO_DATABASE, ODOO_USERNAME, ODOO_PASSWORD, ODOO_API_KEY")
    return kind, transport


@pytest.fixture
def connected(server: tuple[str, str], request: pytest.FixtureRequest) -> Connect:
    """A function that opens one more client; keys of OdooSettings may be given."""
    kind, transport = server

    def open_client(password: str | None = None, **keys: object) -> Client:
        if kind == "stand-in":
            login = {"url": request.getfixturevalue("stand_in").url, "database": "demo", "username": "admin"}
            secret = "admin"
        else:
            login = {key: os.environ[f"ODOO_{key.upper()}"] for key in ("url", "database")}
            login["username"], secret = login_of(transport)
        of_settings: dict[str, Any] = {**login, "password": Secret(env="UNUSED"), "transport": transport, **keys}
        settings = OdooSettings(**of_settings)
        return connect(settings, password or secret, BRISK)

    return open_client


@pytest.fixture
def world(server: tuple[str, str], connected: Connect) -> World:
    lean = server[0] == "odoo" and os.environ.get("ODOO_AS") == "lean"
    return World(connected(), server[0], administrator() if lean else None)
