"""Lines without SKU, such as custom items: a pattern of titles names their product."""

from __future__ import annotations

import pytest

from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.products import Product
from commerce_pipelines.domain.sales.mapping import alias_of, choose
from commerce_pipelines.domain.sales.rules import Pack, SaleRules

RULES = SaleRules(
    skus={"ENG": "ENGRAVING"},
    titles={"Engraving*": "ENGRAVING", "set of ?": Pack(product="MUG", quantity=4), "*deposit*": "DEPOSIT "},
)


@pytest.mark.parametrize(
    ("sku", "title", "expected"),
    [
        ("", "Engraving: Ada", ("ENGRAVING", 1)),
        ("\u200b ", "  ENGRAVING ", ("ENGRAVING", 1)),
        ("", "Set of 4", ("MUG", 4)),
        ("", "Bottle deposit (0.25)", ("DEPOSIT", 1)),
        ("", "Something else", ("", 1)),
        ("ENG", "Something else", ("ENGRAVING", 1)),
        ("KET-1", "Engraving", ("KET-1", 1)),
    ],
)
def test_a_title_names_the_product_of_a_line_without_sku(sku: str, title: str, expected: tuple[str, int]) -> None:
    assert alias_of(sku, title, RULES) == expected


def test_one_product_stands_for_all_custom_items_or_they_wait() -> None:
    custom = Product(product_id=7, code="CUSTOM", name="Custom item")
    chosen, units = choose("", SaleRules(titles={"*": "CUSTOM"}), {"CUSTOM": [custom]}, "[Gift] for Ada")
    assert (chosen.product_id, units) == (7, 1)
    with pytest.raises(RecordError) as refused:
        choose("", SaleRules(), {"CUSTOM": [custom]}, "Gift")
    assert refused.value.code == "no_sku"
