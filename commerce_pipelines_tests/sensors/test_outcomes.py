"""The sensors that tell people: failed work once until it succeeds, pollers that fail, and no stranger's words."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from commerce_pipelines.core.errors import CredentialError, TransientError
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.core.section import Secret
from commerce_pipelines.definitions import build_defs
from commerce_pipelines.flows.pollers import forget, list_pollers, looking
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.sensors.outcomes import outcomes, run_failures
from commerce_pipelines.settings.alerts import Alerts
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import SETTINGS, FakeChannel, some_settings
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.resources.test_alerts import Chat, chat  # noqa: F401 - a fixture

ALERTS = Alerts(targets=(Secret(env="CHAT"),), failed_ticks=2, digest_hour=None)
YAML = "alerts: {targets: [{env: CHAT}], failed_ticks: 2, digest_hour: null}\n"


class House:
    """An instance, its sensors, and what people hear."""

    def __init__(self, connections: Connections, instance: dg.DagsterInstance, chat: Chat) -> None:  # noqa: F811
        self.connections, self.instance, self.chat = connections, instance, chat

    def run(self, asset: dg.AssetsDefinition, channel: str = "shop_de", key: str | None = None) -> None:
        """One run, and what the sensors make of it."""
        result = dg.materialize(
            [asset], instance=self.instance, partition_key=key, raise_on_error=False, tags=run_tags(channel, "orders")
        )
        self.ended(result)

    def ended(self, result: dg.ExecuteInProcessResult) -> None:
        for record in self.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.RUN_FAILURE):
            assert record.dagster_event is not None
            context = dg.build_run_status_sensor_context(
                sensor_name="run_failures", dagster_instance=self.instance, dagster_run=result.dagster_run,
                dagster_event=record.dagster_event, resources={"connections": self.connections},
            ).for_run_failure()  # fmt: skip
            run_failures(ALERTS)(context)
        self.look()

    def look(self) -> None:
        outcomes(ALERTS)(dg.build_sensor_context(instance=self.instance, resources={"connections": self.connections}))

    def heard(self) -> list[str]:
        return [f"{call.json()['title']}\n{call.json()['message']}" for call in self.chat.calls]


@pytest.fixture
def shop() -> FakeChannel:
    return FakeChannel()


@pytest.fixture
def house(warehouse: Warehouse, chat: Chat, shop: FakeChannel) -> Iterator[House]:  # noqa: F811
    with dg.DagsterInstance.ephemeral() as instance:
        yield House(doors(some_settings(YAML), warehouse, channels={"shop_de": shop}), instance, chat)


@dg.asset(partitions_def=dg.DailyPartitionsDefinition(start_date="2025-11-01"))
def refused() -> None:
    secret = "CANARY anna@example.com"  # noqa: F841 - in the frame of the traceback only
    raise dg.Failure(description="Odoo refuses the login of 'bot'.", allow_retries=False)


@dg.asset
def crash() -> None:
    raise ValueError("CANARY anna@example.com")


@dg.asset
def busy() -> None:
    raise TransientError("Odoo was busy.")


@dg.asset
def fine() -> None:
    pass


def test_a_failed_run_is_told_with_its_days_and_reason_and_without_a_traceback(house: House) -> None:
    house.run(refused, "one", "2025-11-02")
    house.run(crash, "two")
    house.run(busy, "three")
    refusal, bug, passing = house.heard()
    assert "commerce_pipelines: orders of one failed at refused\n" in refusal
    assert "channel one, flow orders" in refusal
    assert "2025-11-02" in refusal
    assert "refused: Odoo refuses the login of 'bot'." in refusal
    assert "crash: ValueError" in bug
    assert "busy: Odoo was busy." in passing
    assert "CANARY" not in refusal + bug
    assert "Traceback" not in refusal + bug


def test_a_run_that_a_person_started_is_told_by_channel_flow_and_step_too(house: House) -> None:
    @dg.asset(key=["my__shop", "published_inventory"])
    def refused() -> None:
        raise dg.Failure(description="The token is too old.", allow_retries=False)

    @dg.asset(key=["odoo", "stock_levels"])
    def stock() -> None: ...

    job = dg.Definitions(assets=[refused, stock]).resolve_implicit_global_asset_job_def()
    for selection in (list(job.asset_layer.executable_asset_keys), None):
        with house.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM commerce.conditions")
        house.ended(job.execute_in_process(instance=house.instance, asset_selection=selection, raise_on_error=False))
    assert len(house.heard()) == 2
    for text in house.heard():
        assert text.startswith("commerce_pipelines: stock of my__shop failed at deciding and publishing quantities\n")
        assert "channel my__shop, flow inventory" in text
        assert "my__shop__published_inventory: The token is too old." in text


@pytest.mark.parametrize(
    ("key", "step", "words", "flow"),
    [
        ("orders", "staged_orders", "orders of shop_de failed at reading orders", "orders"),
        (
            "refunds",
            "staged_returns",
            "returns and refunds of shop_de failed at reading returns and refunds",
            "returns",
        ),
        ("shipment_confirmations", "", "shipments of shop_de failed at confirming shipments", "fulfilment"),
    ],
)
def test_a_run_of_everything_is_told_by_its_failed_step(
    house: House, key: str, step: str, words: str, flow: str
) -> None:
    @dg.multi_asset(name=f"shop_de__{step or key}", specs=[dg.AssetSpec(["shop_de", key])])
    def refused() -> None:
        raise dg.Failure(description="The token is too old.", allow_retries=False)

    job = dg.Definitions(assets=[refused]).resolve_implicit_global_asset_job_def()
    house.ended(job.execute_in_process(instance=house.instance, raise_on_error=False))
    (text,) = house.heard()
    assert text.startswith(f"commerce_pipelines: {words}\n")
    assert f"channel shop_de, flow {flow}" in text


def test_failed_work_is_told_once_until_it_succeeds(house: House) -> None:
    for _ in range(3):
        house.run(busy)
    assert len(house.heard()) == 1
    house.run(fine, "another")
    house.run(busy)
    assert len(house.heard()) == 1
    house.run(fine)
    house.run(crash)  # so soon after the last telling it waits for an hour
    assert len(house.heard()) == 1
    with house.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.conditions SET next_try = now() WHERE next_try IS NOT NULL")
    house.look()
    assert "crash: ValueError" in house.heard()[1]


def test_without_a_database_a_failed_run_is_told_all_the_same(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise TransientError("PostgreSQL does not answer.")

    monkeypatch.setattr("commerce_pipelines.flows.alerts.note_run", away)
    monkeypatch.setattr(house, "look", lambda: None)
    house.run(busy)
    assert "busy: Odoo was busy." in house.heard()[0]


def test_a_poller_that_fails_again_and_again_is_told(house: House, shop: FakeChannel) -> None:
    shop.error = CredentialError("Shopify refuses access_token (TOKEN).")
    sensor = build_defs(house.connections.settings, house.connections).get_repository_def().get_sensor_def(
        "shop_de_new_orders"
    )  # fmt: skip
    for _ in range(2):
        assert house.heard() == []
        context = dg.build_sensor_context(instance=house.instance, resources={"connections": house.connections})
        forget(house.connections)  # its rest after a failure is over
        with pytest.raises(CredentialError):
            sensor.evaluate_tick(context)
        house.look()
    assert "Shopify refuses access_token (TOKEN)." in house.heard()[0]


def test_a_dead_poller_turns_its_check_red_and_a_living_one_green_again(house: House, warehouse: Warehouse) -> None:
    def verdicts(cursor: str | None) -> tuple[dict[str, bool], str | None]:
        context = dg.build_sensor_context(
            instance=house.instance, cursor=cursor, resources={"connections": house.connections},
            repository_def=build_defs(house.connections.settings, house.connections).get_repository_def(),
        )  # fmt: skip
        result = outcomes(ALERTS)(context)
        assert isinstance(result, dg.SensorResult)
        checks = [event for event in result.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
        return {check.asset_key.to_user_string(): check.passed for check in checks}, result.cursor

    passed, cursor = verdicts(None)
    assert passed == {"shop_de/raw_orders": True}
    assert verdicts(cursor)[0] == {}  # one event for each change
    with warehouse.transaction() as connection, connection.cursor() as rows:
        rows.execute("UPDATE commerce.heartbeats SET ticked_at = now() - interval '1 hour'")
    passed, cursor = verdicts(cursor)
    assert passed == {"shop_de/raw_orders": False}
    poller = list_pollers(house.connections.settings)["shop_de_new_orders"]
    with looking(house.connections, poller):
        pass
    assert verdicts(cursor)[0] == {"shop_de/raw_orders": True}


def test_a_sensor_that_was_switched_off_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = build_defs(house.connections.settings, house.connections).get_repository_def()

    def look() -> None:
        outcomes(ALERTS)(
            dg.build_sensor_context(
                instance=house.instance, repository_def=repository, resources={"connections": house.connections}
            )
        )

    states = [switched_off("shop_de_new_orders")]
    monkeypatch.setattr(type(house.instance), "schedule_storage", object())
    monkeypatch.setattr(type(house.instance), "all_instigator_state", lambda *_: states)
    look()
    assert "shop_de_new_orders is switched off" in house.heard()[-1]
    states.clear()
    heard = len(house.heard())
    look()
    assert len(house.heard()) == heard


def run_in(house: House, location: str) -> None:
    """A run of the code location that fails, as Dagster's daemon launches it."""
    server = GrpcServerCodeLocationOrigin(host="localhost", socket="socket", location_name=location)
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(server, "__repository__"), "job")
    run = dg.DagsterRun(
        "job", status=dg.DagsterRunStatus.STARTED, tags=run_tags(location, "orders"), remote_job_origin=origin
    )
    house.instance.add_run(run)
    house.instance.report_run_failed(run)


def test_failed_runs_of_every_group_are_told_once_and_strangers_runs_are_not(house: House) -> None:
    """By the one sensor that there is, as the daemon evaluates it."""
    groups = ("north", "south")
    sensor = run_failures(ALERTS, groups)
    cursor = None

    def tick() -> None:
        nonlocal cursor
        server = GrpcServerCodeLocationOrigin(host="localhost", socket="socket", location_name="commerce_pipelines")
        with dg.build_sensor_context(
            instance=house.instance, cursor=cursor, resources={"connections": house.connections},
            repository_name="__repository__",
        ) as context:  # fmt: skip
            context._code_location_origin = server
            sensor.evaluate_tick(context)
            cursor = context.cursor

    tick()  # begins at the newest run
    left = "commerce_pipelines_west"  # a group that has left the settings while its run worked
    ours = ("commerce_pipelines_north", "commerce_pipelines_south", "commerce_pipelines", left)
    for location in (*ours, "somebody_elses", "commerce_pipelinesque"):
        run_in(house, location)
    for _ in range(8):
        tick()
    lines = sorted(line for text in house.heard() for line in text.splitlines() if line.startswith("channel "))
    assert [line.split(",")[0].removeprefix("channel ") for line in lines] == sorted(ours)


def switched_off(name: str, location: str = "") -> SimpleNamespace:
    """The state of a sensor or schedule, as Dagster keeps it."""
    repository = SimpleNamespace(code_location_origin=SimpleNamespace(location_name=location))
    origin = SimpleNamespace(repository_origin=repository)
    return SimpleNamespace(instigator_name=name, status=SimpleNamespace(value="STOPPED"), origin=origin)


def test_what_is_switched_off_in_a_group_is_told_and_what_a_channel_left_behind_is_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = parse(SETTINGS.replace("name: shop_de,", "name: shop_de, group: north,") + YAML)
    defs = build_defs(settings, house.connections, group="")
    states = [
        switched_off("shop_de_new_orders", "commerce_pipelines_north"),
        switched_off("shop_at_new_orders", "commerce_pipelines_north"),  # is in no group any more
        switched_off("shop_de_new_orders", "commerce_pipelines_south"),  # a group that is no more
        switched_off("shop_de_nightly", "commerce_pipelines"),  # shop_de has left it
        switched_off("privacy_retention", "commerce_pipelines"),
    ]
    monkeypatch.setattr(type(house.instance), "schedule_storage", object())
    monkeypatch.setattr(type(house.instance), "all_instigator_state", lambda *_: states)
    with dg.build_sensor_context(
        instance=house.instance, resources={"connections": house.connections},
        repository_def=defs.get_repository_def(),
    ) as context:  # fmt: skip
        defs.resolve_sensor_def("outcomes").evaluate_tick(context)
    text = "".join(house.heard())
    assert "shop_de_new_orders is switched off" in text
    assert "Switch privacy_retention on again" in text
    assert text.count("on again under Automation") == 2
