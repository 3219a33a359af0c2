"""Every queued run bears the tags of its lane, and the queue's limit is one run a lane."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import instance_for_test

from commerce_pipelines.core.lanes import EXCEPTIONS, FLOW_OF, LANE_TAG, run_tags
from commerce_pipelines.definitions import LANES
from commerce_pipelines.resources.run_coordinator import LaneCoordinator, missing_tags

PROJECT = Path(__file__).parents[2]
SETTINGS = yaml.safe_load((PROJECT / "dagster.yaml").read_text())


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    kept = {key: SETTINGS[key] for key in ("run_coordinator", "concurrency", "telemetry")}
    with instance_for_test(overrides=kept, temp_dir=str(tmp_path)) as instance:
        yield instance


@dg.asset(key=["shop_de", "sale_orders"])
def sale_orders() -> None: ...


ORIGIN = RemoteJobOrigin(
    repository_origin=RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "__repository__"),
    job_name="__ASSET_JOB",
)
JOB = dg.Definitions(assets=[sale_orders]).resolve_implicit_global_asset_job_def()


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, run_tags("shop_de", "orders")),
        ({"dagster/backfill": "abc"}, run_tags("shop_de", "orders", "shop_de/backfill")),
        (run_tags("shop_de", "orders", "shop_de/backfill"), run_tags("shop_de", "orders", "shop_de/backfill")),
    ],
)
def test_a_run_is_tagged_by_its_assets_unless_it_says_it_itself(
    instance: dg.DagsterInstance, tags: dict[str, str], expected: dict[str, str]
) -> None:
    coordinator = instance.run_coordinator
    assert isinstance(coordinator, LaneCoordinator)
    selection = frozenset([sale_orders.key])
    run = instance.create_run_for_job(JOB, asset_selection=selection, tags=tags, remote_job_origin=ORIGIN)
    submitted = coordinator.submit_run(dg.SubmitRunContext(run, None))  # type: ignore[arg-type]
    assert submitted.status is dg.DagsterRunStatus.QUEUED
    (queued,) = instance.get_runs(dg.RunsFilter(tags=expected))
    assert queued.run_id == run.run_id


@pytest.mark.parametrize("assets", [None, frozenset()])
def test_a_run_that_only_evaluates_a_check_belongs_to_the_lane_of_its_asset(
    assets: frozenset[dg.AssetKey] | None,
) -> None:
    check = dg.AssetCheckKey(sale_orders.key, "looked_at")
    run = dg.DagsterRun("__ASSET_JOB", asset_selection=assets, asset_check_selection=frozenset([check]))
    assert missing_tags(run) == run_tags("shop_de", "orders")


def test_a_run_of_any_table_that_a_person_starts_gets_the_lane_of_its_flow() -> None:
    tables = {table: flow for table, flow in FLOW_OF.items() if flow != EXCEPTIONS}
    assert set(tables.values()) == {lane.flow for lane in LANES}
    for table, flow in tables.items():
        run = dg.DagsterRun("__ASSET_JOB", asset_selection=frozenset([dg.AssetKey(["shop_de", table])]))
        assert missing_tags(run) == run_tags("shop_de", flow)


def test_the_queue_lets_one_run_of_a_lane_work_at_a_time(instance: dg.DagsterInstance) -> None:
    limits = instance.get_concurrency_config().run_queue_config.tag_concurrency_limits  # type: ignore[union-attr]
    assert [(limit["key"], limit["limit"], limit["value"]) for limit in limits] == [
        (LANE_TAG, 1, {"applyLimitPerUniqueValue": True})
    ]
