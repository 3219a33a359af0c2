"""Dagster's history, pruned: runs that ended long ago, their events and their logs, without turning a partition red.

`delete_run` of Dagster also deletes the materialisations that make a partition green. Here the newest materialisation
of every asset and partition stays, whatever its age, and so does the newest attempt where none followed, which makes a
partition red. Ticks go by dagster.yaml's `retention`.

What belongs here: what goes and what stays. What does not: after how long (settings), when (assets/privacy.py).
"""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import msgspec
import sqlalchemy as db

from .dagster_internals import AssetEventTagsTable, RunsTable, SqlEventLogStorageTable

RUNS_A_CHUNK = 200
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value
# Of each asset and partition the newest event of each kind that says how it stands.
_STANDING = [
    dg.DagsterEventType.ASSET_MATERIALIZATION.value, dg.DagsterEventType.ASSET_OBSERVATION.value,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION.value, dg.DagsterEventType.ASSET_FAILED_TO_MATERIALIZE.value,
]  # fmt: skip


class Pruned(msgspec.Struct, kw_only=True):
    runs: int = 0
    events: int = 0


def prune(instance: dg.DagsterInstance, before: datetime) -> Pruned:
    """Delete what ended before that moment. A chunk at a time, so that a pass that is killed has done a part."""
    pruned = Pruned()
    after = ""
    while run_ids := _list_runs(instance, before, after):
        after = run_ids[-1]
        kept = _list_last_attempts(instance, run_ids)
        gone = [run_id for run_id in run_ids if run_id not in kept]
        pruned.events += _delete_events(instance, gone)
        for run_id in gone:
            instance.compute_log_manager.delete_logs(prefix=[run_id])
        _delete_runs(instance, gone)
        pruned.runs += len(gone)
    return pruned


def _list_runs(instance: dg.DagsterInstance, before: datetime, after: str) -> list[str]:
    """Ids of runs that ended before that moment, sorted, those behind `after`."""
    runs = RunsTable.c
    query = (
        db.select(runs.run_id)
        .where(runs.status.in_([status.value for status in _ENDED]), runs.run_id > after)
        .where(runs.update_timestamp < before.astimezone(UTC).replace(tzinfo=None))
        .order_by(runs.run_id)
        .limit(RUNS_A_CHUNK)
    )
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        return [run_id for (run_id,) in connection.execute(query)]


def _list_last_attempts(instance: dg.DagsterInstance, run_ids: list[str]) -> set[str]:
    """Those of these runs that meant to materialise something and were the last to try: they make a partition red."""
    plan, later = SqlEventLogStorageTable.alias("plan"), SqlEventLogStorageTable.alias("later")
    followed = db.exists().where(
        _is_same_place(plan, later),
        later.c.dagster_event_type.in_([_PLANNED, dg.DagsterEventType.ASSET_MATERIALIZATION.value]),
        later.c.id > plan.c.id,
    )
    query = db.select(plan.c.run_id).where(
        plan.c.run_id.in_(run_ids), plan.c.dagster_event_type == _PLANNED, plan.c.asset_key.is_not(None), ~followed
    )
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        return {run_id for (run_id,) in connection.execute(query.distinct())}


def _delete_events(instance: dg.DagsterInstance, run_ids: list[str]) -> int:
    """Delete the events of these runs but for those by which an asset or partition stands; returns how many."""
    event, newer = SqlEventLogStorageTable, SqlEventLogStorageTable.alias("newer")
    superseded = db.exists().where(
        _is_same_place(event, newer), newer.c.dagster_event_type == event.c.dagster_event_type, newer.c.id > event.c.id
    )
    stands = db.and_(event.c.dagster_event_type.in_(_STANDING), event.c.asset_key.is_not(None), ~superseded)
    gone = db.and_(event.c.run_id.in_(run_ids), db.or_(event.c.dagster_event_type.is_(None), ~stands))
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        ids = db.select(event.c.id).where(gone)
        connection.execute(AssetEventTagsTable.delete().where(AssetEventTagsTable.c.event_id.in_(ids)))
        return int(connection.execute(event.delete().where(gone)).rowcount)


def _delete_runs(instance: dg.DagsterInstance, run_ids: list[str]) -> None:
    """The rows of the runs themselves; their tags go with them. `delete_run` of the instance would take the events."""
    for run_id in run_ids:
        instance.run_storage.delete_run(run_id)


def _is_same_place(event: db.FromClause, other: db.FromClause) -> db.ColumnElement[bool]:
    """Whether two events are of the same asset and partition."""
    return db.and_(
        other.c.asset_key == event.c.asset_key, other.c.partition.is_not_distinct_from(event.c.partition)
    )  # fmt: skip
