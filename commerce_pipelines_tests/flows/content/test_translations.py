"""Odoo's translations reach the shop's languages, and follow their text when that changes."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines_tests.doubles.contents import KETTLE, Merchant

FRENCH = "approve: false, translations: {fr: fr_FR}"


def french(merchant: Merchant) -> dict[str, Any]:
    product = merchant.product(KETTLE)
    return {part["key"]: part["value"] for part in merchant.shop.contents.texts.show(product, "fr")
            if not part["outdated"]}  # fmt: skip


def test_a_translation_is_registered_and_again_when_its_text_changes(open_shop: Any) -> None:
    merchant: Merchant = open_shop(FRENCH)
    merchant.odoo.call("res.lang", "create", vals_list=[{"name": "French", "code": "fr_FR"}])
    assert merchant.run().outcomes == {}  # what is not translated is not sent
    merchant.edit(KETTLE, language="fr_FR", name="Bouilloire")
    assert dict(merchant.run().outcomes) == {"accepted": 1}
    assert french(merchant) == {"title": "Bouilloire"}
    merchant.edit(KETTLE, name="Kettle A")
    assert dict(merchant.run().outcomes) == {"accepted": 2}
    assert (merchant.product(KETTLE)["title"], french(merchant)) == ("Kettle A", {"title": "Bouilloire"})
    assert merchant.run(whole=True).outcomes == {}


def test_a_language_that_the_shop_does_not_have_waits_with_a_reason(open_shop: Any) -> None:
    merchant: Merchant = open_shop("approve: false, translations: {pl: pl_PL}")
    merchant.odoo.call("res.lang", "create", vals_list=[{"name": "Polish", "code": "pl_PL"}])
    merchant.edit(KETTLE, language="pl_PL", name="Czajnik")
    assert dict(merchant.run().outcomes) == {"refused": 1}
    assert (merchant.run().outcomes, set(merchant.waits().values())) == ({}, {"content_refused"})


def test_more_languages_than_one_query_reads_are_refused_when_the_file_is_read(open_shop: Any) -> None:
    languages = ", ".join(f"l{number}: x{number}_XX" for number in range(9))
    with pytest.raises(SettingsError, match="names 9 languages; at most 8"):
        open_shop(f"translations: {{{languages}}}")
