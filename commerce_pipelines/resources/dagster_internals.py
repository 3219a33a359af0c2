"""Every private name of Dagster that this project uses, imported here and nowhere else.

What belongs here: imports of names that Dagster may change without notice. Each has a test of its own
(test_dagster_internals.py), so that an upgrade of Dagster shows which of them changed. What does not: code that uses
them (run_launcher.py, run_process.py, run_here.py, run_history.py, run_logs.py, pruning.py, worker.py,
calm_services.py, tick_gate.py).
"""

from typing import Any

from dagster._cli.api import _execute_run_command_body as execute_run_command_body
from dagster._core.definitions import unresolved_asset_job_definition as asset_jobs
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.job.asset_job import JobScopedAssetGraph
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.api import execute_run
from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._core.run_coordinator.queued_run_coordinator import RunQueueConfig
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.event_log.schema import AssetEventTagsTable, ConcurrencyLimitsTable, SqlEventLogStorageTable
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._grpc import server_watcher
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClass, ConfigurableClassData, deserialize_value, serialize_value, unpack_value
from dagster._utils.interrupts import capture_interrupts

__all__ = [
    "IO_TYPE_EXTENSION",
    "ActiveExecution",
    "AssetEventTagsTable",
    "AssetGraph",
    "CapturedLogContext",
    "CheckRunHealthResult",
    "ComputeIOType",
    "ConcurrencyLimitsTable",
    "ConfigurableClass",
    "ConfigurableClassData",
    "DagsterExecutionInterruptedError",
    "ExecuteRunArgs",
    "InMemoryJob",
    "InstanceConcurrencyContext",
    "InstanceRef",
    "JobScopedAssetGraph",
    "LaunchRunContext",
    "LocalComputeLogManager",
    "RunLauncher",
    "RunQueueConfig",
    "RunsTable",
    "SqlEventLogStorageTable",
    "WorkerStatus",
    "WorkspaceProcessContext",
    "asset_jobs",
    "capture_interrupts",
    "deserialize_value",
    "execute_run",
    "execute_run_command_body",
    "import_queue_daemon",
    "import_sensor_daemon",
    "redirect_to_file",
    "serialize_value",
    "server_watcher",
    "unpack_value",
]


def import_queue_daemon() -> Any:
    """The class of the daemon that lets queued runs begin, which no other process needs."""
    from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

    return QueuedRunCoordinatorDaemon


def import_sensor_daemon() -> Any:
    """The module of the daemon's sensors, which no other process needs."""
    from dagster._daemon import sensor

    return sensor
