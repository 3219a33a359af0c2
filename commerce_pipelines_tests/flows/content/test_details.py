"""Item specifics of eBay's listings that the Trading API made: so many are read a night, and Odoo's reach them."""

from __future__ import annotations

from typing import Any

from commerce_pipelines.flows.content.publish import refresh
from commerce_pipelines.warehouse.content import shown
from commerce_pipelines_tests.flows.content.test_marketplaces import World, open_world

__all__ = ["open_world"]

NAME = "ebay_de"
MORE = ", owned: [specifics], breaker: {changed_percent: 100}"


def give_material(odoo: Any) -> None:
    """Every product of Odoo has a material."""
    [attribute] = odoo.call("product.attribute", "create", vals_list=[{"name": "Material"}])
    [value] = odoo.call(
        "product.attribute.value", "create", vals_list=[{"name": "Stainless steel", "attribute_id": attribute}]
    )
    templates = odoo.call("product.template", "search", domain=[])
    lines = [{"product_tmpl_id": template, "attribute_id": attribute, "value_ids": [[6, 0, [value]]]}
             for template in templates]  # fmt: skip
    odoo.call("product.template.attribute.line", "create", vals_list=lines)


def count_read(world: World) -> int:
    """Listings of the Trading API whose specifics are on record."""
    with world.connections.warehouse.transaction() as connection:
        return sum(bool(row.reference.get("detailed")) for row in shown.load_listings(connection, NAME))


def test_some_are_read_each_night_and_changed_and_the_others_follow(open_world: Any, monkeypatch: Any) -> None:
    world: World = open_world(MORE, "", give_material)
    classic = [row for row in world.ebay.listings if not row.offer_id and not row.variation and row.sku]
    for row in classic:
        row.specifics = {"Eigenes": ["x"]}
    content = world.connections.channel(NAME).content
    monkeypatch.setattr(type(content), "details_a_night", 2)
    with world.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.content_listings WHERE channel = %s", (NAME,))
    done = []
    for night in range(1, 4):
        refresh(world.connections, NAME, read=True)
        assert count_read(world) == min(2 * night, len(classic))
        done.append(dict(world.run(NAME).outcomes).get("accepted", 0))
    changed = [row for row in classic if "Material" in row.specifics]
    assert len(changed) == count_read(world)
    assert all(row.specifics == {"Eigenes": ["x"], "Material": ["Stainless steel"]} for row in changed)
    assert done[1:] == [2, 2]
    oldest = [row.specifics for row in classic]
    assert dict(world.run(NAME).outcomes) == {}
    assert [row.specifics for row in classic] == oldest
