"""`commerce-pipelines rotate-key`, as a person types it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from commerce_pipelines.assets.orders import STAGES
from commerce_pipelines.cli.main import main
from commerce_pipelines.flows.intake import pull as intake
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.cli.test_backfill import Old, old  # noqa: F401 - a fixture
from commerce_pipelines_tests.cli.test_main import shell  # noqa: F401 - a fixture
from commerce_pipelines_tests.conftest import MASTER_KEY


def rotate(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["rotate-key", *arguments])


def test_the_master_key_is_changed_by_two_commands(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COMMERCE_MASTER_KEY", base64.urlsafe_b64encode(MASTER_KEY).decode())
    monkeypatch.setenv("COMMERCE_DATABASE_URL", warehouse.url)
    path = Path("new.key")
    assert rotate().exit_code == 2
    assert "no rotation to finish" in rotate("--finish").output
    assert "0 keys wrapped anew" in rotate("--key-file", str(path)).output
    assert path.stat().st_mode & 0o077 == 0
    assert "Going on with the rotation" in rotate("--key-file", str(path)).output
    assert "still the old key" in rotate("--finish").output
    monkeypatch.setenv("COMMERCE_MASTER_KEY", path.read_text())
    assert "opens nothing any more" in rotate("--finish").output
    Path("bad.key").write_text("abc")
    assert "holds no key" in rotate("--key-file", "bad.key").output


def test_a_backfill_in_dagster_goes_on_while_the_key_is_changed(
    old: Old,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its second run is under way when every key is wrapped anew, its third one when the old key ends: what it landed
    is read again by later steps of the same runs, by a process that was started with the old key."""
    land, printed = intake.land, dict[int, str]()

    def land_and_rotate(*arguments: Any) -> Any:
        heads = land(*arguments)
        number = len(old.runs())
        if number > 1 and number not in printed:
            with monkeypatch.context() as patch:
                if number == 3:
                    patch.setenv("COMMERCE_MASTER_KEY", Path("new.key").read_text())
                printed[number] = rotate(*(("--finish",) if number == 3 else ("--key-file", "new.key"))).output
        return heads

    monkeypatch.setattr(intake, "land", land_and_rotate)
    done = old.shell(*old.command)
    assert done.exit_code == 0, done.output
    assert "keys wrapped anew" in printed[2]
    assert "opens nothing any more" in printed[3]
    assert [status for _, status in old.runs()] == ["SUCCESS"] * 3
    for table in STAGES:
        assert sorted(old.instance.get_materialized_partitions(dg.AssetKey(["shop_de", table]))) == old.days()

    report = ("report", "--from", str(old.first), "--to", str(old.last))
    assert "rotate-key" in old.shell(*report).output  # the old key is refused
    monkeypatch.setenv("COMMERCE_MASTER_KEY", Path("new.key").read_text())
    assert old.shell(*report).exit_code == 0
