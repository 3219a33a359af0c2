"""Goods that go to Amazon's warehouse: through the stand-in of Odoo, and a real Odoo 19 where ODOO_URL is set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.everywhere import Lanes
from commerce_pipelines_tests.doubles.homecoming import Home
from commerce_pipelines_tests.doubles.sendings import DOORS, open_away


@pytest.fixture
def inbound() -> dict[str, Any]:
    """What a module adds to the channel's section."""
    return {}


@pytest.fixture(params=DOORS)
def lanes(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, inbound: dict[str, Any],
    request: pytest.FixtureRequest,
) -> Iterator[Lanes]:  # fmt: skip
    with open_away(warehouse, monkeypatch, tmp_path, door=request.param, **inbound) as opened:
        yield opened


@pytest.fixture
def home(lanes: Lanes) -> Iterator[Home]:
    home = Home(lanes)
    yield home
    home.report.removals.rows.clear()
    old = [row["id"] for row in home.pickings() if row["state"] not in ("done", "cancel")]
    home.odoo.call("stock.picking", "action_cancel", ids=old)
