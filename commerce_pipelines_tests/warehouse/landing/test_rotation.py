"""Another master key while answers are landed and read: nothing fails, and the old one opens nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from commerce_pipelines.channels.capabilities import Head
from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.warehouse.landing import dictionaries as dictionary_rules
from commerce_pipelines.warehouse.landing import rotation
from commerce_pipelines.warehouse.landing.landing import Landing
from commerce_pipelines.warehouse.landing.master_keys import derive, open_key
from commerce_pipelines.warehouse.landing.vault import CorruptError, Vault
from commerce_pipelines.warehouse.shared.tokens import DatabaseTokens
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY

NEW = bytes(range(1, 33))
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = NOON.date()


def answer(number: int) -> tuple[Head, bytes]:
    head = Head(record_id=str(number), created_at=NOON, updated_at=NOON, subject=f"email:{number}@example.com")
    return head, f'{{"id": {number}, "shop": "a shop with a long name", "currency": "EUR"}}'.encode()


def open_landing(warehouse: Warehouse) -> Landing:
    return Landing(warehouse, Vault(warehouse), "shop_de", "orders", ZoneInfo("UTC"))


def read(landing: Landing) -> dict[str, bytes | None]:
    return {row.record_id: row.raw for row in landing.newest(DAY, DAY + timedelta(days=1))}


@pytest.fixture
def other(warehouse: Warehouse) -> Iterator[Warehouse]:
    """The same database, by a process that was started with the new key."""
    other = Warehouse(warehouse.url, NEW)
    yield other
    other.close()


def opens(warehouse: Warehouse, master: bytes) -> int:
    """How many subjects' keys a master key opens."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT subject_id, wrapped_key FROM commerce.subject_keys")
        return sum(open_key(master, bytes(wrapped), bytes(subject)) is not None for subject, wrapped in cursor)


def test_whoever_lands_and_reads_meanwhile_notices_nothing(warehouse: Warehouse, other: Warehouse) -> None:
    """A process with the old key goes on through all of it, also beyond its end."""
    running, ids = open_landing(warehouse), [Vault(warehouse).subject_id(f"email:{n}@example.com") for n in range(3)]
    running.land([answer(number) for number in range(20)], "pull", NOON)
    landed, stop, failures = 20, threading.Event(), []

    def go_on() -> None:
        nonlocal landed
        try:
            while not stop.is_set():
                running.land([answer(landed)], "pull", NOON)
                landed += 1
                assert all(read(running).values())
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=go_on)
    thread.start()
    rotation.begin(warehouse, NEW)
    rotation.wrap_all(warehouse, MASTER_KEY, NEW)
    stop.set()
    thread.join()
    running.land([answer(landed)], "pull", NOON)
    assert failures == []
    assert (opens(warehouse, MASTER_KEY), opens(warehouse, NEW)) == (0, landed + 1)

    rotation.finish(other)
    assert read(running) == read(open_landing(other)) == {str(n): answer(n)[1] for n in range(landed + 1)}
    assert [Vault(other).subject_id(f"email:{n}@example.com") for n in range(3)] == ids
    assert open_landing(other).land([answer(0)], "pull", NOON).new == 0
    late = Warehouse(warehouse.url, MASTER_KEY)
    with pytest.raises(SettingsError, match="rotate-key"), late.transaction() as connection:
        Vault(late).check(connection)
    with pytest.raises(SettingsError, match="rotate-key"):
        open_landing(late).land([answer(1000)], "pull", NOON)
    late.close()


def test_a_rotation_that_is_killed_goes_on(
    warehouse: Warehouse, other: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "KEYS_A_BATCH", 2)
    open_landing(warehouse).land([answer(number) for number in range(7)], "pull", NOON)

    def kill(done: int) -> None:
        raise KeyboardInterrupt

    assert not rotation.begin(warehouse, NEW)
    with pytest.raises(KeyboardInterrupt):
        rotation.wrap_all(warehouse, MASTER_KEY, NEW, kill)
    assert (opens(warehouse, MASTER_KEY), opens(warehouse, NEW)) == (5, 2)
    assert len(read(open_landing(warehouse))) == 7
    # Too early: the old key is still needed, so the new one alone is refused and destroys nothing.
    with pytest.raises(SettingsError, match="has not gone through"):
        read(open_landing(other))
    with pytest.raises(SettingsError, match="still wrapped"):
        rotation.finish(other)
    with pytest.raises(SettingsError, match="not finished"):
        rotation.begin(warehouse, bytes(range(2, 34)))

    assert rotation.begin(warehouse, NEW)
    assert rotation.wrap_all(warehouse, MASTER_KEY, NEW) == 5
    with pytest.raises(SettingsError, match="still the old key"):
        rotation.finish(warehouse)
    rotation.finish(other)
    assert all(read(open_landing(other)).values())


def test_what_is_about_nobody_is_sealed_anew_too(
    warehouse: Warehouse, other: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commerce_pipelines.warehouse.landing.landing.SAMPLE_COUNT", 100)
    landing = open_landing(warehouse)
    for start in (0, 100, 200):
        landing.land([answer(number) for number in range(start, start + 100)], "pull", NOON)
    DatabaseTokens(warehouse).get("shop", lambda: ("token-1", 3600.0))
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT body FROM commerce.zstd_dictionaries")
        assert cursor.fetchall()
    rotation.begin(warehouse, NEW)
    rotation.wrap_all(warehouse, MASTER_KEY, NEW)
    rotation.finish(other)
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT body FROM commerce.zstd_dictionaries")
        for (body,) in cursor.fetchall():
            with pytest.raises(CorruptError):
                Vault(other).open(derive(MASTER_KEY, dictionary_rules._PURPOSE), bytes(body), b"shop_de")
        cursor.execute("SELECT count(*) FROM commerce.tokens")
        assert cursor.fetchone() == (0,)
    assert all(read(open_landing(other)).values())
    assert DatabaseTokens(other).get("shop", lambda: ("token-2", 3600.0)) == "token-2"
    # A process from before reads what is sealed by the new key.
    assert DatabaseTokens(other).get("shop", lambda: ("token-3", 3600.0)) == "token-2"


def test_a_key_that_was_damaged_before_holds_nothing_up(warehouse: Warehouse, other: Warehouse) -> None:
    open_landing(warehouse).land([answer(number) for number in range(3)], "pull", NOON)
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.subject_keys SET wrapped_key = 'x' WHERE subject_id ="
                       " (SELECT min(subject_id::text)::bytea FROM commerce.subject_keys)")  # fmt: skip
        assert cursor.rowcount == 1
    rotation.begin(warehouse, NEW)
    assert rotation.wrap_all(warehouse, MASTER_KEY, NEW) == 2
    rotation.finish(other)
    assert sum(map(bool, read(open_landing(other)).values())) == 2
