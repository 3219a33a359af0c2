"""What Amazon fails at with one listing is that listing's alone, and only what Amazon itself calls gone is gone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from commerce_pipelines.channels.reach import MOST_LOST
from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.domain.content.listings import ContentOutcome, SentChange
from commerce_pipelines_tests.doubles.picture_source import MemoryPictures
from commerce_sandbox.amazon.places import DE
from commerce_sandbox.server import Call, Fault

from .test_texts import BULLETS, FOREIGN, KETTLE, World, amazon, world

__all__ = ["amazon", "world"]


def send_all(world: World, after: str = "Kettle") -> list[ContentOutcome]:
    """Every listing gets another title."""
    listings = [row for page in world.channel.content.read() for row in page]
    changes = [
        SentChange(key=row.key, token=row.key, listing=row, field="title", before=row.values["title"], after=after)
        for row in listings
    ]
    return list(world.channel.content.send(changes, MemoryPictures()))


def fail(world: World, place: int, **fault: Any) -> str:
    """Each change of a listing fails; its SKU."""
    sku = sorted(world.amazon.listings.offers)[place]
    world.amazon.faults.append(
        Fault(match=lambda call: call.method == "PATCH" and call.path.endswith(sku), times=99, **fault)
    )
    return sku


def list_patched(world: World) -> set[str]:
    """The listings that Amazon was asked to change."""
    return {call.path for call in world.amazon.calls if call.method == "PATCH"}


@pytest.mark.parametrize("status", [500, 200])
def test_a_change_that_always_fails_holds_up_no_other(world: World, status: int) -> None:
    """status 200: with an answer that cannot be read."""
    sku = fail(world, 0, status=status, body=b"[]")
    outcomes = {answer.key: answer.status for answer in send_all(world)}
    assert outcomes.pop(sku) == "unknown"
    assert set(outcomes.values()) == {"accepted"}


def test_a_change_that_amazon_never_takes_is_refused(world: World) -> None:
    sku = fail(world, 1, status=413)
    outcomes = {answer.key: (answer.status, answer.code) for answer in send_all(world)}
    assert outcomes.pop(sku) == ("refused", "failed")
    assert {status for status, _ in outcomes.values()} == {"accepted"}


def test_where_nothing_is_answered_amazon_cannot_be_reached(world: World) -> None:
    def is_down(call: Call) -> bool:
        """Every change, and what Amazon is asked after some have failed; not what is read again before each."""
        return call.method == "PATCH" or (not call.parameter("identifiers") and len(list_patched(world)) > MOST_LOST)

    world.amazon.faults.append(Fault(match=is_down, times=999, status=503))
    with pytest.raises(TransientError):
        send_all(world)
    assert len(list_patched(world)) == MOST_LOST + 1


def test_more_listings_in_a_row_that_always_fail_hold_up_none_behind_them(world: World) -> None:
    """They were taken for an Amazon that is down, and what stood behind them was never sent."""
    poisoned = {fail(world, place, status=500) for place in range(2 * MOST_LOST)}
    outcomes = {answer.key: answer.status for answer in send_all(world)}
    assert {key for key, status in outcomes.items() if status == "unknown"} == poisoned
    assert set(outcomes.values()) == {"unknown", "accepted"}


def test_where_every_change_fails_they_are_given_up_although_amazon_answers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commerce_pipelines.channels.reach.MOST_ALONE", MOST_LOST + 2)
    world.amazon.faults.append(Fault(match=lambda call: call.method == "PATCH", times=999, status=503))
    with pytest.raises(TransientError):
        send_all(world)
    assert len(list_patched(world)) == MOST_LOST + 3


def test_a_404_that_is_not_amazons_own_is_no_proof_that_a_listing_is_gone(world: World) -> None:
    sku = fail(world, 0, status=404, body=b"{}")
    outcomes = {answer.key: (answer.status, answer.code) for answer in send_all(world)}
    assert outcomes[sku] == ("unknown", "failed")


def test_a_listing_that_a_search_leaves_out_is_looked_for_by_itself(world: World) -> None:
    """As are those that it shows in a shape that cannot be read."""
    skus = sorted(world.amazon.listings.offers)[:3]
    lost = {skus[0]: None, skus[1]: {"sku": skus[1], "summaries": 1}}

    def lose(body: bytes) -> bytes:
        answer = json.loads(body)
        kept = [lost.get(item["sku"], item) for item in answer["items"]]
        return json.dumps({**answer, "items": [item for item in kept if item]}).encode()

    is_search = lambda call: bool(call.parameter("identifiers"))  # noqa: E731
    world.amazon.faults.append(Fault(match=is_search, times=99, after=True, change=lose))
    assert {answer.status for answer in send_all(world)} == {"accepted"}
    del world.amazon.listings.offers[skus[0]]
    world.amazon.faults.clear()
    listing = world.read()
    gone = SentChange(key="g", token="g", listing=listing, field="title", before=listing.values["title"], after="New")
    world.amazon.listings.offers.pop(KETTLE)
    [answer] = world.channel.content.send([gone], MemoryPictures())
    assert (answer.status, answer.code) == ("refused", "gone")


def test_bullet_points_that_name_no_marketplace_are_sent_along(world: World) -> None:
    bare = {name: value for name, value in FOREIGN.items() if name != "marketplace_id"}

    def strip(body: bytes) -> bytes:
        whole, less = (json.dumps(entry, separators=(",", ":")).encode() for entry in (FOREIGN, bare))
        assert KETTLE.encode() not in body or whole in body
        return body.replace(whole, less)

    def is_reading(call: Call) -> bool:
        return call.method == "GET" and "/items/" in call.path

    world.offer.attributes[BULLETS] = [FOREIGN]
    world.amazon.faults.append(Fault(match=is_reading, times=99, after=True, change=strip))
    assert world.send(bullets="Edelstahl")["bullets"].status == "accepted"
    texts = {entry["value"] for entry in world.offer.attributes[BULLETS] if entry["marketplace_id"] == DE.id}
    assert texts == {FOREIGN["value"], "Edelstahl"}


def test_a_product_type_whose_definition_cannot_be_had_stops_no_reading(world: World) -> None:
    world.amazon.faults.append(Fault(match="/productTypes/", times=99, status=500))
    assert KETTLE in {row.key for page in world.channel.content.read() for row in page}
