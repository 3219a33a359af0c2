"""`commerce-pipelines backfill`: old days into Odoo, recorded in Dagster, gone on with after a failure or a kill."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from commerce_pipelines.assets import orders as orders_assets
from commerce_pipelines.assets.common import BACKFILL_TAG
from commerce_pipelines.cli.dev import dagster_home
from commerce_pipelines.core.errors import PermanentError
from commerce_pipelines.flows.intake import pull as intake
from commerce_pipelines.resources.run_here import open_instance
from commerce_pipelines_tests.cli.test_main import Shell, shell  # noqa: F401 - a fixture
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.shopify import demo_orders

KILLED = """
import sys
from commerce_pipelines.cli.main import main
from commerce_pipelines.core.failpoints import arm
arm("staged")
main(sys.argv[1:])
"""


class Old:
    """A shop with orders of three old days, the first of which is `first`."""

    def __init__(self, shell: Shell, instance: dg.DagsterInstance) -> None:  # noqa: F811
        self.shell, self.instance = shell, instance
        shell.write(time_zone="UTC")
        start = datetime.now(UTC) - timedelta(days=40)
        for order in demo_orders(3, 1, start, CATALOGUE):
            shell.shop.add(order)
        self.last = start.date()
        self.first = self.last - timedelta(days=2)
        self.command = ("backfill", "shop_de", "--from", str(self.first), "--to", str(self.last), "--days-per-run", "1")

    def runs(self) -> list[tuple[str, str]]:
        """(first day, status) of the runs so far, the newest last."""
        tags = {BACKFILL_TAG: f"shop_de {self.first} {self.last}"}
        runs = reversed(self.instance.get_runs(dg.RunsFilter(tags=tags)))
        return [(run.tags["dagster/asset_partition_range_start"], run.status.value) for run in runs]

    def days(self) -> list[str]:
        return [str(self.first + timedelta(days=offset)) for offset in range(3)]


@pytest.fixture
def old(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Old]:  # noqa: F811
    monkeypatch.setattr(orders_assets, "RETRY", None)
    with open_instance(dagster_home(Path.cwd())) as instance:
        instance.wipe()
        yield Old(shell, instance)


def test_the_advice_of_the_report_brings_what_is_missing(old: Old) -> None:
    span = ("--from", str(old.first), "--to", str(old.last))
    before = old.shell("report", *span)
    (advice,) = re.findall("`commerce-pipelines (.*?)`", before.output)
    assert before.exit_code == 1
    assert old.shell(*advice.split()).exit_code == 0
    assert old.shell("report", *span).exit_code == 0


def test_old_days_reach_odoo_and_the_ui_shows_them(old: Old) -> None:
    done = old.shell(*old.command)
    assert done.exit_code == 0, done.output
    lines = [line for line in done.output.splitlines() if " of 3 days: " in line]
    assert [line.split(" to ")[0] for line in lines] == old.days()
    assert "3 of 3 days" in lines[-1]
    assert old.runs() == [(day, "SUCCESS") for day in old.days()]
    for table in orders_assets.STAGES:
        assert sorted(old.instance.get_materialized_partitions(dg.AssetKey(["shop_de", table]))) == old.days()
    assert len(old.shell.odoo.database.rows["sale.order"]) > 10


def test_a_failed_and_a_killed_backfill_goes_on_where_it_was(
    old: Old, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real, second = intake.pull, date.fromisoformat(old.days()[1])

    def pull(connections: object, name: str, start: date, end: date) -> object:
        if start == second:
            raise PermanentError("The shop is closed.")
        return real(connections, name, start, end)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "pull", pull)
    failed = old.shell(*old.command)
    assert failed.exit_code == 1
    assert f"commerce-pipelines {' '.join(old.command[:6])}` continues with these days" in failed.output
    assert "The shop is closed." not in failed.output.splitlines()[0]
    assert [day for day, _ in old.runs()] == old.days()[:2]

    killed = subprocess.run(
        [sys.executable, "-c", KILLED, *old.command], env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    assert old.runs()[-1] == (old.days()[1], "STARTED")

    monkeypatch.setattr(intake, "pull", real)
    done = old.shell(*old.command)
    assert done.exit_code == 0, done.output
    assert [day for day, status in old.runs() if status == "SUCCESS"] == old.days()
    assert "STARTED" not in [status for _, status in old.runs()]
    assert old.shell("report", "--from", str(old.first), "--to", str(old.last)).exit_code == 0


def test_days_that_no_run_can_have_are_told(old: Old) -> None:
    early = old.shell("backfill", "shop_de", "--from", "2024-01-01", "--to", "2024-01-02")
    assert "channels[shop_de].start_date" in early.output
    late = old.shell(
        "backfill", "shop_de", "--from", str(datetime.now(UTC).date() + timedelta(days=9)), "--to", "2999-01-01"
    )
    assert "is not there yet" in late.output
    assert (early.exit_code, late.exit_code) == (1, 1)
