"""Totals that differ because a channel rounds taxes per line and Odoo per tax: the difference is tax, and booked so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from commerce_pipelines.domain.orders.order import LineKind
from commerce_pipelines.domain.vat.keys import TaxKey
from commerce_pipelines.odoo.sales.quotation_to_order import main_tax, rounding_bound
from commerce_pipelines_tests.doubles.odoo import World, changed, draft, line, service

NET = TaxKey("DE", 190_000, False, "domestic")
NET7 = TaxKey("DE", 70_000, False, "domestic")


@pytest.fixture
def method(world: World) -> Iterator[Any]:
    """A function that sets the company's rounding method; the one it had comes back."""
    company = world.client.who.company_id
    field = "tax_calculation_rounding_method"
    [before] = world.call("res.company", "read", ids=[company], fields=[field])

    def choose(name: str) -> None:
        world.call("res.company", "write", ids=[company], vals={field: name})

    yield choose
    choose(before[field])


@pytest.mark.parametrize("rounding", ["round_globally", "round_per_line"])
def test_net_orders_of_many_lines_are_booked_at_the_channels_total(world: World, method: Any, rounding: str) -> None:
    """Lines of 1.50 net at 19 %: 0.285, which Shopify rounds to 0.29 a line."""
    method(rounding)
    goods = world.product()
    orders = [
        draft(*(line(str(at), goods, 1, 150, NET) for at in range(count)), total=count * 179, tolerance=2)
        for count in (3, 6, 12)
    ]
    outcomes = world.load(*orders)
    assert [(outcome.action, outcome.amount_total, outcome.amount_tax) for outcome in outcomes] == [
        ("created", 537, 87), ("created", 1074, 174), ("created", 2148, 348)
    ]  # fmt: skip
    booked = [world.order(order, "amount_untaxed", "amount_tax", "amount_total") for order in orders]
    assert [(row["amount_untaxed"], row["amount_tax"]) for row in booked] == [(4.5, 0.87), (9.0, 1.74), (18.0, 3.48)]
    assert {outcome.action for outcome in world.load(*orders)} == {"unchanged"}
    expected = [1, 3, 6] if rounding == "round_globally" else [0, 0, 0]
    assert [outcome.rounding for outcome in outcomes] == expected


def test_the_difference_goes_to_the_account_of_the_tax_that_it_is_of(world: World) -> None:
    goods = world.product()
    order = draft(*(line(str(at), goods, 1, 150, NET) for at in range(6)), line("b", goods, 1, 100, NET7),
                  total=6 * 179 + 107)  # fmt: skip
    assert [outcome.action for outcome in world.load(order)] == ["created"]
    rows = world.lines(order)
    [rounded] = [row["tax_ids"] for row in rows if row["name"] == "Rounding difference"]
    fields = ["tax_group_id", "country_id", "amount_type"]
    [tax, model] = world.call("account.tax", "read", ids=[*rounded, *rows[0]["tax_ids"]], fields=fields, load=None)
    assert (tax["tax_group_id"], tax["country_id"]) == (model["tax_group_id"], model["country_id"])
    accounts = [
        {row["account_id"] for row in world.call(
            "account.tax.repartition.line", "search_read", fields=["account_id"], load=None,
            domain=[["tax_id", "=", tax_row["id"]], ["repartition_type", "=", "tax"]],
        )} for tax_row in (tax, model)
    ]  # fmt: skip
    assert accounts[0] == accounts[1]
    assert accounts[0] != {False}


def test_more_than_rounding_can_be_stops_the_order(world: World) -> None:
    goods = world.product()
    lines = [line(str(at), goods, 1, 150, NET) for at in range(6)]
    beyond = draft(*lines, total=1071 + 4, tolerance=2)
    below = draft(*lines, total=1071 - 3, tolerance=2)
    refused, taken = world.load(beyond, below)
    assert (refused.code, taken.action, taken.amount_tax) == ("total_differs", "created", 168)


def test_a_difference_that_is_no_tax_stays_an_untaxed_line_within_the_tolerance(world: World) -> None:
    goods = world.product()
    order = draft(line("1", goods, 1, 1999), total=2000, tolerance=2)
    [outcome] = world.load(order)
    assert (outcome.amount_total, outcome.rounding) == (2000, 1)
    assert world.lines(order)[-1]["tax_ids"] == []


def test_a_rounding_line_follows_an_order_that_changes(world: World) -> None:
    goods = world.product()
    order = draft(*(line(str(at), goods, 1, 150, NET) for at in range(6)), total=1074)
    more = changed(order, *order.lines, *(line(f"n{at}", goods, 1, 150, NET) for at in range(6)))
    more = changed(more, total=2148)
    assert [outcome.amount_tax for outcome in (*world.load(order), *world.load(more))] == [174, 348]


def test_a_currency_without_decimals_in_odoo_is_rounded_by_its_own_unit(world: World) -> None:
    """Six lines of 150 TWD at 5 %: 7.5 a line, 8 as the channel rounds, 45 as Odoo does."""
    goods, five = world.product(), TaxKey("", 0, False, "export")
    taiwan = {"currency": "TWD", "regime": "export", "tax_country": ""}
    whole = draft(line("1", goods, 1, 150_00, five), **taiwan)
    broken = draft(line("1", goods, 1, 150_50, five), **taiwan)
    net = draft(*(line(str(at), goods, 1, 153_00, NET) for at in range(6)), currency="TWD", total=6 * 182_00)
    outcomes = world.load(whole, broken, net)
    assert [(outcome.action, outcome.amount_total, outcome.code) for outcome in outcomes] == [
        ("created", 150_00, ""), ("refused", outcomes[1].amount_total, "total_differs"), ("created", 1092_00, "")
    ]  # fmt: skip
    assert "keeps no amounts below 1.00 TWD" in outcomes[1].message
    assert outcomes[2].rounding == 0 or outcomes[2].amount_tax == 1092_00 - 6 * 153_00


def test_the_bound_counts_lines_and_taxes_that_bear_something() -> None:
    lines = [line(str(at), (1, "A"), 1, 150, NET) for at in range(6)]
    assert [rounding_bound(draft(*lines[:count])) for count in (1, 3, 6)] == [1, 2, 3]
    assert rounding_bound(draft(*lines, service(LineKind.GIFT_CARD, 5000, None))) == 3
    assert rounding_bound(draft(line("1", (1, "A"), 1, 1, TaxKey("", 0, False, "export")))) == 0
    assert main_tax(draft(*lines, line("7", (1, "A"), 1, 999, NET7))) == NET7
