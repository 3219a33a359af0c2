"""Prices of Odoo's pricelists reach the three channels with tax, to the cent, and only where `owned` names them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from commerce_pipelines.cli.content_verifiers import price_basis
from commerce_pipelines.domain.content.comparison import Action, compare_price
from commerce_pipelines.domain.content.fields import Limit
from commerce_pipelines.domain.content.listings import ShownListing
from commerce_pipelines.domain.content.pricelists import Price, Tax, show_price, write_price
from commerce_pipelines.domain.content.products import Product
from commerce_pipelines.domain.content.rules import ContentRules
from commerce_pipelines.flows.content.inputs import take_products
from commerce_pipelines.flows.content.publish import has_work
from commerce_pipelines_tests.doubles.contents import KETTLE, MUG, SHOP, Merchant
from commerce_pipelines_tests.flows.content.test_marketplaces import CHANNELS, GRINDER, World, open_world

__all__ = ["open_world"]

KEYS = "owned: [price], price: {pricelist: Web}, breaker: {changed_percent: 100, price_percent: 100}"
DE = "A1PA6795UKMFR9"
STAMP = "%Y-%m-%d %H:%M:%S"  # as Odoo writes instants


def make_pricelist(odoo: Any, **prices: float) -> dict[str, int]:
    """A pricelist `Web` with a fixed price of these products; all others have their sales price. The rules by code."""
    [pricelist] = odoo.call("product.pricelist", "create", vals_list=[{"name": "Web"}])
    rules = {}
    for code, price in prices.items():
        domain = [["default_code", "=", code.replace("_", "-")]]
        [product] = odoo.call("product.product", "search", domain=domain)
        values = {"pricelist_id": pricelist, "applied_on": "0_product_variant", "product_id": product,
                  "compute_price": "fixed", "fixed_price": price}  # fmt: skip
        [rules[code]] = odoo.call("product.pricelist.item", "create", vals_list=[values])
    return rules


def with_tax(odoo: Any, code: str, price: float, *, included: bool = True) -> str:
    """A price of Odoo's as the channel shows it, with tax or without."""
    [row] = odoo.call("product.product", "search_read", domain=[["default_code", "=", code]], fields=["taxes_id"])
    [tax] = odoo.call("account.tax", "read", ids=row["taxes_id"], fields=["amount", "price_include"])
    taxes = Tax(percent=tax["amount"], included=tax["price_include"])
    return show_price(Price(amount=price, currency="EUR"), taxes, includes_tax=included)


def price_of(merchant: Merchant, code: str) -> str:
    [variant] = merchant.shop.contents.show(merchant.product(code))["variants"]
    return f"{variant['price']} EUR"


def test_a_shop_shows_the_pricelists_price_and_follows_a_rule_that_leaves_no_mark_on_its_product(
    open_shop: Any,
) -> None:
    merchant: Merchant = open_shop(f"approve: false, {KEYS}")
    rules = make_pricelist(merchant.odoo, KET_GN_17=59.95)
    stock = dict(merchant.shop.stock.quantities)
    done = merchant.run()
    assert set(done.outcomes) == {"accepted"}
    assert price_of(merchant, KETTLE) == with_tax(merchant.odoo, KETTLE, 59.95)
    assert (merchant.run().outcomes, merchant.run(whole=True).outcomes) == ({}, {})
    rule = [rules["KET_GN_17"]]
    merchant.odoo.call("product.pricelist.item", "write", ids=rule, vals={"fixed_price": 57.0})
    assert dict(merchant.run().outcomes) == {"accepted": 1}
    assert price_of(merchant, KETTLE) == with_tax(merchant.odoo, KETTLE, 57.0)
    assert merchant.product(KETTLE)["title"] != ""
    assert merchant.shop.stock.quantities == stock


def test_a_changed_rule_alone_makes_a_run_and_reads_all_prices_anew(open_shop: Any) -> None:
    """Products that nobody has written to for hours."""
    merchant: Merchant = open_shop(f"approve: false, {KEYS}")
    rules = make_pricelist(merchant.odoo, KET_GN_17=59.95)
    rows, since = merchant.server.database.rows, (datetime.now(UTC) - timedelta(hours=3)).strftime(STAMP)
    for model in ("product.product", "product.template", "product.pricelist.item"):
        for row in rows[model].values():
            row["write_date"] = row["create_date"] = since
    merchant.run()
    assert (has_work(merchant.connections, SHOP), take_products(merchant.connections, SHOP).read) == (False, 0)
    rule = [rules["KET_GN_17"]]
    merchant.odoo.call("product.pricelist.item", "write", ids=rule, vals={"fixed_price": 57.0})
    assert has_work(merchant.connections, SHOP)
    assert dict(merchant.run().outcomes) == {"accepted": 1}
    assert price_of(merchant, KETTLE) == with_tax(merchant.odoo, KETTLE, 57.0)


@pytest.mark.parametrize("included", [True, False])
def test_prices_of_a_shop_that_holds_tax_otherwise_than_the_settings_say_wait(open_shop: Any, included: bool) -> None:
    says = KEYS.replace("Web", f"Web, includes_tax: {str(not included).lower()}")
    merchant: Merchant = open_shop(f"approve: false, {says}")
    merchant.shop.taxes_included = included
    make_pricelist(merchant.odoo, KET_GN_17=59.95)
    assert (merchant.run().outcomes, set(merchant.waits().values())) == ({}, {"price_basis"})
    findings = dict(price_basis(merchant.connections, merchant.connections.settings.channel(SHOP)))
    [(key, problem)] = findings.items()
    assert key == f"channels[{SHOP}].content.price.includes_tax"
    assert f"Set `content.price.includes_tax: {str(included).lower()}`" in problem
    merchant.shop.taxes_included = not included
    assert set(merchant.run(whole=True).outcomes) == {"accepted"}
    assert set(dict(price_basis(merchant.connections, merchant.connections.settings.channel(SHOP))).values()) == {""}


def test_without_price_among_the_owned_fields_no_price_is_read_or_changed(open_shop: Any) -> None:
    merchant: Merchant = open_shop()
    make_pricelist(merchant.odoo, KET_GN_17=59.95)
    assert (merchant.run().outcomes, price_of(merchant, KETTLE)) == ({}, "0.00 EUR")


def test_a_price_that_would_jump_waits_for_a_person_even_without_approval(open_shop: Any) -> None:
    merchant: Merchant = open_shop(f"approve: false, {KEYS.replace('price_percent: 100', 'price_percent: 30')}")
    rules = make_pricelist(merchant.odoo, KET_GN_17=50.0)
    merchant.run()
    rule = [rules["KET_GN_17"]]
    merchant.odoo.call("product.pricelist.item", "write", ids=rule, vals={"fixed_price": 30.0})
    done = merchant.run()
    assert (done.held, "a price would change by 40 %" in done.why) == (1, True)
    assert price_of(merchant, KETTLE) == with_tax(merchant.odoo, KETTLE, 50.0)
    merchant.release()
    assert dict(merchant.run().outcomes) == {"accepted": 1}


def test_a_price_of_nothing_is_never_sent(open_shop: Any) -> None:
    merchant: Merchant = open_shop(f"approve: false, {KEYS}")
    rules = make_pricelist(merchant.odoo, KET_GN_17=50.0)
    merchant.run()
    shown = price_of(merchant, KETTLE)
    merchant.odoo.call("product.pricelist.item", "write", ids=[rules["KET_GN_17"]], vals={"fixed_price": 0.0})
    assert (merchant.run().outcomes, price_of(merchant, KETTLE)) == ({}, shown)


def test_a_price_in_another_currency_and_one_with_odd_taxes_wait() -> None:
    rules, limit = ContentRules(owned=("price",)), Limit(currency="EUR")
    listing = ShownListing(key="k", skus=("A",), values={"price": "9.00 EUR"})
    product = Product(product_id=1, template_id=1, code="A", prices={"": Price(amount=10.0, currency="USD")})
    plan = compare_price(listing, product, rules, limit, None)
    assert (plan.action, plan.reason and plan.reason.code) == (Action.WAITS, "price_currency")
    prices = {"": Price(amount=10.0, currency="EUR")}
    odd = Product(product_id=1, template_id=1, code="A", prices=prices, tax=Tax(percent=19.0, plain=False))
    plan = compare_price(listing, odd, rules, limit, None)
    assert (plan.action, plan.reason and plan.reason.code) == (Action.WAITS, "price_tax")
    good = Product(product_id=1, template_id=1, code="A", prices=prices, tax=Tax(percent=19.0))
    assert compare_price(listing, good, rules, limit, None).after == "11.90 EUR"


@pytest.mark.parametrize(
    ("amount", "currency", "in_odoo", "shown"),
    [(1990.0, "HUF", 0, "1990.00 HUF"), (1980.4, "JPY", 0, "1980 JPY"), (1980.4, "JPY", 2, "1980 JPY"),
     (1.2345, "KWD", 3, "1.235 KWD"), (1.25, "KWD", 2, "1.250 KWD"), (0.4, "JPY", 2, ""), (9.0, "EUR", 2, "9.00 EUR")],
)  # fmt: skip
def test_a_price_is_written_with_its_currencys_digits_whatever_odoo_gives_it(
    amount: float, currency: str, in_odoo: int, shown: str
) -> None:
    """As a channel's own price is read, so that no listing differs for ever."""
    price = Price(amount=amount, currency=currency, digits=in_odoo)
    assert show_price(price, Tax(), includes_tax=True) == shown
    assert write_price(shown.split(" ")[0], currency) == shown


@pytest.mark.parametrize("name", CHANNELS)
def test_marketplaces_show_it_and_nothing_else_of_their_listings_changes(open_world: Any, name: str) -> None:
    """On eBay one by the Inventory API, one by Trading, two variations; their quantities stay."""
    world: World = open_world(prepare=lambda odoo: make_pricelist(
        odoo, KET_GN_17=59.95, KET_GN_09=48.5, MUG_STN_350_BL=15.25
    ), more=f", {KEYS.replace('Web', 'Web, includes_tax: false')}")  # fmt: skip
    rows = [(row.sku, row.total, row.available, row.title) for row in world.ebay.listings]
    stock = list(world.amazon.listings.offers[KETTLE].availability)
    world.run(name)
    for sku, price in ((KETTLE, 59.95), (GRINDER, 48.5), (MUG, 15.25)):
        shown = f"{world.on_ebay(sku).price / 100:.2f} EUR"
        if name == "amazon_eu":
            entries = world.amazon.listings.offers[sku].attributes["purchasable_offer"]
            [entry] = [entry for entry in entries if entry["marketplace_id"] == DE]
            shown = f"{entry['our_price'][0]['schedule'][0]['value_with_tax']:.2f} EUR"
        assert shown == with_tax(world.odoo, sku, price, included=False)
    assert [(row.sku, row.total, row.available, row.title) for row in world.ebay.listings] == rows
    assert world.amazon.listings.offers[KETTLE].availability == stock
    assert (world.run(name).outcomes, world.waits(name)) == ({}, [])
