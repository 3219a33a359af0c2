"""Pictures of Amazon's listings: put on the merchant's own server, named to Amazon, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.domain.content.listings import ContentOutcome, Picture, SentChange, Slot
from commerce_pipelines.domain.content.rules import ContentRules
from commerce_pipelines_tests.doubles.picture_source import MemoryPictures
from commerce_sandbox.amazon.places import DE
from commerce_sandbox.image_host import SECRET, ImageHostStandIn

from ..contract import connect
from .test_texts import World, amazon

__all__ = ["amazon"]

MAIN, OTHER = "main_product_image_locator", "other_product_image_locator_1"


def build_rules(**more: Any) -> ContentRules:
    return msgspec.convert({"enabled": True, "owned": ["title", "images"], **more}, ContentRules)


@pytest.fixture
def host() -> Iterator[ImageHostStandIn]:
    with ImageHostStandIn() as server:
        yield server


@pytest.fixture
def world(amazon: Any, host: ImageHostStandIn, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("IMAGES_KEY", SECRET)
    folder = f"{host.url}/shop"
    rules = {"put": folder, "public": f"{folder}/", "secret": {"env": "IMAGES_KEY"}}
    return World(amazon, amazon.clock, content=build_rules(image_host=rules))


def place(world: World, source: MemoryPictures, pictures: Sequence[Picture], **texts: str) -> dict[str, ContentOutcome]:
    listing = world.read()
    shown = [picture.id for picture in listing.pictures or ()]
    slots = tuple(
        Slot(place=place, picture=picture, replaces=shown[place] if place < len(shown) else "")
        for place, picture in enumerate(pictures)
    )
    changes = [SentChange(
        key="images", token="t", listing=listing, field="images", before=",".join(shown), after="new", slots=slots
    )]  # fmt: skip
    changes += [
        SentChange(key=field, token=field, listing=listing, field=field, before=listing.values[field], after=text)
        for field, text in texts.items()
    ]
    return {outcome.key: outcome for outcome in world.channel.content.send(changes, source)}


def fetch(world: World, host: ImageHostStandIn, name: str) -> bytes | None:
    """What Amazon fetches for an attribute, by its address."""
    [entry] = world.offer.attributes[name]
    assert entry["marketplace_id"] == DE.id
    return host.find(entry["media_location"])


def test_pictures_are_put_on_the_host_and_named_in_their_order(world: World, host: ImageHostStandIn) -> None:
    source, stock = MemoryPictures(), list(world.offer.availability)
    outcome = place(world, source, [source.add(b"1"), source.add(b"2")], title="Wasserkessel")
    assert {answer.status for answer in outcome.values()} == {"accepted"}
    assert outcome["images"].pictures == {0: MAIN, 1: OTHER}
    assert [fetch(world, host, name) for name in (MAIN, OTHER)] == list(source.contents.values())
    assert world.patches() == [("VALIDATION_PREVIEW", DE.id), ("", DE.id)]  # with the title in one call
    assert (world.offer.shown[DE.id], world.offer.availability) == ("Wasserkessel", stock)
    shown = world.read().pictures or ()
    assert [picture.id for picture in shown] == [MAIN, OTHER]
    new = source.add(b"3")
    assert place(world, source, [new])["images"].status == "accepted"
    assert (fetch(world, host, MAIN), host.puts) == (source.contents[new.checksum], 3)
    assert len(world.offer.attributes[MAIN]) == 1


def test_a_host_that_takes_nothing_holds_up_no_text_and_is_tried_again(world: World, host: ImageHostStandIn) -> None:
    source = MemoryPictures()
    pictures = [source.add(b"1")]
    host.full = True
    outcome = place(world, source, pictures, title="Wasserkessel")
    assert (outcome["images"].status, outcome["images"].code) == ("unknown", "image_host")
    assert (outcome["title"].status, MAIN in world.offer.attributes) == ("accepted", False)
    host.full = False
    assert place(world, source, pictures)["images"].status == "accepted"
    assert place(world, source, pictures)["images"].status == "accepted"
    assert host.puts == 1  # it is known to be there


def test_a_wrong_secret_and_a_kind_that_amazon_does_not_take_are_said(
    world: World, host: ImageHostStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MemoryPictures()
    monkeypatch.setenv("IMAGES_KEY", "wrong")
    assert place(world, source, [source.add(b"1")])["images"].code == "image_host"
    monkeypatch.delenv("IMAGES_KEY")
    assert place(world, source, [source.add(b"1")])["images"].code == "image_host"
    outcome = place(world, source, [source.add(b"2", "image/webp")])["images"]
    assert (outcome.status, "image/webp" in outcome.message, host.puts) == ("refused", True, 0)


def test_an_attribute_that_a_preview_finds_wrong_is_refused_and_the_title_is_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = MemoryPictures()
    picture = source.add(b"1")
    monkeypatch.setattr("commerce_sandbox.amazon.attributes.MOST_BYTES", {MAIN: 3})
    outcome = place(world, source, [picture], title="Wasserkessel")
    assert (outcome["images"].status, outcome["images"].code) == ("refused", "90220")
    assert outcome["title"].status == "accepted"


def test_without_a_host_pictures_are_the_channels(amazon: Any) -> None:
    world = World(amazon, amazon.clock, content=build_rules())
    assert "images" not in world.channel.content.limits(world.read())


def test_a_host_has_addresses_and_a_header_and_only_where_pictures_are_fetched(amazon: Any) -> None:
    rules = {"put": "ftp://host/x", "public": "http://host/x", "secret": {"env": "K"}, "header": "X Y"}
    with pytest.raises(SettingsError) as caught:
        connect(amazon, amazon.clock, content=build_rules(image_host=rules))
    assert [key in str(caught.value) for key in ("image_host.put", "image_host.public", "image_host.header")] == [
        True
    ] * 3
