"""Runs that work in workers, by a real Redis: who waits for a pool holds no slot, a killed worker holds nobody up, and
a run that got lost on its way is given up."""

from __future__ import annotations

import logging
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import instance_for_test
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from kombu.connection import Connection

from commerce_pipelines.cli.dev import dagster_home
from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.core.lanes import CHANNEL_TAG, FLOW_TAG, LANE_TAG
from commerce_pipelines.resources import slots
from commerce_pipelines.resources.run_life import held_locks, keep_connection, lock_key, open_storage
from commerce_pipelines.resources.slots import (
    START_SECONDS,
    broker_url,
    count_slots,
    has_workers,
    require_shared_database,
)
from commerce_pipelines_tests.doubles.channel import SETTINGS
from commerce_pipelines_tests.doubles.redis_server import run_redis
from commerce_pipelines_tests.doubles.waits import PATIENCE_SECONDS, until
from commerce_pipelines_tests.resources.launched import free_job, job

PROJECT = Path(__file__).parents[2]
SCALED = yaml.safe_load((PROJECT / "commerce_pipelines/instance/scaled/dagster.yaml").read_text())
REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__")
Status = dg.DagsterRunStatus
# Python imports this module by itself.
WRONG = """
from dataclasses import replace
from datetime import timedelta
from commerce_pipelines.core import instruments
right = instruments.REAL.now
instruments.REAL = replace(instruments.REAL, now=lambda: right() + timedelta(seconds={ahead}))
"""


def test_the_instance_with_workers_is_the_other_one_but_for_who_executes_runs() -> None:
    plain = yaml.safe_load((PROJECT / "dagster.yaml").read_text())
    differing = ("compute_logs", "run_coordinator", "run_launcher", "run_monitoring", "concurrency")
    assert {key: value for key, value in SCALED.items() if key not in differing} == {
        key: value for key, value in plain.items() if key not in differing
    }
    assert SCALED["run_monitoring"] == {**plain["run_monitoring"], "start_timeout_seconds": START_SECONDS}
    limits = plain["concurrency"]["runs"]["tag_concurrency_limits"]
    assert SCALED["concurrency"] == {
        "pools": {"default_limit": 1, "granularity": "run"}, "runs": {"tag_concurrency_limits": limits},
    }  # fmt: skip
    assert SCALED["run_coordinator"]["config"] == plain["run_coordinator"]["config"]


def test_dev_sets_up_the_instance_that_the_environment_asks_for(tmp_path: Path) -> None:
    for environ, launcher in (({}, "WarmLauncher"), ({"COMMERCE_BROKER_URL": "redis://localhost/0"}, "WorkerLauncher")):
        home = dagster_home(tmp_path, environ)
        assert yaml.safe_load((home / "dagster.yaml").read_text())["run_launcher"]["class"] == launcher
        assert (home / "workspace.yaml").exists()


def test_runs_work_in_workers_where_a_broker_is_named() -> None:
    assert not has_workers({"COMMERCE_BROKER_URL": " "})
    for url in ("redis://localhost:6379/0", "redis+socket:///run/redis.sock"):
        assert has_workers({"COMMERCE_BROKER_URL": url})
        assert broker_url({"COMMERCE_BROKER_URL": url}) == url
    with pytest.raises(SettingsError, match="in the clear"):
        broker_url({"COMMERCE_BROKER_URL": "redis://:word@redis.example.com:6379/0"})
    for query in ("", "?ssl_cert_reqs=required", "?ssl_ca_certs=/etc/own.pem"):
        there = broker_url({"COMMERCE_BROKER_URL": f"rediss://:word@redis.example.com:6380/0{query}"})
        asked: Any = Connection(there).ssl
        assert asked["ssl_cert_reqs"] is ssl.CERT_REQUIRED
    with pytest.raises(SettingsError, match="certificate verified"):
        broker_url({"COMMERCE_BROKER_URL": "rediss://redis.example.com:6380/0?ssl_cert_reqs=none"})
    with pytest.raises(SettingsError, match="must look like"):
        broker_url({"COMMERCE_BROKER_URL": "amqp://localhost"})
    with pytest.raises(SettingsError, match="COMMERCE_BROKER_URL is not set"):
        broker_url({})
    with pytest.raises(SettingsError, match="share one PostgreSQL"):
        require_shared_database({})


class Daemon:
    """The two parts of Dagster's daemon that runs concern, beaten by the test; and workers."""

    def __init__(self, instance: dg.DagsterInstance, database: str, folder: Path) -> None:
        self.instance, self.database, self.folder = instance, database, folder
        self.workers: list[subprocess.Popen[bytes]] = []
        self._lanes = count()
        self._queue = QueuedRunCoordinatorDaemon(interval_seconds=1)
        self._context = SimpleNamespace(instance=instance, create_request_context=lambda: None)

    def start_worker(self, slots: int = 2) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "commerce_pipelines.cli", "worker", "--slots", str(slots)]
        log = open(self.folder / f"worker{len(self.workers)}.log", "wb")  # noqa: SIM115 - the process keeps it
        self.workers.append(subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True))
        return self.workers[-1]

    def beat(self) -> None:
        context = self._context
        list(self._queue.run_iteration(context))  # type: ignore[arg-type]
        list(execute_run_monitoring_iteration(context, logging.getLogger("daemon")))  # type: ignore[arg-type]

    def until(self, wanted: Callable[[], object]) -> None:
        def has_come() -> object:
            self.beat()
            return wanted()

        until(has_come, self._tell, pause=0.1)

    def _tell(self) -> str:
        logs = {log.name: log.read_text()[-2000:] for log in self.folder.glob("worker*.log")}
        return f"{self.statuses()} {logs}"

    def submit(self, definition: dg.JobDefinition = job, ending: str = "well") -> str:
        lane = dict.fromkeys((CHANNEL_TAG, FLOW_TAG, LANE_TAG), f"lane {next(self._lanes)}")
        run = self.instance.create_run_for_job(
            definition,
            tags=lane | {"ending": ending, "folder": str(self.folder / "process")},
            remote_job_origin=RemoteJobOrigin(REPOSITORY, definition.name),
            job_code_origin=dg.reconstructable(definition).get_python_origin(),
            status=Status.NOT_STARTED,
        )
        self.instance.run_coordinator.submit_run(dg.SubmitRunContext(run, None))  # type: ignore[arg-type]
        return run.run_id

    def get_status(self, run_id: str) -> Status:
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    def statuses(self) -> list[str]:
        return [run.status.value for run in self.instance.get_runs()]

    def messages(self, run_id: str) -> list[str]:
        return [log.message for log in self.instance.all_logs(run_id)]

    def end(self) -> None:
        for run in self.instance.get_runs(dg.RunsFilter(statuses=[Status.STARTING, Status.STARTED, Status.QUEUED])):
            self.instance.report_run_failed(run)
        for worker in self.workers:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


@pytest.fixture
def start_timeout() -> int:
    """Seconds, of the instance that the test uses."""
    return int(SCALED["run_monitoring"]["start_timeout_seconds"])


@pytest.fixture
def daemon(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, start_timeout: int) -> Iterator[Daemon]:
    (tmp_path / "commerce.yaml").write_text(SETTINGS)
    values = {
        "COMMERCE_DATABASE_URL": database, "PYTHONPATH": str(PROJECT), "TOKEN": "t", "ODOO_PASSWORD": "p",
        "DAGSTER_HOME": str(tmp_path),
    }  # fmt: skip
    with run_redis() as broker:
        for name, value in (values | {"COMMERCE_BROKER_URL": broker}).items():
            monkeypatch.setenv(name, value)
        kept = ("storage", "compute_logs", "run_coordinator", "run_launcher", "run_monitoring", "concurrency",
                "telemetry")  # fmt: skip
        settings = {key: SCALED[key] for key in kept}
        settings["run_monitoring"] = {**settings["run_monitoring"], "start_timeout_seconds": start_timeout}
        with instance_for_test(overrides=settings, temp_dir=str(tmp_path)) as instance:
            instance.wipe()
            beating = Daemon(instance, database, tmp_path)
            yield beating
            beating.end()


def test_who_waits_for_a_pool_holds_no_slot_and_a_killed_worker_holds_nobody_up(daemon: Daemon) -> None:
    channels = [daemon.submit(ending="never") for _ in range(6)]
    daemon.beat()
    assert set(daemon.statuses()) == {"QUEUED"}  # nobody is there to work: nothing has begun that could time out
    daemon.start_worker()
    daemon.start_worker()
    daemon.until(lambda: (daemon.folder / "process").exists())
    daemon.until(lambda: count_slots(daemon.database) == 4)
    free = [daemon.submit(free_job) for _ in range(3)]
    daemon.until(lambda: all(daemon.get_status(run_id) is Status.SUCCESS for run_id in free))
    holder, *waiting = channels
    assert daemon.get_status(holder) is Status.STARTED
    assert {daemon.get_status(run_id) for run_id in waiting} == {Status.QUEUED}

    session = os.getsid(int((daemon.folder / "process").read_text()))
    assert session in [worker.pid for worker in daemon.workers]
    os.killpg(session, signal.SIGKILL)
    daemon.until(lambda: daemon.get_status(waiting[0]) is Status.STARTED)
    assert daemon.get_status(holder) is Status.FAILURE
    assert any("its lock is free" in message for message in daemon.messages(holder))
    assert {daemon.get_status(run_id) for run_id in waiting[1:]} == {Status.QUEUED}
    until(lambda: count_slots(daemon.database) == 2)

    assert daemon.instance.run_launcher.terminate(waiting[0])
    daemon.until(lambda: daemon.get_status(waiting[1]) is Status.STARTED)
    assert daemon.get_status(waiting[0]) is Status.CANCELED


@pytest.mark.parametrize("start_timeout", [5])
def test_a_run_that_gets_lost_is_given_up_and_does_not_begin_later(daemon: Daemon) -> None:
    worker = daemon.start_worker(slots=1)
    daemon.until(lambda: count_slots(daemon.database) == 1)
    os.kill(worker.pid, signal.SIGSTOP)  # it is there, and takes nothing
    lost = daemon.submit()
    daemon.until(lambda: daemon.get_status(lost) is Status.FAILURE)
    assert any("to start" in message for message in daemon.messages(lost))
    os.kill(worker.pid, signal.SIGCONT)
    after = [daemon.submit()]

    def has_succeeded() -> bool:
        status = daemon.get_status(after[-1])
        if status is Status.FAILURE:  # lost again, on a busy machine: sensors ask again, too
            after.append(daemon.submit())
        return status is Status.SUCCESS

    daemon.until(has_succeeded)
    assert daemon.get_status(lost) is Status.FAILURE
    assert not any("Started process" in message for message in daemon.messages(lost))


def test_a_worker_that_is_asked_to_end_lets_its_runs_come_to_their_end(daemon: Daemon) -> None:
    worker = daemon.start_worker()
    run_id = daemon.submit(ending="gate")
    daemon.until(lambda: (daemon.folder / "process").exists())
    worker.terminate()
    daemon.until(lambda: daemon.get_status(run_id) is Status.STARTED)
    daemon.until(lambda: count_slots(daemon.database) == 0)  # nothing is sent to who takes nothing any more
    assert worker.poll() is None
    later = daemon.submit(free_job)
    daemon.beat()
    assert daemon.get_status(later) is Status.QUEUED
    (daemon.folder / "process.go").touch()
    worker.wait(PATIENCE_SECONDS)
    assert daemon.get_status(run_id) is Status.SUCCESS
    until(lambda: lock_key(run_id) not in held_locks(daemon.database))
    assert count_slots(daemon.database) == 0


def test_slots_are_offered_again_after_the_database_was_away_twice(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []

    def open_connection(url: str) -> Any:
        """The second one is lost before it has the lock."""
        opened.append(keep_connection(url))
        if len(opened) == 2:
            end_session(opened[1])
        return opened[-1]

    def end_session(connection: Any) -> None:
        with open_storage(database) as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))

    monkeypatch.setattr(slots, "keep_connection", open_connection)
    monkeypatch.setattr(slots, "LOOK_SECONDS", 0.02)
    with slots.offer_slots(database, 3):
        end_session(opened[0])
        until(lambda: len(opened) == 3 and count_slots(database) == 3)
    until(lambda: count_slots(database) == 0)  # a session's locks are free when the server has noticed its end


def test_without_redis_a_run_is_failed_in_a_sentence_of_ours(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    from commerce_pipelines.resources import run_coordinator

    monkeypatch.setattr(run_coordinator, "count_slots", lambda url: 2)
    monkeypatch.setattr(daemon.instance.run_launcher, "celery", _build_unreachable())
    run_id = daemon.submit()
    daemon.until(lambda: daemon.get_status(run_id) is Status.FAILURE)
    texts = [str(log.dagster_event) for log in daemon.instance.all_logs(run_id) if log.dagster_event]
    assert any("The Redis of COMMERCE_BROKER_URL does not answer" in text for text in texts)
    assert not any("no-such" in text for text in texts)


def test_no_clock_decides_whether_a_run_that_was_handed_over_is_taken(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker whose clock was ahead by the time-out dropped every run, and nobody was told."""
    monkeypatch.setattr("commerce_pipelines.resources.run_coordinator.count_slots", lambda url: 2)
    run_id = daemon.submit()
    daemon.until(lambda: daemon.get_status(run_id) is Status.STARTING)
    with Connection(os.environ["COMMERCE_BROKER_URL"]) as broker, broker.SimpleQueue("dagster") as queue:
        headers = queue.get(timeout=PATIENCE_SECONDS).headers
    assert headers["task"] == "execute_job"
    assert headers["expires"] is None


@pytest.mark.parametrize("ahead", [50, -50])
def test_a_worker_whose_clock_is_wrong_does_not_start_and_says_why(
    database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ahead: int
) -> None:
    slots.check_clock(database)
    (tmp_path / "commerce.yaml").write_text(SETTINGS)
    (tmp_path / "sitecustomize.py").write_text(WRONG.format(ahead=ahead))
    environ = {
        **os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}", "COMMERCE_DATABASE_URL": database,
        "COMMERCE_BROKER_URL": "redis://localhost:1/0", "TOKEN": "t", "ODOO_PASSWORD": "p",
    }  # fmt: skip
    command = [sys.executable, "-m", "commerce_pipelines.cli", "worker"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    way = "ahead of" if ahead > 0 else "behind"
    assert re.search(rf"is (49|50|51) seconds {way} the database's: .*timedatectl", done.stderr)
    assert len(done.stderr.splitlines()) == 1


def _build_unreachable() -> object:
    from dagster_celery.make_app import make_app

    from commerce_pipelines.resources.worker_launcher import CELERY

    return make_app({"broker": "redis+socket:///no-such/redis.sock", "config_source": CELERY})


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [("COMMERCE_DATABASE_URL", "share one PostgreSQL"), ("COMMERCE_BROKER_URL", "COMMERCE_BROKER_URL is not set")],
)
def test_a_worker_says_what_it_needs(tmp_path: Path, missing: str, sentence: str) -> None:
    environ = {
        **os.environ, "PYTHONPATH": str(PROJECT), "COMMERCE_DATABASE_URL": "postgresql://localhost/none",
        "COMMERCE_BROKER_URL": "redis://localhost:1/0",
    }  # fmt: skip
    environ.pop(missing)
    command = [sys.executable, "-m", "commerce_pipelines.cli", "worker"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
