"""Listings that are written one after another are read again once their reading is old, many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from commerce_pipelines.channels.product_content import MOST_AGE, MOST_FAILED, Failed, FreshListings
from commerce_pipelines.core.errors import PermanentError, ProtocolError, RateLimited, TransientError
from commerce_pipelines.domain.content.listings import ShownListing

AT_ONCE = 2
KEYS = [f"L{number}" for number in range(12)]


@dataclass
class Shop:
    """passed: seconds. asked: keys of each reading. bad: keys of which a reading fails, with the error."""

    passed: float = 0.0
    asked: list[list[str]] = field(default_factory=list)
    bad: dict[str, Exception] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

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
        return FreshListings("The shop", self.read, lambda: self.passed, groups, AT_ONCE)


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


@pytest.mark.parametrize("error", [TransientError("busy"), ProtocolError("no JSON")])
def test_a_reading_that_fails_is_the_error_of_its_own_listings_alone(error: Exception) -> None:
    shop = Shop(bad={KEYS[0]: error})
    fresh = shop.open()
    for key in KEYS[:2]:
        with pytest.raises(type(error)):
            fresh.show(key)
        shop.passed += MOST_AGE  # the channel was asked again and again
    assert fresh.show(KEYS[2])
    assert shop.asked == [KEYS[:2], KEYS[2:4]]


def test_with_too_many_that_fail_it_is_the_channel_itself() -> None:
    shop = Shop(bad=dict.fromkeys(KEYS, TransientError("busy")))
    fresh = shop.open()
    for key in KEYS[: AT_ONCE * MOST_FAILED]:
        with pytest.raises(TransientError):
            fresh.show(key)
    with pytest.raises(TransientError):
        fresh.show(KEYS[AT_ONCE * MOST_FAILED])
    assert len(shop.asked) == MOST_FAILED + 1
    with pytest.raises(TransientError):  # nothing is kept of it
        fresh.show(KEYS[AT_ONCE * MOST_FAILED])
    assert len(shop.asked) == MOST_FAILED + 2


@pytest.mark.parametrize("error", [RateLimited("later", wait=1.0), PermanentError("never")])
def test_what_stops_everything_is_raised_at_once(error: Exception) -> None:
    shop = Shop(bad={KEYS[0]: error})
    fresh = shop.open()
    with pytest.raises(type(error)):
        fresh.show(KEYS[0])
