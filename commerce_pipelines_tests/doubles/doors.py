"""Doors that lead to doubles: Connections whose warehouse, Odoo and channels a test hands in.

What belongs here: what opens a door in a test. What does not: the doubles themselves (channel.py, inventory.py …).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from commerce_pipelines.core.instruments import REAL, Instruments
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import Settings
from commerce_pipelines.warehouse.tables.database import Warehouse

IMPATIENT = replace(REAL, sleep=lambda seconds: None)  # waits for nothing


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
