"""Odd texts of Odoo on their way to the channels: what nobody sees blanks nothing, what no channel can be sent is left
out, and everything else arrives as it is."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_pipelines_tests.doubles.contents import KETTLE, Merchant
from commerce_pipelines_tests.flows.content.test_marketplaces import CHANNELS, GRINDER, World, open_world

__all__ = ["open_world"]

EMOJI = "Kessel \N{TEAPOT} mit \N{WOMAN}\u200d\N{GIRL}"  # one picture of two people, held together by U+200D
HEBREW = "\u200f\u05e7\u05d5\u05de\u05e7\u05d5\u05dd\u200f 1.7"  # between marks of direction
QUOTED = "Ke\u0308ssel <b>& Co</b> 'x' \"y\""


@pytest.mark.parametrize("text", ["   ", "\u00a0", "\u200b", "\ufeff \u200e", "\u2060\u200d"])
def test_a_text_that_nobody_sees_is_no_text(open_shop: Any, text: str) -> None:
    merchant: Merchant = open_shop()
    merchant.run()
    merchant.edit(KETTLE, name=text, description_sale=text)
    assert (merchant.run().outcomes, merchant.mutations) == ({}, [])


@pytest.mark.parametrize("text", [EMOJI, HEBREW, QUOTED])
def test_emoji_other_directions_and_markup_in_a_name_arrive_as_they_are(open_shop: Any, text: str) -> None:
    merchant: Merchant = open_shop()
    merchant.run()
    merchant.edit(KETTLE, name=text)
    assert dict(merchant.run().outcomes) == {"accepted": 1}
    assert merchant.product(KETTLE)["title"] == text
    assert merchant.run(whole=True).outcomes == {}


def test_they_arrive_on_marketplaces_and_without_what_xml_cannot_hold(open_world: Any) -> None:
    world: World = open_world()
    for sku in (KETTLE, GRINDER):
        world.edit(sku, name=f"{EMOJI} {HEBREW} \x02{sku}\x0b1")
    for name in CHANNELS:
        assert dict(world.run(name).outcomes) == {"accepted": 2}
        assert (world.run(name).outcomes, world.waits(name)) == ({}, [])
    for sku in (KETTLE, GRINDER):
        text = f"{EMOJI} {HEBREW} {sku} 1"
        assert (world.on_ebay(sku).title, world.amazon.listings.offers[sku].shown["A1PA6795UKMFR9"]) == (text, text)
