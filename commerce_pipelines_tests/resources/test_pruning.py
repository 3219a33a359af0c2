"""Dagster's history is pruned, and every partition stands as it stood."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from commerce_pipelines.resources.pruning import prune

DAYS = dg.StaticPartitionsDefinition(["a", "b", "c"])
NOW = datetime.now(UTC)


@dg.asset(partitions_def=DAYS, tags={"team": "sales"})
def orders(context) -> dg.MaterializeResult:
    if "fail" in context.run.tags:
        raise dg.Failure("no")
    context.log.info("a line")
    return dg.MaterializeResult(metadata={"count": 1})


@dg.asset_check(asset=orders)
def complete() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def run(instance: dg.DagsterInstance, partition: str, **tags: str) -> str:
    result = dg.materialize(
        [orders, complete], instance=instance, partition_key=partition, tags=tags, raise_on_error=False
    )  # fmt: skip
    return result.run_id


def stand(instance: dg.DagsterInstance) -> tuple[set[str], set[str]]:
    """The partitions that are green, and those that are red."""
    key = orders.key
    green = instance.get_materialized_partitions(key)
    value = get_and_update_asset_status_cache_value(instance, key, DAYS)
    assert value is not None
    return green, set(value.deserialize_failed_partition_subsets(DAYS).get_partition_keys())


def test_what_is_old_goes_and_partitions_stand_as_they_stood(instance: dg.DagsterInstance) -> None:
    old = [run(instance, "a"), run(instance, "a"), run(instance, "b", fail="yes")]
    again = run(instance, "c", fail="yes"), run(instance, "c")
    before = stand(instance)
    assert before == ({"a", "c"}, {"b"})
    assert prune(instance, NOW - timedelta(days=1)).runs == 0

    pruned = prune(instance, NOW + timedelta(days=1))
    assert {record.run_id for record in instance.get_runs()} == {old[2]}  # it makes a partition red
    assert pruned.runs == 4
    assert pruned.events > 40
    instance.wipe_asset_cached_status([orders.key])
    assert stand(instance) == before
    event = instance.get_latest_materialization_event(orders.key)
    assert event is not None
    assert event.run_id == again[1]
    records = instance.fetch_materializations(orders.key, limit=10).records
    assert sorted(str(record.partition_key) for record in records) == ["a", "c"]
    check = instance.event_log_storage.get_asset_check_execution_history(complete.check_key, limit=1)
    assert [record.status.value for record in check] == ["SUCCEEDED"]
    assert not list(Path(instance.root_directory).rglob(f"{old[0]}*"))
    # Once it is green, the failed attempt goes too.
    run(instance, "b")
    assert prune(instance, NOW + timedelta(days=1)).runs == 2
    assert stand(instance) == ({"a", "b", "c"}, set())
    assert prune(instance, NOW + timedelta(days=1)).events == 0
