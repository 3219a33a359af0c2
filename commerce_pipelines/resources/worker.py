"""A worker: a process with some slots, in each of which one run works at a time.

Celery brings the runs, threads of it wait for them. Each run is a process of its own, forked of a warm one, as beside
the daemon (run_launcher.py). A run needs the environment, the database and the settings file, and nothing else of the
worker's machine.

What belongs here: Celery's application and its one task. What does not: the launcher (worker_launcher.py), the command
(cli/worker.py). Needs the extra `scale`.
"""

from __future__ import annotations

import logging
from typing import Any

import dagster as dg
from celery import Celery, signals
from dagster_celery.config import TASK_EXECUTE_JOB_NAME
from dagster_celery.make_app import make_app

from ..core.foreign import tellable
from ..warehouse.server.server import database_url
from . import warm_server
from .dagster_internals import ExecuteRunArgs, unpack_value
from .run_launcher import fork_run, watch_run
from .slots import offer_slots
from .worker_launcher import CELERY, QUEUE

logger = logging.getLogger(__name__)


def serve_runs(instance: dg.DagsterInstance, broker: str, slots: int) -> None:
    """Take runs and work on them, until this process is asked to end: then it waits for the runs at work."""
    warm_server.wait_until_warm()  # before there is room for runs, because a start that takes long is given up
    app = build_app(instance, broker)
    signals.setup_logging.connect(_keep_logging)
    worker = app.Worker(
        pool="threads", concurrency=slots, queues=[QUEUE], optimization="fair", loglevel="WARNING", quiet=True,
        without_gossip=True, without_mingle=True, without_heartbeat=True,
    )  # fmt: skip
    with offer_slots(database_url(), slots) as withdraw:

        def end_offer(**_: Any) -> None:
            """Celery takes nothing more from now on, while runs may be at work for long: a run sent here gets lost."""
            withdraw()

        signals.worker_shutting_down.connect(end_offer)
        worker.start()


def build_app(instance: dg.DagsterInstance, broker: str) -> Celery:
    """dagster-celery's application with our task in place of its own."""
    app = make_app({"broker": broker, "config_source": CELERY, "task_default_queue": QUEUE})

    def execute_job(execute_job_args_packed: Any) -> None:
        try:
            work_off(instance, unpack_value(execute_job_args_packed, ExecuteRunArgs).run_id)
        except Exception as error:  # Celery would log its text, which may quote an address; the run's start times out
            logger.error("A run cannot be begun. %s", tellable(error))

    app.task(execute_job, name=TASK_EXECUTE_JOB_NAME)
    return app


def work_off(instance: dg.DagsterInstance, run_id: str) -> None:
    """Execute the run and return at its end. One that came twice, or too late, is left alone."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.status is not dg.DagsterRunStatus.STARTING:
        logger.info("Run %s is not to be started any more.", run_id)
        return
    logger.info("Run %s of %s begins.", run_id, run.job_name)
    watch_run(fork_run(instance, run_id), instance, run_id)
    logger.info("Run %s has ended.", run_id)


def _keep_logging(**_: Any) -> None:
    """Celery's signal: whoever listens to it sets up logging instead of Celery."""
