"""Attributes of products: each with the value that a variant has, in several languages, on the stand-in and on a real
Odoo."""

from __future__ import annotations

import secrets

import pytest

from commerce_pipelines.domain.content.products import ATTRIBUTES, OWN, Product
from commerce_pipelines.odoo.catalogue.products import Wanted, find_sources, read_catalogue
from commerce_pipelines_tests.doubles.odoo import World
from commerce_pipelines_tests.odoo.catalogue.test_products import _activate, make, template

MARK = secrets.token_hex(3)


def add_attribute(world: World, code: str, name: str, *values: str) -> tuple[int, list[int]]:
    """(attribute, values) of a new attribute, which the product then has."""
    attribute = world.create("product.attribute", name=f"{name} {MARK}")
    ids = [world.create("product.attribute.value", name=value, attribute_id=attribute) for value in values]
    world.create(
        "product.template.attribute.line", product_tmpl_id=template(world, code), attribute_id=attribute,
        value_ids=[[6, 0, ids]],
    )  # fmt: skip
    return attribute, ids


def read(world: World, code: str, *languages: str, attributes: bool = True) -> list[Product]:
    wanted = Wanted(
        fields=("name",), languages=frozenset((OWN, *languages)), attributes=attributes, pictures=False, documents=False
    )
    catalogue = read_catalogue(world.client, wanted)
    return [product for product in catalogue.products if product.code.startswith(code)]


def test_an_attribute_with_one_value_is_read_in_each_language(world: World) -> None:
    _activate(world, "fr_FR")
    code = make(world)
    attribute, [steel] = add_attribute(world, code, "Material", "Steel")
    add_attribute(world, code, "Volume", "1.7 l")
    for model, id_, name in (("attribute", attribute, "Matière"), ("attribute.value", steel, "Acier")):
        vals = {"name": name}
        world.call(f"product.{model}", "write", ids=[id_], vals=vals, context={"lang": "fr_FR"})
    [product] = read(world, code, "fr_FR")
    assert sorted(product.attributes[OWN]) == [(f"Material {MARK}", "Steel"), (f"Volume {MARK}", "1.7 l")]
    assert sorted(product.attributes["fr_FR"]) == [("Matière", "Acier"), (f"Volume {MARK}", "1.7 l")]
    assert product.options == {}  # which tells no variants apart
    [product] = read(world, code, attributes=False)
    assert product.attributes == {}
    assert ATTRIBUTES in find_sources(world.client)


def test_a_product_without_attributes_has_none(world: World) -> None:
    code = make(world)
    assert read(world, code)[0].attributes == {}


def test_a_variant_has_its_own_value_of_an_attribute_and_what_buyers_choose_is_none(world: World) -> None:
    if world.kind == "stand-in":
        pytest.skip("the stand-in makes no variants of attributes")
    code = make(world)
    id_ = template(world, code)
    add_attribute(world, code, "Material", "Steel")
    add_attribute(world, code, "Colour", "Blue", "Green")
    engraved = world.create("product.attribute", name=f"Engraving {MARK}", create_variant="no_variant")
    values = [world.create("product.attribute.value", name=name, attribute_id=engraved) for name in ("Yes", "No")]
    world.create("product.template.attribute.line", product_tmpl_id=id_, attribute_id=engraved,
                 value_ids=[[6, 0, values]])  # fmt: skip
    variants = world.call("product.product", "search", domain=[["product_tmpl_id", "=", id_]])
    for number, variant in enumerate(variants):
        world.call("product.product", "write", ids=[variant], vals={"default_code": f"{code}-{number}"})
    products = read(world, code)
    shown = {dict(product.attributes[OWN])[f"Colour {MARK}"]: len(product.attributes[OWN]) for product in products}
    assert shown == {"Blue": 2, "Green": 2}
    # As Odoo itself names a variant: the steel belongs to both.
    assert sorted(product.options[OWN] for product in products) == [("Blue",), ("Green",)]
