"""A lane of its own for each fault: a channel in memory, a real PostgreSQL, a fresh stand-in of Odoo."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest

from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.channel import SETTINGS
from commerce_pipelines_tests.doubles.doors import IMPATIENT
from commerce_pipelines_tests.doubles.lane import Lane
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database


@pytest.fixture
def odoo() -> Iterator[OdooStandIn]:
    with OdooStandIn(demo_database(CATALOGUE)) as server:
        yield server


def environ_of(warehouse: Warehouse) -> dict[str, str]:
    return {
        "COMMERCE_DATABASE_URL": warehouse.url,
        "COMMERCE_MASTER_KEY": base64.urlsafe_b64encode(MASTER_KEY).decode(),
    }


@pytest.fixture
def another(odoo: OdooStandIn, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Lane]:
    """One more process, so to speak: connections of its own to the same PostgreSQL and Odoo, no pauses."""
    monkeypatch.setenv("ODOO_PASSWORD", "admin")
    environ = environ_of(warehouse)
    return lambda: Lane(parse(SETTINGS.replace("http://127.0.0.1:8069", odoo.url)), environ, IMPATIENT)


@pytest.fixture
def lane(another: Callable[[], Lane]) -> Lane:
    return another()
