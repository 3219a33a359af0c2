"""Pure rules of content: what is never blanked, how long texts may be, cleaning that comes to rest, what is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.reasons import Reason
from commerce_pipelines.domain.content.comparison import Action, Told, compare_text
from commerce_pipelines.domain.content.fields import DESCRIPTION, TITLE, Limit, fit, is_gtin, shorten
from commerce_pipelines.domain.content.markup import PLAIN_TAGS, clean, flatten, paragraphs
from commerce_pipelines.domain.content.rules import ContentRules

RULES, SHORTENING = ContentRules(), ContentRules(too_long="shorten")
HTML = Limit(tags=PLAIN_TAGS)
TEXTS = st.text(max_size=60)
PARTS = ("<p class='x'>", "</p>", "<br>", "a b", "&amp;", "<script>x</script>", "<b>", "</b>", "<ul><li>", "\u00a0",
         "<span data-oe-model='y'>", "</span>", "\u200b", "&#8203;", "\u200f", "\x02")  # fmt: skip
MARKUP = st.lists(st.sampled_from(PARTS)).map("".join)


@given(TEXTS)
def test_an_empty_source_never_changes_a_listing(shown: str) -> None:
    plan = compare_text(TITLE, shown, "", RULES, Limit(most=20), None)
    assert (plan.action, plan.after) == (Action.EMPTY, shown)


@given(MARKUP)
def test_cleaning_comes_to_rest_and_leaves_no_attribute(text: str) -> None:
    cleaned = clean(text, PLAIN_TAGS)
    assert clean(cleaned, PLAIN_TAGS) == cleaned
    assert "data-oe" not in cleaned
    assert "script" not in cleaned
    assert "class=" not in cleaned


@pytest.mark.parametrize(
    "text",
    ["<p><br></p>", "<p>\u200b</p>", "<p>&#8203;</p><div>\ufeff\u200e</div>", "<!-- x --><script>1</script>", " \t"],
)
def test_markup_around_what_nobody_sees_is_no_text(text: str) -> None:
    assert (clean(text, PLAIN_TAGS), flatten(text)) == ("", "")


@given(TEXTS)
def test_plain_text_keeps_its_words_as_html(text: str) -> None:
    words = " ".join(text.replace("\x00", "").split())
    if words.isprintable():
        assert flatten(paragraphs(words)) == words


@given(st.text(alphabet="ab cü,", max_size=200), st.integers(1, 80), st.booleans())
def test_g98_a_shortened_title_fits_and_ends_after_a_whole_word(text: str, most: int, in_bytes: bool) -> None:
    limit = Limit(most=most, in_bytes=in_bytes)
    short = shorten(text, limit)
    assert limit.measure(short) <= most
    kept, words = ([word.rstrip(",") for word in some.split()] for some in (short, text))
    assert kept == words[: len(kept)]


def test_g98_a_title_of_95_characters_for_80_is_refused_or_cut_by_rule() -> None:
    title = " ".join(["Gooseneck"] * 9 + ["Pot", "X"])
    assert len(title) == 95
    refused = fit(TITLE, title, Limit(most=80), "refuse")
    assert isinstance(refused, Reason)
    assert refused.code == "content_too_long"
    assert "95 characters, the channel takes 80" in refused.message
    assert fit(TITLE, title, Limit(most=80), "shorten") == " ".join(["Gooseneck"] * 8)
    assert compare_text(TITLE, "Old", title, SHORTENING, Limit(most=80), None).action is Action.CHANGE


def test_a_text_that_the_channel_makes_its_own_is_sent_once() -> None:
    answer = Told(text="<p>A</p>", before="<p>old</p>", shown="<div>A!</div>")
    plan = compare_text(DESCRIPTION, "<div>A!</div>", "<p>A</p>", RULES, HTML, answer)
    assert plan.action is Action.SETTLED
    moved = compare_text(DESCRIPTION, "<p>edited there</p>", "<p>A</p>", RULES, HTML, answer)
    assert moved.action is Action.CHANGE


def test_a_text_that_is_accepted_and_not_shown_waits_and_so_does_a_contested_one() -> None:
    ignored = Told(text="New", before="Old", shown="Old")
    plan = compare_text(TITLE, "Old", "New", RULES, Limit(), ignored)
    assert (plan.action, plan.reason is not None) == (Action.NOT_SHOWN, True)
    contested = Told(text="New", before="Old", shown="New", times=3)
    assert compare_text(TITLE, "Other", "New", RULES, Limit(), contested).action is Action.NOT_SHOWN
    unseen = Told(text="New", before="Old")
    assert compare_text(TITLE, "Old", "New", RULES, Limit(), unseen).action is Action.SENT


def test_a_barcode_is_a_gtin_by_its_check_digit() -> None:
    assert is_gtin("4006381333931")
    assert is_gtin("036000291452")
    assert not is_gtin("4006381333932")
    assert not is_gtin("123456789")
