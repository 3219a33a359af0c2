"""Texts of Amazon's listings over HTTP: one attribute of one marketplace changes, and nothing else of the listing.
Judged by Amazon's own descriptions."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.channels import product_content
from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.amazon.content.texts import PAGE_SIZE
from commerce_pipelines.core.errors import SettingsError, TransientError
from commerce_pipelines.domain.content.fields import Limit
from commerce_pipelines.domain.content.listings import ContentOutcome, SentChange, ShownListing
from commerce_pipelines_tests.doubles.picture_source import MemoryPictures
from commerce_sandbox.amazon.places import DE, FR, PL
from commerce_sandbox.server import Call, Fault, Reply

from ..contract import Clock, Recorded, connect, judged

KETTLE = "KET-GN-17"
NAME, DESCRIPTION = "item_name", "product_description"
PREVIEWS_APART = 1.0  # seconds, by Amazon's rate


class World:
    """A seller in three marketplaces, and the listing of a kettle in all of them."""

    def __init__(self, amazon: Recorded, clock: Clock, **settings: Any) -> None:
        self.amazon, self.clock = amazon, clock
        settings = {"seller_id": "A2EXAMPLE4SELLER", "marketplaces": ("DE", "FR", "PL"), **settings}
        self.channel: AmazonChannel = connect(amazon, clock, **settings)
        self.offer = amazon.listings.offers[KETTLE]
        self.offer.marketplaces = (DE.id, FR.id, PL.id)
        self.offer.attributes[NAME] = [
            {"value": f"{self.offer.title} {place.country}", "language_tag": place.language, "marketplace_id": place.id}
            for place in (DE, FR, PL)
        ]
        self.offer.attributes[NAME].append(
            {"value": "Kettle, in English", "language_tag": "en_GB", "marketplace_id": DE.id}
        )
        self.offer.shown = {place.id: f"{self.offer.title} {place.country}" for place in (DE, FR, PL)}

    def read(self) -> ShownListing:
        listings = {listing.key: listing for page in self.channel.content.read() for listing in page}
        return listings[KETTLE]

    def send(self, **texts: str) -> dict[str, ContentOutcome]:
        """Change fields, each named with a `__` for the slash of a translation, from what they show now."""
        listing = self.read()
        changes = [
            SentChange(
                key=field, token=field, listing=listing, field=field.replace("__", "/"), after=text,
                before=listing.values[field.replace("__", "/")],
            )
            for field, text in texts.items()
        ]  # fmt: skip
        return {outcome.key: outcome for outcome in self.channel.content.send(changes, MemoryPictures())}

    def texts(self, attribute: str) -> dict[tuple[str, str], str]:
        entries = self.offer.attributes.get(attribute, ())
        return {(entry["marketplace_id"], entry["language_tag"]): entry["value"] for entry in entries}

    def patches(self) -> list[tuple[str, str]]:
        """(mode, marketplace) of each call that could change a listing."""
        calls = [call for call, _ in self.amazon.exchanges if call.method == "PATCH"]
        return [(call.parameter("mode"), call.parameter("marketplaceIds")) for call in calls]


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    clock = Clock()
    with judged(clock, monkeypatch) as stand_in:
        stand_in.clock = clock  # type: ignore[attr-defined]
        yield stand_in


@pytest.fixture
def world(amazon: Recorded) -> World:
    return World(amazon, amazon.clock)  # type: ignore[attr-defined]


def test_a_listing_shows_a_text_for_each_marketplace_and_the_limits_of_its_type(world: World) -> None:
    listing = world.read()
    title = world.offer.title
    assert listing.values == {
        "title": f"{title} DE", "description": "", "origin": "CN",
        "title/fr_FR": f"{title} FR", "description/fr_FR": "", "title/pl_PL": f"{title} PL", "description/pl_PL": "",
        "price": "69.90 EUR", "bullets": "", "bullets/fr_FR": "", "bullets/pl_PL": "",
    }  # fmt: skip
    assert listing.pictures == ()  # Amazon shows those that the seller named
    assert world.channel.content.limits(listing)["title"] == Limit(most=200, in_bytes=True)
    [reread] = world.channel.content.reread([listing])
    assert reread == listing


def test_g95_one_text_changes_and_other_languages_marketplaces_and_the_stock_stay(world: World) -> None:
    before, stock = world.texts(NAME), list(world.offer.availability)
    outcome = world.send(title="Wasserkessel 1,7 l", title__fr_FR="Bouilloire 1,7 l")
    assert {key: answer.status for key, answer in outcome.items()} == {"title": "accepted", "title__fr_FR": "accepted"}
    changed = {(DE.id, "de_DE"): "Wasserkessel 1,7 l", (FR.id, "fr_FR"): "Bouilloire 1,7 l"}
    assert world.texts(NAME) == before | changed
    assert world.texts(NAME)[DE.id, "en_GB"] == "Kettle, in English"
    assert world.offer.availability == stock
    assert world.patches() == [("VALIDATION_PREVIEW", DE.id), ("", DE.id), ("VALIDATION_PREVIEW", FR.id), ("", FR.id)]
    assert world.read().values["title"] == "Wasserkessel 1,7 l"
    assert world.send(title="Wasserkessel 1,7 l")["title"].status == "accepted"  # it shows that already
    assert len(world.patches()) == 4


def test_a_listing_whose_sku_has_a_comma_is_read_by_itself_and_changed_as_any_other(world: World) -> None:
    offers, odd = world.amazon.listings.offers, "KET, GN/17"
    world.offer.sku = odd
    offers[odd] = offers.pop(KETTLE)
    [listing] = [row for page in world.channel.content.read() for row in page if row.key == odd]
    assert list(world.channel.content.reread([listing])) == [listing]
    change = SentChange(key="t", token="t", listing=listing, field="title", before=listing.values["title"],
                        after="Kessel")  # fmt: skip
    assert [answer.status for answer in world.channel.content.send([change], MemoryPictures())] == ["accepted"]
    assert world.texts(NAME)[DE.id, "de_DE"] == "Kessel"
    del offers[odd]
    [answer] = world.channel.content.send([change], MemoryPictures())
    assert (answer.status, answer.code) == ("refused", "gone")


@pytest.mark.parametrize("reply", [Reply(200, {"summaries": 1}), Reply(400, {"errors": [{"code": "InvalidInput"}]})])
def test_a_sku_with_a_comma_that_amazon_cannot_show_holds_up_no_other(world: World, reply: Reply) -> None:
    offers, odd = world.amazon.listings.offers, "KET, GN/17"
    offers[odd] = copy.deepcopy(world.offer)
    offers[odd].sku = odd
    shown = {row.key: row for page in world.channel.content.read() for row in page}
    world.amazon.faults.append(
        Fault(match=lambda call: call.path.endswith("KET%2C%20GN%2F17"), times=9, status=reply.status,
              body=reply.encoded()[0])
    )  # fmt: skip
    changes = [
        SentChange(key=sku, token=sku, listing=shown[sku], field="title", before=shown[sku].values["title"],
                   after="Kessel")
        for sku in (odd, KETTLE)
    ]  # fmt: skip
    answers = list(world.channel.content.send(changes, MemoryPictures()))
    outcomes = {outcome.key: outcome.status for outcome in answers}
    assert outcomes[KETTLE] == "accepted"
    assert outcomes[odd] in ("unknown", "refused")
    assert "gone" not in {answer.code for answer in answers}


def test_several_fields_of_a_listing_are_one_preview_and_one_patch(world: World) -> None:
    outcome = world.send(title="Kessel", description="Für Handfilter.", origin="DE")
    assert {answer.status for answer in outcome.values()} == {"accepted"}
    assert world.patches() == [("VALIDATION_PREVIEW", DE.id), ("", DE.id)]
    assert world.texts(DESCRIPTION) == {(DE.id, "de_DE"): "Für Handfilter."}


def test_a_text_that_a_preview_finds_wrong_is_refused_and_the_others_are_sent(world: World) -> None:
    outcome = world.send(title="K" * 201, description="Für Handfilter.")
    assert (outcome["title"].status, outcome["title"].code) == ("refused", "90220")
    assert outcome["description"].status == "accepted"
    assert world.texts(NAME)[DE.id, "de_DE"].endswith(" DE")
    assert "K" * 20 not in outcome["title"].message


def test_a_listing_that_amazon_refuses_altogether_is_refused_field_by_field(world: World) -> None:
    world.amazon.listings.refused[KETTLE] = ("5461", "You may not sell this brand, says anna@example.com.")
    outcome = world.send(title="Kessel", description="Text")
    assert [(answer.status, answer.code) for answer in outcome.values()] == [("refused", "5461")] * 2
    assert "anna" not in outcome["title"].message
    assert world.patches() == [("VALIDATION_PREVIEW", DE.id)]  # nothing was submitted


def test_a_text_that_the_brands_owner_decides_is_accepted_and_not_shown(world: World) -> None:
    world.amazon.listings.foreign.add(KETTLE)
    outcome = world.send(title="Kessel")
    assert (outcome["title"].status, outcome["title"].shown) == ("accepted", None)
    assert world.read().values["title"].endswith(" DE")
    assert world.channel.content.settles_after == timedelta(hours=24)


def test_a_title_that_moved_meanwhile_is_left_alone(world: World) -> None:
    listing = world.read()
    world.offer.shown[DE.id] = "Edited in Seller Central"
    change = SentChange(
        key="k", token="t", listing=listing, field="title", before=listing.values["title"], after="Kessel"
    )
    [outcome] = world.channel.content.send([change], MemoryPictures())
    assert (outcome.status, outcome.shown) == ("stale", "Edited in Seller Central")
    del world.amazon.listings.offers[KETTLE]
    [outcome] = world.channel.content.send([change], MemoryPictures())
    assert (outcome.status, outcome.code) == ("refused", "gone")
    assert world.patches() == []


def test_a_title_that_moves_while_a_preview_waits_for_its_turn_is_left_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_content, "MOST_AGE", PREVIEWS_APART)

    def meet(call: Call) -> bool:
        if call.method == "PATCH":
            world.offer.shown[DE.id] = "Edited on Amazon"
            world.clock.passed += PREVIEWS_APART
        return False

    world.amazon.faults.append(Fault(match=meet))
    outcome = world.send(title="Wasserkessel", description="Für Tee.")
    assert (outcome["title"].status, outcome["title"].shown) == ("stale", "Edited on Amazon")
    assert outcome["description"].status == "accepted"
    assert world.patches() == [("VALIDATION_PREVIEW", DE.id), ("", DE.id)]
    assert (DE.id, "de_DE", "Wasserkessel") not in {(*key, text) for key, text in world.texts(NAME).items()}


def test_a_listing_that_amazon_fails_to_read_again_holds_up_no_other(world: World) -> None:
    listings = [row for page in world.channel.content.read() for row in page]
    changes = [
        SentChange(key=row.key, token=row.key, listing=row, field="title", before=row.values["title"], after="Kettle")
        for row in listings
    ]
    assert len(changes) > PAGE_SIZE
    world.amazon.faults.append(Fault(
        match=lambda call: changes[0].key in call.parameter("identifiers").split(","), times=99, status=500
    ))  # fmt: skip
    outcomes = [answer.status for answer in world.channel.content.send(changes, MemoryPictures())]
    assert outcomes == ["unknown"] + ["accepted"] * (len(changes) - 1)


def test_a_text_is_taken_away_where_it_shall_be_empty(world: World) -> None:
    world.send(description="Für Handfilter.", description__fr_FR="Pour filtre.")
    world.send(description="")
    assert world.texts(DESCRIPTION) == {(FR.id, "fr_FR"): "Pour filtre."}


def test_previews_keep_to_one_a_second(amazon: Recorded) -> None:
    amazon.generous = False
    world = World(amazon, amazon.clock)  # type: ignore[attr-defined]
    begun = world.clock.seconds()
    world.send(title="Kessel", title__fr_FR="Bouilloire", title__pl_PL="Czajnik")
    assert len(world.patches()) == 6
    assert all(reply.status != 429 for _, reply in amazon.exchanges)
    assert world.clock.seconds() - begun >= 2 * PREVIEWS_APART


def test_more_listings_than_a_search_shows_are_read_by_the_time_they_were_made(world: World) -> None:
    made = world.amazon.now() - timedelta(days=400)
    for number in range(1_100):
        sku = f"SKU-{number:04d}"
        world.amazon.listings.add(_copy_offer(world.offer, sku, made + timedelta(minutes=number)))
    keys = [listing.key for page in world.channel.content.read() for listing in page]
    assert len(keys) == len(set(keys)) == len(world.amazon.listings.offers)
    for number in range(1_100):
        world.amazon.listings.offers[f"SKU-{number:04d}"].created = made
    with pytest.raises(TransientError, match="made within a second"):
        list(world.channel.content.read())


def test_content_needs_a_seller_id(amazon: Recorded) -> None:
    world = World(amazon, amazon.clock, seller_id="")  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match="seller_id is missing"):
        world.read()


def _copy_offer(offer: Any, sku: str, made: Any) -> Any:
    return type(offer)(sku, offer.title, offer.asin, offer.product_type, offer.marketplaces, made, made)


BULLETS = "bullet_point"
FOREIGN = {"value": "In English", "language_tag": "en_GB", "marketplace_id": DE.id}


def test_bullet_points_are_replaced_in_one_language_and_those_of_others_stay(world: World) -> None:
    world.offer.attributes[BULLETS] = [
        FOREIGN,
        *({"value": text, "language_tag": DE.language, "marketplace_id": DE.id} for text in ("Alt", "Älter")),
        {"value": "Vieux", "language_tag": FR.language, "marketplace_id": FR.id},
    ]
    listing = world.read()
    assert (listing.values["bullets"], listing.values["bullets/fr_FR"]) == ("Alt\nÄlter", "Vieux")
    assert world.channel.content.limits(listing)["bullets"] == Limit(most=300, in_bytes=True, lines=5)
    outcome = world.send(bullets="1,7 Liter\nEdelstahl\nFür Tee", bullets__fr_FR="1,7 litre", title="Kessel")
    assert {answer.status for answer in outcome.values()} == {"accepted"}
    listing = world.read()
    assert (listing.values["bullets"], listing.values["bullets/fr_FR"]) == (
        "1,7 Liter\nEdelstahl\nFür Tee",
        "1,7 litre",
    )
    assert FOREIGN in world.offer.attributes[BULLETS]
    assert [mode for mode, place in world.patches() if place == DE.id] == ["VALIDATION_PREVIEW", ""]


def test_bullet_points_of_others_that_change_while_a_preview_waits_stay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_content, "MOST_AGE", PREVIEWS_APART)
    world.offer.attributes[BULLETS] = [FOREIGN]
    edited = {**FOREIGN, "value": "Edited in English"}

    def meet(call: Call) -> bool:
        if call.method == "PATCH" and world.offer.attributes[BULLETS] == [FOREIGN]:
            world.offer.attributes[BULLETS] = [edited]
            world.clock.passed += PREVIEWS_APART
        return False

    world.amazon.faults.append(Fault(match=meet))
    assert world.send(bullets="Edelstahl")["bullets"].status == "accepted"
    assert edited in world.offer.attributes[BULLETS]
    assert FOREIGN not in world.offer.attributes[BULLETS]
    assert world.read().values["bullets"] == "Edelstahl"


def test_bullet_points_that_are_too_many_are_refused_by_the_preview_and_the_title_goes_on(world: World) -> None:
    outcome = world.send(bullets="\n".join(map(str, range(6))), title="Kessel")
    assert (outcome["bullets"].status, outcome["title"].status) == ("refused", "accepted")
    assert BULLETS not in world.offer.attributes
