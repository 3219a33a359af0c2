"""Euros by Odoo's own exchange rates: the newest up to the day, and none where that is older than a month."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from commerce_pipelines.odoo.reference.rates import euro_rates
from commerce_pipelines_tests.doubles.odoo import World

# Rates stay in the database for the tests after: every test is dealt two months of its own, and a second run
# on the same database hardly ever the same ones.
TWO_MONTHS = iter(random.sample(range(2_300), 2_300))


@pytest.fixture
def day() -> date:
    """A day of a past that no other test has rates of."""
    return date(1600, 1, 1) + timedelta(days=60 * next(TWO_MONTHS) + 40)


def enter(world: World, currency: str, day: date, rate: float, company: int | bool = True) -> None:
    (currency_id,) = world.call(
        "res.currency", "search", domain=[["name", "=", currency]], context={"active_test": False}
    )
    owner = world.client.who.company_id if company is True else company
    world.create("res.currency.rate", name=day.isoformat(), currency_id=currency_id, rate=rate, company_id=owner)


def test_the_newest_rate_up_to_the_day_counts(world: World, day: date) -> None:
    enter(world, "CZK", day - timedelta(days=3), 25.0)
    enter(world, "CZK", day + timedelta(days=1), 20.0)
    rates = euro_rates(world.client, {("CZK", day)})
    assert rates["CZK", day].rate == Decimal("0.04")
    assert rates["CZK", day].day == day - timedelta(days=3)


def test_a_company_s_own_rate_goes_before_a_shared_one(world: World, day: date) -> None:
    enter(world, "CZK", day, 10.0, company=False)
    enter(world, "CZK", day - timedelta(days=1), 20.0)
    assert euro_rates(world.client, {("CZK", day)})["CZK", day].rate == Decimal("0.05")


def test_no_rate_an_old_one_and_a_later_one_are_no_rate(world: World, day: date) -> None:
    enter(world, "HUF", day - timedelta(days=32), 400.0)
    enter(world, "HUF", day + timedelta(days=1), 400.0)
    assert euro_rates(world.client, {("HUF", day), ("BHD", date(1970, 1, 1))}) == {}
    assert euro_rates(world.client, set()) == {}


def test_the_company_s_own_currency_needs_none(world: World, day: date) -> None:
    assert euro_rates(world.client, {("EUR", day)})["EUR", day].rate == 1
