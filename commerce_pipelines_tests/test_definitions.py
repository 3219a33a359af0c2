"""What Dagster loads: the whole graph as a text file, nothing slow and no secret at import, no pickle anywhere."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy
from dagster._utils.schedules import schedule_execution_time_iterator

import commerce_pipelines
from commerce_pipelines.channels.registry import KINDS
from commerce_pipelines.channels.settings import ChannelSettings
from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.core.lanes import DESK, DRIFT, EXCEPTIONS, FLOW_OF, LIMITS, ODOO, OVERVIEW, PRIVACY, REHEARSAL
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.definitions import LANES, Lane, build_defs
from commerce_pipelines.resources import dagster_internals, quick_jobs
from commerce_pipelines.resources.run_process import CHANNELS_OF_RUN
from commerce_pipelines.sensors.failures import FLOWS, STEPS
from commerce_pipelines.settings.file import Settings, parse

ROOT = Path(commerce_pipelines.__file__).parent
GRAPH = Path(__file__).with_name("graph.txt")


HOUR = timedelta(hours=1)
EXAMPLE = parse((ROOT.parent / "commerce.example.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    """Of the documented example, which uses every flow."""
    return build_defs(EXAMPLE)


def test_the_graph_is_the_one_on_file(defs: dg.Definitions) -> None:
    """After a wanted change: delete graph.txt, run this test, and read the difference before you commit it."""
    drawn = "".join(f"{line}\n" for line in _draw(defs))
    if not GRAPH.exists():
        GRAPH.write_text(drawn, encoding="utf-8")
    assert drawn == GRAPH.read_text(encoding="utf-8")


def test_every_asset_tells_whose_it_is_and_what_it_is(defs: dg.Definitions) -> None:
    for spec in defs.resolve_all_asset_specs():
        assert spec.description, spec.key
        assert spec.owners, spec.key
        assert {"flow", "stage"} <= spec.tags.keys(), spec.key
        assert 1 <= len(spec.kinds) <= 3, spec.key


def test_a_flow_is_one_line_in_the_table(defs: dg.Definitions) -> None:
    """A toy flow that serves Amazon alone; another that serves nobody is not asked for anything."""

    def assets(settings: Settings, channels: Sequence[ChannelSettings]) -> list[dg.AssetsDefinition]:
        return [dg.AssetsDefinition(specs=[dg.AssetSpec([channel.name, "parcels"])]) for channel in channels]

    def nothing(settings: Settings, channels: Sequence[ChannelSettings]) -> list[Any]:
        return []

    def unwanted(settings: Settings, channels: Sequence[ChannelSettings]) -> list[Any]:
        raise AssertionError("No channel has this flow.")

    toy = Lane("parcels", lambda channel: channel.name == "amazon_eu", assets, nothing, nothing)
    idle = Lane("idle", lambda channel: False, unwanted, unwanted, unwanted)
    more = build_defs(EXAMPLE, lanes=(*LANES, toy, idle))
    keys, before = ({spec.key for spec in built.resolve_all_asset_specs()} for built in (more, defs))
    assert keys - before == {dg.AssetKey(["amazon_eu", "parcels"])}
    assert before <= keys


def test_jobs_are_made_quickly_and_are_those_that_dagster_makes(
    defs: dg.Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = {job.name: job for job in defs.get_repository_def().get_all_jobs()}
    module = dagster_internals.asset_jobs
    monkeypatch.setattr(module, quick_jobs.MAKES, getattr(module, quick_jobs.MAKES).wraps)
    monkeypatch.setattr(quick_jobs, "install", lambda: None)
    slow = {job.name: job for job in build_defs(EXAMPLE).get_repository_def().get_all_jobs()}
    assert quick.keys() == slow.keys()
    for name, job in quick.items():
        assert job.get_job_snapshot_id() == slow[name].get_job_snapshot_id(), name
        for made, expected in ((job.asset_layer, slow[name].asset_layer),):
            assert made.selected_asset_keys == expected.selected_asset_keys
            assert made.asset_graph.asset_check_keys == expected.asset_graph.asset_check_keys
            assert {node.key for node in made.asset_graph.asset_nodes} == {
                node.key for node in expected.asset_graph.asset_nodes
            }


def test_a_run_of_one_channel_finds_all_that_it_needs_and_nothing_of_others(defs: dg.Definitions) -> None:
    """Its assets, checks and jobs are those of the whole."""
    whole = defs.get_repository_def()
    shared = {ODOO, PRIVACY, OVERVIEW, REHEARSAL, DESK}
    for channel in EXAMPLE.channels:
        mine = build_defs(EXAMPLE, channels=[channel.name])
        keys = {spec.key for spec in mine.resolve_all_asset_specs()}
        assert {key.path[0] for key in keys} - shared == {channel.name}
        assert {spec.key for spec in defs.resolve_all_asset_specs() if spec.key.path[0] == channel.name} <= keys
        checks = mine.resolve_asset_graph().asset_check_keys
        of_whole = defs.resolve_asset_graph().asset_check_keys
        assert {key for key in of_whole if key.asset_key.path[0] == channel.name} <= checks <= of_whole
        repository = mine.get_repository_def()
        names = {job.name for job in repository.get_all_jobs()}
        assert names <= {job.name for job in whole.get_all_jobs()}
        for name in sorted(names - {"__ASSET_JOB"}):
            nodes = {node.name for node in repository.get_job(name).graph.nodes}
            assert nodes <= {node.name for node in whole.get_job(name).graph.nodes}, name
            if channel.name in name:
                assert nodes == {node.name for node in whole.get_job(name).graph.nodes}, name


@pytest.mark.parametrize(
    ("tag", "built"),
    [
        ("shop_de", 1), ("shop_de, shop_at", 2), ("shop_de, overview", 1), ("overview", 0), ("exceptions_desk", 0),
        ("privacy", 0), ("rehearsal", 0), ("exceptions", 0), ("odoo", 3), ("every", 3), ("", 3),
    ],
)  # fmt: skip
def test_a_run_builds_its_own_channels_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: str, built: int
) -> None:
    from commerce_pipelines import definitions

    channel = "{kind: shopify, shop: %s.myshopify.com, credentials: {access_token: {env: TOKEN}}, name: %s}"
    channels = "".join(f"  - {channel % (name[-2:], name)}\n" for name in ("shop_de", "shop_at", "shop_fr"))
    odoo = "{url: 'http://127.0.0.1:8069', database: d, username: a, password: {env: TOKEN}}"
    (tmp_path / "commerce.yaml").write_text(f"odoo: {odoo}\nchannels:\n{channels}")
    monkeypatch.chdir(tmp_path)
    for name, value in {"TOKEN": "t", CHANNELS_OF_RUN: tag}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(definitions, "_built", [])
    specs = dg.Definitions.merge(definitions.defs()).resolve_all_asset_specs()
    assert len([spec for spec in specs if spec.key.path[-1] == "raw_orders"]) == built
    whole = {"overview", "exceptions_desk", "privacy/retention", "rehearsal"}
    assert whole <= {spec.key.to_user_string() for spec in specs}
    assert "exceptions_care" in {job.name for job in definitions.defs().get_repository_def().get_all_jobs()}
    assert gc.isenabled()


def test_of_many_channels_none_are_held_for_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from commerce_pipelines import definitions
    from commerce_pipelines_tests.doubles.channel import SETTINGS

    (tmp_path / "commerce.yaml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    for name in ("TOKEN", "ODOO_PASSWORD"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setattr(definitions, "_built", built := list[Any]())
    monkeypatch.setattr(definitions, "MOST_HELD", 0)
    definitions.build_repository()
    assert built == []
    monkeypatch.setattr(definitions, "MOST_HELD", 1)
    definitions.build_repository()
    assert len(built) == 1


def test_a_flow_is_called_as_its_tags_and_topics_say(defs: dg.Definitions) -> None:
    assert {spec.tags["flow"] for spec in defs.resolve_all_asset_specs()} == {lane.flow for lane in LANES}
    topics = {topic for kind in KINDS for topic in import_module(f"commerce_pipelines.channels.{kind}").TOPICS}
    of_no_marketplace = {Topic.PRIVACY, Topic.INVOICING}  # about all channels at once; about orders in Odoo alone
    assert topics == {lane.flow for lane in LANES} - of_no_marketplace - {LIMITS, OVERVIEW, DRIFT, REHEARSAL}


def test_runs_and_alerts_know_every_asset_and_step(defs: dg.Definitions) -> None:
    for spec in defs.resolve_all_asset_specs():
        table = spec.key.path[-1]
        assert FLOW_OF[table] == (EXCEPTIONS if table == EXCEPTIONS else spec.tags["flow"])
    flows = {}
    for asset in defs.resolve_asset_graph().assets_defs:
        worked_on = [*asset.keys, *(check.asset_key for check in asset.check_keys)]
        flows[asset.op.name.rpartition("__")[2]] = {FLOW_OF[key.path[-1]] for key in worked_on}
    assert flows == {step: {flow} for step, (flow, _) in STEPS.items()}
    assert {lane.flow for lane in LANES} | {EXCEPTIONS} == FLOWS.keys()


def test_days_are_the_channels_own_and_a_month_of_them_is_one_run(defs: dg.Definitions) -> None:
    for asset in defs.resolve_asset_graph().assets_defs:
        if asset.partitions_def is not None:
            assert asset.backfill_policy == dg.BackfillPolicy.multi_run(max_partitions_per_run=31)
            assert isinstance(asset.partitions_def, dg.DailyPartitionsDefinition)
            channel = EXAMPLE.channel(next(iter(asset.keys)).path[0])
            assert (asset.partitions_def.timezone, asset.partitions_def.end_offset) == (channel.time_zone, 1)


def test_what_must_be_fresh_is_made_anew_by_a_schedule_long_before_it_is_late(defs: dg.Definitions) -> None:
    """Also in the night in which summer time ends."""
    autumn = datetime(2026, 10, 24, tzinfo=UTC).timestamp()
    waits: dict[dg.AssetKey, timedelta] = {}
    for schedule in defs.get_repository_def().schedule_defs:
        crons = schedule_execution_time_iterator(autumn, schedule.cron_schedule, schedule.execution_timezone)
        wait = max(after - before for before, after in pairwise(islice(crons, 200)))
        for key in defs.resolve_job_def(schedule.job_name).asset_layer.selected_asset_keys:
            waits[key] = min(wait, waits.get(key, wait))
    policies = {spec.key: spec.freshness_policy for spec in defs.resolve_all_asset_specs() if spec.freshness_policy}
    assert {key.path[-1] for key in policies} >= {"raw_orders", "sale_orders", "published_inventory", "stock_levels"}
    for key, policy in policies.items():
        assert isinstance(policy, TimeWindowFreshnessPolicy)
        assert policy.warn_window
        assert waits[key] < policy.warn_window.to_timedelta() < policy.fail_window.to_timedelta(), key


def test_every_run_is_one_process(defs: dg.Definitions) -> None:
    assert defs.executor is dg.in_process_executor


def test_loading_needs_the_settings_file_alone_and_nothing_slow(tmp_path: Path) -> None:
    from commerce_pipelines_tests.doubles.channel import SETTINGS

    (tmp_path / "commerce.yaml").write_text(SETTINGS)
    program = (
        "import sys, commerce_pipelines.definitions as d\n"
        "assert d.defs().resolve_all_asset_specs()\n"
        "print(sorted({'pandas', 'pyarrow', 'requests', 'odoorpc', 'cryptography'} & sys.modules.keys()))"
    )
    environ = {"PATH": "/usr/bin:/bin", "TOKEN": "t", "ODOO_PASSWORD": "p", "PYTHONPATH": str(ROOT.parent)}
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # Dagster itself brings requests; no run should pay for the rest before it needs it.
    assert done.stdout.strip() in ("[]", "['requests']")


def test_wrong_settings_are_one_sentence_not_a_traceback_of_ours(tmp_path: Path) -> None:
    from commerce_pipelines.settings import file as settings

    with pytest.raises(SettingsError, match="commerce-pipelines init"):
        settings.load(tmp_path / "commerce.yaml", {})


def test_nothing_is_pickled() -> None:
    for path in ROOT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import pickle" not in text, path
        assert "fs_io_manager" not in text, path


def _draw(defs: dg.Definitions) -> list[str]:
    lines = []
    for spec in sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key):
        name = spec.key.to_user_string()
        parts = [
            f"<- {', '.join(sorted(dep.asset_key.to_user_string() for dep in spec.deps)) or 'nothing'}",
            f"group {spec.group_name}",
            f"kinds {', '.join(sorted(spec.kinds))}",
            f"tags {', '.join(f'{k}={v}' for k, v in sorted(spec.tags.items()) if not k.startswith('dagster/'))}",
        ]
        if isinstance(spec.freshness_policy, TimeWindowFreshnessPolicy):
            parts.append(f"fresh within {spec.freshness_policy.fail_window.to_timedelta() // HOUR} h")
        lines.append(f"{name} {'; '.join(parts)}")
    for key in sorted(defs.resolve_asset_graph().asset_check_keys, key=str):
        lines.append(f"check {key.asset_key.to_user_string()}:{key.name}")
    repository = defs.get_repository_def()
    lines += [f"sensor {sensor.name}" for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name)]
    lines += [
        f"schedule {schedule.name} {schedule.cron_schedule}"
        for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name)
    ]
    return lines
