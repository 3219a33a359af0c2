"""What stands still is told once until it is gone, and ever more rarely where it comes and goes; never a person."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.errors import CredentialError
from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.domain.outbox.effects import Kind
from commerce_pipelines.flows import alerts
from commerce_pipelines.flows.alerts import LONGEST_REPEAT, find, is_due, mark_told, update, watch
from commerce_pipelines.flows.pollers import list_pollers, looking
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.warehouse import exceptions
from commerce_pipelines.warehouse.outbox import holds
from commerce_pipelines.warehouse.shared.conditions import Condition, Kept
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import FakeChannel, some_settings
from commerce_pipelines_tests.doubles.doors import doors

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ALERTS = "alerts: {targets: [{env: CHAT}], failed_ticks: 3, waiting_hours: 24, digest_hour: null}\n"


class People:
    """Those who are told; `deaf` while no target takes a message."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.deaf = False

    def __call__(self, subject: str, text: str) -> list[str]:
        if self.deaf:
            return ["CHAT: the target took no message."]
        self.heard.append((subject, text))
        return []


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def connections(warehouse: Warehouse) -> Connections:
    return doors(some_settings(ALERTS), warehouse, channels={"shop_de": FakeChannel()})


def _prove_missing(warehouse: Warehouse, missing: int, day: date = date(2026, 11, 20)) -> None:
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.completeness WHERE day = %s", (day,))
        cursor.execute(
            "INSERT INTO commerce.completeness VALUES ('shop_de', %s, 'EUR', 9, 9 - %s, 0, %s, 0, 900, 900, 0, now())",
            (day, missing, missing),
        )


def _wait(warehouse: Warehouse, since: datetime) -> None:
    reason = Reason("unknown_sku", "No product CANARY.", "Create it.", "CANARY anna@example.com")
    failure = exceptions.Failure(record_id="1", day=NOW.date(), reason=reason)
    with warehouse.transaction() as connection:
        exceptions.record(connection, "shop_de", "orders", "load", [failure], "run", since)


def test_missing_orders_are_told_once_and_again_when_they_come_back(
    connections: Connections, warehouse: Warehouse, people: People
) -> None:
    _prove_missing(warehouse, missing=2)
    watch(connections, people, NOW)
    assert people.heard == []  # a run may be about to bring them
    for minutes in (31, 32, 60, 600):
        watch(connections, people, NOW + timedelta(minutes=minutes))
    ((subject, text),) = people.heard
    assert "shop_de and Odoo do not agree" in subject
    assert "2 orders are missing" in text
    assert "commerce-pipelines report shop_de --from 2026-11-20 --to 2026-11-20" in text
    _prove_missing(warehouse, missing=0)
    watch(connections, people, NOW + timedelta(hours=11))
    _prove_missing(warehouse, missing=1)
    for hours in (36, 37):
        watch(connections, people, NOW + timedelta(hours=hours))
    assert len(people.heard) == 2


def test_what_waits_too_long_is_told_without_a_word_of_it(
    connections: Connections, warehouse: Warehouse, people: People
) -> None:
    _wait(warehouse, NOW)
    watch(connections, people, NOW + timedelta(hours=23))
    assert people.heard == []
    watch(connections, people, NOW + timedelta(hours=25))
    ((subject, text),) = people.heard
    assert "1 orders of shop_de wait: unknown_sku" in subject
    assert "CANARY" not in subject + text


def test_a_dead_login_is_told_after_some_ticks_and_a_silent_poller_too(
    connections: Connections, people: People
) -> None:
    def tick(error: Exception | None) -> None:
        try:
            with looking(connections, list_pollers(connections.settings)["shop_de_new_orders"]):
                if error:
                    raise error
        except type(error or Exception()):
            pass

    now = connections.instruments.now()
    dead = CredentialError("Shopify refuses client_secret (TOKEN).")
    for count, heard in ((2, 0), (1, 1), (9, 1)):
        for _ in range(count):
            tick(dead)
        watch(connections, people, now)
        assert len(people.heard) == heard
    assert "Shopify refuses client_secret (TOKEN)." in people.heard[0][1]
    tick(None)
    watch(connections, people, now)
    for _ in range(3):
        tick(ValueError("CANARY anna@example.com"))
    watch(connections, people, now + LONGEST_REPEAT)
    assert "ValueError" in people.heard[-1][1]
    assert "CANARY" not in str(people.heard)
    tick(None)
    assert find(connections, connections.instruments.now()) == []
    (silent,) = find(connections, connections.instruments.now() + timedelta(hours=1))
    assert "Its last tick was at" in silent.message


def test_a_breaker_that_waits_for_a_person_is_told(
    connections: Connections, warehouse: Warehouse, people: People
) -> None:
    with warehouse.transaction() as connection:
        holds.hold(connection, "shop_de", Kind.QUANTITY, "run", "12 of 12 would go to 0 (at most 20 %)", {})
    watch(connections, people, NOW)
    ((subject, text),) = people.heard
    assert "the breaker stopped what was to be sent to shop_de" in subject
    assert "commerce-pipelines inventory release shop_de" in text


def test_failed_work_is_told_once_until_it_succeeds(connections: Connections, people: People) -> None:
    for minute in range(5):
        alerts.note_run(connections, "channel=shop_de", "a run of shop_de failed", "run 1", NOW)
        watch(connections, people, NOW + timedelta(minutes=minute))
    assert len(people.heard) == 1
    assert list(alerts.open_runs(connections)) == ["channel=shop_de"]
    alerts.run_succeeded(connections, "channel=shop_de", NOW)
    assert alerts.open_runs(connections) == {}
    alerts.note_run(connections, "channel=shop_de", "a run of shop_de failed", "run 2", NOW + LONGEST_REPEAT)
    watch(connections, people, NOW + LONGEST_REPEAT)
    assert "run 2" in people.heard[-1][1]


def test_a_message_that_nobody_takes_is_sent_again_later_and_later(
    connections: Connections, warehouse: Warehouse, people: People
) -> None:
    _wait(warehouse, NOW - timedelta(days=2))
    with looking(connections, list_pollers(connections.settings)["shop_de_new_orders"]):
        people.deaf = True
    tries = []
    for minute in range(40):
        if watch(connections, people, NOW + timedelta(minutes=minute)):
            tries.append(minute)
    assert tries == [0, 1, 3, 7, 15, 31]
    people.deaf = False
    watch(connections, people, NOW + timedelta(hours=2))
    watch(connections, people, NOW + timedelta(hours=3))
    assert len(people.heard) == 1


def test_a_digest_comes_once_a_day(warehouse: Warehouse, people: People) -> None:
    odoo = SimpleNamespace(call=_list_keys, who=SimpleNamespace(uid=7), settings=some_settings().odoo)
    settings = some_settings(ALERTS.replace("digest_hour: null", "digest_hour: 7"))
    connections = doors(settings, warehouse, odoo=odoo)
    _prove_missing(warehouse, missing=1, day=date(2026, 11, 19))
    _wait(warehouse, NOW)
    for hour in range(0, 60):
        watch(connections, people, datetime(2026, 11, 20, 5, tzinfo=UTC) + timedelta(hours=hour))
    digests = [text for subject, text in people.heard if subject.endswith("2026")]
    assert len(digests) == 3  # the 20th, 21st and 22nd at seven in Berlin
    assert "shop_de: 9 orders yesterday, 8 of them in Odoo, 1 missing; 1 wait" in digests[0]
    assert "Still so: shop_de and Odoo do not agree." in digests[1]
    assert "shop_de: the orders of yesterday have not been compared with Odoo yet; 1 wait" in digests[1]
    assert "ends on 2027-02-18, in 90 days" in digests[0]
    assert "CANARY" not in str(people.heard)


def _list_keys(model: str, method: str, **named: Any) -> Any:
    assert (model, method, named["domain"]) == ("res.users.apikeys", "search_read", [["user_id", "=", 7]])
    return [{"expiration_date": text} for text in (False, "2027-02-18 00:00:00", "2027-02-25 00:00:00")]


def test_without_a_target_nothing_is_sent_and_later_all_is_told(warehouse: Warehouse, people: People) -> None:
    _wait(warehouse, NOW - timedelta(days=2))
    watch(doors(some_settings(), warehouse), people, NOW)
    assert people.heard == []
    watch(doors(some_settings(ALERTS), warehouse), people, NOW)
    assert len(people.heard) == 1


def test_two_watchers_tell_once(connections: Connections, warehouse: Warehouse, people: People) -> None:
    _wait(warehouse, NOW - timedelta(days=2))
    with warehouse.lock("alerts", wait=True):
        assert watch(connections, people, NOW) == []
    assert people.heard == []
    watch(connections, people, NOW)
    assert len(people.heard) == 1


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 600)), max_size=40))
def test_however_it_comes_and_goes_it_is_told_once_a_time_and_at_most_so_often(
    steps: list[tuple[bool, int]],
) -> None:
    """Once while it lasts; over any day at most as often as waits of 1, 2, 4, 8 … hours allow."""
    now, kept = NOW, dict[str, Kept]()
    here = Condition(key="waiting:x", subject="s", message="m")
    times: list[datetime] = []
    told_this_time = False
    for there, minutes in steps:
        now += timedelta(minutes=minutes)
        before = kept.get(here.key)
        if not there or before is None or before.gone_at is not None:
            told_this_time = False
        kept = update(kept, [here] if there else [], now)
        if there and is_due(kept[here.key], now):
            assert not told_this_time
            times.append(now)
            told_this_time = True
            kept[here.key] = mark_told(kept[here.key], now)
        assert there == (here.key in kept and kept[here.key].gone_at is None)
    for moment in times:
        assert sum(moment <= other < moment + timedelta(days=1) for other in times) <= 6
