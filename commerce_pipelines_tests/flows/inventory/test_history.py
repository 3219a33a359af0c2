"""What was free, shown and sold at a minute; an oversell told with its cause, to the second."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from click.testing import CliRunner

from commerce_pipelines.channels.capabilities import Head
from commerce_pipelines.cli import webserver
from commerce_pipelines.cli.main import main
from commerce_pipelines.core.errors import PermanentError, SettingsError
from commerce_pipelines.core.local_time import local_time
from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.flows.inventory.history import explain_oversold, look_back
from commerce_pipelines.flows.inventory.inputs import recent_stock, take_stock
from commerce_pipelines.odoo.inventory.kits import Kit
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.warehouse import exceptions
from commerce_pipelines.warehouse.inventory.kept_levels import keep_levels, read_levels
from commerce_pipelines.warehouse.inventory.stock import store_stock
from commerce_pipelines.warehouse.tables.database import Warehouse

from ...doubles.inventory import NAME, Odoo, Shop, booked, connections, publish, refresh_targets, sold

DAY = timedelta(days=1)


@pytest.fixture
def world(warehouse: Warehouse) -> Connections:
    """Ten of A are free and shown, as a run of five minutes ago found and sent them."""
    world = connections(warehouse, Odoo({("A", "WH"): [10, 0]}), Shop({"A": 0}))
    take_stock(world)
    refresh_targets(world, NAME)
    publish(world, NAME, recent_stock(world), run_id="r")
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.attempts SET started_at = started_at - interval '5 min'")
        cursor.execute("UPDATE commerce.effects SET planned_at = planned_at - interval '5 min', sent_at = sent_at"
                       " - interval '5 min', basis = jsonb_set(basis, '{taken_at}',"
                       " to_jsonb((basis->>'taken_at')::timestamptz - interval '5 min'))")  # fmt: skip
    return world


def oversell(warehouse: Warehouse, order_id: str) -> None:
    failure = exceptions.Failure(
        record_id=order_id, day=None, reason=Reason("oversold", "Odoo could not reserve all.", "Look.")
    )
    with warehouse.transaction() as connection:
        exceptions.record(connection, NAME, Topic.ORDERS, "load", [failure], "r", datetime.now(UTC))


def test_an_oversell_is_told_with_the_orders_that_were_not_known_yet(world: Connections, warehouse: Warehouse) -> None:
    now = datetime.now(UTC)
    sold(warehouse, "first", "A", 8, placed_at=now - timedelta(minutes=2))
    sold(warehouse, "second", "A", 7, placed_at=now - timedelta(minutes=1))
    ago = now - timedelta(minutes=2)
    sold(warehouse, "taken back", "A", 3, placed_at=ago, updated_at=ago, status="cancelled")
    oversell(warehouse, "second")
    story = look_back(world, NAME, "A", now + timedelta(seconds=1), DAY)
    [shown] = story.shown
    assert shown.pushed
    assert (shown.pushed.quantity, shown.pushed.free, shown.left) == (10, 10, -5)
    assert [order.order_id for order in shown.sold] == ["first", "second"]
    [sentence] = explain_oversold(story)
    assert "Order second of shop_de sold what was not there: it showed 10" in sentence
    assert "8 by shop_de first" in sentence
    assert local_time(now - timedelta(minutes=2), seconds=True) in sentence
    assert "7 by" not in sentence
    assert "taken back" not in sentence


def test_an_order_that_was_cancelled_later_counts_until_then(world: Connections, warehouse: Warehouse) -> None:
    now = datetime.now(UTC)
    sold(warehouse, "first", "A", 8, placed_at=now - timedelta(minutes=3), status="cancelled")
    sold(warehouse, "second", "A", 7, placed_at=now - timedelta(minutes=2))
    oversell(warehouse, "second")
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.orders SET updated_at = %s WHERE order_id = 'first'",
                       (now - timedelta(minutes=1),))  # fmt: skip
    [sentence] = explain_oversold(look_back(world, NAME, "A", now, DAY))
    assert "8 by shop_de first" in sentence
    left = [look_back(world, NAME, "A", now - timedelta(seconds=ago), DAY).shown[0].left for ago in (90, 30)]
    assert left == [-5, 3]


def test_an_order_that_came_here_after_the_reading_is_the_cause_though_it_was_placed_before(
    world: Connections, warehouse: Warehouse
) -> None:
    now = datetime.now(UTC)
    sold(warehouse, "late", "A", 8, placed_at=now - timedelta(minutes=9))
    head = Head(record_id="late", created_at=now, updated_at=now, subject="order:late")
    world.landing(NAME, Topic.ORDERS).land([(head, b"{}")], "poll", now)
    sold(warehouse, "second", "A", 7, placed_at=now - timedelta(minutes=1))
    booked(warehouse, "late")
    oversell(warehouse, "second")
    story = look_back(world, NAME, "A", now + timedelta(seconds=1), DAY)
    [sentence] = explain_oversold(story)
    assert "8 by shop_de late" in sentence
    assert story.shown[0].left == -5


def test_a_quantity_that_was_sent_before_the_span_is_known_all_the_same(
    world: Connections, warehouse: Warehouse
) -> None:
    now = datetime.now(UTC)
    sold(warehouse, "first", "A", 8, placed_at=now - timedelta(minutes=3))
    sold(warehouse, "second", "A", 7, placed_at=now - timedelta(seconds=30))
    oversell(warehouse, "second")
    story = look_back(world, NAME, "A", now + timedelta(seconds=1), timedelta(minutes=1))
    assert ([order.order_id for order in story.sold], story.pushed) == (["second"], ())
    [sentence] = explain_oversold(story)
    assert "it showed 10" in sentence
    assert "8 by shop_de first" in sentence


def test_a_quantity_without_an_answer_may_be_shown_or_not(world: Connections, warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.attempts SET outcome = NULL, settled_at = NULL")
        cursor.execute("UPDATE commerce.effects SET status = 'sent'")
    [shown] = look_back(world, NAME, "A", datetime.now(UTC), DAY).shown
    assert (shown.pushed, shown.perhaps, shown.left) == (None, (10,), None)


def test_a_pack_takes_its_units_of_the_free_ones_and_its_own_quantity_is_named(warehouse: Warehouse) -> None:
    world = connections(warehouse, Odoo({("A", "WH"): [60, 0]}), Shop({"A": 0, "SIX": 0}))
    take_stock(world)
    refresh_targets(world, NAME)
    publish(world, NAME, recent_stock(world), run_id="r")
    now = datetime.now(UTC) + timedelta(seconds=1)
    sold(warehouse, "six", "SIX", 2, placed_at=now)
    sold(warehouse, "other", "A", 55, placed_at=now)
    oversell(warehouse, "six")
    story = look_back(world, NAME, "SIX", now + timedelta(seconds=1), DAY)
    assert {shown.listing.sku: shown.left for shown in story.shown} == {"A": -7, "SIX": -7}
    [sentence] = explain_oversold(story)
    assert "it showed 10, sent" in sentence


def test_before_an_order_was_placed_it_does_not_count(world: Connections, warehouse: Warehouse) -> None:
    now = datetime.now(UTC)
    sold(warehouse, "first", "A", 8, placed_at=now - timedelta(minutes=2))
    [shown] = look_back(world, NAME, "A", now - timedelta(minutes=3), DAY).shown
    assert (shown.left, shown.sold) == (10, ())
    [shown] = look_back(world, NAME, "A", now - timedelta(minutes=10), DAY).shown
    assert (shown.pushed, shown.left) == (None, None)


def test_without_another_sale_the_figure_itself_was_wrong(world: Connections, warehouse: Warehouse) -> None:
    now = datetime.now(UTC)
    sold(warehouse, "only", "A", 2, placed_at=now - timedelta(minutes=1))
    oversell(warehouse, "only")
    [sentence] = explain_oversold(look_back(world, NAME, "A", now, DAY))
    assert "nothing of it was sold in between" in sentence


KIT = 99  # a product id of no other product


@pytest.fixture
def boxes(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Connections:
    """Ten of A are free and shown, and five of BOX, of which each takes two of A."""
    box = Kit(code="BOX", content={1: 2_000_000}, bill={1: 2_000_000}, makes=1_000_000)
    monkeypatch.setattr("commerce_pipelines.odoo.inventory.stock.read_kits", lambda *_: {KIT: box})
    world = connections(warehouse, Odoo({("A", "WH"): [10, 0]}), Shop({"A": 0, "BOX": 0}))
    take_stock(world)
    refresh_targets(world, NAME)
    publish(world, NAME, recent_stock(world), run_id="r")
    return world


def test_a_kit_that_took_its_parts_is_the_cause_and_named(boxes: Connections, warehouse: Warehouse) -> None:
    now = datetime.now(UTC) + timedelta(seconds=1)
    sold(warehouse, "boxes", "BOX", 4, placed_at=now)
    sold(warehouse, "single", "A", 7, placed_at=now + timedelta(seconds=1))
    oversell(warehouse, "single")
    story = look_back(boxes, NAME, "A", now + timedelta(seconds=2), DAY)
    [shown] = story.shown
    assert (shown.pushed and shown.pushed.free, shown.left) == (10, -5)
    [sentence] = explain_oversold(story)
    assert "Order single of shop_de sold what was not there: it showed 10" in sentence
    assert "8 by shop_de boxes in the kit BOX" in sentence


def test_parts_that_were_sold_alone_are_the_cause_of_a_kits_oversell(boxes: Connections, warehouse: Warehouse) -> None:
    now = datetime.now(UTC) + timedelta(seconds=1)
    sold(warehouse, "single", "A", 7, placed_at=now)
    sold(warehouse, "boxes", "BOX", 4, placed_at=now + timedelta(seconds=1))
    oversell(warehouse, "boxes")
    story = look_back(boxes, NAME, "BOX", now + timedelta(seconds=2), DAY)
    assert [shown.left for shown in story.shown] == [None]  # seven of A cost at most four boxes
    [sentence] = explain_oversold(story)
    assert "4 by shop_de single as A, which takes parts of BOX" in sentence
    assert not list(explain_oversold(look_back(boxes, NAME, "A", now + timedelta(seconds=2), DAY)))


def test_an_oversell_of_kits_alone_counts_them_whole(boxes: Connections, warehouse: Warehouse) -> None:
    now = datetime.now(UTC) + timedelta(seconds=1)
    sold(warehouse, "boxes", "BOX", 4, placed_at=now)
    assert [shown.left for shown in look_back(boxes, NAME, "BOX", now + timedelta(seconds=1), DAY).shown] == [1]


def test_what_was_a_kit_until_long_before_the_span_takes_nothing(
    boxes: Connections, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_back(warehouse, 20 * DAY)
    monkeypatch.setattr("commerce_pipelines.odoo.inventory.stock.read_kits", lambda *_: {})
    take_stock(boxes)
    move_back(warehouse, 20 * DAY)
    now = datetime.now(UTC)
    sold(warehouse, "boxes", "BOX", 4, placed_at=now)
    assert look_back(boxes, NAME, "A", now + timedelta(seconds=1), DAY).sold == ()
    sold(warehouse, "long ago", "BOX", 4, placed_at=now - 25 * DAY, day=(now - 25 * DAY).date())
    [order] = look_back(boxes, NAME, "A", now - 24 * DAY, 2 * DAY).sold
    assert (order.units, order.other) == (8, "BOX")


def move_back(warehouse: Warehouse, by: timedelta) -> None:
    """What is kept of stock so far was read and stored so long ago."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        for table, columns in (("stock_readings", ["taken_at"]), ("stock_level_history", ["since", "until"]),
                               ("inventory_target_history", ["since", "until"])):  # fmt: skip
            moved = ", ".join(f"{column} = {column} - %(by)s" for column in columns)
            cursor.execute(f"UPDATE commerce.{table} SET {moved}", {"by": by})


def count_kept(warehouse: Warehouse) -> list[int]:
    tables = ("stock_readings", "stock_level_history", "inventory_target_history")
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        counted = []
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM commerce.{table}")
            counted.append(cursor.fetchone()[0])  # type: ignore[index]
    return counted


def test_stock_as_it_was_is_kept_and_only_what_changes(warehouse: Warehouse) -> None:
    odoo = Odoo({("A", "WH"): [10, 0], ("B", "WH"): [3, 0]})
    world = connections(warehouse, odoo, Shop({"A": 0, "B": 0}))
    take_stock(world)
    refresh_targets(world, NAME)
    move_back(warehouse, timedelta(hours=2))
    odoo.stock["A", "WH"] = [4, 1]
    take_stock(world)
    refresh_targets(world, NAME)
    assert count_kept(warehouse) == [2, 3, 3]
    now = datetime.now(UTC)
    story = look_back(world, NAME, "A", now, DAY)
    assert [(row.warehouse, row.on_hand, row.free) for row in story.levels_then] == [("WH", 4, 3)]
    assert [shown.wish and shown.wish.target for shown in story.shown] == [3]
    before = look_back(world, NAME, "A", now - timedelta(hours=1), DAY)
    assert [(row.warehouse, row.on_hand, row.free) for row in before.levels_then] == [("WH", 10, 10)]
    assert [shown.wish and shown.wish.target for shown in before.shown] == [10]
    assert before.read_at
    assert before.read_at < now - timedelta(hours=1)


def test_a_fall_in_odoo_that_no_order_explains_is_told_to_the_second(world: Connections, warehouse: Warehouse) -> None:
    move_back(warehouse, timedelta(minutes=5))
    odoo = connections(warehouse, Odoo({("A", "WH"): [2, 0]}), Shop({"A": 10}))
    take_stock(odoo)
    now = datetime.now(UTC) + timedelta(seconds=1)
    sold(warehouse, "only", "A", 5, placed_at=now)
    oversell(warehouse, "only")
    [sentence] = explain_oversold(look_back(odoo, NAME, "A", now + timedelta(seconds=1), DAY))
    assert "no order took it, but Odoo's own figure fell: from 10 to 2 in WH by the reading of" in sentence


def test_what_is_over_for_longer_than_the_setting_says_is_dropped_and_told(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    odoo = Odoo({("A", "WH"): [10, 0], ("B", "WH"): [3, 0]})
    world = connections(warehouse, odoo, Shop({"A": 0, "B": 0}))
    kept = msgspec.structs.replace(world.settings, stock_history_days=2)
    monkeypatch.setattr(world, "settings", kept)
    take_stock(world)
    refresh_targets(world, NAME)
    move_back(warehouse, timedelta(days=3))
    odoo.stock["A", "WH"] = [4, 0]
    for _ in range(2):  # what the first one ends has been over for no time
        take_stock(world)
        refresh_targets(world, NAME)
    assert count_kept(warehouse) == [2, 3, 3]
    move_back(warehouse, timedelta(days=3))
    odoo.stock["A", "WH"] = [5, 0]
    take_stock(world)
    refresh_targets(world, NAME)
    assert count_kept(warehouse) == [1, 3, 3]  # B as it always was, and A's last two
    now = datetime.now(UTC)
    assert [row.free for row in look_back(world, NAME, "B", now, DAY).levels_then] == [3]
    assert look_back(world, NAME, "A", now - timedelta(days=7), DAY).levels_then == ()
    monkeypatch.setattr("commerce_pipelines.cli.inventory._open_connections", lambda channel: world)
    at = (now - timedelta(days=7)).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    result = CliRunner().invoke(main, ["inventory", "history", NAME, "A", "--at", at], env={"COLUMNS": "200"})
    assert "is not on record: it is kept for 2 days (stock_history_days); the first reading on record" in result.output


def test_stock_of_settings_that_named_no_company_ends_when_they_name_one(warehouse: Warehouse) -> None:
    world = connections(warehouse, Odoo({("A", "WH"): [10, 0]}), Shop({"A": 0}))
    snapshot = take_stock(world)
    now = datetime.now(UTC)
    with warehouse.transaction() as connection:
        store_stock(connection, snapshot.levels, snapshot.places, now, company=7)
        keep_levels(connection, 7, now, DAY)
        assert [row.until for row in read_levels(connection, 0, [1], now - DAY, now)] == [now]
        assert [row.until for row in read_levels(connection, 7, [1], now - DAY, now)] == [None]


@pytest.mark.parametrize("product", [None, 77])
def test_a_listing_that_is_linked_to_an_older_record_of_the_product_is_one_of_the_article(
    world: Connections, warehouse: Warehouse, product: int | None
) -> None:
    """As of a channel that stands still, while the product was made anew in Odoo."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO commerce.inventory_targets SELECT (jsonb_populate_record(t, jsonb_build_object("
            "'channel', 'a_shop', 'product_id', %s::bigint))).* FROM commerce.inventory_targets t",
            (product,),
        )
    sold(warehouse, "first", "A", 8)
    story = look_back(world, NAME, "A", datetime.now(UTC) + timedelta(seconds=1), DAY)
    assert {shown.listing.channel: shown.left for shown in story.shown} == {"a_shop": None, NAME: 2}
    assert [(order.units, order.other) for order in story.sold] == [(8, "")]


def test_a_sku_of_no_listing_is_told(world: Connections) -> None:
    with pytest.raises(PermanentError, match="No listing of shop_de with the SKU 'Z'"):
        look_back(world, NAME, "Z", datetime.now(UTC), DAY)


def test_it_is_shown_in_a_terminal(world: Connections, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    sold(warehouse, "first", "A", 8)
    monkeypatch.setattr("commerce_pipelines.cli.inventory._open_connections", lambda channel: world)
    result = CliRunner().invoke(main, ["inventory", "history", NAME, "A"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "told 10" in result.output
    assert "sold 8" in result.output
    old = CliRunner().invoke(main, ["inventory", "history", NAME, "A", "--at", "2026-01-01 10:00"])
    assert "nothing on record" in old.output


def test_it_is_shown_as_a_page_with_links_and_every_text_escaped(
    world: Connections, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    sold(warehouse, "<first>", "A", 8, placed_at=now - timedelta(minutes=2))
    sold(warehouse, "second", "A", 7, placed_at=now - timedelta(minutes=1))
    oversell(warehouse, "second")
    monkeypatch.setattr(webserver, "_open_connections", lambda: world)
    page = webserver.show_article(NAME, "A", {"hours": "1"})
    assert f'<a href="/orders/{NAME}/%3Cfirst%3E">&lt;first&gt;</a>' in page
    assert "<first>" not in page
    for text in ("Order second of shop_de sold what was not there", "told 10", "sold 7", "<td>-5", "name=hours min=1",
                 "A in Odoo, as it was read", "<td>WH"):  # fmt: skip
        assert text in page
    before = webserver.show_article(NAME, "A", {"at": "2026-01-01T10:00", "hours": "2"})
    assert 'value="2026-01-01T10:00"' in before
    assert "nothing on record" in before
    with pytest.raises(PermanentError, match="No listing of shop_de"):
        webserver.show_article(NAME, "Z", {})
    with pytest.raises(SettingsError):
        webserver.show_article("other", "A", {})


@pytest.mark.parametrize("query", [{"at": "noon"}, {"at": "0001-01-01"}, {"at": "2999-01-01T10:00"}, {"hours": "0"},
                                   {"hours": "9999999"}, {"hours": "x"}])  # fmt: skip
def test_a_minute_or_a_span_that_cannot_be_is_refused_with_what_can(query: dict[str, str]) -> None:
    with pytest.raises(PermanentError, match="`at` is a minute between 2000-01-01 and now, as 2026-11-20T14:30"):
        webserver.read_span(query, datetime(2026, 11, 28, tzinfo=UTC))


def test_the_minute_that_the_page_offers_is_taken_back_also_between_both_midnights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # the first of December in Berlin
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        at, _ = webserver.read_span({"at": "2026-12-01T00:30"}, now)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert at == now
