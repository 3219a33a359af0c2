"""Runs work in workers on any number of machines: dagster-celery's launcher hands them over, by Redis.

What it changes of dagster-celery: a run is known to live by its lock (run_health.py), because Celery counts the task of
a killed worker as started for ever; no result is kept. A message does not expire, because two machines' clocks would be
compared: of a run that was given up meanwhile, the worker that takes its message sees so in the database (worker.py).

What belongs here: the class that scaled/dagster.yaml names, and the settings of Celery that both sides share. What does
not: the worker (worker.py), how many runs there is room for (slots.py). Needs the extra `scale`.
"""

from __future__ import annotations

import warnings
from typing import Any

from dagster_celery.config import TASK_EXECUTE_JOB_NAME
from dagster_celery.launcher import CeleryRunLauncher
from kombu.exceptions import OperationalError

from ..core.errors import TransientError
from .dagster_internals import ConfigurableClassData, LaunchRunContext
from .run_health import KnowsByLock
from .slots import broker_url

QUEUE = "dagster"  # dagster-celery's own
CELERY = {
    "task_ignore_result": True,
    # A worker takes no run that waits behind another while a slot elsewhere is free.
    "worker_disable_prefetch": True,
    "worker_enable_remote_control": False,
    "worker_hijack_root_logger": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_transport_options": {"socket_connect_timeout": 5.0, "socket_timeout": 10.0},
}

# dagster-celery names its task anew for each run.
warnings.filterwarnings("ignore", message=f"Task name '{TASK_EXECUTE_JOB_NAME}' is already registered")


class WorkerLauncher(KnowsByLock, CeleryRunLauncher):
    """dagster-celery's launcher for the Redis of COMMERCE_BROKER_URL."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(default_queue=QUEUE, broker=broker_url(), config_source=CELERY, inst_data=inst_data)

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> WorkerLauncher:
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Raises TransientError where Redis does not answer: the run is failed, and its work requested again."""
        try:
            super().launch_run(context)
        except OperationalError:
            raise TransientError("The Redis of COMMERCE_BROKER_URL does not answer: no run can begin.") from None

    @property
    def supports_resume_run(self) -> bool:
        """Never: what a run left unfinished is found by the next one."""
        return False

    def get_run_worker_debug_info(self, run: Any, include_container_logs: bool | None = True) -> str | None:
        """None: there is no result to read it from."""
        return None
