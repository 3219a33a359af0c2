"""Dagster tells nobody that it runs: its telemetry is off in both files that make an instance."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("file", ["dagster.yaml", "commerce_pipelines/instance/dagster.yaml"])
def test_an_instance_of_ours_sends_no_telemetry(file: str, tmp_path: Path) -> None:
    settings = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    kept = {key: settings[key] for key in ("telemetry", "nux")}
    with dg.DagsterInstance.local_temp(str(tmp_path), kept) as instance:
        assert instance.telemetry_enabled is False
        assert instance.nux_enabled is False
