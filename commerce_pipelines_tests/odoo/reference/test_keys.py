"""Keys against what Odoo itself stores and searches: a product is found by any spelling that looks the same."""

from __future__ import annotations

import secrets
import unicodedata

import pytest

from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.sales.mapping import choose
from commerce_pipelines.domain.sales.rules import SaleRules
from commerce_pipelines.odoo.reference.names import KINDS, find_names
from commerce_pipelines.odoo.reference.products import find_products
from commerce_pipelines_tests.doubles.odoo import World

STORED = {
    "a blank at its end": "{} ",
    "a blank before it": " {}",
    "a tab": "{}\t",
    "a line end": "{}\n",
    "a hard blank": "{}\u00a0",
    "a zero width blank": "{}\u200b",
    "a byte order mark": "\ufeff{}",
    "a soft hyphen": "{}\u00ad",
    "two blanks inside": "{}  X",
    "an accent of its own": "{}u\u0308",
    "nothing odd": "{}ü X",
}


@pytest.mark.parametrize("spelling", STORED.values(), ids=STORED)
def test_a_product_is_found_however_its_reference_was_imported(world: World, spelling: str) -> None:
    code = f"TRAIL-{secrets.token_hex(4)}"
    stored = spelling.format(code)
    product, _ = world.product(default_code=stored)
    [row] = world.call("product.product", "read", [product], fields=["default_code"])
    assert row["default_code"] == stored  # Odoo keeps it as it is
    plain = " ".join(unicodedata.normalize("NFC", spelling.format(code).translate(dict.fromkeys(
        map(ord, "\ufeff\u200b\u00ad")))).split())  # fmt: skip
    for sku in (plain, stored, f"{plain} ", f"\u200b{plain}", unicodedata.normalize("NFD", plain)):
        rules = SaleRules()
        products = find_products(world.client, [plain])
        assert choose(sku, rules, products)[0].product_id == product
    folded = SaleRules(sku_fold_case=True)
    products = find_products(world.client, [plain.upper()], fold_case=True)
    assert choose(plain.upper(), folded, products)[0].product_id == product


def test_products_that_differ_by_blanks_only_are_ambiguous(world: World) -> None:
    code = f"TRAIL-{secrets.token_hex(4)}"
    for spelling in ("{} ", "{}", "{}\u200b"):
        world.product(default_code=spelling.format(code))
    other = f"{code}-A "
    world.product(default_code=other)
    products = find_products(world.client, [code])
    with pytest.raises(RecordError) as refused:
        choose(f"{code} ", SaleRules(), products)
    assert refused.value.code == "ambiguous_sku"
    assert refused.value.message == (
        f'3 products in Odoo have the internal reference {code} (SKU "{code}␠"), as '
        f'"{code}<U+200B>" and "{code}␠" and {code}.'
    )


def test_an_alias_is_the_same_key_on_both_sides(world: World) -> None:
    code = f"TRAIL-{secrets.token_hex(4)}"
    product, _ = world.product(default_code=f"{code} ")
    rules = SaleRules(skus={" OLD\u00a0NAME": f"{code}\u200b"})
    assert choose("OLD NAME\ufeff", rules, find_products(world.client, [code]))[0].product_id == product


def test_a_name_is_found_however_it_was_imported(world: World) -> None:
    name = f"Team {secrets.token_hex(4)}"
    team = world.create("crm.team", name=f"{name}\u00a0 ")
    assert find_names(world.client, KINDS["team"], [name, f"{name} ", "nobody's"], "en_US") == {
        name: team,
        f"{name} ": team,
    }
