"""The servers that the Odoo stand-in is compared on: itself always, a real Odoo 19 where ODOO_URL is set."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from commerce_pipelines_tests.sandbox.odoo_protocol import Server
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database


@pytest.fixture(scope="module", params=["stand-in", pytest.param("odoo", marks=pytest.mark.odoo)])
def odoo(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "stand-in":
        with OdooStandIn(demo_database(CATALOGUE)) as stand_in:
            yield Server(stand_in.url, "demo", "admin", "admin", "admin")
    elif "ODOO_URL" in os.environ:
        names = ("URL", "DATABASE", "USERNAME", "PASSWORD", "API_KEY")
        yield Server(*(os.environ[f"ODOO_{name}"] for name in names))
    else:
        pytest.skip("needs a real Odoo 19: set ODOO_URL, ODOO_DATABASE, ODOO_USERNAME, ODOO_PASSWORD, ODOO_API_KEY")
