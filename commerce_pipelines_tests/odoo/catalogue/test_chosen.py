"""Which products a person chose for new listings, on the stand-in and on a real Odoo."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.domain.content.listing_rules import NewListingRules
from commerce_pipelines.odoo.catalogue.chosen import read_chosen
from commerce_pipelines_tests.doubles.odoo import World
from commerce_pipelines_tests.odoo.catalogue.test_products import make, template


def chosen(world: World, **rules: Any) -> set[int]:
    """Ids of the templates that these rules choose."""
    ids = read_chosen(world.client, NewListingRules(enabled=True, **rules))
    rows = world.call("product.product", "read", ids=sorted(ids), fields=["product_tmpl_id"], load=None)
    return {row["product_tmpl_id"] for row in rows}


def test_goods_with_the_tag_are_chosen_and_no_others(world: World) -> None:
    name = f"Shop {secrets.token_hex(4)}"
    tag = world.create("product.tag", name=name)
    tagged: dict[str, Any] = {"product_tag_ids": [[6, 0, [tag]]]}
    code = make(world, **tagged)
    for values in ({"sale_ok": False}, {"type": "service"}, {"default_code": False}, {"active": False}):
        make(world, **tagged, **values)
    make(world)
    assert chosen(world, tag=name) == {template(world, code)}


def test_a_variant_may_have_a_tag_of_its_own(world: World) -> None:
    name = f"Shop {secrets.token_hex(4)}"
    tag = world.create("product.tag", name=name)
    code = make(world)
    ids = world.call("product.product", "search", domain=[["default_code", "=", code]])
    world.call("product.product", "write", ids=ids, vals={"additional_product_tag_ids": [[6, 0, [tag]]]})
    assert chosen(world, tag=name) == {template(world, code)}


def test_a_category_counts_with_those_below_it_and_all_rules_have_to_fit(world: World) -> None:
    mark = secrets.token_hex(4)
    above = world.create("product.category", name=f"Shop {mark}")
    below = world.create("product.category", name="Mugs", parent_id=above)
    tag = world.create("product.tag", name=f"Shop {mark}")
    codes = [make(world, categ_id=above), make(world, categ_id=below, product_tag_ids=[[6, 0, [tag]]])]
    assert chosen(world, category=f"Shop {mark}") == {template(world, code) for code in codes}
    assert chosen(world, category=f"Shop {mark} / Mugs") == {template(world, codes[1])}
    assert chosen(world, category=f"Shop {mark}", tag=f"Shop {mark}") == {template(world, codes[1])}


def test_a_field_that_is_true_chooses(world: World) -> None:
    code = make(world, purchase_ok=False)
    ids = chosen(world, field="purchase_ok")
    assert template(world, code) not in ids
    assert ids


@pytest.mark.parametrize("rules", [{"tag": "No such"}, {"category": "No such"}, {"field": "x_none"}, {"field": "name"}])
def test_what_odoo_does_not_have_is_an_error_of_the_settings(world: World, rules: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=f"new_listings.{next(iter(rules))}"):
        chosen(world, **rules)
