"""Prices under pricelists against Odoo's own `_get_product_price`, which no API offers: a server action tells it. And
what is read of them, on the stand-in and on a real Odoo."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.domain.content.pricelists import compute_price, round_float, show_price
from commerce_pipelines.odoo.catalogue.prices import (
    OF_VARIANT,
    build_figures,
    count_changed_rules,
    find_pricelists,
    read_market,
    read_prices,
)
from commerce_pipelines_tests.doubles.odoo import World

QUANTITIES = (1.0, 4.0, 5.0, 12.0)
STAMP = "%Y-%m-%d %H:%M:%S"
ASK = """
lists = env['product.pricelist'].browse(env.context['lists'])
products = env['product.product'].browse(env.context['products'])
action = {'type': 'ir.actions.act_window_close', 'prices': [
    [l.id, q, p.id, l._get_product_price(p, q)] for l in lists for q in env.context['quantities'] for p in products
]}
"""


def ask_odoo(world: World, lists: list[int], products: list[int]) -> list[tuple[int, float, int, float]]:
    """What Odoo itself says: (pricelist, quantity, product, price)."""
    [model] = world.call("ir.model", "search", domain=[["model", "=", "res.partner"]])
    values = {"name": "Prices", "model_id": model, "state": "code", "code": ASK}
    action = world.create("ir.actions.server", **values)
    context = {"lists": lists, "products": products, "quantities": QUANTITIES, "active_model": "res.partner"}
    answer = world.call("ir.actions.server", "run", ids=[action], context=context)
    return [(row[0], row[1], row[2], row[3]) for row in answer["prices"]]


def make_products(world: World, random: Random) -> tuple[list[int], list[int], list[int]]:
    """(categories, templates, variants): categories within one another, one product with two variants of which one
    costs more."""
    outer = world.create("product.category", name=f"Outer {secrets.token_hex(3)}")
    inner = world.create("product.category", name="Inner", parent_id=outer)
    innermost = world.create("product.category", name="A innermost", parent_id=inner)
    other = world.create("product.category", name="Zother")
    categories = [outer, inner, innermost, other]
    values = [
        {"name": name, "value_ids": [[0, 0, {"name": "Blue"}], [0, 0, {"name": "Green"}]]} for name in ("Colour",)
    ]
    [attribute] = world.call("product.attribute", "create", vals_list=values)
    colours = world.call("product.attribute.value", "search", domain=[["attribute_id", "=", attribute]])
    templates, variants = [], []
    for number in range(6):
        lines = [[0, 0, {"attribute_id": attribute, "value_ids": [[6, 0, colours]]}]] if number < 2 else []
        template = world.create(
            "product.template", name=f"Article {number}", categ_id=random.choice(categories),
            list_price=round(random.uniform(1, 300), random.choice((0, 2))), attribute_line_ids=lines,
        )  # fmt: skip
        templates.append(template)
        domain = [["product_tmpl_id", "=", template]]
        ids = world.call("product.product", "search", domain=domain)
        for id_ in ids:
            cost = {"standard_price": round(random.uniform(0.5, 120), 2), "default_code": secrets.token_hex(5)}
            world.call("product.product", "write", ids=[id_], vals=cost)
        variants += ids
        extras = world.call("product.template.attribute.value", "search", domain=domain)
        for extra in extras[1:]:
            world.call("product.template.attribute.value", "write", ids=[extra], vals={"price_extra": 3.35})
    return categories, templates, variants


def make_rules(
    world: World, random: Random, pricelist: int, below: list[int], made: tuple[list[int], list[int], list[int]]
) -> None:
    """A dozen rules of all kinds. below: pricelists that they may build on."""
    categories, templates, variants = made
    now = datetime.now(UTC)
    for _ in range(12):
        values: dict[str, Any] = {
            "pricelist_id": pricelist, "min_quantity": random.choice((0, 0, 0, 4, 5, 12)),
            "compute_price": random.choice(("fixed", "percentage", "formula", "formula")),
            "base": random.choice(("list_price", "standard_price", *["pricelist"] * bool(below))),
            "fixed_price": round(random.uniform(1, 99), 2), "percent_price": random.choice((10, 12.5, 33, -5)),
            "price_discount": random.choice((0, 7.5, 15, -20)),
            "price_round": random.choice((0, 0.05, 0.1, 1, 10, 0.3)),
            "price_surcharge": random.choice((0, -0.01, 2.5)),
        }  # fmt: skip
        margins = random.choice(((0, 0), (0, 4.0), (1.5, 4.0), (1.5, 99.0)))
        values |= dict(zip(("price_min_margin", "price_max_margin"), margins, strict=True))
        if values["base"] == "pricelist":
            values["base_pricelist_id"] = random.choice(below)
        values["applied_on"] = random.choice(("0_product_variant", "1_product", "2_product_category", "3_global"))
        match values["applied_on"]:
            case "0_product_variant":
                values["product_id"] = random.choice(variants)
            case "1_product":
                values["product_tmpl_id"] = random.choice(templates)
            case "2_product_category":
                values["categ_id"] = random.choice(categories)
        match random.choice(("always", "always", "over", "to come", "now")):
            case "over":
                values["date_end"] = (now - timedelta(days=1)).strftime(STAMP)
            case "to come":
                values["date_start"] = (now + timedelta(days=1)).strftime(STAMP)
            case "now":
                values["date_start"] = (now - timedelta(days=2)).strftime(STAMP)
                values["date_end"] = (now + timedelta(days=2)).strftime(STAMP)
        world.create("product.pricelist.item", **values)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_price_is_the_one_that_odoo_computes(world: World, seed: int) -> None:
    """Fixed, percentage and formula rules on sales price, cost and other pricelists, in two currencies."""
    if world.kind == "stand-in":
        pytest.skip("the stand-in computes no prices")
    random = Random(seed)  # noqa: S311
    dollar = world.call("res.currency", "search", domain=[["name", "=", "USD"]], context={"active_test": False})
    world.call("res.currency", "write", ids=dollar, vals={"active": True})
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    if not world.call("res.currency.rate", "search", domain=[["currency_id", "=", dollar[0]], ["name", "=", today]]):
        world.create("res.currency.rate", currency_id=dollar[0], name=today, company_rate=1.0837)
    made = make_products(world, random)
    lists: list[int] = []
    names = [f"List {secrets.token_hex(4)}" for _ in range(5)]
    for number, name in enumerate(names):
        currency = {"currency_id": dollar[0]} if number in (1, 3) else {}
        lists.append(world.create("product.pricelist", name=name, **currency))
        if number < 4:  # the last one has no rule at all
            make_rules(world, random, lists[-1], lists[:-1], made)
    reading = read_market(world.client, names, datetime.now(UTC))
    assert [reading.by_name[name] for name in names] == lists
    rows = world.client.call(
        "product.product", "search_read", domain=[["id", "in", made[2]]], fields=list(OF_VARIANT), load=None
    )
    figures = {row["id"]: build_figures(row, reading) for row in rows}
    asked = ask_odoo(world, lists, made[2])
    assert len(asked) == len(lists) * len(QUANTITIES) * len(figures)
    for pricelist, quantity, product, price in asked:
        ours = compute_price(reading.market, pricelist, figures[product], quantity)
        assert ours == pytest.approx(price, rel=1e-12, abs=1e-12), (pricelist, quantity, product)
        assert round_float(ours, 0.01) == round_float(price, 0.01)


def test_a_price_with_tax_is_the_total_of_odoos_own_computation(world: World) -> None:
    """For taxes outside and inside of the price; to the cent."""
    for rate, included in ((19.0, False), (19.0, True), (7.0, False), (5.5, True)):
        tax = world.create(
            "account.tax", name=f"VAT {secrets.token_hex(3)}", amount=rate, amount_type="percent", type_tax_use="sale",
            price_include_override="tax_included" if included else "tax_excluded",
        )  # fmt: skip
        name = f"List {secrets.token_hex(4)}"
        pricelist = world.create("product.pricelist", name=name)
        prices = (0.05, 9.99, 11.15, 100.13, 2.5)
        products = []
        for price in prices:
            template = world.create(
                "product.template",
                name="A",
                default_code=secrets.token_hex(4),
                list_price=1.0,
                taxes_id=[[6, 0, [tax]]],
            )
            products += world.call("product.product", "search", domain=[["product_tmpl_id", "=", template]])
            world.create("product.pricelist.item", pricelist_id=pricelist, applied_on="1_product", fixed_price=price,
                         compute_price="fixed", product_tmpl_id=template)  # fmt: skip
        priced = read_prices(world.client, [name], products, datetime.now(UTC))
        for product, price in zip(products, prices, strict=True):
            row = priced[product]
            assert (row.tax.percent, row.tax.included, row.tax.plain) == (rate, included, True)
            assert row.prices[name].amount == price
            shown = {
                with_tax: float(show_price(row.prices[name], row.tax, includes_tax=with_tax).split()[0])
                for with_tax in (True, False)
            }
            if world.kind == "odoo":
                answer = world.call("account.tax", "compute_all", ids=[tax], price_unit=price)
                assert shown == {True: answer["total_included"], False: answer["total_excluded"]}


def test_a_name_that_no_pricelist_has_or_several_is_said(world: World) -> None:
    name = f"List {secrets.token_hex(4)}"
    with pytest.raises(SettingsError, match="no pricelist of that name"):
        find_pricelists(world.client, [name])
    ids = [world.create("product.pricelist", name=name)]
    assert find_pricelists(world.client, [name, ""]) == {"": 0, name: ids[0]}
    world.create("product.pricelist", name=name)
    with pytest.raises(SettingsError, match="2 pricelists"):
        find_pricelists(world.client, [name])


def test_without_a_pricelist_the_sales_price_counts_in_the_companys_currency(world: World) -> None:
    template = world.create("product.template", name="A", default_code=secrets.token_hex(4), list_price=12.34)
    [product] = world.call("product.product", "search", domain=[["product_tmpl_id", "=", template]])
    price = read_prices(world.client, [""], [product], datetime.now(UTC))[product].prices[""]
    assert (price.amount, price.currency, price.digits) == (12.34, "EUR", 2)


def test_rules_that_are_written_or_begin_are_counted(world: World) -> None:
    now = datetime.now(UTC)
    pricelist = world.create("product.pricelist", name=f"List {secrets.token_hex(4)}")

    def count(begin: int, end: int) -> int:
        return count_changed_rules(world.client, now + timedelta(hours=begin), now + timedelta(hours=end))

    before = count(1, 3), count(3, 4)
    begins = (now + timedelta(hours=2)).strftime(STAMP)
    world.create("product.pricelist.item", pricelist_id=pricelist, compute_price="fixed", fixed_price=1.0,
                 applied_on="3_global", date_start=begins)  # fmt: skip
    assert (count(1, 3), count(3, 4)) == (before[0] + 1, before[1])
    assert count(-1, 0) > 0
