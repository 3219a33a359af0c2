"""Two keys are the same when they look the same, and a message shows what cannot be seen."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.keys import (
    ODD_SPELLINGS,
    email_key,
    email_spellings,
    fold,
    is_relay,
    key,
    shown,
    spellings,
)

HIDDEN = " \t\n\r\u00a0\u2009\u202f\u3000\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"


@given(st.text())
def test_a_key_is_its_own_key(text: str) -> None:
    assert key(key(text)) == key(text)
    assert fold(fold(text)) == fold(text)
    assert key(unicodedata.normalize("NFD", text)) == key(unicodedata.normalize("NFC", text))


@given(st.text("TRAIL-1Äé", min_size=1), st.text(HIDDEN), st.text(HIDDEN))
def test_what_surrounds_a_key_does_not_count(text: str, before: str, after: str) -> None:
    assert key(before + text + after) == key(text)


@given(st.text("AÄ-", min_size=1), st.text(HIDDEN, min_size=1), st.text("BÖ", min_size=1))
def test_a_spelling_that_is_no_key_is_searched_for(left: str, hidden: str, right: str) -> None:
    """Each is either the key, its decomposed form, or matches one of the patterns."""
    for text in (left + hidden + right, hidden + right, left + hidden):
        odd = any(_is_like(text, pattern) for pattern in ODD_SPELLINGS)
        assert odd or text in spellings([key(text)])


def _is_like(text: str, pattern: str) -> bool:
    bare = pattern.strip("%")
    if pattern.startswith("%"):
        return bare in text if pattern.endswith("%") else text.endswith(bare)
    return text.startswith(bare)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("TRAIL-1", "TRAIL-1"),
        ("TRAIL 1", "TRAIL 1"),
        ("TRAIL-1 ", '"TRAIL-1␠"'),
        (" TRAIL-1", '"␠TRAIL-1"'),
        ("TRAIL  1", '"TRAIL ␠1"'),
        ("TRAIL-1\u200b", '"TRAIL-1<U+200B>"'),
        ("\ufeffTRAIL-1\t", '"<U+FEFF>TRAIL-1␉"'),
        ("TRAIL\u00a01", '"TRAIL<U+00A0>1"'),
        ("U\u0308BER", '"U<U+0308>BER"'),
    ],
)
def test_a_message_shows_what_cannot_be_seen(text: str, says: str) -> None:
    assert shown(text) == says


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (" Ada@Example.COM ", "ada@example.com"),
        ("\u200bada@example.com\ufeff", "ada@example.com"),
        ("ada@xn--mller-kva.de", "ada@müller.de"),
        ("ada@MÜLLER.de", "ada@müller.de"),
        ("ada@mu\u0308ller.de", "ada@müller.de"),
        ("ada@xn--.de", "ada@.de"),
        ("Invalid Request", ""),
        ("ada@localhost", ""),
        ("@example.com", ""),
        ("a b@example.com", ""),
    ],
)
def test_an_address_has_one_key(address: str, expected: str) -> None:
    assert email_key(address) == expected


def test_an_address_is_searched_as_odoo_may_have_it() -> None:
    assert list(email_spellings("ada@müller.de")) == ["ada@müller.de", "ada@xn--mller-kva.de"]
    assert list(email_spellings("ada@example.com")) == ["ada@example.com"]


@pytest.mark.parametrize(
    ("email", "relay"),
    [
        ("x1@marketplace.amazon.de", True),
        ("X1@Marketplace.Amazon.co.uk ", True),
        ("0a1@members.ebay.de", True),
        ("a@relay.walmart.com", True),
        ("ada@amazon.de", False),
        ("ada@ebay.de", False),
        ("marketplace.amazon.@example.com", False),
    ],
)
def test_relay_addresses_of_all_marketplaces_are_known(email: str, relay: bool) -> None:
    assert is_relay(email) is relay
