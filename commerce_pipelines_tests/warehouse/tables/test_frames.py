"""Frames through COPY: what goes in comes out, and days are replaced, not appended to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection

from commerce_pipelines.domain.orders.order import Address, Buyer, LineKind, Order, OrderLine, OrderStatus
from commerce_pipelines.warehouse.landing.landing import Snapshot
from commerce_pipelines.warehouse.orders import staged_rows
from commerce_pipelines.warehouse.tables.database import Warehouse, storable
from commerce_pipelines.warehouse.tables.frames import read_frame, replace_days, replace_rows, write_frame, write_rows

DAY, NEXT = date(2026, 11, 20), date(2026, 11, 21)
NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(autouse=True)
def probe(warehouse: Warehouse) -> Iterator[None]:
    """A table of every type in use, so that these tests do not follow the business's own tables about."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE commerce.probe (channel text NOT NULL, order_id text NOT NULL, day date NOT NULL,"
            " count integer, total bigint NOT NULL, message text NOT NULL, seen timestamptz NOT NULL, flag boolean,"
            " PRIMARY KEY (channel, order_id))"
        )
    yield
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE commerce.probe")


def row(order_id: str = "1", day: date = DAY, **changes: Any) -> dict[str, Any]:
    return {
        "channel": "shop_de", "order_id": order_id, "day": day, "count": 7, "total": 1, "message": "", "seen": NOON,
        "flag": True, **changes,
    }  # fmt: skip


def stored(warehouse: Warehouse, table: str = "probe", where: str = "", params: Any = ()) -> pd.DataFrame:
    with warehouse.transaction() as connection:
        return read_frame(connection, table, None, where, params)


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(list(rows)).convert_dtypes(dtype_backend="pyarrow")


def written(connection: Connection, *rows: dict[str, Any]) -> int:
    return write_rows(connection, "probe", list(row()), [tuple(record.values()) for record in rows])


TEXTS = (
    "", "plain", 'quo"te', "com,ma", "new\nline\r\n", "emoji 🎁", "שלום עליכם", "\\N", "NULL", "null", "a\\nb", "a\\\\",
    "]\n[", "\x01\x7f", "007", "\t", "\ufeffbom",
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_text_comes_back_as_it_was(warehouse: Warehouse, text: str) -> None:
    with warehouse.transaction() as connection:
        assert write_frame(connection, "probe", frame(row(message=text))) == 1
        assert written(connection, row("2", message=text), row("3", message="")) == 2
    assert stored(warehouse).sort_values("order_id")["message"].tolist() == [text, text, ""]


@given(st.lists(st.text(st.characters(codec=None), max_size=30), min_size=1, max_size=5))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_survives_but_for_what_postgresql_cannot_hold(warehouse: Warehouse, texts: list[str]) -> None:
    rows = [row(str(index), message=text) for index, text in enumerate(texts)]
    with warehouse.transaction() as connection:
        replace_days(connection, "probe", "shop_de", [DAY], pd.DataFrame(rows, dtype=object))
    assert stored(warehouse).sort_values("order_id")["message"].tolist() == [storable(text) for text in texts]
    with warehouse.transaction() as connection:
        replace_days(connection, "probe", "shop_de", [DAY], [])
        written(connection, *rows)
    assert stored(warehouse).sort_values("order_id")["message"].tolist() == [storable(text) for text in texts]


def test_numbers_times_and_nothing_keep_their_types(warehouse: Warehouse) -> None:
    big = 2**63 - 1
    with warehouse.transaction() as connection:
        write_frame(connection, "probe", frame(row("1", total=big, count=None), row("2", total=-big - 1)))
    back = stored(warehouse).sort_values("order_id").to_dict("records")
    assert [row["total"] for row in back] == [big, -big - 1]
    assert back[0]["flag"] is True
    assert pd.isna(back[0]["count"])
    assert back[1]["count"] == 7
    assert back[0]["day"] == DAY
    assert back[0]["seen"] == NOON
    assert back[0]["seen"].utcoffset().total_seconds() == 0


def test_rows_keep_their_types_and_nothing_is_null_where_it_may_be(warehouse: Warehouse) -> None:
    odd = row("2", message='None\n\\.\n"', total=-(2**63), flag=False)
    with warehouse.transaction() as connection:
        written(connection, row("1", message="None", count=None, flag=None), odd)
    first, second = stored(warehouse).sort_values("order_id").to_dict("records")
    assert (first["message"], first["seen"], first["day"]) == ("None", NOON, DAY)
    assert pd.isna(first["count"])
    assert pd.isna(first["flag"])
    assert second == odd
    for wrong in ({"message": None}, {"count": "many"}, {"total": None}, {"total": 1.5}, {"total": 2**63}):
        with pytest.raises(psycopg2.Error), warehouse.transaction() as connection:
            written(connection, row("3", **wrong))


@pytest.mark.parametrize("order_id", ["077", str(2**63), "1e5", "true", "None", "2026-11-20"])
def test_an_id_stays_the_text_it_is(warehouse: Warehouse, order_id: str) -> None:
    with warehouse.transaction() as connection:
        write_frame(connection, "probe", frame(row(order_id)))
        written(connection, row(order_id, channel="other"))
    assert stored(warehouse)["order_id"].tolist() == [order_id] * 2


def test_a_fraction_is_refused_where_the_table_counts(warehouse: Warehouse) -> None:
    with pytest.raises(ValueError, match="truncat"), warehouse.transaction() as connection:
        write_frame(connection, "probe", pd.DataFrame([row(total=1.5)]))


def test_unknown_tables_and_columns_are_named(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        with pytest.raises(KeyError, match="no column colour"):
            write_frame(connection, "probe", frame(row(colour="red")))
        with pytest.raises(KeyError, match=r"no table commerce\.sales"):
            read_frame(connection, "sales")


def test_an_empty_table_has_its_columns(warehouse: Warehouse) -> None:
    empty = stored(warehouse)
    assert len(empty) == 0
    assert list(empty.columns) == list(row())


def test_days_are_replaced_and_a_moved_order_leaves_its_old_day(warehouse: Warehouse) -> None:
    def replace(days: list[date], *rows: dict[str, Any]) -> None:
        with warehouse.transaction() as connection:
            replace_days(connection, "probe", "shop_de", days, frame(*rows) if rows else [])

    replace([DAY, NEXT], row("1"), row("2"), row("3", NEXT))
    replace([DAY], row("2"))
    assert dict(stored(warehouse)[["order_id", "day"]].values) == {"2": DAY, "3": NEXT}
    replace([DAY], row("2"), row("3"))
    assert dict(stored(warehouse)[["order_id", "day"]].values) == {"2": DAY, "3": DAY}
    with warehouse.transaction() as connection:
        write_frame(connection, "probe", frame(row("1", channel="shop_uk")))
    replace([DAY, NEXT])
    assert stored(warehouse)["channel"].tolist() == ["shop_uk"]


ORDER = Order(
    channel="shop_de", order_id="1", number="#1", placed_at=NOON, updated_at=NOON, status=OrderStatus.PAID,
    currency="EUR", total=1190, prices_include_tax=True, collected=5, service="dhl",
    lines=(
        OrderLine(line_id="a", kind=LineKind.PRODUCT, title="Mug\0", quantity=2, amount=1290, tax=206,
                  rate=190_000, sku="M"),
        OrderLine(line_id="b", kind=LineKind.DISCOUNT, title="", quantity=1, amount=-100, tax=-16, of="a"),
    ),
    buyer=Buyer(name="CANARY Anna", email="canary@example.com", is_business=True),
    shipping=Address(name="CANARY Anna", street="CANARY Street 1", city="CANARY City", postcode="78266", country="DE"),
)  # fmt: skip
SNAPSHOT = Snapshot(record_id="1", digest="ab", day=DAY, subject_id="cd")


def test_staged_rows_hold_the_business_and_no_person(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        with staged_rows.writer(connection, "shop_de", DAY, NEXT, lambda country, code: f"{country}{code}") as writer:
            writer.add(SNAPSHOT, ORDER)
    (order,) = stored(warehouse, "orders").to_dict("records")
    first, second = stored(warehouse, "order_lines").sort_values("position").to_dict("records")
    wanted = {
        "order_id": "1", "day": DAY, "digest": "ab", "status": "paid", "fulfilled_by": "merchant", "shipped": "no",
        "total": 1190, "tax": 190, "collected": 5, "line_count": 2, "destination_country": "DE",
        "destination_territory": "DE78266", "is_business": True, "subject_id": "cd", "placed_at": NOON,
    }  # fmt: skip
    assert {key: order[key] for key in wanted} == wanted
    assert (first["title"], first["quantity"], first["rate"], first["position"]) == ("Mug�", 2, 190_000, 1)
    assert (second["amount"], second["of_line"], second["kind"]) == (-100, "a", "discount")
    assert pd.isna(second["rate"])
    assert "canary" not in f"{order}{first}{second}".lower()


def test_staging_is_all_or_nothing(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection, staged_rows.writer(connection, "shop_de", DAY, NEXT) as writer:
        writer.add(SNAPSHOT, ORDER)
    with pytest.raises(RuntimeError), warehouse.transaction() as connection:
        with staged_rows.writer(connection, "shop_de", DAY, NEXT) as writer:
            writer.flush()
            raise RuntimeError
    assert len(stored(warehouse, "orders")) == 1


ROWS = st.dictionaries(
    st.sampled_from(["a", "b", 'c"', "d\n", "ü"]),
    st.tuples(st.none() | st.integers(-5, 5), st.sampled_from(["", "x", "NULL"]), st.none() | st.booleans()),
)


@given(first=ROWS, second=ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_rows_are_replaced_by_writing_what_differs(warehouse: Warehouse, first: Any, second: Any) -> None:
    def build(rows: Any) -> pd.DataFrame:
        made = [row(key, count=count, message=text, flag=flag) for key, (count, text, flag) in rows.items()]
        empty = frame(row()).iloc[:0]
        return frame(*made).astype(empty.dtypes) if made else empty

    with warehouse.transaction() as connection:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM commerce.probe")
        write_frame(connection, "probe", frame(row("elsewhere", channel="other")))
        replace_rows(connection, "probe", build(first), ["order_id"], {"channel": "shop_de"})
        changes = replace_rows(connection, "probe", build(second), ["order_id"], {"channel": "shop_de"})
        left = read_frame(connection, "probe", ["order_id", "count", "message", "flag"], "channel = 'shop_de'")
    differing = [key for key in {*first, *second} if first.get(key) != second.get(key)]
    assert changes == sum((key in first) + (key in second) for key in differing)
    got = {
        key: (None if pd.isna(count) else int(count), text, None if pd.isna(flag) else bool(flag))
        for key, count, text, flag in left.itertuples(index=False)
    }
    assert got == second
    assert len(stored(warehouse, where="channel = 'other'")) == 1


KEPT = st.dictionaries(
    st.sampled_from(["a", "b", 'c"', "d\n", "ü"]),
    st.tuples(st.sampled_from([DAY, NEXT, date(2026, 11, 22)]), st.integers(-5, 5), st.sampled_from(["", "x", "NULL"])),
)


@given(first=KEPT, second=KEPT, days=st.sets(st.sampled_from([DAY, NEXT])))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_days_by_difference_are_as_if_they_were_replaced_and_what_stays_is_not_touched(
    warehouse: Warehouse, first: Any, second: Any, days: set[date]
) -> None:
    """second: only records of the days count, as an asset gives them."""
    second = {key: row for key, row in second.items() if row[0] in days}

    def build(rows: Any) -> pd.DataFrame:
        return frame(*[row(key, day, count=count, message=text) for key, (day, count, text) in rows.items()])

    def read(connection: Connection, *columns: str) -> dict[str, Any]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT order_id, {', '.join(columns)} FROM commerce.probe WHERE channel = 'shop_de'")
            return {key: tuple(values) for key, *values in cursor}

    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.probe")
        write_frame(connection, "probe", frame(row("a", channel="other")))
        if first:
            write_frame(connection, "probe", build(first))
        before = read(connection, "day", "count", "message", "ctid::text", "xmin::text")
    with warehouse.transaction() as connection:
        stored_rows = replace_days(connection, "probe", "shop_de", days, build(second) if second else [])
        after = read(connection, "day", "count", "message", "ctid::text", "xmin::text")
    stays = {key: values for key, values in first.items() if values[0] not in days and key not in second}
    assert {key: values[:3] for key, values in after.items()} == {**stays, **second}
    assert stored_rows == len(second)
    same = [key for key, values in after.items() if before.get(key, ())[:3] == values[:3]]
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    assert len(stored(warehouse, where="channel = 'other'")) == 1
