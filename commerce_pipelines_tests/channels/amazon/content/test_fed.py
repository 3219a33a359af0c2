"""Changes of many listings by one feed: told once, looked after by its report, and never mixed up with stock's feeds.
Judged by Amazon's own descriptions and schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.channels.amazon.content import fed
from commerce_pipelines.channels.amazon.content.shown import LOCATORS
from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.domain.content.listings import ContentOutcome, SentChange, Slot
from commerce_pipelines_tests.doubles.picture_source import MemoryPictures
from commerce_sandbox.amazon.places import DE
from commerce_sandbox.image_host import SECRET, ImageHostStandIn
from commerce_sandbox.server import Call, Fault

from ..catalogue import pushes
from ..contract import connect
from .test_pictures import build_rules
from .test_texts import NAME, World, amazon

__all__ = ["amazon"]

SKUS = 4
SLOW = timedelta(hours=2)


class Fed(World):
    """A seller whose changes of more than two listings go by a feed. noted: references on record before the call."""

    def __init__(self, amazon: Any, **settings: Any) -> None:
        super().__init__(amazon, amazon.clock, **{"content_feed_above": 2, "marketplaces": ("DE",), **settings})
        self.noted: dict[str, str] = {}
        self.at_note = 0

    def build(self, count: int = SKUS, **texts: str) -> list[SentChange]:
        listings = [row for page in self.channel.content.read() for row in page][:count]
        texts = texts or {"title": "Kessel"}
        return [
            SentChange(key=f"{row.key}|{field}", token=row.key, listing=row, field=field, before=row.values[field],
                       after=f"{text} {place}" if len(text) < 99 or not place else "Kurz")
            for place, row in enumerate(listings) for field, text in texts.items()
        ]  # fmt: skip

    def tell(self, changes: list[SentChange], source: MemoryPictures | None = None) -> dict[str, ContentOutcome]:
        def note(references: Mapping[str, str]) -> None:
            self.noted |= references
            self.at_note = len(self.feeds)

        outcomes = self.channel.content.send(changes, source or MemoryPictures(), note)
        return {outcome.key: outcome for outcome in outcomes}

    def look(self, changes: list[SentChange], sent: Mapping[str, ContentOutcome]) -> dict[str, ContentOutcome]:
        again = [
            msgspec.structs.replace(change, reference=sent[change.key].reference) for change in changes
            if sent[change.key].status == "pending"
        ]  # fmt: skip
        return {outcome.key: outcome for outcome in self.channel.content.look(again)}

    @property
    def feeds(self) -> list[Any]:
        return list(self.amazon.feeds.feeds.values())

    def pass_by(self, time: timedelta) -> None:
        self.clock.passed += time.total_seconds()


@pytest.fixture
def world(amazon: Any) -> Fed:
    return Fed(amazon)


def count(outcomes: Mapping[str, ContentOutcome]) -> dict[str, int]:
    statuses = [outcome.status for outcome in outcomes.values()]
    return {status: statuses.count(status) for status in statuses}


def test_many_listings_are_one_feed_and_each_field_has_its_outcome_by_the_report(world: Fed) -> None:
    changes = world.build(title="Kessel", description="Für Tee.")
    stock = {sku: list(offer.availability) for sku, offer in world.amazon.listings.offers.items()}
    sent = world.tell(changes)
    assert (count(sent), len(world.feeds), world.at_note) == ({"pending": 2 * SKUS}, 1, 0)
    assert world.patches() == []  # a feed has no preview
    assert world.noted.keys() == sent.keys()
    assert count(world.look(changes, sent)) == {"pending": 2 * SKUS}
    world.pass_by(SLOW)
    seen = world.look(changes, sent)
    assert count(seen) == {"accepted": 2 * SKUS}
    for change in changes[::2]:
        offer = world.amazon.listings.offers[change.listing.key]
        assert offer.shown[DE.id] == change.after
        assert offer.availability == stock[offer.sku]
    assert len(world.feeds) == 1


def test_few_listings_go_by_previews_and_patches(world: Fed) -> None:
    assert count(world.tell(world.build(2))) == {"accepted": 2}
    assert (world.feeds, len(world.patches())) == ([], 4)


def test_what_a_message_is_refused_for_is_refused_and_the_rest_of_it_is_told_again(world: Fed) -> None:
    changes = world.build(title="K" * 201, description="Für Tee.")
    sent = world.tell(changes)
    world.pass_by(SLOW)
    seen = world.look(changes, sent)
    first = changes[0].listing.key
    assert (seen[f"{first}|title"].status, seen[f"{first}|title"].code) == ("refused", "90220")
    assert (seen[f"{first}|description"].status, seen[f"{first}|description"].code) == ("unknown", "with_another")
    assert "K" * 20 not in seen[f"{first}|title"].message
    assert count(seen) == {"refused": 1, "unknown": 1, "accepted": 2 * SKUS - 2}


@pytest.mark.parametrize("at_work", [True, False])
def test_a_feed_whose_answer_is_lost_is_looked_for_and_not_made_again(world: Fed, at_work: bool) -> None:
    changes = world.build()
    world.amazon.faults.append(Fault(match=_is_creating, drop=True, after=True))
    sent = world.tell(changes)
    assert (count(sent), len(world.feeds)) == ({"pending": SKUS}, 1)
    assert {outcome.reference for outcome in sent.values()} == set(world.noted.values())
    world.pass_by(timedelta(0) if at_work else SLOW)
    assert count(world.look(changes, sent)) == {"pending" if at_work else "accepted": SKUS}


def test_a_feed_that_never_came_is_waited_for_and_then_told_again(world: Fed) -> None:
    changes = world.build()
    world.amazon.faults.append(Fault(match=_is_creating, drop=True))
    sent = world.tell(changes)
    assert (count(sent), world.feeds) == ({"pending": SKUS}, [])
    assert count(world.look(changes, sent)) == {"pending": SKUS}  # the request may still arrive
    world.pass_by(SLOW)
    assert count(world.look(changes, sent)) == {"unknown": SKUS}


def test_a_feed_of_stock_is_not_taken_for_one_of_content(world: Fed) -> None:
    changes = world.build(30)
    world.amazon.faults.append(Fault(match=_is_creating, drop=True))
    sent = world.tell(changes)
    offers = world.amazon.listings.offers
    for number in range(30 - len(offers)):
        offers[f"S{number}"] = type(world.offer)(f"S{number}", "x", "B", "KITCHEN", (DE.id,), world.offer.created,
                                                 world.offer.updated, [{"fulfillment_channel_code": "DEFAULT", "quantity": 1}])  # fmt: skip  # noqa: E501
    outcomes = list(world.channel.quantities.push(pushes(world.channel, 30)))
    assert {outcome.status for outcome in outcomes} == {"accepted"}
    world.pass_by(SLOW)
    assert count(world.look(changes, sent)) == {"unknown": len(sent)}


def test_a_feed_of_content_is_not_taken_for_one_of_stock(world: Fed) -> None:
    offers = world.amazon.listings.offers
    for number in range(30):
        offers[f"S{number}"] = type(world.offer)(f"S{number}", "x", "B", "KITCHEN", (DE.id,), world.offer.created,
                                                 world.offer.updated, [{"fulfillment_channel_code": "DEFAULT", "quantity": 1}])  # fmt: skip  # noqa: E501
    wanted = pushes(world.channel, 30)
    assert count(world.tell(world.build(30))) == {"pending": 30}
    world.amazon.faults.append(Fault(match=_is_creating, drop=True))
    outcomes = list(world.channel.quantities.push(wanted))
    assert {(outcome.status, outcome.code) for outcome in outcomes} == {("failed", "feed_not_sent")}


@pytest.mark.parametrize("fate", ["FATAL", "CANCELLED"])
def test_a_feed_that_amazon_breaks_off_is_told_again(world: Fed, fate: str) -> None:
    changes = world.build()
    sent = world.tell(changes)
    world.amazon.feeds.fate = [fate]
    world.pass_by(SLOW)
    assert count(world.look(changes, sent)) == {"unknown": SKUS}


@pytest.mark.parametrize("fate", ["FATAL", "CANCELLED"])
def test_after_two_feeds_that_amazon_broke_off_each_listing_is_told_by_itself_for_a_day(world: Fed, fate: str) -> None:
    changes = world.build()
    world.amazon.feeds.fate = [fate, fate]
    for _ in range(2):
        sent = world.tell(changes)
        world.pass_by(SLOW)
        assert count(world.look(changes, sent)) == {"unknown": SKUS}
    assert count(world.tell(changes)) == {"accepted": SKUS}
    world.amazon.faults.append(Fault(match=_is_listing, status=500, times=9))
    changes = world.build(title="Kanne")
    sent = world.tell(changes)
    assert (count(sent), len(world.feeds)) == ({"pending": SKUS}, 3)  # it does not tell what it broke off
    world.amazon.faults.clear()
    world.pass_by(timedelta(days=1))
    assert count(world.look(changes, sent)) == {"accepted": SKUS}
    assert count(world.tell(world.build(title="Krug"))) == {"pending": SKUS}


def test_a_report_that_cannot_be_had_leaves_changes_pending(world: Fed) -> None:
    changes = world.build()
    sent = world.tell(changes)
    world.pass_by(SLOW)
    world.amazon.faults.append(Fault(match="/feeds/2021-06-30/documents/", times=9, status=500))
    assert world.look(changes, sent) == {}


def test_what_the_report_does_not_count_is_not_taken_for_accepted(world: Fed) -> None:
    changes = world.build()
    world.amazon.feeds.unsaid = {1}
    sent = world.tell(changes)
    world.pass_by(SLOW)
    assert count(world.look(changes, sent)) == {"unknown": SKUS}


def test_a_document_that_would_be_too_large_is_divided(world: Fed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fed, "MOST_BYTES", 2_000)
    changes = world.build(description="T" * 90)
    sent = world.tell(changes)
    sizes = [len(world.amazon.documents.documents[feed.document].body) for feed in world.feeds]
    assert len(sizes) > 1
    assert max(sizes) <= 2_000
    world.pass_by(SLOW)
    assert count(world.look(changes, sent)) == {"accepted": SKUS}


def test_pictures_are_named_in_a_feed_as_in_a_patch(amazon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGES_KEY", SECRET)
    source = MemoryPictures()
    with ImageHostStandIn() as host:
        rules = {"put": f"{host.url}/shop", "public": f"{host.url}/shop/", "secret": {"env": "IMAGES_KEY"}}
        world = Fed(amazon, content=build_rules(image_host=rules))
        changes = [
            SentChange(key=row.listing.key, token="t", listing=row.listing, field="images", before="", after="new",
                       slots=tuple(Slot(place=at, picture=source.add(b"%d" % at)) for at in range(2)))
            for row in world.build()
        ]  # fmt: skip
        sent = world.tell(changes, source)
        world.pass_by(SLOW)
        seen = world.look(changes, sent)
    assert count(seen) == {"accepted": SKUS}
    assert [outcome.pictures for outcome in seen.values()] == [{0: LOCATORS[0], 1: LOCATORS[1]}] * SKUS


def test_a_listing_that_moved_or_cannot_be_read_is_not_in_the_feed(world: Fed) -> None:
    changes = world.build()
    moved = world.amazon.listings.offers[changes[0].listing.key]
    moved.shown[DE.id] = "Edited in Seller Central"
    sent = world.tell(changes)
    assert count(sent) == {"stale": 1, "pending": SKUS - 1}
    [feed] = world.feeds
    document = json.loads(world.amazon.documents.documents[feed.document].body)
    assert moved.sku not in {message["sku"] for message in document["messages"]}
    assert moved.attributes[NAME]


def test_a_feed_from_no_listing_on_is_no_setting(amazon: Any) -> None:
    with pytest.raises(SettingsError, match="content_feed_above"):
        connect(amazon, amazon.clock, content_feed_above=0)


def _is_listing(call: Call) -> bool:
    return call.method == "GET" and call.path.endswith("/feeds/2021-06-30/feeds")


def _is_creating(call: Call) -> bool:
    return call.method == "POST" and call.path.endswith("/feeds/2021-06-30/feeds")
