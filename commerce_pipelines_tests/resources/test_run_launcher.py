"""Runs that are forked of a warm process: they work, fail, die and are ended as runs of Dagster's own launcher do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.test_utils import instance_for_test

from commerce_pipelines.cli import daemon
from commerce_pipelines.resources.run_launcher import WarmLauncher
from commerce_pipelines.resources.warm_server import PRELOADED
from commerce_pipelines_tests.resources.launched import job

PROJECT = Path(__file__).parents[2]
Status = dg.DagsterRunStatus


@pytest.fixture(scope="module")
def instance(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """As dagster.yaml describes it, on this worker's database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMMERCE_DATABASE_URL", database)
        settings = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
        kept = {key: settings[key] for key in ("storage", "run_launcher", "run_monitoring", "telemetry")}
        kept["run_monitoring"]["cancellation_thread_poll_interval_seconds"] = 1
        with instance_for_test(overrides=kept, temp_dir=str(tmp_path_factory.mktemp("dagster"))) as instance:
            yield instance


@pytest.fixture
def launch(instance: dg.DagsterInstance, tmp_path: Path) -> Callable[[str], tuple[str, Path]]:
    """Start a run that ends in some way: its id, and the file that will hold its process's number."""

    def start(ending: str) -> tuple[str, Path]:
        origin = dg.reconstructable(job).get_python_origin()
        file = tmp_path / "process"
        run = instance.create_run_for_job(
            job, tags={"ending": ending, "folder": str(file)}, job_code_origin=origin, status=Status.NOT_STARTED
        )
        instance.launch_run(run.run_id, None)  # type: ignore[arg-type]
        return run.run_id, file

    return start


def until(instance: dg.DagsterInstance, run_id: str, *wanted: Status) -> Status:
    for _ in range(1200):
        run = instance.get_run_by_id(run_id)
        if run is not None and run.status in wanted:
            return run.status
        time.sleep(0.05)
    raise AssertionError(run)


def test_a_run_is_a_process_of_its_own_and_has_its_end(
    instance: dg.DagsterInstance, launch: Callable[[str], tuple[str, Path]]
) -> None:
    assert isinstance(instance.run_launcher, WarmLauncher)
    run_id, file = launch("well")
    assert until(instance, run_id, Status.SUCCESS, Status.FAILURE) is Status.SUCCESS
    assert int(file.read_text()) != os.getpid()
    run_id, _ = launch("failed")
    assert until(instance, run_id, Status.SUCCESS, Status.FAILURE) is Status.FAILURE
    assert any(log.dagster_event and log.dagster_event.is_step_failure for log in instance.all_logs(run_id))


def test_a_run_whose_process_dies_is_failed(
    instance: dg.DagsterInstance, launch: Callable[[str], tuple[str, Path]]
) -> None:
    run_id, _ = launch("killed")
    assert until(instance, run_id, Status.SUCCESS, Status.FAILURE) is Status.FAILURE
    assert any("ended unexpectedly, code -9" in log.message for log in instance.all_logs(run_id))


def test_a_run_can_be_ended_from_the_ui(
    instance: dg.DagsterInstance, launch: Callable[[str], tuple[str, Path]]
) -> None:
    run_id, file = launch("never")
    while not file.exists():
        time.sleep(0.05)
    assert instance.run_launcher.terminate(run_id)
    assert until(instance, run_id, Status.CANCELED, Status.SUCCESS, Status.FAILURE) is Status.CANCELED
    assert not instance.run_launcher.terminate(run_id)


def test_our_own_code_is_imported_last() -> None:
    """It imports what the others are; and the first module decides how an interrupt ends the rest of the imports."""
    ours = [name for name in PRELOADED if name.startswith("commerce")]
    assert ours == [PRELOADED[0], PRELOADED[-1]]


def test_dev_starts_the_server_of_runs_before_it_waits_for_the_code_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its imports take as long as the daemon's own: one after the other they would hold up the first run."""
    order: list[str] = []
    monkeypatch.setattr("multiprocessing.forkserver.ensure_running", lambda: order.append("server of runs"))
    monkeypatch.setattr(daemon, "import_daemon", lambda: None)
    monkeypatch.setattr(daemon, "wait_for_code", lambda environ: order.append("code server"))
    monkeypatch.setattr("runpy.run_module", lambda name, **options: order.append(name))
    monkeypatch.setattr("sys.argv", [])
    daemon.main(["run"])
    assert order == ["server of runs", "code server", "dagster._daemon"]
