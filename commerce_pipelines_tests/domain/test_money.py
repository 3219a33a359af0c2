"""Parsing and dividing money: exact, in every currency's own minor unit."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import money
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.money import allocate, to_decimal, to_minor, unit_price

CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KWD", "PLN", "BHD", "KRW"])


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.34", "EUR", 1234),
        ("100.0", "EUR", 10000),
        ("1980.00", "JPY", 1980),
        ("0.005", "KWD", 5),
        ("-5", "EUR", -500),
    ],
)
def test_a_decimal_string_becomes_minor_units(text: str, currency: str, minor: int) -> None:
    assert to_minor(text, currency) == minor


@pytest.mark.parametrize("text", ["", "abc", "1.234", "NaN", "Infinity", "1e400", "1e999999999", "1,50", "9" * 20])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(RecordError, match="is not an amount"):
        to_minor(text, "EUR")


@given(st.integers(-(10**12), 10**12), CURRENCIES)
def test_there_and_back(minor: int, currency: str) -> None:
    assert to_minor(str(to_decimal(minor, currency)), currency) == minor


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=60))
def test_parts_sum_to_the_total_and_stay_within_one_unit_of_fair(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)
    assert sum(parts) == total
    assert parts == allocate(total, weights)
    whole = sum(weights)
    if whole:
        assert all(abs(part * whole - total * weight) < whole for part, weight in zip(parts, weights, strict=True))


def test_an_indivisible_discount_goes_to_the_earlier_lines() -> None:
    assert allocate(1000, [1, 1, 1]) == [334, 333, 333]


@pytest.mark.parametrize("weights", [[], [1, -1]])
def test_weights_that_make_no_sense_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weight"):
        allocate(1, weights)


@given(st.integers(-(10**9), 10**9), st.integers(1, 999), CURRENCIES)
def test_unit_price_times_quantity_is_the_line_to_the_minor_unit(amount: int, quantity: int, currency: str) -> None:
    line = Decimal(unit_price(amount, quantity, currency)) * quantity
    assert round(line / to_decimal(1, currency)) == amount


def test_orders_of_twelve_currencies_reach_odoo_to_the_minor_unit() -> None:
    """A small edition of `make bench`'s 100,000; the usual way gets most of them wrong."""
    counted = money.tally(2_400, seed=7)
    assert (counted.orders, counted.off, counted.refused) == (2_400, 0, 0)
    assert counted.naive > counted.orders // 2
