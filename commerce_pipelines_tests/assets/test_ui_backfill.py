"""A backfill from Dagster's own page: sliced by Dagster, and a range that nothing slices is refused."""

from datetime import date, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.automation_tick_evaluation_context import build_run_requests_with_backfill_policies
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.job_backfill import _subdivide_partition_key_range

from commerce_pipelines.assets.common import BACKFILL_TAG, RANGE_END, RANGE_START
from commerce_pipelines.assets.orders import STAGES
from commerce_pipelines.core.lanes import LONGEST_RUN_DAYS
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.flows.intake import pull
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines_tests.doubles.doors import doors

SHOP, FIRST, DAYS = "shop_de", date(2026, 1, 1), 322
LAST = FIRST + timedelta(days=DAYS - 1)
TOO_LATE = FIRST + timedelta(days=LONGEST_RUN_DAYS)  # the first day that a run of all days until it is too long for
YAML = """
odoo: {url: 'http://127.0.0.1:8069', database: shop, username: bot, password: {env: ODOO_PASSWORD}}
channels:
  - {name: shop_de, kind: shopify, shop: a.myshopify.com, credentials: {access_token: {env: TOKEN}}}
"""


@pytest.fixture
def defs() -> dg.Definitions:
    settings = settings_file.parse(YAML)
    return build_defs(settings, doors(settings, None, channels={}))  # type: ignore[arg-type]


def keys() -> list[str]:
    return [str(FIRST + timedelta(days=offset)) for offset in range(DAYS)]


def test_322_days_on_the_page_of_the_assets_are_eleven_runs_one_month_each(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    wanted = {AssetKeyPartitionKey(dg.AssetKey([SHOP, table]), key) for table in STAGES for key in keys()}
    with dg.DagsterInstance.ephemeral() as instance:
        requests = build_run_requests_with_backfill_policies(wanted, graph, instance)
    assert {frozenset(request.asset_selection or ()) for request in requests} == {
        frozenset(dg.AssetKey([SHOP, table]) for table in STAGES)
    }
    assert [(request.tags[RANGE_START], request.tags[RANGE_END]) for request in requests] == slices()


def test_322_days_on_the_page_of_the_job_are_the_same_runs(defs: dg.Definitions) -> None:
    job = defs.resolve_job_def(f"{SHOP}_backfill")
    assert job.backfill_policy is not None
    assert job.partitions_def is not None
    span = dg.PartitionKeyRange(str(FIRST), str(LAST))
    ranges = _subdivide_partition_key_range(job.partitions_def, span, job.backfill_policy.max_partitions_per_run)
    assert [(part.start, part.end) for part in ranges] == slices()


def test_one_slice_writes_few_events_before_its_first_call(defs: dg.Definitions) -> None:
    job = defs.resolve_job_def(f"{SHOP}_backfill")
    with dg.DagsterInstance.ephemeral() as instance:
        start, end = slices()[0]
        run = instance.create_run_for_job(job, tags={RANGE_START: start, RANGE_END: end})
        assert instance.event_log_storage.get_records_for_run(run.run_id).records
        assert len(instance.event_log_storage.get_records_for_run(run.run_id).records) <= 5 * LONGEST_RUN_DAYS


@pytest.mark.parametrize("tables", [["raw_orders"], ["orders", "order_lines"]])
def test_a_range_that_nothing_slices_is_refused_with_the_command(
    defs: dg.Definitions, monkeypatch: pytest.MonkeyPatch, tables: list[str]
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(pull, "pull", lambda *args: calls.append(args))
    job = defs.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        done = job.execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey([SHOP, table]) for table in tables], raise_on_error=False,
            tags={RANGE_START: str(FIRST), RANGE_END: str(TOO_LATE)},
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )  # fmt: skip
    assert calls == []
    (failure,) = [event.step_failure_data for event in done.all_node_events if event.is_step_failure]
    text = failure.user_failure_data.description  # type: ignore[union-attr]
    assert text is not None
    assert f"`commerce-pipelines backfill {SHOP} --from {FIRST} --to {TOO_LATE}`" in text


def test_the_commands_own_runs_may_be_as_long_as_a_person_asked_for(defs: dg.Definitions) -> None:
    from commerce_pipelines.assets.common import days_of

    partitions = defs.resolve_job_def(f"{SHOP}_backfill").partitions_def
    seen = []

    @dg.asset(partitions_def=partitions, backfill_policy=dg.BackfillPolicy.single_run())
    def probe(context: dg.AssetExecutionContext) -> None:
        seen.append(days_of(context))

    tags = {RANGE_START: str(FIRST), RANGE_END: str(TOO_LATE), BACKFILL_TAG: "shop_de"}
    assert dg.materialize([probe], tags=tags).success
    assert seen == [(FIRST, TOO_LATE + timedelta(days=1))]


def slices() -> list[tuple[str, str]]:
    days = keys()
    starts = range(0, DAYS, LONGEST_RUN_DAYS)
    return [(days[start], days[min(start + LONGEST_RUN_DAYS, DAYS) - 1]) for start in starts]
