"""Which country goods left from by the ledger: named, shipped, lying; never guessed between several."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.sales.departures import (
    UNTOLD,
    Departure,
    PlaceDay,
    Places,
    Shipping,
    contradict,
    describe,
    flag_departure,
    tell,
)

DAY = date(2026, 11, 10)
SKU = "MUG"


def days(*offsets: int) -> frozenset[date]:
    return frozenset(DAY + timedelta(days=offset) for offset in offsets)


def row(offset: int, country: str, units: int = 5, shipped: int = 0) -> PlaceDay:
    return PlaceDay(DAY + timedelta(days=offset), country, units, shipped)


def order(shipped: int | None = None, **units: int) -> Shipping:
    shipped_by = None if shipped is None else DAY + timedelta(days=shipped)
    return Shipping(order_id="A1", placed_on=DAY, units=units or {SKU: 1}, shipped_by=shipped_by)


def test_a_row_that_names_the_order_goes_before_everything() -> None:
    places = Places(days=days(0), of={SKU: [row(0, "DE")]}, named={"A1": frozenset(("PL",)), "A2": frozenset(("CZ",))})
    assert tell(order(), places).country == "PL"
    split = Places(days=days(0), of={SKU: [row(0, "DE")]}, named={"A1": frozenset(("PL", "DE"))})
    assert (tell(order(), split).country, tell(order(), split).countries) == ("", ("DE", "PL"))


def test_units_that_lie_in_one_country_leave_from_there() -> None:
    by_ledger = tell(order(), Places(days=days(-2), of={SKU: [row(-2, "PL"), row(-2, "DE", units=0)]}))
    assert by_ledger == Departure(country="PL", by=f"the marketplace's ledger until {DAY - timedelta(days=2)}")
    assert tell(order(), Places(days=days(-4), of={SKU: [row(-4, "PL")]})) == UNTOLD  # too old
    assert tell(order(), Places()) == UNTOLD
    assert tell(order(OTHER=1), Places(days=days(0), of={SKU: [row(0, "PL")]})) == UNTOLD  # no word of it
    assert tell(order(**{SKU: 1, "OTHER": 1}), Places(days=days(0), of={SKU: [row(0, "PL")]})) == UNTOLD
    assert tell(Shipping(order_id="A1", placed_on=DAY, units={}), Places(days=days(0))) == UNTOLD


def test_several_countries_are_never_guessed_between() -> None:
    pair = {SKU: [row(0, "PL"), row(0, "DE")]}
    by_ledger = tell(order(), Places(days=days(0), of=pair))
    assert (by_ledger.country, by_ledger.countries) == ("", ("DE", "PL"))
    assert describe(by_ledger).startswith("the settings; the marketplace's ledger until 2026-11-10 names DE, PL")
    apart = {SKU: [row(0, "PL")], "TEA": [row(0, "DE")]}
    assert tell(order(**{SKU: 1, "TEA": 1}), Places(days=days(0), of=apart)).countries == ("DE", "PL")
    moved = {SKU: [row(-1, "DE"), row(0, "DE"), row(1, "PL")]}  # they lie elsewhere a day later
    assert tell(order(), Places(days=days(-1, 0, 1), of=moved)).countries == ("DE", "PL")


def test_what_left_while_the_order_was_shipped_decides_where_units_lie_in_several() -> None:
    of = {SKU: [row(0, "DE"), row(0, "PL"), row(1, "PL", shipped=2), row(1, "DE")]}
    assert tell(order(shipped=1), Places(days=days(0, 1), of=of)).country == "PL"
    assert tell(order(shipped=1), Places(days=days(1), of=of)).country == ""  # a day is not there
    assert tell(order(), Places(days=days(0, 1), of=of)).country == ""  # it has not left yet
    assert tell(order(shipped=1, **{SKU: 3}), Places(days=days(0, 1), of=of)).country == ""  # fewer units left
    also = {SKU: [*of[SKU], row(1, "DE", shipped=1)]}
    assert tell(order(shipped=1), Places(days=days(0, 1), of=also)).country == ""
    late = {SKU: [row(0, "DE"), row(1, "DE"), row(9, "PL", shipped=1)]}  # of another order
    assert tell(order(shipped=1), Places(days=days(*range(10)), of=late)).country == "DE"


@pytest.mark.parametrize(
    ("place", "country"),
    [("UK", "GB"), ("el", "GR"), ("MC", "FR"), (" de ", "DE"), ("LEJ1", ""), ("", ""), ("Deutschland", "")],
)
def test_only_a_code_of_a_country_is_one(place: str, country: str) -> None:
    assert tell(order(), Places(days=days(0), of={SKU: [row(0, place)]})).country == country


def test_every_order_is_judged_by_its_own_days_whatever_others_of_the_run_are_about() -> None:
    """The run has read the days of a much later order, too."""
    of = {SKU: [row(-2, "PL"), row(40, "DE")]}
    alone = tell(order(), Places(days=days(-2), of={SKU: of[SKU][:1]}))
    assert tell(order(), Places(days=days(-2, 40), of=of)) == alone == Departure(country="PL", by=alone.by)
    assert tell(order(), Places(days=days(40), of=of)) == UNTOLD


def test_what_the_ledger_says_later_contradicts_only_where_it_cannot_be_true() -> None:
    poland, several = Departure(country="PL", by="the ledger"), Departure(countries=("DE", "PL"), by="the ledger")
    assert contradict("DE", UNTOLD, poland) == ("PL",)
    assert contradict("FR", UNTOLD, several) == ("DE", "PL")
    assert (
        contradict("PL", UNTOLD, poland) == contradict("PL", poland, several) == contradict("DE", UNTOLD, UNTOLD) == ()
    )
    assert contradict("EL", UNTOLD, Departure(country="GR", by="the ledger")) == contradict("", UNTOLD, poland) == ()
    named = tell(order(), Places(named={"A1": frozenset(("DE", "PL"))}))
    assert contradict("PL", poland, named) == contradict("DE", UNTOLD, named) == ("DE", "PL")  # a part left elsewhere
    assert contradict("PL", several, named) == ()  # which was known
    [flag] = flag_departure(msgspec.structs.replace(poland, later=("CZ",)), "PL")
    assert "left from PL, by the ledger; since then the marketplace's ledger names CZ" in flag.message
    [flag] = flag_departure(Departure(later=("CZ",)), "DE")
    assert "left from DE, by the settings" in flag.message
    [flag] = flag_departure(Departure(later=("CZ",)), "")  # the settings have no country for it any more
    assert "counts as left as the settings said then; since then the marketplace's ledger names CZ." in flag.message


def test_units_in_a_place_that_is_no_country_leave_it_open() -> None:
    """Such as days that were read by centre before `ledger_by` was changed."""
    for place in ("LEJ1", "", "Deutschland"):
        mixed = {SKU: [row(0, place), row(1, "PL")]}
        assert tell(order(), Places(days=days(0, 1), of=mixed)).country == ""
        empty = {SKU: [row(0, place, units=0), row(1, "PL")]}
        assert tell(order(), Places(days=days(0, 1), of=empty)).country == "PL"
        named = Places(days=days(0), of={SKU: [row(0, "PL")]}, named={"A1": frozenset(("PL", place))})
        assert tell(order(), named).country == ""


def test_a_setting_that_the_ledger_does_not_name_is_flagged() -> None:
    unclear = Departure(countries=("CZ", "PL"), by="the ledger")
    [flag] = flag_departure(unclear, "DE")
    assert (flag.code, "left from DE; the ledger names CZ, PL" in flag.message) == ("departure_unclear", True)
    assert flag_departure(unclear, "PL") == flag_departure(UNTOLD, "DE") == ()
    assert flag_departure(Departure(country="PL", by="the ledger"), "PL") == ()


ROWS = st.lists(st.builds(row, st.integers(-3, 20), st.sampled_from(("DE", "PL", "CZ", "XX1")), st.integers(0, 3),
                          st.integers(0, 3)))  # fmt: skip


@given(ROWS, st.sets(st.integers(-5, 20)), st.none() | st.integers(-2, 20), st.integers(1, 4))
def test_a_country_is_only_told_where_the_ledger_has_units_there(
    rows: list[PlaceDay], days_kept: set[int], shipped: int | None, units: int
) -> None:
    by_ledger = tell(order(shipped, **{SKU: units}), Places(days=days(*days_kept), of={SKU: rows}))
    there = {row.country for row in rows if row.units or row.shipped}
    assert {by_ledger.country} - {""} | set(by_ledger.countries) <= there
    assert not (by_ledger.country and by_ledger.countries)
    assert bool(by_ledger.by) == bool(by_ledger.country or by_ledger.countries)
