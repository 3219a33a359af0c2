"""`commerce-pipelines rotate-key`, as a person types it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commerce_pipelines.cli.main import main
from commerce_pipelines.warehouse.tables.database import Warehouse
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
