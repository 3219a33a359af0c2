"""Runs whose service is stopped or killed hold nothing up, and runs that wait for a pool cost nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.test_utils import instance_for_test

from commerce_pipelines.resources import run_life, run_process
from commerce_pipelines.resources.dagster_internals import (
    ActiveExecution,
    DagsterExecutionInterruptedError,
    InstanceConcurrencyContext,
    WorkerStatus,
)
from commerce_pipelines_tests.doubles.waits import until
from commerce_pipelines_tests.resources.launched import POOL, job

PROJECT = Path(__file__).parents[2]
Status = dg.DagsterRunStatus


@pytest.fixture
def instance(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance as dagster.yaml describes it, with a folder that other processes may open."""
    monkeypatch.setenv("COMMERCE_DATABASE_URL", database)
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    settings = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    kept = {key: settings[key] for key in ("storage", "run_launcher", "run_monitoring", "concurrency", "telemetry")}
    with instance_for_test(overrides=kept, temp_dir=str(tmp_path)) as instance:
        instance.wipe()
        monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
        yield instance


class Run:
    """One launched run, and its process."""

    def __init__(self, instance: dg.DagsterInstance, run_id: str, file: Path) -> None:
        self.instance, self.run_id, self._file = instance, run_id, file

    def at_work(self) -> int:
        """The number of the run's process, once its step is at work."""
        until(lambda: self._file.exists() and self._file.read_text() != "")
        return int(self._file.read_text())

    def waiting(self) -> int:
        """The number of the run's process, once its step waits for the pool."""
        until(lambda: self.run_id in pending(self.instance))
        started = next(message for message in self.messages() if message.startswith("Started process for run"))
        return int(started.rpartition(" ")[2].rstrip(")."))

    @property
    def status(self) -> Status:
        run = self.instance.get_run_by_id(self.run_id)
        assert run is not None
        return run.status

    def messages(self) -> list[str]:
        return [log.message for log in self.instance.all_logs(self.run_id)]


@pytest.fixture
def create(instance: dg.DagsterInstance, tmp_path: Path) -> Iterator[Callable[[str], Run]]:
    """Makes runs that end in some way; whatever is left of them is killed at the end."""
    runs: list[Run] = []

    def make(ending: str) -> Run:
        file = tmp_path / f"process{len(runs)}"
        run = instance.create_run_for_job(
            job,
            tags={"ending": ending, "folder": str(file)},
            job_code_origin=dg.reconstructable(job).get_python_origin(),
            status=Status.NOT_STARTED,
        )
        runs.append(Run(instance, run.run_id, file))
        return runs[-1]

    yield make
    for run in runs:
        if (record := instance.get_run_by_id(run.run_id)) is not None and not record.is_finished:
            instance.report_run_failed(record)  # its process sees that and ends
    held = {run_life.lock_key(run.run_id) for run in runs}
    until(lambda: not held & run_life.held_locks(os.environ["COMMERCE_DATABASE_URL"]))


@pytest.fixture
def launch(create: Callable[[str], Run], instance: dg.DagsterInstance) -> Callable[[str], Run]:
    def start(ending: str) -> Run:
        run = create(ending)
        instance.launch_run(run.run_id, None)  # type: ignore[arg-type]
        return run

    return start


@pytest.fixture
def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody notices that a run's process ended: its service was killed with it."""
    monkeypatch.setattr("commerce_pipelines.resources.run_launcher.watch_run", lambda *_: None)


def pending(instance: dg.DagsterInstance) -> set[str]:
    return {step.run_id for step in instance.event_log_storage.get_concurrency_info(POOL).pending_steps}


def claimed(instance: dg.DagsterInstance) -> set[str]:
    return {slot.run_id for slot in instance.event_log_storage.get_concurrency_info(POOL).claimed_slots}


@pytest.mark.usefixtures("unwatched")
def test_after_the_service_is_killed_its_runs_are_ended_and_their_slots_are_free(
    instance: dg.DagsterInstance, launch: Callable[[str], Run], database: str
) -> None:
    working = launch("never")
    numbers = [working.at_work()]
    waiting = launch("well")
    numbers.append(waiting.waiting())
    for number in numbers:
        os.kill(number, signal.SIGKILL)
    keys = {run_life.lock_key(run.run_id) for run in (working, waiting)}
    until(lambda: not keys & run_life.held_locks(database))
    assert (working.status, waiting.status) == (Status.STARTED, Status.STARTED)

    assert set(run_life.end_dead_runs(instance, database)) == {working.run_id, waiting.run_id}
    assert (working.status, waiting.status) == (Status.FAILURE, Status.FAILURE)
    assert claimed(instance) == pending(instance) == set()
    after = launch("well")
    until(lambda: after.status is Status.SUCCESS)


def test_a_living_run_is_left_alone_though_the_service_that_launched_it_is_gone(
    instance: dg.DagsterInstance, create: Callable[[str], Run], database: str
) -> None:
    run = create("never")
    service = subprocess.Popen([sys.executable, "-m", "commerce_pipelines_tests.resources.service", run.run_id])
    run.at_work()
    service.kill()
    service.wait()
    assert run_life.end_dead_runs(instance, database) == []
    assert run.status is Status.STARTED
    assert instance.run_launcher.terminate(run.run_id)
    until(lambda: run.status is Status.CANCELED)


@pytest.mark.usefixtures("unwatched")
def test_monitoring_finds_a_dead_run_and_frees_its_slot(
    instance: dg.DagsterInstance, launch: Callable[[str], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commerce_pipelines.resources.run_health.RETAKE_SECONDS", 0.0)
    run = launch("never")
    number = run.at_work()
    launcher, record = instance.run_launcher, instance.get_run_by_id(run.run_id)
    assert launcher.supports_check_run_worker_health
    assert record is not None
    assert launcher.check_run_worker_health(record).status is WorkerStatus.RUNNING
    os.kill(number, signal.SIGKILL)
    until(lambda: launcher.check_run_worker_health(record).status is WorkerStatus.FAILED)
    assert claimed(instance) == set()


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_run_at_work_ends_with_the_service_and_is_not_tried_again(
    launch: Callable[[str], Run], sign: signal.Signals
) -> None:
    run = launch("never")
    os.kill(run.at_work(), sign)
    until(lambda: run.status is Status.FAILURE)
    assert len([message for message in run.messages() if message.startswith("Started execution of step")]) == 1
    until(lambda: claimed(run.instance) == set())


def test_a_run_that_waits_for_a_pool_ends_with_the_service(launch: Callable[[str], Run]) -> None:
    launch("never").at_work()
    waiting = launch("well")
    os.kill(waiting.waiting(), signal.SIGTERM)
    until(lambda: waiting.status is Status.FAILURE)
    assert waiting.run_id not in pending(waiting.instance) | claimed(waiting.instance)


def test_terminate_ends_a_run_that_waits_and_a_slot_that_is_free_goes_to_the_next(launch: Callable[[str], Run]) -> None:
    holder = launch("never")
    holder.at_work()
    first, second = launch("well"), launch("well")
    first.waiting()
    second.waiting()
    assert first.instance.run_launcher.terminate(first.run_id)
    until(lambda: first.status is Status.CANCELED)
    assert first.run_id not in pending(first.instance)
    assert holder.instance.run_launcher.terminate(holder.run_id)
    until(lambda: second.status is Status.SUCCESS)


def test_a_step_that_no_interrupt_ends_is_killed(launch: Callable[[str], Run]) -> None:
    run = launch("deaf")
    number = run.at_work()
    assert run.instance.run_launcher.terminate(run.run_id)
    until(lambda: run.status is Status.CANCELED)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def test_a_run_takes_its_lock_again_when_the_connection_breaks(launch: Callable[[str], Run], database: str) -> None:
    run = launch("never")
    run.at_work()
    key = run_life.lock_key(run.run_id)
    with run_life._connect(database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s::bigint::oid",
            (key & 0xFFFFFFFF,),
        )
    until(lambda: key in run_life.held_locks(database))
    assert run.status is Status.STARTED


def _ask_session(database: str) -> int:
    with run_life.open_storage(database) as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int((cursor.fetchone() or [0])[0])


def test_who_looks_every_few_seconds_keeps_one_session(database: str) -> None:
    first = _ask_session(database)
    assert _ask_session(database) == first
    with run_life._connect(database) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", (first,))
    assert (second := _ask_session(database)) != first
    ours, theirs = os.pipe()
    if not (child := os.fork()):  # a child must not use its parent's socket
        with suppress(BaseException):
            os.write(theirs, str(_ask_session(database)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(theirs)
    with os.fdopen(ours) as answer:
        assert int(answer.read()) != second
    assert _ask_session(database) == second


class Life:
    """Stands for a RunLife: how long the loop asked to sleep, and whether the run ends."""

    def __init__(self, turn: bool = False) -> None:
        self.asked: list[float] = []
        self.turn = turn
        self.ending = self

    def is_set(self) -> bool:
        return len(self.asked) > 3

    def wait(self, seconds: float) -> bool:
        self.asked.append(seconds)
        return self.turn


@pytest.mark.parametrize("turn", [False, True])
def test_the_loop_sleeps_while_it_waits_and_claims_at_once_when_it_is_its_turn(
    monkeypatch: pytest.MonkeyPatch, turn: bool
) -> None:
    """Dagster's own would neither sleep nor look whether the run shall end."""
    for name in ("get_next_step", "sleep_til_ready"):
        monkeypatch.setattr(ActiveExecution, name, getattr(ActiveExecution, name))
    pools = InstanceConcurrencyContext.__new__(InstanceConcurrencyContext)
    pools._pending_claims, pools._pending_timeouts = {"step"}, defaultdict(float, step=time.time() + 900)
    execution = ActiveExecution.__new__(ActiveExecution)
    execution._waiting_to_retry, execution._instance_concurrency_context = {}, pools
    life = Life(turn)
    run_process.wait_by(life)  # type: ignore[arg-type]
    execution.sleep_til_ready()
    assert life.asked == [run_process.CLAIM_SECONDS]
    assert bool(pools._pending_timeouts) is not turn
    life.asked *= 4
    with pytest.raises(DagsterExecutionInterruptedError):
        execution.sleep_til_ready()
    with pytest.raises(DagsterExecutionInterruptedError):
        execution.get_next_step()
