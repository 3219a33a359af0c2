"""What this project expects of each private name of Dagster that it uses: an upgrade that breaks one is told here."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import dagster as dg

from commerce_pipelines.resources import dagster_internals as internals

PACKAGE = Path(internals.__file__).parents[1]


def _list_parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_no_other_module_imports_a_private_name_of_dagster() -> None:
    private = []
    for path in PACKAGE.rglob("*.py"):
        if "dagster._" not in (text := path.read_text()):
            continue
        for node in ast.walk(ast.parse(text)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if path.name != "dagster_internals.py" and any(name.startswith("dagster._") for name in names):
                private.append(path.relative_to(PACKAGE))
    assert private == []


def test_a_run_is_executed_by_its_id_and_swallows_its_own_failure() -> None:
    expected = ["run_id", "instance", "write_stream_fn", "set_exit_code_on_failure"]
    assert _list_parameters(internals.execute_run_command_body) == expected


def test_the_loop_of_a_run_asks_for_steps_and_sleeps_by_these_two_methods() -> None:
    assert _list_parameters(internals.ActiveExecution.get_next_step) == ["self"]
    assert _list_parameters(internals.ActiveExecution.sleep_til_ready) == ["self"]
    source = inspect.getsource(internals.ActiveExecution)
    assert "self._waiting_to_retry" in source
    assert "self._instance_concurrency_context" in source


def test_a_slot_is_claimed_when_its_timeout_is_over() -> None:
    pools = internals.InstanceConcurrencyContext
    assert _list_parameters(pools.has_pending_claims) == ["self"]
    assert "self._pending_timeouts = defaultdict(float)" in inspect.getsource(pools.__init__)
    assert "time.time() > self._pending_timeouts[step_key]" in inspect.getsource(pools.claim)


def test_dagster_still_does_not_sleep_while_a_run_waits_for_a_pool() -> None:
    """When this fails Dagster mended it: see whether run_process.py is needed any longer."""
    assert "min([0, " in inspect.getsource(internals.InstanceConcurrencyContext.interval_to_next_pending_claim_check)


def test_a_launcher_is_asked_whether_a_run_lives() -> None:
    assert _list_parameters(internals.RunLauncher.check_run_worker_health) == ["self", "run"]
    assert _list_parameters(internals.RunLauncher.launch_run) == ["self", "context"]
    assert _list_parameters(internals.RunLauncher.terminate) == ["self", "run_id"]
    assert {"RUNNING", "FAILED"} <= set(internals.WorkerStatus.__members__)
    assert _list_parameters(internals.CheckRunHealthResult)[:2] == ["status", "msg"]
    assert "dagster_run" in dir(internals.LaunchRunContext)


def test_an_instance_goes_to_another_process_as_text() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert hasattr(instance, "get_ref")
    assert _list_parameters(internals.serialize_value)[0] == "val"
    assert _list_parameters(internals.deserialize_value)[:2] == ["val", "as_type"]
    assert internals.InstanceRef.__name__ == "InstanceRef"


def test_the_daemon_asks_two_of_its_own_questions_by_these_names() -> None:
    sensors = internals.import_sensor_daemon()
    assert _list_parameters(sensors.is_under_min_interval)[:2] == ["state", "remote_sensor"]
    assert inspect.getsource(sensors).count("is_under_min_interval(sensor_state, ") == 2
    assert _list_parameters(internals.WorkspaceProcessContext.refresh_workspace) == ["self"]
    assert "client.get_server_id(timeout" in inspect.getsource(internals.server_watcher)


def test_the_queue_is_looked_at_by_one_method() -> None:
    assert _list_parameters(internals.import_queue_daemon().run_iteration)[:2] == ["self", "workspace_process_context"]


def test_watching_the_code_server_goes_by_two_numbers_that_can_be_set() -> None:
    source = inspect.getsource(internals.server_watcher.watch_grpc_server_thread)
    assert '"watch_interval", WATCH_INTERVAL' in source
    assert '"max_reconnect_attempts", MAX_RECONNECT_ATTEMPTS' in source


def test_an_interrupt_is_an_error_that_no_except_exception_catches() -> None:
    assert not issubclass(internals.DagsterExecutionInterruptedError, Exception)
    with internals.capture_interrupts():
        pass


def test_the_tables_that_are_asked_by_sql_have_these_columns() -> None:
    from dagster._core.storage.event_log.schema import ConcurrencyLimitsTable, PendingStepsTable
    from dagster._core.storage.runs.schema import RunsTable

    assert {"run_id", "status", "id"} <= set(RunsTable.c.keys())
    assert {"run_id", "assigned_timestamp"} <= set(PendingStepsTable.c.keys())
    assert {"concurrency_key", "limit", "using_default_limit"} <= set(ConcurrencyLimitsTable.c.keys())
    assert internals.ConcurrencyLimitsTable is ConcurrencyLimitsTable


def test_a_class_named_in_dagster_yaml_is_made_by_these_methods() -> None:
    assert {"inst_data", "config_type", "from_config_value"} <= set(dir(internals.ConfigurableClass))
    assert internals.ConfigurableClassData.__name__ == "ConfigurableClassData"


def test_a_run_s_output_is_kept_by_these_names() -> None:
    assert {"STDOUT", "STDERR"} <= set(internals.ComputeIOType.__members__)
    assert set(internals.IO_TYPE_EXTENSION) == {internals.ComputeIOType.STDOUT, internals.ComputeIOType.STDERR}
    assert _list_parameters(internals.CapturedLogContext)[:1] == ["log_key"]
    assert _list_parameters(internals.redirect_to_file) == ["stream", "filepath"]
    manager = internals.LocalComputeLogManager
    assert _list_parameters(manager.capture_logs) == ["self", "log_key"]
    assert _list_parameters(manager.complete_artifact_path)[:2] == ["self", "log_key"]
    assert _list_parameters(manager.get_captured_local_path)[:3] == ["self", "log_key", "extension"]


def test_events_go_into_one_table_by_one_method() -> None:
    from dagster_postgres.event_log import PostgresEventLogStorage

    assert {"run_id", "event", "dagster_event_type", "step_key"} <= set(internals.SqlEventLogStorageTable.c.keys())
    assert _list_parameters(PostgresEventLogStorage._event_to_row) == ["self", "event"]
    assert _list_parameters(PostgresEventLogStorage.store_event) == ["self", "event"]
