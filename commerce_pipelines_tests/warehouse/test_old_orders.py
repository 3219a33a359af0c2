"""What a look asks of the database costs the same however many orders there were, and says the same of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.sales.draft import Action, SaleOutcome
from commerce_pipelines.warehouse.fulfilment import channel_deliveries, shipments
from commerce_pipelines.warehouse.fulfilment.channel_deliveries import Due
from commerce_pipelines.warehouse.inventory import pipe, rows
from commerce_pipelines.warehouse.landing.vault import Vault
from commerce_pipelines.warehouse.orders import ledger, staged_rows
from commerce_pipelines.warehouse.privacy import expiry
from commerce_pipelines.warehouse.tables.database import Warehouse, clock
from commerce_pipelines.warehouse.tables.frames import read_frame, replace_days

SHOP, OLD = "shop_de", 3_000
SOLD = ("SKU", "Mug")
# {who}: fulfilled by whom. Each old order is in Odoo, and all that follows from it is done.
ORDERS = """
INSERT INTO commerce.orders (channel, order_id, day, digest, number, placed_at, updated_at, status, fulfilled_by,
    shipped, currency, total, tax, collected, collected_as, refunded, prices_include_tax, line_count, marketplace,
    service, departure_country, destination_country, destination_territory, is_business, is_other_channel, is_test,
    subject_id)
SELECT %(shop)s, n::text, current_date - 30, n || 'd', n::text, now() - interval '30 days', now(), 'paid', %(who)s,
    'yes', 'EUR', 100, 0, 0, '', 0, true, 1, '', '', '', '', '', false, false, false, ''
FROM generate_series(%(first)s, %(last)s) n
"""
LINES = """
INSERT INTO commerce.order_lines (channel, order_id, day, position, line_id, kind, sku, title, quantity, amount, tax,
    of_line)
SELECT %(shop)s, n::text, current_date, 1, '1', 'product', 'SKU', 'Mug', 2, 100, 0, ''
FROM generate_series(%(first)s, %(last)s) n
"""
SALES = """
INSERT INTO commerce.sale_orders (channel, order_id, day, digest, action, odoo_id, name, state, currency, total,
    amount_total, amount_tax, rounding, regime, tax_country, warehouse, evidence, base, code, message, loaded_at)
SELECT %(shop)s, n::text, current_date, n || 'd', 'created', n, '', %(state)s, 'EUR', 100, 100, 0, 0, '', '', '', '',
    '', '', '', now()
FROM generate_series(%(first)s, %(last)s) n
"""
TAKEN_OVER = """
INSERT INTO commerce.channel_deliveries SELECT %(shop)s, n::text, n || 'd', n || 'd', now()
FROM generate_series(%(first)s, %(last)s) n
"""
DELIVERED = """
INSERT INTO commerce.shipments (channel, order_id, odoo_id, name, deliveries, shipped_at, body, digest, read_at,
    settled, tried) SELECT %(shop)s, n::text, n, '', 1, now(), '{}', 'd', now(), 'd', 'd'
FROM generate_series(%(first)s, %(last)s) n
"""
PUSHES = """
INSERT INTO commerce.effects (sequence, target, kind, key, manner, body, digest, token, status, run_id, planned_at,
    attempt, sent_at, settled_at)
SELECT n, %(shop)s, 'quantity', 'key', 'set', jsonb_build_object('quantity', n), n::text, n::text, 'accepted', '',
    now(), 1, now(), now() FROM generate_series(%(first)s, %(last)s) n;
INSERT INTO commerce.attempts (effect, number, run_id, started_at, settled_at, outcome)
SELECT n, 1, '', now(), now(), 'accepted' FROM generate_series(%(first)s, %(last)s) n;
INSERT INTO commerce.listings (channel, key, sku, location, title, quantity, fulfilled_by, active, reference, read_at)
VALUES (%(shop)s, 'key', 'SKU', '', 'Mug', 1, 'merchant', true, '{}', now());
"""


class Shop:
    """The tables of one channel."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def add(self, *statements: str, first: int = 1, last: int = 1, **values: Any) -> None:
        values = {"shop": SHOP, "who": "merchant", "state": "sale", "first": first, "last": last, **values}
        with self.warehouse.transaction() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement, values)

    def remove(self, table: str) -> None:
        with self.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM commerce.{table}")

    @contextmanager
    def staging(self) -> Iterator[Any]:
        """The connection of a transaction that stages days of the channel."""
        day = date(2000, 1, 1)
        with self.warehouse.transaction() as connection:
            with staged_rows.writer(connection, SHOP, day, day + timedelta(days=1)):
                yield connection

    def sold(self, ago: timedelta = timedelta()) -> int:
        """Units that a reading of Odoo's stock, begun now or earlier, does not contain."""
        with self.warehouse.transaction() as connection:
            return pipe.staged_units(connection, SHOP, clock(connection) - ago, None)[SOLD]

    def count_rows(self, look: Callable[[Any], Any]) -> int:
        """How many rows of any table a look goes through."""
        with self.warehouse.connect() as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        with self.warehouse.transaction() as connection:
            before = _count_read(connection)
            look(connection)
            return _count_read(connection) - before


def _count_read(connection: Any) -> int:
    """The rows that this session has read so far."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
            " WHERE schemaname = 'commerce'"
        )
        (counted,) = cursor.fetchone()
    return int(counted)


@pytest.fixture
def shop(warehouse: Warehouse) -> Shop:
    return Shop(warehouse)


def test_an_order_is_held_back_until_a_reading_of_stock_contains_it(shop: Shop) -> None:
    shop.add(ORDERS, LINES)
    assert shop.sold() == 2
    shop.add(SALES)
    assert shop.sold() == 0
    assert shop.sold(ago=timedelta(hours=1)) == 2, "a reading that began before does not contain it"


@pytest.mark.parametrize("state", ["draft", "sent", ""])
def test_a_quotation_in_odoo_takes_no_stock_yet(shop: Shop, state: str) -> None:
    shop.add(ORDERS, LINES)
    shop.add(SALES, state=state)
    assert shop.sold() == 2
    shop.add("UPDATE commerce.sale_orders SET state = 'sale'")
    assert shop.sold() == 0
    shop.add("UPDATE commerce.sale_orders SET state = 'draft'")
    assert shop.sold() == 2


def test_an_order_that_is_staged_anew_is_still_in_odoo(shop: Shop) -> None:
    shop.add(ORDERS, LINES, SALES)
    shop.remove("orders")
    shop.add(ORDERS)
    assert shop.sold() == 0


def test_an_order_that_leaves_the_ledger_is_held_back_again(shop: Shop) -> None:
    shop.add(ORDERS, LINES, SALES)
    shop.remove("sale_orders")
    assert shop.sold() == 2


def replace_ledger(connection: Any, state: str) -> None:
    frame = read_frame(connection, "sale_orders", ledger.LEDGER)
    frame["state"] = state
    replace_days(connection, "sale_orders", SHOP, list(frame["day"]), frame)


def reduce_ledger(connection: Any, state: str) -> None:
    outcome = SaleOutcome(channel=SHOP, order_id="1", action=Action.CHANGED, odoo_id=1, state=state)
    ledger.keep_reduced(connection, SHOP, outcome, None, datetime.now(UTC))


WRITES: dict[str, Callable[[Any, str], None]] = {"a load": replace_ledger, "a refund": reduce_ledger}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(("before", "after", "units"), [("draft", "sale", 0), ("sale", "draft", 2)])
def test_an_order_that_is_staged_while_its_ledger_is_written_is_what_the_ledger_says(
    shop: Shop, write: str, before: str, after: str, units: int
) -> None:
    """Neither saw what the other had not committed: the order stayed out of Odoo for good, or in it."""
    shop.add(ORDERS, LINES)
    shop.add(SALES, state=before)

    def write_ledger() -> None:
        with shop.warehouse.transaction() as connection:
            WRITES[write](connection, after)

    with ThreadPoolExecutor(1) as pool:
        with shop.staging() as connection:
            stage_anew(connection)
            written = pool.submit(write_ledger)
            wait_for(connection, written)
        written.result()
    assert shop.sold() == units


@pytest.mark.parametrize("write", WRITES)
def test_an_order_that_is_staged_before_its_ledger_is_committed_is_what_the_ledger_says(shop: Shop, write: str) -> None:
    shop.add(LINES, SALES)

    def stage() -> None:
        with shop.staging() as connection:
            stage_anew(connection)

    with ThreadPoolExecutor(1) as pool:
        with shop.warehouse.transaction() as connection:
            WRITES[write](connection, "draft")
            staged = pool.submit(stage)
            wait_for(connection, staged)
        staged.result()
    assert shop.sold() == 2


def test_answers_are_destroyed_while_their_ledger_is_written(shop: Shop) -> None:
    """Each held what the other waited for, and PostgreSQL ended one of them."""
    shop.add(ORDERS, LINES)
    shop.add(SALES, state="draft")

    def destroy() -> None:
        with shop.warehouse.transaction() as connection:
            expiry.destroy(connection, Vault(shop.warehouse), SHOP, Topic.ORDERS, ["1"], str)

    with ThreadPoolExecutor(1) as pool:
        with shop.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT FROM commerce.sale_orders FOR UPDATE")
            destroyed = pool.submit(destroy)
            wait_for(connection, destroyed)
            cursor.execute("UPDATE commerce.sale_orders SET state = 'sale'")
        destroyed.result()
    assert shop.sold() == 0


def stage_anew(connection: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.orders")
        cursor.execute(ORDERS, {"shop": SHOP, "who": "merchant", "first": 1, "last": 1})


def wait_for(connection: Any, other: Future[None]) -> None:
    """Until the other session waits for this one, or is done."""
    with connection.cursor() as cursor:
        while not other.done():
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() != (0,):
                return


def test_what_a_channel_shipped_is_due_until_just_that_is_taken_over(shop: Shop) -> None:
    due = [Due(order_id="1", odoo_id=1, digest="1d")]

    def is_due() -> bool:
        with shop.warehouse.transaction() as connection:
            assert [row.order_id for row in channel_deliveries.list_due(connection, SHOP)] in ([], ["1"])
            return channel_deliveries.has_due(connection, SHOP)

    def try_it(settled: set[str]) -> None:
        with shop.warehouse.transaction() as connection:
            channel_deliveries.mark_tried(connection, SHOP, due, settled, "", datetime.now(UTC))

    shop.add(ORDERS, SALES, who="channel")
    assert is_due()
    try_it(set())
    assert is_due()
    try_it({"1"})
    assert not is_due()
    shop.remove("orders")
    shop.add(ORDERS, who="channel")
    assert not is_due(), "it was staged anew as it was"
    shop.remove("orders")
    shop.add(ORDERS.replace("n || 'd'", "'another'"), who="channel")
    assert is_due(), "the channel has shipped more"
    try_it({"1"})
    assert is_due(), "what was taken over is not what the channel shows by now"


LOOKS: dict[str, Callable[[Any], Any]] = {
    "sold units": lambda connection: pipe.staged_units(connection, SHOP, clock(connection), None),
    "landed orders": lambda connection: pipe.unstaged(connection, SHOP, clock(connection)),
    "what listings show": lambda connection: rows.beliefs(connection, SHOP),
    "open sales": lambda connection: shipments.open_sales(connection, SHOP, clock(connection) - timedelta(days=90)),
    "shipments due": lambda connection: shipments.has_due(connection, SHOP),
    "shipments untried": lambda connection: shipments.has_untried(connection, SHOP, ""),
    "deliveries due": lambda connection: channel_deliveries.has_due(connection, SHOP),
    "deliveries untried": lambda connection: channel_deliveries.has_untried(connection, SHOP, ""),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_does_not_go_through_what_is_done(shop: Shop, look: str) -> None:
    who = "channel" if look.startswith("deliveries") else "merchant"
    shop.add(ORDERS, LINES, SALES, TAKEN_OVER, DELIVERED, PUSHES, last=OLD, who=who)
    assert shop.count_rows(LOOKS[look]) < OLD / 10
