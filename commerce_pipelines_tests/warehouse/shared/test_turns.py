"""Many locks at once: who shares a name waits, everybody else does not, and a killed process holds nothing."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import psycopg2
import pytest

from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.warehouse.shared.turns import hold_all
from commerce_pipelines.warehouse.tables.database import Warehouse, lock_number
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.outbox import ended, forked
from commerce_pipelines_tests.doubles.waits import wait_until_blocked

SLOTS = ["slot 0", "slot 1"]


def is_free(warehouse: Warehouse, name: str) -> bool:
    with warehouse.lock(name, wait=False) as held:
        return held


def test_names_and_a_slot_are_held_and_given_back(warehouse: Warehouse) -> None:
    with hold_all(warehouse, ["a", "b"], SLOTS):
        assert [is_free(warehouse, name) for name in ("a", "b", "c", *SLOTS)] == [False, False, True, False, True]
        with hold_all(warehouse, ["c"], SLOTS):
            assert not any(is_free(warehouse, name) for name in ("a", "b", "c", *SLOTS))
    assert all(is_free(warehouse, name) for name in ("a", "b", "c", *SLOTS))


@pytest.mark.parametrize("names", [["b", "c"], ["d"]], ids=["a shared name", "no slot left"])
def test_whoever_comes_later_waits(warehouse: Warehouse, names: list[str]) -> None:
    order: list[str] = []

    def come_later() -> None:
        with hold_all(Warehouse(warehouse.url, MASTER_KEY), names, SLOTS[:1]):
            order.append("second")

    with ThreadPoolExecutor(1) as pool:
        with hold_all(warehouse, ["a", "b"], SLOTS[:1]):
            second = pool.submit(come_later)
            wait_until_blocked(warehouse)
            order.append("first")
        second.result()
    assert order == ["first", "second"]


def test_writers_that_want_the_same_in_another_order_never_wait_for_one_another(warehouse: Warehouse) -> None:
    names = [f"name {number}" for number in range(12)]

    def come_and_go(seed: int) -> int:
        for turn in range(15):
            start = (seed * 5 + turn) % len(names)
            with hold_all(warehouse, [*names[start:], *names[: start // 2]], SLOTS):
                pass
        return seed

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(come_and_go, range(4))) == list(range(4))


def test_a_killed_process_holds_nothing(warehouse: Warehouse) -> None:
    ready, tell = os.pipe()

    def hold_for_ever(own: Warehouse) -> None:
        with hold_all(own, ["a", "b"], SLOTS):
            os.write(tell, b"x")
            signal.pause()

    process = forked(warehouse, hold_for_ever)
    os.read(ready, 1)
    assert not is_free(warehouse, "a")
    os.kill(process, signal.SIGKILL)
    assert ended(process) == -signal.SIGKILL
    with hold_all(warehouse, ["b", "a"], SLOTS[:1]):  # PostgreSQL notices the end of the connection by itself
        pass


def test_a_server_that_goes_away_is_no_bug_of_the_caller(warehouse: Warehouse) -> None:
    with pytest.raises(TransientError), hold_all(warehouse, ["a"], SLOTS):
        with closing(psycopg2.connect(warehouse.url.replace("+psycopg2", ""))) as other, other.cursor() as cursor:
            number = lock_number("a")
            high, low = number >> 32 & 0xFFFFFFFF, number & 0xFFFFFFFF
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = %s"
                " AND objid::bigint = %s", (high, low),
            )  # fmt: skip
        with suppress(psycopg2.Error):
            raise psycopg2.OperationalError("what the next statement of the caller would be told")
        raise psycopg2.OperationalError("the same")


def test_a_shared_lock_lets_nobody_in_past_who_wants_it_alone(warehouse: Warehouse) -> None:
    order: list[str] = []

    def take(name: str, shared: bool) -> None:
        with Warehouse(warehouse.url, MASTER_KEY).lock("gate", wait=True, shared=shared):
            order.append(name)

    with ThreadPoolExecutor(2) as pool:
        with warehouse.lock("gate", wait=True, shared=True), warehouse.lock("gate", wait=True, shared=True):
            alone = pool.submit(take, "alone", False)
            wait_until_blocked(warehouse)
            late = pool.submit(take, "late", True)
            wait_until_blocked(warehouse, 2)
            order.append("first")
        alone.result(), late.result()
    assert order == ["first", "alone", "late"]
