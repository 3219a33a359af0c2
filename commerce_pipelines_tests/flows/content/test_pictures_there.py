"""Pictures edited in Odoo reach eBay and Amazon once, in the place of what was shown before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from commerce_pipelines.warehouse.content import uploads
from commerce_pipelines_tests.flows.content.test_marketplaces import CHANNELS, GRINDER, KETTLE, World, open_world
from commerce_pipelines_tests.flows.content.test_once import Killed, kill_at
from commerce_pipelines_tests.flows.content.test_pictures import PNG, picture
from commerce_sandbox.image_host import SECRET, ImageHostStandIn
from commerce_sandbox.server import Fault

__all__ = ["open_world"]

BOTH = (KETTLE, GRINDER)
AMAZON, MUG = "amazon_eu", "MUG-STN-350-BL"
BY_FEED = "}, content_feed_above: 2, notifications: {enabled: false"  # of the channel, behind its section of content
MAIN = "main_product_image_locator"


class Pictured:
    """A merchant whose pictures go to both. host: where Amazon fetches them."""

    def __init__(self, world: World, host: ImageHostStandIn) -> None:
        self.world, self.host = world, host

    def shown(self, name: str, sku: str) -> list[bytes | None]:
        """The pictures of a listing, None for one that is not ours."""
        if name == "ebay_de":
            return [self.world.ebay.media.files.get(address) for address in self.world.on_ebay(sku).addresses]
        entries = self.world.amazon.listings.offers[sku].attributes.get(MAIN, ())
        return [self.host.find(entry["media_location"]) for entry in entries]

    def uploads(self, name: str) -> int:
        return self.host.puts if name == "amazon_eu" else len(self.world.ebay.media.files)


@pytest.fixture
def open_pictured(open_world: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that opens such a merchant with these further keys of Amazon's."""
    monkeypatch.setenv("IMAGES_KEY", SECRET)
    with ImageHostStandIn() as host:
        folder = f"image_host: {{put: '{host.url}/x', public: '{host.url}/x', secret: {{env: IMAGES_KEY}}}}"
        yield lambda more="": Pictured(open_world(", owned: [title, images]", f", {folder}{more}"), host)


@pytest.fixture
def pictured(open_pictured: Any) -> Pictured:
    merchant: Pictured = open_pictured()
    return merchant


@pytest.mark.parametrize("name", CHANNELS)
def test_g96_a_picture_takes_the_main_place_is_uploaded_once_and_replaced_when_it_changes_by_a_byte(
    pictured: Pictured, name: str
) -> None:
    world = pictured.world
    for sku in BOTH:
        world.edit(sku, image_1920=picture(sku.encode()))
    assert dict(world.run(name).outcomes) == {"accepted": 2}
    assert [pictured.shown(name, sku) for sku in BOTH] == [[PNG + sku.encode()] for sku in BOTH]
    count = world.writes()
    assert world.run(name).outcomes == {}
    world.edit(KETTLE, image_1920=picture(b"x"))
    assert dict(world.run(name).outcomes) == {"accepted": 1}
    assert (pictured.shown(name, KETTLE), pictured.uploads(name)) == ([PNG + b"x"], 3)
    assert world.run(name).outcomes == {}
    assert world.writes() - count == (2 if name == "amazon_eu" else 1)  # Amazon's preview is a call, too


@pytest.mark.parametrize("fed", [False, True])
def test_g96_three_changes_on_amazon_are_three_previews_and_patches_or_one_feed_and_one_upload(
    open_pictured: Any, fed: bool
) -> None:
    """A second run makes no call. fed: by a feed, without previews."""
    pictured: Pictured = open_pictured(BY_FEED if fed else "")
    world, calls = pictured.world, pictured.world.amazon.calls
    world.edit(KETTLE, image_1920=picture(b"a"))
    world.run(AMAZON)
    world.edit(KETTLE, image_1920=picture(b"b"))
    for sku in (GRINDER, MUG):
        world.edit(sku, name=f"New {sku}")
    seen, puts = len(calls), pictured.host.puts
    assert dict(world.run(AMAZON).outcomes) == ({"pending": 3} if fed else {"accepted": 3})
    patches = [call.parameter("mode") for call in calls[seen:] if call.method == "PATCH"]
    feeds = sum(call.method == "POST" and call.path.endswith("/feeds") for call in calls[seen:])
    assert (patches.count("VALIDATION_PREVIEW"), patches.count(""), feeds) == ((0, 0, 1) if fed else (3, 3, 0))
    assert pictured.host.puts - puts == 1
    if fed:
        [feed] = world.amazon.feeds.feeds.values()
        feed.ready = world.amazon.now()
        assert dict(world.run(AMAZON).outcomes) == {"accepted": 3}
    assert pictured.shown(AMAZON, KETTLE) == [PNG + b"b"]
    seen, puts = len(calls), pictured.host.puts
    assert world.run(AMAZON).outcomes == {}
    assert (calls[seen:], pictured.host.puts) == ([], puts)


@pytest.mark.parametrize("point", ["effect_recorded", "attempt_recorded", "effect_answered", "effect_settled"])
@pytest.mark.parametrize("name", CHANNELS)
def test_a_run_that_dies_adds_no_picture_twice(
    pictured: Pictured, monkeypatch: pytest.MonkeyPatch, name: str, point: str
) -> None:
    world = pictured.world
    for sku in BOTH:
        world.edit(sku, image_1920=picture(sku.encode()))
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_at(patch, point)
        world.run(name)
    for _ in range(3):
        world.run(name)
    assert [pictured.shown(name, sku) for sku in BOTH] == [[PNG + sku.encode()] for sku in BOTH]
    assert (pictured.uploads(name), world.run(name).outcomes, world.waits(name)) == (2, {}, [])


def test_a_picture_on_ebay_whose_answer_was_lost_is_known_by_its_upload(pictured: Pictured) -> None:
    world = pictured.world
    world.edit(GRINDER, image_1920=picture())
    world.ebay.faults.append(
        Fault(match=lambda call: b"ReviseFixedPriceItem" in call.body, times=9, drop=True, after=True)
    )
    assert "accepted" not in world.run("ebay_de").outcomes
    world.ebay.faults.clear()
    for _ in range(3):
        world.run("ebay_de")
    assert (pictured.shown("ebay_de", GRINDER), pictured.uploads("ebay_de")) == ([PNG], 1)
    with world.connections.warehouse.transaction() as connection:
        assert len(uploads.load_checksums(connection, "ebay_de")) == 1


def test_a_listing_that_is_slow_to_show_a_picture_does_not_get_it_twice(
    pictured: Pictured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """eBay's answers about a listing may be minutes old."""
    from commerce_sandbox.ebay import listings

    world = pictured.world
    row = world.on_ebay(GRINDER)
    old = list(row.addresses)
    world.edit(GRINDER, image_1920=picture())
    monkeypatch.setattr(listings.Offered, "addresses", property(lambda self: old if self is row else self.pictures))
    assert dict(world.run("ebay_de").outcomes) == {"accepted": 1}
    assert world.run("ebay_de").outcomes == {}
    assert len(row.pictures) == 1
