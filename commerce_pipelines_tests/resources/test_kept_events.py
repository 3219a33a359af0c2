"""Events that wait for others: none is lost, their order stays, and what somebody waits for is there at once."""

from __future__ import annotations

import dagster as dg
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from commerce_pipelines.resources.kept_events import KEPT, EventsInBatches
from commerce_pipelines.resources.run_process import events_in_batches


def _run(instance: dg.DagsterInstance, seen: list[set[str]], *, fails: bool = False) -> list[tuple[str, str | None]]:
    """A run of two assets that look at what is on record of it; returns its events, by type and step, as they are on
    record at its end."""

    def look(context: dg.AssetExecutionContext, name: str) -> None:
        seen.append({kind for kind, step in _list(instance, context.run.run_id) if step == name})

    @dg.asset
    def first(context) -> dg.MaterializeResult:
        look(context, "first")
        context.log.warning("a line")
        look(context, "first")
        return dg.MaterializeResult()

    @dg.asset(deps=[first])
    def second(context) -> dg.MaterializeResult:
        look(context, "second")
        if fails:
            raise dg.Failure("on purpose", allow_retries=False)
        return dg.MaterializeResult()

    job = dg.Definitions([first, second], executor=dg.in_process_executor).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert result.success is not fails
    return _list(instance, result.run_id)


def _list(instance: dg.DagsterInstance, run_id: str) -> list[tuple[str, str | None]]:
    return [
        (str(entry.dagster_event_type and entry.dagster_event_type.value), entry.step_key)
        for entry in instance.all_logs(run_id)
    ]


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_has_the_events_that_it_has_without(instance: dg.DagsterInstance, fails: bool) -> None:
    alone: list[set[str]] = []
    together: list[set[str]] = []
    expected = _run(instance, alone, fails=fails)
    with events_in_batches(instance):
        assert _run(instance, together, fails=fails) == expected
    assert len(expected) > 10
    assert together == alone


def test_the_events_that_nobody_waits_for_are_written_with_others(instance: dg.DagsterInstance) -> None:
    statements: list[str] = []
    storage = instance.event_log_storage
    assert isinstance(storage, EventsInBatches)
    listen = (storage._engine, "before_cursor_execute", lambda *values: statements.append(values[2]))
    event.listen(*listen)
    try:
        alone = len(_run(instance, []))
        assert sum("INSERT INTO event_logs" in statement for statement in statements) == alone
        statements.clear()
        with events_in_batches(instance):
            _run(instance, [])
        assert sum("INSERT INTO event_logs" in statement for statement in statements) <= alone - 6
    finally:
        event.remove(*listen)


def test_they_are_written_before_the_process_waits_and_stay_where_the_database_fails(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = instance.event_log_storage
    assert isinstance(storage, EventsInBatches)
    with events_in_batches(instance) as write_events:
        instance.report_engine_event("waits", run_id="r", job_name="j")
        assert not _list(instance, "r")
        with monkeypatch.context() as patch:
            patch.setattr(storage, "_connect", _refuse)
            with pytest.raises(OperationalError):
                write_events()
        write_events()
        assert _list(instance, "r") == [("ENGINE_EVENT", None)]
        instance.report_engine_event("waits, too", run_id="r", job_name="j")
    assert len(_list(instance, "r")) == 2


def _refuse() -> None:
    raise OperationalError("", {}, Exception())


def test_what_changes_an_asset_a_check_or_a_run_never_waits() -> None:
    for kind in KEPT:
        assert not any(word in kind.name for word in ("ASSET", "MATERIALIZATION", "CHECK", "RUN", "PIPELINE", "FAIL"))
