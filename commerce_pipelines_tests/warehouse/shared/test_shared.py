"""What processes share through the database: quarantine, rate limits, access tokens."""

from __future__ import annotations

import multiprocessing
import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.core.throttle import Priority, Quota, Rate
from commerce_pipelines.warehouse import exceptions as quarantine
from commerce_pipelines.warehouse.shared.buckets import DatabaseBuckets
from commerce_pipelines.warehouse.shared.tokens import DatabaseTokens
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.waits import PATIENCE_SECONDS, wait_until_blocked

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 20)
STOPPED = NOON.timestamp  # a clock of which no time passes, however slow the machine is
SPAWN = multiprocessing.get_context("spawn")


LOAD = ("shop", "orders", "load")


def failure(record_id: str, code: str = "unknown_sku", *, day: date | None = DAY) -> quarantine.Failure:
    reason = Reason(code, "There is no product M\0.", "Create it.", "M")
    return quarantine.Failure(record_id=record_id, day=day, reason=reason)


def test_a_refused_record_waits_counts_its_tries_and_goes(warehouse: Warehouse) -> None:
    later = NOON + timedelta(hours=1)
    with warehouse.transaction() as connection:
        quarantine.record(connection, *LOAD, [failure("1"), failure("2", day=None)], "run-1", NOON)
        quarantine.record(connection, *LOAD, [failure("1", "bad_amount")], "run-2", later)
        first, _ = quarantine.open_exceptions(connection, "shop", "orders")
        assert (first.record_id, first.code, first.tries, first.run_id) == ("1", "bad_amount", 2, "run-2")
        assert (first.first_seen, first.last_seen, first.message) == (NOON, later, "There is no product M�.")
        assert quarantine.resolve(connection, *LOAD, ["1", "3"], later) == 1
        assert [record.record_id for record in quarantine.open_exceptions(connection, None, None)] == ["2"]
        quarantine.record(connection, *LOAD, [failure("1")], "run-3", later)
        _, again = quarantine.open_exceptions(connection, None, None)
        assert (again.record_id, again.first_seen, again.tries) == ("1", later, 1)  # a new story


def test_a_replaced_day_resolves_all_but_what_still_fails(warehouse: Warehouse) -> None:
    where = ("shop", "orders", "transform")
    failures = [failure(name, day=day) for name, day in (("1", DAY), ("2", DAY), ("3", DAY + timedelta(days=1)))]
    with warehouse.transaction() as connection:
        quarantine.record(connection, *where, failures, "", NOON)
        end = DAY + timedelta(days=1)
        assert quarantine.resolve_others(connection, *where, (DAY, end), ["2"], NOON) == 1
        assert [record.record_id for record in quarantine.open_exceptions(connection, None, None)] == ["2", "3"]


def test_a_bucket_never_gives_more_than_the_vendor_allows(warehouse: Warehouse) -> None:
    waits = _run_in_processes(_reserve, warehouse.url, 2)
    # burst 3 at 0.01/s: of ten calls in two processes three go at once; the next token is 100 s away for all others.
    waits = sorted(wait for some in waits for wait in some)
    assert sum(wait == 0 for wait in waits) == 3
    assert waits[3:] == [pytest.approx(100)] * 7


def test_a_closed_bucket_is_closed_for_everybody(warehouse: Warehouse) -> None:
    rate, buckets = Rate(1, 5), DatabaseBuckets(warehouse, STOPPED)
    assert buckets.take("k", rate) == 0
    DatabaseBuckets(Warehouse(warehouse.url, MASTER_KEY), STOPPED).close("k", 60, empty=True)
    assert buckets.take("k", rate) == pytest.approx(60)
    assert buckets.take("another", rate) == 0


@pytest.mark.parametrize(("empty", "at_once"), [(True, 1), (False, 5)])
def test_a_bucket_that_opens_again_has_what_the_vendor_did_not_deny(
    warehouse: Warehouse, empty: bool, at_once: int
) -> None:
    buckets = DatabaseBuckets(warehouse)
    buckets.close("k", 0.0, empty=False)  # the row is there, with its first token
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.buckets SET tokens = 5")
    buckets.close("k", 0.0, empty=empty)
    assert sum(buckets.take("k", Rate(0.0001, 5)) == 0 for _ in range(6)) == at_once


def test_a_caller_killed_while_it_waits_leaves_no_place_in_the_queue(warehouse: Warehouse) -> None:
    buckets, rate = DatabaseBuckets(warehouse), Rate(0.004, 1)
    assert buckets.take("k", rate) == 0
    waits = [buckets.take("k", rate) for _ in range(20)]  # each of them is told to wait, and never comes back
    assert max(waits) <= 250


def test_a_whole_day_of_calls_is_counted_by_the_clock_that_is_handed_in(warehouse: Warehouse) -> None:
    """Two processes, one budget that the vendor raised in the morning and closed in the evening."""
    now = [datetime(2026, 11, 20, tzinfo=UTC).timestamp()]
    sensor, run = (DatabaseBuckets(warehouse, lambda: now[0]) for _ in range(2))
    default, waits = Rate(1 / 3_600, 2), []
    for hour in range(24):
        if hour == 8:
            run.learn("shop:orders", Rate(2 / 3_600, 4))
        if hour == 20:
            run.close("shop:orders", 3_600, empty=True)
        waits.append([sensor.take("shop:orders", default, waited=60.0) for _ in range(3)].count(0.0))
        now[0] += 3_599
        [budget] = sensor.read()
        now[0] += 1
    assert waits == [2, *[1] * 7, 2, *[2] * 11, 0, 1, 1, 1]
    assert (budget.used, budget.waited, budget.learned_at) == (sum(waits), 60.0 * sum(waits), None)
    now[0] += 3_600
    [budget] = sensor.read()
    assert (budget.used, budget.waited, budget.left) == (0.0, 0.0, 2.0)


def test_a_learned_limit_holds_for_every_process_and_after_a_restart(warehouse: Warehouse) -> None:
    DatabaseBuckets(warehouse).learn("shop:orders", Rate(1_000, 1))
    another = DatabaseBuckets(Warehouse(warehouse.url, MASTER_KEY))
    assert another.take("shop:orders", Rate(0.001, 1)) == 0
    assert another.take("shop:orders", Rate(0.001, 1)) < 1
    another.learn("shop:calls of a day", Quota(10), left=1.0)
    assert another.take("shop:calls of a day", Quota(5_000), priority=Priority.STOCK) > 0  # the last is for orders
    assert another.take("shop:calls of a day", Quota(5_000)) == 0
    assert another.take("shop:calls of a day", Quota(5_000)) > 0


def test_a_class_that_waits_is_served_before_one_below_it_in_another_process(warehouse: Warehouse) -> None:
    now, rate = [1_000_000.0], Rate(100, 1_000)
    orders, stock = (DatabaseBuckets(warehouse, lambda: now[0]) for _ in range(2))
    assert orders.take("shop:graphql", rate, 600) == 0
    wait = orders.take("shop:graphql", rate, 50, need=900)
    assert wait == pytest.approx(5)
    for _ in range(10):
        now[0] += wait / 10
        assert stock.take("shop:graphql", rate, 20, priority=Priority.STOCK) > 0
    assert orders.take("shop:graphql", rate, 50, need=900) == 0
    assert stock.take("shop:graphql", rate, 20, priority=Priority.STOCK) == 0


def test_two_processes_refresh_a_token_once(warehouse: Warehouse) -> None:
    answers = _run_in_processes(_get_token, warehouse.url, 2)
    assert len({token for token, _ in answers}) == 1
    assert sum(minted for _, minted in answers) == 1


def test_a_refused_token_is_renewed_once_and_an_expired_one_always(warehouse: Warehouse) -> None:
    tokens, names = DatabaseTokens(warehouse), iter("abcdef")
    mint = lambda: (next(names), 3600.0)  # noqa: E731
    assert tokens.get("k", mint) == "a"
    assert tokens.get("k", mint) == "a"
    assert tokens.get("k", mint, rejected="a") == "b"
    assert tokens.get("k", mint, rejected="a") == "b"  # somebody renewed it meanwhile
    assert tokens.get("brief", lambda: (next(names), 0.0)) == "c"
    assert tokens.get("brief", mint) == "d"


def test_a_token_is_not_stored_in_clear_and_a_failed_renewal_not_at_all(warehouse: Warehouse) -> None:
    tokens = DatabaseTokens(warehouse)

    def fail() -> tuple[str, float]:
        raise TransientError("down")

    with pytest.raises(TransientError):
        tokens.get("k", fail)
    assert tokens.get("k", lambda: ("CANARY-TOKEN", 60.0)) == "CANARY-TOKEN"
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT sealed FROM commerce.tokens")
        assert b"CANARY" not in bytes(cursor.fetchall()[0][0])
    other = Warehouse(warehouse.url, bytes(32))  # a lost master key costs a login, not a crash
    assert DatabaseTokens(other).get("k", lambda: ("new", 60.0)) == "new"


def test_an_advisory_lock_is_one_holders_at_a_time(warehouse: Warehouse) -> None:
    with warehouse.lock("odoo", wait=True) as held:
        assert held
        with warehouse.lock("odoo", wait=False) as second:
            assert not second
        waiter = threading.Thread(target=lambda: warehouse.lock("odoo", wait=True).__enter__())
        waiter.start()
        wait_until_blocked(warehouse)
        assert waiter.is_alive()
    waiter.join()


def _reserve(url: str, start: Any, answers: Any) -> None:
    buckets = DatabaseBuckets(Warehouse(url, MASTER_KEY), STOPPED)
    start.wait()
    answers.put([buckets.take("k", Rate(0.01, 3)) for _ in range(5)])


def _get_token(url: str, start: Any, answers: Any) -> None:
    import os
    import time

    minted = []

    def mint() -> tuple[str, float]:
        minted.append(1)
        time.sleep(0.3)  # the token endpoint is slow: the other process asks meanwhile
        return f"token of {os.getpid()}", 3600.0

    tokens = DatabaseTokens(Warehouse(url, MASTER_KEY))
    start.wait()
    answers.put((tokens.get("k", mint), len(minted)))


def _run_in_processes(work: Any, url: str, count: int) -> list[Any]:
    start, answers = SPAWN.Barrier(count), SPAWN.Queue()
    processes = [SPAWN.Process(target=work, args=(url, start, answers)) for _ in range(count)]
    for process in processes:
        process.start()
    outcomes = [answers.get(timeout=PATIENCE_SECONDS) for _ in processes]
    for process in processes:
        process.join(PATIENCE_SECONDS)
    return outcomes
