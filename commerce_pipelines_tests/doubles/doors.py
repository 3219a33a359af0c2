"""Doors that lead to doubles: Connections whose warehouse, Odoo and channels a test hands in.

What belongs here: what opens a door in a test. What does not: the doubles themselves (channel.py, inventory.py …).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from commerce_pipelines.core.instruments import REAL, Instruments
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import Settings
from commerce_pipelines.warehouse.shared import buckets
from commerce_pipelines.warehouse.tables.database import Warehouse

IMPATIENT = replace(REAL, sleep=lambda seconds: None)  # waits for nothing


def hurry(monkeypatch: pytest.MonkeyPatch) -> Instruments:
    """Instruments that wait for nothing, where whole flows share budgets: of each wait these take it that its time has
    passed. With IMPATIENT they would be asked in a loop until it has."""
    clock, waited = buckets._CLOCK, 0.0

    def sleep(seconds: float) -> None:
        nonlocal waited
        waited += seconds
        monkeypatch.setattr(buckets, "_CLOCK", f"({clock} + {waited!r})")

    return replace(REAL, sleep=sleep)


def leads_to(channels: Mapping[str, Any]) -> Callable[..., Any]:
    """What opens a channel: the double of that name."""
    return lambda settings, *shared: channels[settings.name]


def doors(
    settings: Settings,
    warehouse: Warehouse,
    *,
    odoo: Any = None,
    channels: Mapping[str, Any] | None = None,
    instruments: Instruments = REAL,
) -> Connections:
    """Connections to a test's own warehouse and doubles. A door that no double stands behind is closed."""
    return open_connections(
        settings,
        {},
        warehouse=lambda: warehouse,
        odoo=lambda: odoo,
        channels=leads_to(channels or {}),
        instruments=instruments,
    )
