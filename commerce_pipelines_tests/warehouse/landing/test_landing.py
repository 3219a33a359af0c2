"""The landing: every distinct answer once, the newest revision wins, nothing readable without the subject's key."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce_pipelines.channels.capabilities import Head
from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.warehouse import exceptions as quarantine
from commerce_pipelines.warehouse.landing.landing import DAMAGED, Landing, LandResult, Snapshot
from commerce_pipelines.warehouse.landing.vault import Vault
from commerce_pipelines.warehouse.tables.database import Warehouse

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY, NEXT = date(2026, 11, 20), date(2026, 11, 21)


def answer(
    order_id: str = "1", *, placed: datetime = NOON, revision: int = 0, text: str = "a", subject: str = "email:a@b.c"
) -> tuple[Head, bytes]:
    head = Head(record_id=order_id, created_at=placed, updated_at=NOON + timedelta(minutes=revision), subject=subject)
    return head, f'{{"id":"{order_id}","text":"{text}","revision":{revision}}}'.encode()


Land = Callable[..., LandResult]


@pytest.fixture
def landing(warehouse: Warehouse) -> Landing:
    return Landing(warehouse, Vault(warehouse), "shop_de", "orders", BERLIN)


@pytest.fixture
def land(landing: Landing) -> Land:
    moments: Iterator[datetime] = (NOON + timedelta(seconds=second) for second in range(1_000_000))
    return lambda *items: landing.land(items, "poll", next(moments))


def newest(landing: Landing, start: date = DAY, end: date = NEXT) -> list[Snapshot]:
    return list(landing.newest(start, end))


def test_an_answer_is_kept_once_byte_for_byte(landing: Landing, land: Land) -> None:
    head, raw = answer(text="Grüße \0 🎁 שלום")
    assert land((head, raw), (head, raw)) == LandResult(seen=2, new=1, days={DAY: 1})
    assert land((head, raw)).new == 0
    (snapshot,) = newest(landing)
    (revision,) = landing.history("1")
    assert (snapshot.raw, snapshot.digest) == (raw, revision.digest)
    assert (revision.created_at, revision.how) == (NOON, "poll")


def test_landing_the_same_at_once_keeps_it_once(landing: Landing) -> None:
    for round in range(5):
        items = [answer(str(number), revision=round, subject=f"email:{number}@b.c") for number in range(30)]
        start = threading.Barrier(3)

        def land_in_order(order: int, items: list[tuple[Head, bytes]] = items, start: threading.Barrier = start) -> int:
            start.wait()
            return landing.land(items[::order], "poll", NOON).new

        with ThreadPoolExecutor(3) as threads:
            assert sorted(threads.map(land_in_order, (1, -1, 1))) == [0, 0, 30]
    assert len(landing.history("7")) == 5


def test_the_newest_revision_wins_whatever_arrives_last(landing: Landing, land: Land) -> None:
    for revision in (2, 3, 1):
        assert land(answer(revision=revision)).new == 1
    assert [snapshot.raw for snapshot in newest(landing)] == [answer(revision=3)[1]]
    assert landing.newest_of(["1", "unknown"])["1"].raw == answer(revision=3)[1]
    assert [revision.updated_at.minute for revision in landing.history("1")] == [1, 2, 3]


def test_of_equally_old_revisions_the_one_seen_last_wins(landing: Landing, land: Land) -> None:
    land(answer(text="first"))
    land(answer(text="second"))
    assert [snapshot.raw for snapshot in newest(landing)] == [answer(text="second")[1]]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5)), min_size=1, max_size=12))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_news_ends_in_the_newest(warehouse: Warehouse, news: list[tuple[str, int]]) -> None:
    channel = f"c{abs(hash(tuple(news)))}"
    landing = Landing(warehouse, Vault(warehouse), channel, "orders", BERLIN)
    for second, (order_id, revision) in enumerate(news):
        landing.land([answer(order_id, revision=revision)], "poll", NOON + timedelta(seconds=second))
    last = {order_id: max(r for o, r in news if o == order_id) for order_id, _ in news}
    assert {s.record_id: s.raw for s in newest(landing)} == {o: answer(o, revision=r)[1] for o, r in last.items()}
    assert landing.records_per_day(DAY, NEXT) == {DAY: len(last)}


def test_the_business_day_is_the_channels_own(landing: Landing, land: Land) -> None:
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    assert land(answer(placed=late)).days == {NEXT: 1}
    assert newest(landing) == []
    assert len(newest(landing, NEXT, NEXT + timedelta(days=1))) == 1


def test_an_order_whose_day_moves_counts_on_its_newest_day_alone(landing: Landing, land: Land) -> None:
    land(answer())
    land(answer(placed=NOON + timedelta(days=1), revision=1))
    assert newest(landing) == []
    assert landing.records_per_day(DAY, NEXT + timedelta(days=1)) == {NEXT: 1}


def test_days_come_in_order(landing: Landing) -> None:
    items = [answer(f"{n:04}", subject=f"email:{n}") for n in range(1200)]
    landing.land(items, "pull", NOON)
    assert [snapshot.record_id for snapshot in newest(landing)] == [f"{n:04}" for n in range(1200)]
    # The dictionary learned from the first 500 does not make what was written before it unreadable, nor what follows.
    landing.land([answer(f"{n:04}", revision=1, subject=f"email:{n}") for n in range(1200)], "pull", NOON)
    assert all(snapshot.raw == answer(snapshot.record_id, revision=1)[1] for snapshot in newest(landing))


def test_no_clear_text_in_the_table(landing: Landing, land: Land, warehouse: Warehouse) -> None:
    land(answer(text="CANARY-Anna-Musterfrau", subject="email:canary@example.com"))
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        for table in ("snapshots", "subject_keys"):
            cursor.execute(f"SELECT t::text, encode(convert_to(t::text, 'UTF8'), 'escape') FROM commerce.{table} t")
            text = str(cursor.fetchall())
            assert "CANARY" not in text
            assert b"CANARY".hex() not in text
            assert "canary" not in text


def test_a_destroyed_key_makes_every_copy_unreadable(landing: Landing, land: Land, warehouse: Warehouse) -> None:
    land(answer("1"), answer("2", subject="email:other"))
    vault = Vault(warehouse)
    with warehouse.transaction() as connection:
        assert vault.destroy(connection, [vault.subject_id("email:a@b.c")]) == 1
    assert {s.record_id: s.raw is None for s in newest(landing)} == {"1": True, "2": False}
    # What was erased does not come back with the next answer about the same order …
    assert land(answer("1", revision=1)) == LandResult(seen=1, new=0, days={}, forgotten=1)
    # … but a later purchase of the same person is theirs again, under a new key.
    later = datetime.now(UTC) + timedelta(days=1)
    assert land(answer("3", placed=later, text="new")).new == 1
    assert landing.newest_of(["3"])["3"].raw == answer("3", placed=later, text="new")[1]
    with warehouse.transaction() as connection:
        assert vault.lineage(connection, "email:a@b.c") == [
            vault.subject_id("email:a@b.c"),
            vault.heir(vault.subject_id("email:a@b.c")),
        ]


def test_a_flipped_bit_is_told_from_an_answer(landing: Landing, land: Land, warehouse: Warehouse) -> None:
    land(answer())
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.snapshots SET payload = set_bit(payload, 200, 1 - get_bit(payload, 200))")
    assert [snapshot.raw for snapshot in newest(landing)] == [DAMAGED]


def test_a_payload_moved_to_another_order_is_told_too(landing: Landing, land: Land, warehouse: Warehouse) -> None:
    land(answer("1"), answer("2"))
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.snapshots s SET payload = o.payload FROM commerce.snapshots o"
            " WHERE s.record_id = '1' AND o.record_id = '2'"
        )
    assert landing.newest_of(["1"])["1"].raw == DAMAGED
    assert landing.newest_of(["2"])["2"].raw == answer("2")[1]


def test_another_master_key_is_named(landing: Landing, land: Land, warehouse: Warehouse) -> None:
    land(answer())
    other = Warehouse(warehouse.url, bytes(32))
    with pytest.raises(SettingsError, match="COMMERCE_MASTER_KEY is not the key"), other.transaction() as connection:
        Vault(other).check(connection)
    other.close()


@pytest.mark.parametrize("damage", ["set_bit(wrapped_key, 100, 1 - get_bit(wrapped_key, 100))", "'\\x00'::bytea"])
def test_one_damaged_key_holds_up_nobody_else(landing: Landing, land: Land, warehouse: Warehouse, damage: str) -> None:
    vault = Vault(warehouse)
    land(answer("1"), answer("2", subject="email:2"))
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE commerce.subject_keys SET wrapped_key = {damage} WHERE subject_id = %s",
            (vault.subject_id("email:a@b.c"),),
        )
        vault.check(connection)
    assert {row.record_id: row.raw for row in newest(landing)} == {"1": DAMAGED, "2": answer("2")[1]}
    land(answer("1", revision=1), answer("3"))  # news is sealed under the subject's next key
    assert {row.record_id: row.raw for row in newest(landing)} == {
        "1": answer("1", revision=1)[1], "2": answer("2")[1], "3": answer("3")[1],
    }  # fmt: skip
    with warehouse.transaction() as connection:
        assert len(vault.lineage(connection, "email:a@b.c")) == 2


def test_pending_days_are_those_that_no_run_has_dealt_with(landing: Landing, land: Land, warehouse: Warehouse) -> None:
    land(answer("1"), answer("2", subject="email:2"))
    land(answer("3", placed=NOON + timedelta(days=1), subject="email:3"))
    end = NEXT + timedelta(days=1)
    assert landing.pending(DAY, end) == {DAY: NOON, NEXT: NOON + timedelta(seconds=1)}
    _write_ledger(warehouse, landing, "1")
    _write_ledger(warehouse, landing, "3")
    assert landing.pending(DAY, end) == {DAY: NOON}  # order 2
    refusal = quarantine.Failure(record_id="2", day=DAY, reason=Reason("unknown_sku", "No such product.", "Add it."))
    with warehouse.transaction() as connection:
        quarantine.record(connection, "shop_de", "orders", "load", [refusal], "", NOON + timedelta(seconds=9))
    assert landing.pending(DAY, end) == {}
    land(*[answer("9", placed=NOON + timedelta(days=3))] * 3)  # outside the days asked for
    for second in range(10):
        land(answer("2", revision=second + 1, subject="email:2"))
    assert list(landing.pending(DAY, end)) == [DAY]  # news about a waiting order is worth another try


def test_an_erased_subject_leaves_nothing_pending(landing: Landing, land: Land, warehouse: Warehouse) -> None:
    land(answer())
    vault = Vault(warehouse)
    with warehouse.transaction() as connection:
        vault.destroy(connection, [vault.subject_id("email:a@b.c")])
    assert landing.pending(DAY, NEXT) == {}


def _write_ledger(warehouse: Warehouse, landing: Landing, order_id: str) -> None:
    snapshot = landing.newest_of([order_id])[order_id]
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.sale_orders (channel, order_id, day, digest, action, name, state, currency, total,"
            " amount_total, amount_tax, rounding, regime, tax_country, warehouse, evidence, code, message, loaded_at)"
            " VALUES ('shop_de', %s, %s, %s, 'created', 'S1', 'sale', 'EUR', 1, 1, 0, 0, '', '', '', '',"
            " '', '', now())",
            (order_id, snapshot.day, snapshot.digest),
        )


def test_an_answer_landed_some_time_after_its_change_is_known_to_be_unchanged(landing: Landing) -> None:
    late = NOON + timedelta(seconds=6)
    landing.land([answer("1"), answer("2", revision=3), answer("\0")], "poll", late)
    landing.land([answer("3", revision=9)], "poll", NOON + timedelta(minutes=9, seconds=4))
    changes = [("1", NOON), ("2", NOON), ("3", NOON + timedelta(minutes=9)), ("nobody", NOON), ("\0", NOON)]
    assert landing.unchanged(changes) == {"1", "\ufffd"}  # 3 came within the same moments: it may have changed again
    assert landing.unchanged([]) == set()


def test_what_is_cut_is_stored_nowhere_and_makes_no_answer_new(landing: Landing, warehouse: Warehouse) -> None:
    """An answer is known by what was sent: those that were landed whole before stay as they are."""

    def cut(raw: bytes) -> bytes:
        return raw.replace(b"CANARY", b"")

    before, later = answer("1", text="CANARY"), answer("2", text="CANARY")
    assert landing.land([before], "poll", NOON).new == 1
    assert landing.land([before, later], "poll", NOON + timedelta(minutes=1), cut).new == 1
    assert landing.land([before, later], "poll", NOON + timedelta(minutes=2), cut).new == 0
    whole, less = newest(landing)
    assert whole.raw == before[1]
    assert less.raw == cut(later[1])
    assert less.digest == landing._vault.digest(later[1]).hex()
    guesses = {hashlib.sha256(later[1]).hexdigest(), hashlib.blake2b(later[1], digest_size=32).hexdigest()}
    assert less.digest not in guesses  # nobody confirms what was erased by guessing it


def test_the_runbook_s_query_lists_whom_a_breach_concerns(landing: Landing, warehouse: Warehouse) -> None:
    text = (Path(__file__).parents[3] / "docs" / "security.md").read_text(encoding="utf-8")
    query = text[text.index("SELECT channel") : text.index(";", text.index("SELECT channel"))]
    landing.land([answer("early")], "poll", datetime(2026, 11, 19, 23, tzinfo=UTC))
    landing.land([answer("late")], "poll", datetime(2026, 11, 20, 1, tzinfo=UTC))
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(query)
        assert [row[:3] for row in cursor.fetchall()] == [("shop_de", "orders", "late")]
