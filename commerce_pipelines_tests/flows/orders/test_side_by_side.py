"""Several writers into one Odoo: side by side where orders share nothing, one after the other where they do, and each
order exactly once whatever is killed."""

from __future__ import annotations

import secrets
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import msgspec
import pytest

from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.core.failpoints import arm
from commerce_pipelines.domain.orders.order import Buyer, OrderStatus
from commerce_pipelines.domain.sales import division
from commerce_pipelines.flows.odoo_writer import odoo_writer, odoo_writer_if_free
from commerce_pipelines.flows.orders import in_parts
from commerce_pipelines.odoo.sales.sale_orders import SalesLoad
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.lane import MUG, NAME, PAPER, RUN, Lane, Server, later, line
from commerce_pipelines_tests.doubles.outbox import ended, forked
from commerce_pipelines_tests.doubles.waits import count_blocked, wait_until_blocked
from commerce_pipelines_tests.flows.conftest import settings_of

OTHER, THIRD = "shop_two", "shop_three"
Watch = Callable[[Sequence[Any]], None]


@pytest.fixture
def open_lane(odoo: Server, connect: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Lane]:
    """A lane of the first of three channels, with doors of its own, as another process has them."""
    monkeypatch.setenv("TOKEN", "one")

    def open_for(writers: int = 2, name: str = NAME) -> Lane:
        settings = settings_of(odoo, "", f"writers: {writers}, batch: 10, ")
        (channel,) = settings.channels
        two = msgspec.structs.replace(channel, name=OTHER, endpoint="https://two.example.com")
        three = msgspec.structs.replace(channel, name=THIRD, endpoint="https://three.example.com")
        return connect.of(msgspec.structs.replace(settings, channels=(channel, two, three)), name=name)

    return open_for


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(division, "SMALLEST", 2)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[Watch]:
    """Functions that are called with the drafts of each part, while it is its turn."""
    watches: list[Watch] = []
    load = SalesLoad.load

    def load_watched(self: SalesLoad, drafts: Sequence[Any], on_batch: Any = None) -> Any:
        for watch in list(watches):
            watch(drafts)
        return load(self, drafts, on_batch)

    monkeypatch.setattr(SalesLoad, "load", load_watched)
    return watches


def put_orders(lane: Lane, count: int, sku: str, prefix: str = "", **more: Any) -> list[str]:
    """New orders of one product; each has a buyer of its own, unless told otherwise."""
    ids = [f"w-{prefix}{RUN}-{secrets.token_hex(4)}" for _ in range(count)]
    for order_id in ids:
        lane.put(lane.order(order_id, line(sku=sku), **more))
    return ids


def prove(lane: Lane, ids: Sequence[str]) -> None:
    """Each order is in Odoo once, confirmed, with one delivery and its own total."""
    sales = lane.sales(*ids)
    assert len(sales) == len(ids)
    assert {(sale["state"], sale["amount_total"], len(sale["picking_ids"])) for sale in sales} == {("sale", 16.90, 1)}


def test_orders_of_two_products_are_written_by_two_threads_at_once(
    open_lane: Callable[..., Lane], watched: list[Watch], small_parts: None
) -> None:
    lane, both = open_lane(), threading.Barrier(2, timeout=300)
    ids = put_orders(lane, 4, MUG) + put_orders(lane, 4, PAPER)
    parts: list[set[str]] = []

    def meet(drafts: Sequence[Any]) -> None:
        parts.append({of.product_code for draft in drafts for of in draft.lines})
        both.wait()  # each part waits until the other one has begun

    watched.append(meet)
    loaded = lane.run()
    assert loaded.actions == {"created": 8}
    assert sorted(map(sorted, parts)) == sorted([[MUG], [PAPER]])
    prove(lane, ids)
    watched.clear()
    assert lane.run().actions == {"unchanged": 8}


def test_orders_of_one_product_are_never_written_at_once(
    open_lane: Callable[..., Lane], small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = open_lane(3)
    ids = put_orders(lane, 9, MUG)
    alone, load = threading.Lock(), SalesLoad.load

    def load_alone(self: SalesLoad, drafts: Sequence[Any], on_batch: Any = None) -> list[Any]:
        assert alone.acquire(blocking=False), "two parts of one product at once"
        try:
            return list(load(self, drafts, on_batch))
        finally:
            alone.release()

    monkeypatch.setattr(SalesLoad, "load", load_alone)
    assert lane.run().actions == {"created": 9}
    prove(lane, ids)


def run_beside(lane: Lane, other: Lane, watched: list[Watch]) -> bool:
    """Run both, the other one while the first writes; returns whether the other one had to wait until its end."""
    order: list[str] = []

    def note(drafts: Sequence[Any]) -> None:
        if not waits:
            waits.append(pool.submit(other.run))
            settle(waits[0])
            blocked.append(not waits[0].done())
        order.append(drafts[0].channel)

    def settle(second: Any) -> None:
        """Until the other run is at its end or waits for us."""
        while not second.done() and not count_blocked(lane.connections.warehouse):
            pass

    waits: list[Any] = []
    blocked: list[bool] = []
    with ThreadPoolExecutor(1) as pool:
        watched.append(note)
        lane.run()
        waits[0].result()
    watched.clear()
    return blocked[0] and order[0] == lane.name


def test_two_channels_write_at_once_what_they_do_not_share(
    open_lane: Callable[..., Lane], watched: list[Watch]
) -> None:
    lane, other = open_lane(), open_lane(name=OTHER)
    ids, others = put_orders(lane, 3, MUG), put_orders(other, 3, PAPER, channel=OTHER)
    assert not run_beside(lane, other, watched), "the other channel waited"
    prove(lane, ids)
    prove(other, others)


def test_two_channels_wait_for_one_another_at_the_product_that_they_share(
    open_lane: Callable[..., Lane], watched: list[Watch]
) -> None:
    lane, other = open_lane(), open_lane(name=OTHER)
    ids, others = put_orders(lane, 3, MUG), put_orders(other, 3, MUG, channel=OTHER)
    assert run_beside(lane, other, watched), "the other channel did not wait"
    prove(lane, ids)
    prove(other, others)


def test_one_new_buyer_on_two_channels_becomes_one_contact(
    open_lane: Callable[..., Lane], watched: list[Watch]
) -> None:
    lane, other = open_lane(), open_lane(name=OTHER)
    email = f"w-{secrets.token_hex(6)}@example.com"
    ids = put_orders(lane, 1, MUG, buyer=Buyer(name="Ada Byron", email=email))
    others = put_orders(other, 1, PAPER, channel=OTHER, buyer=Buyer(name="Ada Byron", email=email.upper()))
    assert run_beside(lane, other, watched), "the other channel did not wait"
    assert len({sale["partner_id"] for sale in lane.sales(*ids, *others)}) == 1


def test_runs_of_one_channel_write_one_after_the_other(open_lane: Callable[..., Lane], watched: list[Watch]) -> None:
    """Two days of one channel, or its days and a replay: they may hold the same order."""
    lane, again = open_lane(), open_lane()
    ids = put_orders(lane, 3, MUG)
    again.channel.known = lane.channel.known
    assert run_beside(lane, again, watched)
    prove(lane, ids)


def test_a_flow_that_is_not_divided_writes_alone(open_lane: Callable[..., Lane], watched: list[Watch]) -> None:
    lane, flow = open_lane(), open_lane(name=OTHER)
    ids = put_orders(lane, 1, MUG)
    order: list[str] = []

    def write_alone() -> None:
        with odoo_writer(flow.connections, OTHER):
            order.append("alone")

    def look(_: Sequence[Any]) -> None:
        alone.append(pool.submit(write_alone))
        wait_until_blocked(lane.connections.warehouse)
        with odoo_writer_if_free(flow.connections, OTHER, ["marks"]) as writer:
            assert writer is None  # nobody gets past the flow that waits to write alone
        order.append("orders")

    alone: list[Any] = []
    watched.append(look)
    with ThreadPoolExecutor(1) as pool:
        lane.run()
        alone[0].result()
    assert order == ["orders", "alone"]
    prove(lane, ids)


def test_marks_of_a_channel_are_written_beside_the_orders_of_another(
    open_lane: Callable[..., Lane], watched: list[Watch]
) -> None:
    """Without a wait, and as nobody writes the channel's own orders, marks, or with all of the writers."""
    lane, other, third = open_lane(), open_lane(name=OTHER), open_lane(name=THIRD)
    ids = put_orders(lane, 1, MUG)
    free: list[bool] = []

    def may_write(of: Lane, key: str) -> AbstractContextManager[Any]:
        return odoo_writer_if_free(of.connections, of.name, [key])

    def look(drafts: Sequence[Any]) -> None:
        with may_write(lane, "marks") as writer:
            free.append(writer is not None)
        with may_write(other, f"product {drafts[0].lines[0].product_id}") as writer:
            free.append(writer is not None)
        with may_write(other, "marks") as writer, may_write(third, "something else") as one_too_many:
            free.extend((writer is not None, one_too_many is not None))
        with may_write(third, "marks") as writer:
            free.append(writer is not None)

    watched.append(look)
    lane.run()
    assert free == [False, False, True, False, True]
    prove(lane, ids)


def test_what_odoo_has_is_changed_and_cancelled_beside_what_is_new(
    open_lane: Callable[..., Lane], small_parts: None
) -> None:
    lane = open_lane()
    changed, cancelled, *_ = put_orders(lane, 4, MUG)
    lane.run()
    first = lane.channel.known
    lane.put(later(first[changed], lines=(line(1690, PAPER),)))
    lane.put(later(first[cancelled], status=OrderStatus.CANCELLED))
    new = put_orders(lane, 4, PAPER)
    loaded = lane.run()
    assert loaded.actions == {"created": 4, "changed": 1, "cancelled": 1, "unchanged": 2}, loaded.reasons
    prove(lane, new)
    assert [sale["state"] for sale in lane.sales(cancelled)] == ["cancel"]


def test_what_is_refused_waits_and_the_others_go_on(open_lane: Callable[..., Lane], small_parts: None) -> None:
    lane = open_lane()
    ids = put_orders(lane, 3, MUG) + put_orders(lane, 3, PAPER)
    put_orders(lane, 1, "NO-SUCH-ARTICLE")
    loaded = lane.run()
    assert (loaded.actions["created"], loaded.actions["refused"]) == (6, 1)
    prove(lane, ids)


def test_an_error_of_one_thread_ends_the_run_and_the_next_finishes_it(
    open_lane: Callable[..., Lane], watched: list[Watch], small_parts: None
) -> None:
    lane = open_lane()
    ids = put_orders(lane, 4, MUG) + put_orders(lane, 4, PAPER)

    def fail(drafts: Sequence[Any]) -> None:
        if drafts[0].lines[0].product_code == PAPER:
            raise TransientError("Odoo is away")

    watched.append(fail)
    with pytest.raises(TransientError, match="Odoo is away"):
        lane.run()
    watched.clear()
    assert set(lane.run().actions) <= {"created", "unchanged"}
    prove(lane, ids)


@pytest.mark.parametrize("failpoint", ["after_load", "before_confirm", "after_confirm"])
def test_a_writer_is_killed_while_another_works(
    open_lane: Callable[..., Lane], failpoint: str, watched: list[Watch], small_parts: None
) -> None:
    """Products and a buyer are shared with the channel whose run is killed: its locks are gone with it."""
    lane, other = open_lane(), open_lane(name=OTHER)
    buyer = Buyer(name="Ada Byron", email=f"w-{secrets.token_hex(6)}@example.com")
    ids = put_orders(lane, 4, MUG) + put_orders(lane, 1, PAPER, buyer=buyer)
    others = put_orders(other, 4, MUG, channel=OTHER) + put_orders(other, 1, PAPER, channel=OTHER, buyer=buyer)

    def run(own: Warehouse) -> None:
        arm(failpoint)
        killed = open_lane()
        killed.channel.known = lane.channel.known
        killed.run()

    process = forked(lane.connections.warehouse, run)
    assert other.run().actions == {"created": 5}
    assert ended(process) == -signal.SIGKILL
    assert set(lane.run().actions) <= {"created", "confirmed", "unchanged"}
    prove(lane, ids)
    prove(other, others)
    (ada,) = {sale["partner_id"] for sale in lane.sales(ids[-1], others[-1])}
    assert ada


def test_with_one_writer_nothing_is_divided(open_lane: Callable[..., Lane], monkeypatch: pytest.MonkeyPatch) -> None:
    lane = open_lane(1)
    monkeypatch.setattr(in_parts, "find_keys", None)
    monkeypatch.setattr(in_parts, "ThreadPoolExecutor", None)
    ids = put_orders(lane, 25, MUG)
    assert lane.run().actions == {"created": 25}
    prove(lane, ids)
