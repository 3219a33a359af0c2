"""Listings that are written one after another are read again once their reading is old, many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from commerce_pipelines.channels.product_content import MOST_AGE, Failed, FreshListings
from commerce_pipelines.channels.reach import MOST_ALONE, MOST_LOST
from commerce_pipelines.core.errors import (
    CredentialError,
    PermanentError,
    ProtocolError,
    RateLimited,
    SettingsError,
    TransientError,
)
from commerce_pipelines.domain.content.listings import ShownListing

AT_ONCE = 2
KEYS = [f"L{number}" for number in range(40)]


@dataclass
class Shop:
    """passed: seconds. asked: keys of each reading. bad: keys of which a reading fails, with the error. lives: whether
    it answers a cheap call."""

    passed: float = 0.0
    asked: list[list[str]] = field(default_factory=list)
    bad: dict[str, Exception] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    lives: bool = False

    def read(self, listings: Sequence[ShownListing], failed: Failed) -> Iterator[ShownListing]:
        keys = [listing.key for listing in listings]
        self.asked.append(keys)
        for key in keys:
            if key in self.bad:
                raise self.bad[key]
        for key in keys:
            if key not in self.gone:
                yield ShownListing(key=key, skus=(key,), values={"title": f"{len(self.asked)}"})

    def open(self) -> FreshListings:
        groups = {key: [ShownListing(key=key, skus=(key,), values={})] for key in KEYS}
        return FreshListings("The shop", self.read, lambda: self.passed, groups, AT_ONCE, self.ask)

    def ask(self) -> None:
        if not self.lives:
            raise TransientError("down")


def test_a_reading_serves_those_that_are_written_soon_after_it() -> None:
    shop = Shop()
    fresh = shop.open()
    for key in KEYS[:4]:
        assert set(fresh.show(key)) == {key}
        assert set(fresh.show(key)) == {key}
    assert shop.asked == [KEYS[:2], KEYS[2:4]]


def test_an_old_reading_is_made_again_from_the_next_one_on() -> None:
    shop = Shop()
    fresh = shop.open()
    fresh.show(KEYS[0])
    shop.passed = MOST_AGE - 0.1
    assert fresh.show(KEYS[1])[KEYS[1]].values == {"title": "1"}
    shop.passed = MOST_AGE
    assert fresh.show(KEYS[1])[KEYS[1]].values == {"title": "2"}
    assert shop.asked == [KEYS[:2], KEYS[1:3]]


def test_what_is_gone_by_then_is_not_shown_any_more() -> None:
    shop = Shop()
    fresh = shop.open()
    assert fresh.show(KEYS[1])
    shop.gone, shop.passed = {KEYS[1]}, MOST_AGE
    assert (fresh.show(KEYS[1]), fresh.find(KEYS[1])) == ({}, None)


@pytest.mark.parametrize("error", [TransientError("busy"), ProtocolError("no JSON"), PermanentError("never")])
def test_of_a_reading_that_fails_each_is_read_alone_and_the_one_to_blame_waits(error: Exception) -> None:
    shop = Shop(bad={KEYS[0]: error})
    fresh = shop.open()
    for _ in range(2):
        with pytest.raises(type(error)):
            fresh.show(KEYS[0])
        shop.passed += MOST_AGE  # the channel was asked again and again
    assert fresh.show(KEYS[1])
    assert fresh.show(KEYS[2])
    assert shop.asked == [KEYS[:2], KEYS[:1], KEYS[1:2], KEYS[2:4]]


def test_some_that_fail_among_others_never_stop_the_others() -> None:
    shop = Shop(bad=dict.fromkeys(KEYS[::2], TransientError("busy")))
    fresh = shop.open()
    for bad, good in zip(KEYS[::2], KEYS[1::2], strict=True):
        with pytest.raises(TransientError):
            fresh.show(bad)
        assert fresh.show(good)


def test_with_too_many_in_a_row_it_is_the_channel_itself_which_is_not_asked_any_more() -> None:
    shop = Shop()
    fresh = shop.open()
    assert fresh.show(KEYS[0])
    shop.bad = dict.fromkeys(KEYS, TransientError("busy"))
    for key in KEYS[2:]:
        with pytest.raises(TransientError):
            fresh.show(key)
    assert len(shop.asked) == 1 + MOST_LOST + 1
    assert fresh.show(KEYS[0])  # which was read a moment ago
    shop.passed = MOST_AGE
    with pytest.raises(TransientError):
        fresh.show(KEYS[0])
    assert len(shop.asked) == 1 + MOST_LOST + 1


def test_a_channel_that_answers_a_cheap_call_is_not_given_up_for_some_listings_in_a_row() -> None:
    bad, good = KEYS[: MOST_ALONE // 2], KEYS[MOST_ALONE // 2 :]
    shop = Shop(bad=dict.fromkeys(bad, TransientError("busy")), lives=True)
    fresh = shop.open()
    for key in bad:
        with pytest.raises(TransientError):
            fresh.show(key)
    for key in good:
        assert fresh.show(key)


def test_it_is_given_up_after_many_listings_in_a_row() -> None:
    shop = Shop(bad=dict.fromkeys(KEYS, TransientError("busy")), lives=True)
    fresh = shop.open()
    for key in KEYS:
        with pytest.raises(TransientError):
            fresh.show(key)
    assert len(shop.asked) == MOST_ALONE + 1


@pytest.mark.parametrize("error", [RateLimited("later", wait=1.0), CredentialError("who"), SettingsError("where")])
def test_what_stops_everything_is_raised_at_once(error: Exception) -> None:
    shop = Shop(bad={KEYS[0]: error})
    fresh = shop.open()
    for _ in range(2):
        with pytest.raises(type(error)):
            fresh.show(KEYS[0])
