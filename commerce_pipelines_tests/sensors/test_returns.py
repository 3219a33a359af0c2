"""The polling sensor of returns and refunds: two topics, two cursors, a run per day, neither holds up the other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from commerce_pipelines.assets.common import LANDED_TAG, RANGE_END, RANGE_START
from commerce_pipelines.core.errors import CredentialError, RateLimited
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.domain.orders.order import business_day
from commerce_pipelines.flows.pollers import forget
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.resources.dagster_internals import serialize_value
from commerce_pipelines.sensors.busy import ACTIVE
from commerce_pipelines.settings.file import Settings, parse
from commerce_pipelines.warehouse.shared import conditions
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import SETTINGS, FakeChannel, ago
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.doubles.returns import RecordSource, make_refund, make_return

NAME, SENSOR = "shop_de", "shop_de_new_returns"


def enabled() -> Settings:
    return parse(SETTINGS.replace("start_date:", "returns: {enabled: true}, start_date:"))


@pytest.fixture
def channel() -> Any:
    channel: Any = FakeChannel()
    channel.returns, channel.refunds = RecordSource(Topic.RETURNS), RecordSource(Topic.REFUNDS)
    return channel


class Ticker:
    def __init__(self, connections: Connections, instance: dg.DagsterInstance) -> None:
        self.connections, self.instance = connections, instance
        self.repository = build_defs(connections.settings, connections).get_repository_def()
        self.cursor: str | None = None

    def tick(self) -> list[dg.RunRequest]:
        forget(self.connections)
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=self.repository,
            resources={"connections": self.connections},
        )  # fmt: skip
        data = self.repository.get_sensor_def(SENSOR).evaluate_tick(context)
        serialize_value(data)  # as it goes from the code server to the daemon
        self.cursor = data.cursor
        job = self.repository.get_implicit_global_asset_job_def()
        for request in data.run_requests or []:
            self.instance.create_run_for_job(job, tags=dict(request.tags))
        return list(data.run_requests or [])


@pytest.fixture
def ticker(warehouse: Warehouse, channel: Any) -> Iterator[Ticker]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticker(doors(enabled(), warehouse, channels={NAME: channel}), instance)


def day(moment: Any) -> str:
    return business_day(moment, enabled().channel(NAME).zone).isoformat()


def test_both_topics_are_landed_and_a_day_is_one_run_of_the_lane(ticker: Ticker, channel: Any) -> None:
    at, before = ago(minutes=1), ago(days=5)
    channel.refunds.put(make_refund("R1", "A1", at), make_refund("R2", "A2", before, updated_at=at))
    channel.returns.put(make_return("T1", "A1", at))
    requests = ticker.tick()
    assert [request.tags[RANGE_START] for request in requests] == [day(before), day(at)]
    assert [request.tags[RANGE_END] for request in requests] == [day(before), day(at)]
    for request in requests:
        assert run_tags(NAME, "returns").items() <= request.tags.items()
        assert request.tags[LANDED_TAG] == "true"
    assert ticker.tick() == []


def test_a_run_that_ended_without_its_refunds_is_requested_again_at_once_and_once(ticker: Ticker, channel: Any) -> None:
    """As for orders: it may have been killed, and nothing new may come."""
    channel.refunds.put(make_refund("R1", "A1", ago(minutes=1)))
    keys = set()
    for _ in range(2):
        (request,) = ticker.tick()
        keys.add(request.run_key)
        assert ticker.tick() == []
        for run in ticker.instance.get_runs(dg.RunsFilter(statuses=ACTIVE)):
            ticker.instance.report_run_failed(run)
    assert len(keys) == 2
    assert ticker.tick() == []


def test_a_topic_that_is_refused_holds_up_neither_the_other_nor_its_alert(ticker: Ticker, channel: Any) -> None:
    channel.returns.error = CredentialError("The scope read_returns is missing.")
    channel.refunds.put(make_refund("R1", "A1", ago(minutes=1)))
    assert len(ticker.tick()) == 1
    with ticker.connections.warehouse.transaction() as connection:
        (beat,) = conditions.heartbeats(connection)
    assert (beat.name, beat.failures, "read_returns" in beat.problem) == (SENSOR, 1, True)


def test_a_tick_of_which_nothing_could_be_read_fails(ticker: Ticker, channel: Any) -> None:
    channel.returns.error = channel.refunds.error = CredentialError("No.")
    with pytest.raises(Exception, match="No"):
        ticker.tick()


def test_a_used_up_rate_limit_is_no_failure(ticker: Ticker, channel: Any) -> None:
    channel.returns.error = channel.refunds.error = RateLimited("Used up.", wait=5)
    assert ticker.tick() == []


def test_an_unreadable_cursor_begins_anew(ticker: Ticker, channel: Any) -> None:
    channel.refunds.put(make_refund("R1", "A1", ago(minutes=1)))
    ticker.cursor = "no json"
    assert len(ticker.tick()) == 1


def test_the_lane_is_off_until_a_merchant_wants_it() -> None:
    names = {sensor.name for sensor in build_defs(parse(SETTINGS)).get_repository_def().sensor_defs}
    assert SENSOR not in names
    assert "shop_de_new_orders" in names


def test_every_night_the_last_days_are_asked_for_again(ticker: Ticker) -> None:
    schedule = ticker.repository.get_schedule_def("shop_de_returns_nightly")
    at = ago(days=0)
    context = dg.build_schedule_context(
        instance=ticker.instance, scheduled_execution_time=at, repository_def=ticker.repository,
        resources={"connections": ticker.connections},
    )  # fmt: skip
    (request,) = schedule.evaluate_tick(context).run_requests or []
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == (day(at - timedelta(days=7)), day(at))
    assert LANDED_TAG not in request.tags
