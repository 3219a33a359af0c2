"""What is read of Odoo's products: by checksum, in several languages, archived ones as archived; and what moves a
product's write_date, on the stand-in and on a real Odoo."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from commerce_pipelines.core.errors import RecordError, SettingsError
from commerce_pipelines.domain.content.products import OWN, Product
from commerce_pipelines.odoo.catalogue.pictures import read_picture
from commerce_pipelines.odoo.catalogue.products import (
    Wanted,
    count_changed,
    find_sources,
    read_catalogue,
    read_types,
)
from commerce_pipelines_tests.doubles.odoo import World

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
FIELDS = ("name", "description_sale", "description_ecommerce", "barcode", "weight", "hs_code", "country_of_origin")


def make(world: World, **values: Any) -> str:
    code = f"C-{secrets.token_hex(4)}".upper()
    world.create("product.template", **{"name": f"Article {code}", "default_code": code, **values})
    return code


def read(world: World, code: str, since: datetime | None = None, **options: Any) -> list[Product]:
    catalogue = read_catalogue(world.client, Wanted(fields=FIELDS, **options), since)
    return [product for product in catalogue.products if product.code == code]


def template(world: World, code: str) -> int:
    rows = world.call(
        "product.product", "search_read", domain=[["default_code", "=", code]], fields=["product_tmpl_id"], load=None,
        context={"active_test": False},
    )  # fmt: skip
    return int(rows[0]["product_tmpl_id"])


def test_a_product_is_read_with_its_figures_and_the_checksum_of_its_picture(world: World) -> None:
    [italy] = world.call("res.country", "search", domain=[["code", "=", "IT"]])
    code = make(
        world, weight=0.35, description_sale="For two\n\ncups", hs_code="691110", country_of_origin=italy,
        image_1920=base64.b64encode(PNG).decode(),
    )  # fmt: skip
    [product] = read(world, code)
    assert product.values == {"barcode": "", "weight": "350", "hs_code": "691110", "country_of_origin": "IT"}
    assert product.texts[OWN] == {"name": f"Article {code}", "description_sale": "For two\n\ncups"}
    assert (product.active, product.variants, product.documents) == (True, 1, ())
    picture = product.picture
    assert picture is not None
    assert (picture.mime, picture == product.template_picture) == ("image/png", True)
    content = read_picture(world.client, picture)
    assert hashlib.sha1(content, usedforsecurity=False).hexdigest() == picture.checksum
    world.call("product.template", "write", ids=[template(world, code)],
               vals={"image_1920": base64.b64encode(PNG + b"x").decode()})  # fmt: skip
    with pytest.raises(RecordError, match="changed in Odoo"):
        read_picture(world.client, picture)
    [changed] = read(world, code)
    assert changed.picture is not None
    assert changed.picture.checksum != picture.checksum


def test_a_field_that_odoo_lacks_is_named_and_the_others_are_read(world: World) -> None:
    make(world)
    catalogue = read_catalogue(world.client, Wanted(fields=(*FIELDS, "x_none")))
    assert "x_none" in catalogue.missing
    assert read_types(world.client, ["name", "x_none"]).names == {"name", "documents", "image_1920", "attributes"}


def test_what_may_feed_a_listing_is_what_this_odoo_has(world: World) -> None:
    code = make(world)
    values = {"res_model": "product.template", "res_id": template(world, code), "name": "a"}
    world.create("product.document", datas=base64.b64encode(PNG).decode(), **values)
    sources = find_sources(world.client)
    assert {"name", "description_sale", "image_1920", "documents"} <= set(sources)
    assert not {"default_code", "write_date", "description", "display_name"} & set(sources)
    if world.kind != "stand-in":  # a person adds a field
        [model] = world.call("ir.model", "search", domain=[["model", "=", "product.template"]])
        name = f"x_{secrets.token_hex(4)}"
        world.create("ir.model.fields", model_id=model, name=name, field_description="Long text", ttype="html")
        assert name in find_sources(world.client)
        assert name in read_types(world.client, [name]).html


def test_an_archived_product_is_read_as_archived(world: World) -> None:
    code = make(world)
    world.call("product.template", "write", ids=[template(world, code)], vals={"active": False})
    [product] = read(world, code)
    assert (product.active, product.variants) == (False, 0)


def test_a_translation_is_read_and_moves_the_write_date(world: World) -> None:
    _activate(world, "fr_FR")
    code, languages = make(world, name="Mug"), frozenset((OWN, "fr_FR"))
    [product] = read(world, code, languages=languages)
    assert product.texts["fr_FR"]["name"] == "Mug"  # Odoo's fallback
    since = datetime.now(UTC) + timedelta(minutes=10)  # less the overlap
    world.call("product.template", "write", ids=[template(world, code)], vals={"name": "Tasse"},
               context={"lang": "fr_FR"})  # fmt: skip
    [product] = read(world, code, since - timedelta(seconds=2), languages=languages)
    assert (product.texts[OWN]["name"], product.texts["fr_FR"]["name"]) == ("Mug", "Tasse")
    assert count_changed(world.client, since - timedelta(seconds=2)) >= 1
    assert read(world, code, since + timedelta(minutes=5)) == []


def test_a_language_that_is_not_active_is_named(world: World) -> None:
    with pytest.raises(SettingsError, match="xx_XX, which is not active in Odoo"):
        read_catalogue(world.client, Wanted(fields=FIELDS, languages=frozenset((OWN, "xx_XX"))))


def test_documents_that_are_pictures_come_in_their_order(world: World) -> None:
    code = make(world)
    values = {"res_model": "product.template", "res_id": template(world, code)}
    for place, name, content in ((2, "b", PNG + b"b"), (1, "a", PNG + b"a"), (0, "text", b"no picture")):
        world.create("product.document", name=name, datas=base64.b64encode(content).decode(), sequence=place, **values)
    [product] = read(world, code)
    marks = [hashlib.sha1(PNG + mark, usedforsecurity=False).hexdigest() for mark in (b"a", b"b")]
    assert [picture.checksum for picture in product.documents] == marks
    assert read_picture(world.client, product.documents[0]) == PNG + b"a"


def _activate(world: World, code: str) -> None:
    """A person activates a language, which the stand-in takes as a new row."""
    context = {"active_test": False}
    rows = world.call("res.lang", "search_read", domain=[["code", "=", code]], fields=["active"], context=context)
    if world.kind == "stand-in" and not rows:
        world.create("res.lang", name=code, code=code)
    elif world.kind != "stand-in" and not rows[0]["active"]:
        wizard = world.create("base.language.install", lang_ids=[[6, 0, [rows[0]["id"]]]], overwrite=False)
        world.call("base.language.install", "lang_install", ids=[wizard])
