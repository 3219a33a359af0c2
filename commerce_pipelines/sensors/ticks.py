"""When a sensor that may be woken has to tick, for the daemon, which does not let it tick otherwise.

What belongs here: a poller's rhythm as Dagster shows it. What does not: the rule (core/rhythm.py), who keeps to it
(resources/tick_gate.py).
"""

from __future__ import annotations

from typing import Any

import dagster as dg
import msgspec

from ..core.rhythm import KEY
from ..flows.pollers import Poller


def label(flow: str, poller: Poller) -> dict[str, Any]:
    """Tags and metadata of the poller's sensor: its rhythm, unless its interval says all."""
    labels: dict[str, Any] = {"tags": {"flow": flow}}
    if poller.tick_seconds != poller.seconds or poller.marks:
        labels["metadata"] = {KEY: dg.MetadataValue.json(msgspec.to_builtins(poller.rhythm))}
    return labels
