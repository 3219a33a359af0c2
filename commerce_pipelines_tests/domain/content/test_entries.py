"""Bullet points and item specifics: read from texts, put among those that a listing has, checked before any call."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies

from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.domain.content.comparison import Action, Memory, compare
from commerce_pipelines.domain.content.entries import (
    join_attributes,
    merge_specifics,
    normalise_list,
    read_list,
    read_specifics,
    write_specifics,
)
from commerce_pipelines.domain.content.fields import Limit, fit
from commerce_pipelines.domain.content.listings import ShownListing
from commerce_pipelines.domain.content.products import OWN, Product
from commerce_pipelines.domain.content.rules import ContentRules

BULLETS, SPECIFICS = Limit(most=20, lines=3), Limit(most=10, most_name=10, lines=3)
words = strategies.text(strategies.characters(codec="utf-8", exclude_characters=":"), min_size=1, max_size=8)
specifics = strategies.dictionaries(words, strategies.lists(words, min_size=1, max_size=3), max_size=4)


@pytest.mark.parametrize(
    ("text", "is_html", "entries"),
    [("1.7 l\n\n  Steel \n1.7 l", False, "1.7 l\nSteel"), ("- One\n• Two\n* Three-way", False, "One\nTwo\nThree-way"),
     ("<ul><li>One &amp; a half</li><li><b>Two</b></li></ul><p><br></p>", True, "One & a half\nTwo"),
     (" \n\u200b\n", False, ""), ("-20 °C to 90 °C", False, "-20 °C to 90 °C")],
)  # fmt: skip
def test_each_line_or_item_is_an_entry(text: str, is_html: bool, entries: str) -> None:
    assert read_list(text, is_html=is_html) == entries
    assert normalise_list(entries, named=False) == entries


@given(shown=specifics, wanted=specifics)
def test_merged_specifics_hold_odoos_and_all_others_and_merging_again_changes_nothing(
    shown: dict[str, list[str]], wanted: dict[str, list[str]]
) -> None:
    before, own = write_specifics(read_specifics(write_specifics(shown))), write_specifics(wanted)
    merged = merge_specifics(before, own)
    after = {name.casefold(): values for name, values in read_specifics(merged).items()}
    assert {name.casefold() for name in read_specifics(before)} | {
        name.casefold() for name in read_specifics(own)
    } == set(after)
    for name, values in read_specifics(own).items():
        if [other.casefold() for other in read_specifics(own)].count(name.casefold()) == 1:
            assert after[name.casefold()] == values
    assert merge_specifics(merged, own) == merged


def test_a_name_with_a_colon_is_no_name() -> None:
    with pytest.raises(ValueError, match="colon"):
        write_specifics({"Size: outer": ["1"]})
    assert join_attributes([("Size: outer", "1"), ("Colour", "Blue"), ("Colour", "Red"), ("", "x")]) == (
        "Colour: Blue\nColour: Red"
    )


def test_entries_that_are_too_long_or_too_many_are_refused_or_shortened() -> None:
    long = "\n".join(("Steel", "A spout like the neck of a goose", "Four", "Five"))
    assert fit("bullets", "Steel\nTea", BULLETS, "refuse") == "Steel\nTea"
    cases = ((long, "32 characters, the channel takes 20"), ("1\n2\n3\n4", "4 entries, the channel takes 3"))
    for text, figures in cases:
        reason = fit("bullets", text, BULLETS, "refuse")
        assert isinstance(reason, Reason)
        assert (reason.code, figures in reason.message) == ("content_too_long", True)
    assert fit("bullets", long, BULLETS, "shorten") == "Steel\nA spout like the\nFour"
    assert fit("specifics", "Colour: A deep blue", SPECIFICS, "shorten") == "Colour: A deep"
    for rule in ("refuse", "shorten"):  # a name is never cut
        assert isinstance(fit("specifics", "A long name: x", SPECIFICS, rule), Reason)
    assert fit("specifics", "A: 1\nA: 2\nA: 3\nA: 4", SPECIFICS, "refuse") == "A: 1\nA: 2\nA: 3\nA: 4"


def decide(shown: str, *pairs: tuple[str, str], limit: Limit = SPECIFICS, too_long: str = "refuse") -> tuple[str, str]:
    listing = ShownListing(key="k", skus=("A",), values={"specifics": shown})
    product = Product(product_id=1, template_id=1, code="A", attributes={OWN: pairs} if pairs else {})
    rules = ContentRules(owned=("specifics",), too_long=too_long)  # type: ignore[arg-type]
    [field] = compare(listing, [[product]], rules, {"specifics": limit}, Memory()).fields
    return field.action, field.after


def test_specifics_of_a_listing_that_odoo_has_none_of_stay() -> None:
    shown = "Brand: Acme\ncolour: Red\nWith a name that is long: and a value that is long"
    assert decide(shown) == (Action.EMPTY, shown)
    assert decide(shown, ("Colour", "Red")) == (Action.SAME, shown)
    after = "Brand: Acme\ncolour: Blue\nWith a name that is long: and a value that is long"
    assert decide(shown, ("Colour", "Blue")) == (Action.CHANGE, after)


@pytest.mark.parametrize("too_long", ["refuse", "shorten"])
def test_none_of_a_listing_goes_to_make_room_for_odoos(too_long: str) -> None:
    shown = "A: 1\nB: 2\nC: 3"
    assert decide(shown, ("D", "4"), too_long=too_long) == (Action.WAITS, shown)
    assert decide(shown, ("C", "4"), too_long=too_long) == (Action.CHANGE, "A: 1\nB: 2\nC: 4")


def test_settings_that_would_do_nothing_or_too_much_are_refused() -> None:
    assert [key for key, _ in ContentRules(owned=("bullets",)).problems()] == ["owned"]
    assert [key for key, _ in ContentRules(owned=("specifics",), blank=("specifics",)).problems()] == ["blank"]
    good = ContentRules(owned=("bullets", "specifics"), sources={"bullets": ("x_bullets",)})
    assert list(good.problems()) == []
