"""What the tests of Dagster's machinery share: an instance on this worker's database.

What belongs here: fixtures of more than one module. What does not: instances with more of dagster.yaml than that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.test_utils import instance_for_test

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def instance(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with the storage that dagster.yaml names, empty."""
    monkeypatch.setenv("COMMERCE_DATABASE_URL", database)
    settings = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    kept = {key: settings[key] for key in ("storage", "telemetry")}
    with instance_for_test(overrides=kept, temp_dir=str(tmp_path)) as instance:
        instance.wipe()
        yield instance
