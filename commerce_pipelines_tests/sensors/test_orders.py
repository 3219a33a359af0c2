"""The polling sensor through its states, on a real instance: what is requested, when, and what the cursor remembers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import msgspec
import pytest

from commerce_pipelines.assets.common import RANGE_END, RANGE_START
from commerce_pipelines.channels.capabilities import Page, Window
from commerce_pipelines.core.errors import CredentialError, RateLimited, RecordError, TransientError
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.domain.orders.order import business_day
from commerce_pipelines.flows.intake.changes import Cursor
from commerce_pipelines.flows.pollers import forget
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.resources.dagster_internals import serialize_value
from commerce_pipelines.sensors.busy import ACTIVE
from commerce_pipelines.settings.fingerprint import fingerprint
from commerce_pipelines.warehouse import exceptions as quarantine
from commerce_pipelines.warehouse.shared import conditions
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import FakeChannel, ago, some_settings
from commerce_pipelines_tests.doubles.doors import doors


class Ticker:
    """Evaluates the sensor again and again, keeping its cursor as the daemon does: only when the tick succeeded."""

    sensor = "shop_de_new_orders"

    def __init__(self, connections: Connections, instance: dg.DagsterInstance) -> None:
        self.connections, self.instance = connections, instance
        self.repository = build_defs(connections.settings, connections).get_repository_def()
        self.cursor: str | None = None

    def tick(self, *, at_once: bool = True) -> dg.SensorExecutionData:
        """One tick. at_once: of a process that has just started, so that nothing makes it wait."""
        if at_once:
            forget(self.connections)
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=self.repository,
            resources={"connections": self.connections},
        )
        data = self.repository.get_sensor_def(self.sensor).evaluate_tick(context)
        serialize_value(data)  # as it goes from the code server to the daemon
        self.cursor = data.cursor
        job = self.repository.get_implicit_global_asset_job_def()
        for request in data.run_requests or []:
            self.instance.create_run_for_job(job, tags=dict(request.tags))
        return data

    def end_runs(self) -> None:
        """The runs end, and nothing of theirs is recorded: as if they had been killed."""
        for run in self.instance.get_runs(dg.RunsFilter(statuses=ACTIVE)):
            self.instance.report_run_failed(run)

    def days(self) -> list[tuple[str, str]]:
        return [(r.tags[RANGE_START], r.tags[RANGE_END]) for r in self.tick().run_requests or []]

    def remembered(self) -> Cursor:
        return msgspec.json.decode(self.cursor or "", type=Cursor)

    def later(self, **delta: float) -> None:
        """As if the last requests had been made that long ago, and their runs had ended."""
        self.end_runs()
        cursor = self.remembered()
        before = {
            day: msgspec.structs.replace(request, at=request.at - timedelta(**delta))
            for day, request in cursor.requested.items()
        }
        self.cursor = msgspec.json.encode(msgspec.structs.replace(cursor, requested=before)).decode()


@pytest.fixture
def channel() -> FakeChannel:
    return FakeChannel()


@pytest.fixture
def connections(warehouse: Warehouse, channel: FakeChannel) -> Connections:
    return doors(some_settings(), warehouse, channels={"shop_de": channel})


@pytest.fixture
def ticker(connections: Connections) -> Iterator[Ticker]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticker(connections, instance)


def day(moment: datetime) -> str:
    return business_day(moment, some_settings().channel("shop_de").zone).isoformat()


def test_exactly_the_touched_days_are_requested_once(ticker: Ticker, channel: FakeChannel) -> None:
    now, before = ago(minutes=1), ago(days=5)
    channel.add("new", now)
    channel.add("edited", before, updated=now)
    channel.add("old", ago(days=3))  # not changed since
    assert ticker.days() == [(day(before), day(before)), (day(now), day(now))]
    assert ticker.days() == []


def test_a_request_carries_keys_and_never_payloads(ticker: Ticker, channel: FakeChannel) -> None:
    channel.add("1", ago(minutes=1), email="canary@example.com", name="CANARY", street="CANARY")
    (request,) = ticker.tick().run_requests or []
    assert request.tags["commerce/channel"] == "shop_de"
    assert "canary" not in f"{request} {ticker.cursor}".lower()


def test_neighbouring_days_share_a_run(ticker: Ticker, channel: FakeChannel) -> None:
    moments = [ago(days=n, minutes=1) for n in (4, 3, 2)]
    for moment in moments:
        channel.add(day(moment), moment, updated=ago(minutes=1))
    assert ticker.days() == [(day(moments[0]), day(moments[2]))]


def test_a_run_that_ended_without_its_orders_is_requested_again_at_once_and_later_ever_later(
    ticker: Ticker, channel: FakeChannel
) -> None:
    """A killed run is the same to us as one that failed; nothing new may come that would ask for its orders."""
    channel.add("1", ago(minutes=1))
    (first,) = ticker.tick().run_requests or []
    assert ticker.days() == []  # it works
    ticker.end_runs()
    (second,) = ticker.tick().run_requests or []
    assert second.tags == first.tags
    assert second.run_key != first.run_key
    ticker.later(minutes=4)
    assert ticker.days() == []
    ticker.later(minutes=2)
    assert len(ticker.days()) == 1


def test_a_day_that_was_dealt_with_is_not_requested_again(
    ticker: Ticker, channel: FakeChannel, connections: Connections
) -> None:
    channel.add("1", ago(minutes=1))
    assert len(ticker.days()) == 1
    with connections.warehouse.transaction() as connection:
        refusal = quarantine.Failure(
            record_id="1",
            day=ago(minutes=1).date(),
            reason=Reason("bad_address", "No country.", "Ask the buyer."),
            settings=fingerprint(connections.settings, "shop_de", "orders"),
        )
        quarantine.record(connection, "shop_de", "orders", "load", [refusal], "", datetime.now(UTC))
    ticker.later(hours=3)
    assert ticker.days() == []
    assert ticker.remembered().requested == {}  # the cursor does not grow


def test_an_active_run_of_the_channel_blocks_and_a_finished_one_does_not(ticker: Ticker, channel: FakeChannel) -> None:
    channel.add("1", ago(minutes=1))
    run = ticker.instance.create_run_for_job(
        ticker.repository.get_implicit_global_asset_job_def(), tags=run_tags("shop_de", "orders")
    )
    data = ticker.tick()
    assert not data.run_requests
    assert data.skip_message == "1 orders seen, 1 new."
    ticker.instance.report_run_failed(run)
    assert len(ticker.days()) == 1


def test_a_run_that_a_person_started_blocks_although_it_bears_no_tag(ticker: Ticker, channel: FakeChannel) -> None:
    channel.add("1", ago(minutes=1))
    run = run_of_assets(ticker, ["shop_de", "sale_orders"])
    assert ticker.days() == []
    ticker.instance.report_run_failed(run)
    assert len(ticker.days()) == 1


def test_runs_of_other_lanes_do_not_block(ticker: Ticker, channel: FakeChannel) -> None:
    channel.add("1", ago(minutes=1))
    job = ticker.repository.get_implicit_global_asset_job_def()
    others = (("shop_uk", "orders", ""), ("shop_de", "inventory", ""), ("shop_de", "orders", "shop_de/backfill"))
    for other in others:
        ticker.instance.create_run_for_job(job, tags=run_tags(*other))
    run_of_assets(ticker, ["shop_de", "exceptions"])  # a person looks at what waits
    (request,) = ticker.tick().run_requests or []
    assert request.tags.items() >= run_tags("shop_de", "orders").items()


def run_of_assets(ticker: Ticker, path: list[str]) -> dg.DagsterRun:
    """A run as Dagster's UI asks for it: a selection of assets, and no tags."""
    job = ticker.repository.get_implicit_global_asset_job_def()
    return ticker.instance.create_run_for_job(job, asset_selection=frozenset([dg.AssetKey(path)]))


@pytest.mark.parametrize("lost", [None, "garbage"])
def test_a_lost_cursor_loses_no_order(ticker: Ticker, channel: FakeChannel, lost: str | None) -> None:
    channel.add("1", ago(minutes=1))
    assert len(ticker.days()) == 1
    ticker.end_runs()
    ticker.cursor = lost
    channel.answers.clear()  # the channel does not even tell of it again
    assert len(ticker.days()) == 1


def test_what_is_settled_is_not_looked_at_again_and_what_is_not_always_is(
    ticker: Ticker, channel: FakeChannel, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.add("1", ago(minutes=1))
    for _ in range(2):
        ticker.tick()
        assert ticker.remembered().settled is None  # something is pending
    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.snapshots SET first_seen = first_seen - interval '3 days'")
    ticker.later(hours=3)
    assert len(ticker.days()) == 1
    with connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.snapshots")
    channel.answers.clear()
    ticker.tick()
    settled = ticker.remembered().settled
    assert settled is not None
    assert timedelta(days=1) < datetime.now(UTC) - settled < timedelta(days=3)
    ticker.end_runs()
    channel.add("2", ago(minutes=1))
    assert len(ticker.days()) == 1


def test_each_tick_looks_back_behind_the_last(ticker: Ticker, channel: FakeChannel) -> None:
    """G37."""
    ticker.tick()
    channel.add("late", ago(minutes=8))  # shown only now, with an older time
    assert len(ticker.days()) == 1
    first, second = channel.asked
    assert second.start == first.end - timedelta(minutes=10)
    assert second.end > first.end


@pytest.mark.parametrize("error", [TransientError("The shop is down."), CredentialError("The token is refused.")])
def test_an_error_of_the_channel_is_a_red_tick_with_the_cursor_unmoved(
    ticker: Ticker, channel: FakeChannel, error: Exception
) -> None:
    ticker.tick()
    before = ticker.cursor
    channel.add("1", ago(minutes=1))
    channel.error = error
    with pytest.raises(type(error)):
        ticker.tick()
    assert ticker.cursor == before
    channel.error = None
    assert len(ticker.days()) == 1


def test_what_came_before_the_error_is_landed_already(ticker: Ticker, channel: FakeChannel) -> None:
    channel.page_size = 2
    for n in range(4):
        channel.add(str(n), ago(minutes=9 - n))
    channel.error, channel.error_after = TransientError("down"), 1
    ticker.tick()
    assert ticker.connections.landing("shop_de", "orders").newest_of(["0", "1", "2"]).keys() == {"0", "1"}
    with pytest.raises(TransientError):
        ticker.tick()
    channel.error = None
    ticker.tick()
    every = {"0", "1", "2", "3"}
    assert ticker.connections.landing("shop_de", "orders").newest_of(sorted(every)).keys() == every


def test_a_tick_has_a_time_budget_and_the_next_goes_on_from_there(
    ticker: Ticker, channel: FakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.page_size = 2
    for n in range(5):
        channel.add(str(n), ago(minutes=9 - n))
    clock = iter(range(0, 10_000, 6))
    real = channel.orders.changed

    def slow(window: Window, *more: Any) -> Iterator[Page]:
        for page in real(window, *more):
            next(clock)
            yield page

    monkeypatch.setattr(channel, "changed", slow)
    ticker.connections.instruments = replace(REAL, clock=lambda: next(clock))
    seen = []
    for _ in range(4):
        ticker.tick()
        seen.append(len(ticker.connections.landing("shop_de", "orders").newest_of([str(n) for n in range(5)])))
        if ticker.remembered().resume is None:
            break
        until = ticker.remembered().until
        assert until is not None
        assert ticker.remembered().watermark < until
    assert seen == [2, 4, 5]
    assert len({window.end for window in channel.asked}) == 1  # the window stays while it is being read
    assert ticker.remembered().watermark == channel.asked[0].end


def test_an_unreadable_answer_is_landed_and_does_not_stop_the_tick(
    ticker: Ticker, channel: FakeChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.add("1", ago(minutes=1))
    channel.add("2", ago(minutes=2))
    real = channel.head

    def head(raw: bytes) -> object:
        if b'"1"' in raw:
            raise RecordError("bad_payload", "No id at $.id.", fix="Look at it.")
        return real(raw)

    monkeypatch.setattr(channel, "head", head)
    assert len(ticker.days()) == 1
    landing = ticker.connections.landing("shop_de", "orders")
    assert sum(landing.records_per_day(ago(days=2).date(), ago(days=-2).date()).values()) == 2


def test_the_nightly_pass_asks_for_the_last_days_and_asks_the_channel(ticker: Ticker) -> None:
    schedule = ticker.repository.get_schedule_def("shop_de_nightly")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("17 2 * * *", "Europe/Berlin")
    night = datetime(2026, 11, 20, 1, 17, tzinfo=UTC)
    context = dg.build_schedule_context(
        scheduled_execution_time=night, instance=ticker.instance, resources={"connections": ticker.connections}
    )
    data = schedule.evaluate_tick(context)
    serialize_value(data)
    (request,) = data.run_requests or []
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("2026-11-13", "2026-11-20")
    assert "commerce/landed" not in request.tags


def test_the_nightly_pass_asks_again_for_older_days_that_were_found_wanting(
    ticker: Ticker, warehouse: Warehouse
) -> None:
    wanting = ("2026-10-02", "2026-10-03", "2026-10-09")
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        for day, missing in [*((day, 1) for day in wanting), ("2026-10-05", 0), ("2024-12-31", 1)]:
            cursor.execute(
                "INSERT INTO commerce.completeness VALUES ('shop_de', %s, 'EUR', 1, 0, 0, %s, 0, 0, 0, 0, now())",
                (day, missing),
            )
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 11, 20, 1, 17, tzinfo=UTC), instance=ticker.instance,
        resources={"connections": ticker.connections},
    )  # fmt: skip
    requests = ticker.repository.get_schedule_def("shop_de_nightly").evaluate_tick(context).run_requests or []
    assert [(request.tags[RANGE_START], request.tags[RANGE_END]) for request in requests] == [
        ("2026-10-02", "2026-10-03"), ("2026-10-09", "2026-10-09"), ("2026-11-13", "2026-11-20"),
    ]  # fmt: skip
    assert len({request.run_key for request in requests}) == 3


def test_sensors_and_schedules_run_from_the_start(ticker: Ticker) -> None:
    repository = ticker.repository
    always = ("outcomes", "overview", "run_failures", "shop_de_new_orders")
    on = {sensor.name: sensor.default_status.name for sensor in repository.sensor_defs}
    assert on == dict.fromkeys(always, "RUNNING")
    assert {schedule.name: schedule.default_status.name for schedule in repository.schedule_defs} == {
        "call_limits": "RUNNING",
        "privacy_retention": "RUNNING",
        "schema_profiles": "RUNNING",
        "shop_de_nightly": "RUNNING",
    }


def test_a_used_up_rate_limit_is_no_failed_tick_and_what_is_landed_goes_on(
    ticker: Ticker, channel: FakeChannel, warehouse: Warehouse
) -> None:
    channel.add("1", ago(minutes=1))
    (first,) = ticker.tick().run_requests or []
    ticker.later(minutes=6)
    channel.error = RateLimited("the rate limit of searchOrders is used up for 200 s", wait=200)
    data = ticker.tick()
    (again,) = data.run_requests or []  # the day whose run failed
    assert again.tags == first.tags
    assert "used up" in (ticker.tick().skip_message or "")
    asked = len(channel.asked)
    assert "again after" in (ticker.tick(at_once=False).skip_message or "")
    assert len(channel.asked) == asked
    with warehouse.transaction() as connection:
        (beat,) = conditions.heartbeats(connection)
    assert (beat.failures, beat.problem) == (0, "")


def test_a_dead_login_is_tried_ever_more_rarely_and_at_once_by_a_new_process(
    ticker: Ticker, channel: FakeChannel
) -> None:
    channel.error = CredentialError("Shopify refuses client_secret (TOKEN).")
    with pytest.raises(CredentialError):
        ticker.tick()
    asked = len(channel.asked)
    assert "1 looks failed" in (ticker.tick(at_once=False).skip_message or "")
    assert len(channel.asked) == asked
    with pytest.raises(CredentialError):
        ticker.tick()
    assert len(channel.asked) == asked + 1
