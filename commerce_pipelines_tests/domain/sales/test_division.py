"""Orders that are written at the same time share neither a product nor a buyer, and none is left out or taken twice."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.orders.order import Buyer
from commerce_pipelines.domain.sales import division
from commerce_pipelines.domain.sales.division import buyer_keys, next_part, order_keys, part_size, product_keys
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines_tests.doubles.drafts import line, made, order

KEYS = st.frozensets(st.integers(0, 30).map(lambda number: f"product {number}"), max_size=4)
WAITING = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), KEYS, max_size=60)


def draft(buyer: Buyer, **changes: str) -> SaleDraft:
    return msgspec.structs.replace(made(order(line("1.00"), buyer=buyer)), **changes)


@given(WAITING, st.integers(1, 20), st.integers(1, 5), st.randoms())
def test_writers_at_once_share_nothing_and_write_every_order_once(
    waiting: dict[str, frozenset[str]], size: int, writers: int, chance: random.Random
) -> None:
    """Writers end in any order."""
    left, done = dict(waiting), list[str]()
    at_work: list[list[str]] = []
    while left or at_work:
        busy = {key for part in at_work for order_id in part for key in waiting[order_id]}
        part = next_part(left, busy, size) if len(at_work) < writers else []
        if part:
            assert len(part) <= size
            assert busy.isdisjoint(key for order_id in part for key in left[order_id])
            for order_id in part:
                del left[order_id]
            at_work.append(part)
            continue
        assert at_work, "nobody works, and nobody may begin"
        done += at_work.pop(chance.randrange(len(at_work)))
    assert sorted(done) == sorted(waiting)


@given(WAITING)
def test_orders_that_share_something_are_taken_together(waiting: dict[str, frozenset[str]]) -> None:
    """As long as they fit: what is left shares nothing with them."""
    part = next_part(waiting, (), len(waiting) or 1)
    assert part == list(waiting)
    first = next_part(waiting, (), 1)
    assert first == list(waiting)[:1]


def test_a_part_is_made_of_neighbours() -> None:
    waiting = {
        "A": frozenset({"mug"}), "C": frozenset({"lamp"}), "D": frozenset({"desk"}), "B": frozenset({"mug"}),
        "E": frozenset({"desk", "lamp"}),
    }  # fmt: skip
    assert next_part(waiting, (), 2) == ["A", "B"]
    assert next_part(waiting, {"mug"}, 3) == ["C", "D", "E"]
    assert next_part(waiting, {"mug", "lamp"}, 3) == ["D"]
    assert next_part(waiting, {"mug", "lamp", "desk"}, 3) == []


def test_a_part_holds_no_more_locks_than_a_database_has() -> None:
    waiting = {f"order {number}": frozenset({f"product {number}.{n}" for n in range(100)}) for number in range(20)}
    part = next_part(waiting, (), 20)
    assert len(part) == division.MOST_KEYS // 100
    monster = {"big": frozenset(f"product {n}" for n in range(2 * division.MOST_KEYS))}
    assert next_part(monster, (), 20) == ["big"]


@given(st.integers(1, 10_000), st.integers(1, 8), st.integers(1, 100))
def test_parts_are_even(orders: int, writers: int, at_most: int) -> None:
    size = part_size(orders, writers, at_most)
    assert 1 <= size <= at_most
    assert size >= min(orders, at_most, division.SMALLEST) // 2  # of two halves of a remainder
    if orders >= writers * division.SMALLEST and at_most >= division.SMALLEST:
        assert (-(-orders // size)) % writers in (0, writers - 1) or orders // size >= writers


def test_orders_of_one_buyer_share_a_key_however_the_buyer_is_stated() -> None:
    ada = draft(Buyer(name="Ada", email="Ada@Example.com", vat_number="DE 136 695 976"), subject="a1", customer="c1")
    for other in (
        draft(Buyer(email="ada@example.com"), subject="b", customer=""),
        draft(Buyer(vat_number="136695976"), subject="b", customer=""),
        draft(Buyer(), subject="b", customer="c1"),
        draft(Buyer(), subject="a1", customer=""),
    ):
        assert buyer_keys(ada) & buyer_keys(other)
    stranger = draft(Buyer(name="Ada", email="ada@example.org"), subject="b", customer="c2")
    assert not buyer_keys(ada) & buyer_keys(stranger)


def test_kits_share_their_components() -> None:
    components = {1: {7, 8}, 2: {8}}
    assert product_keys([1], components) & product_keys([2], components)
    assert product_keys([1], components) & product_keys([7], {})
    assert not product_keys([1], components) & product_keys([3], components)


def test_an_order_shares_with_the_one_that_replaces_it() -> None:
    first = draft(Buyer(), subject="b")
    again = msgspec.structs.replace(first, order_id="2", replaces=first.order_id)
    assert order_keys(first) & order_keys(again)
