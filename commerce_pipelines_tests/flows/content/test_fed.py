"""Changes of many of Amazon's listings go by one feed through the whole flow: never by two, whatever dies or comes
twice."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.channels.amazon.content import fed
from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.domain.outbox.effects import Kind
from commerce_pipelines.flows.content.publish import has_work, publish, release
from commerce_pipelines.warehouse.outbox import effects
from commerce_pipelines_tests.flows.content.test_marketplaces import GRINDER, KETTLE, World, open_world
from commerce_pipelines_tests.flows.content.test_once import Killed, kill_at
from commerce_sandbox.server import Call, Fault

__all__ = ["open_world"]

NAME, MUG = "amazon_eu", "MUG-STN-350-BL"
CODES = (KETTLE, GRINDER, MUG)
# The channel's key stands behind the section of its content.
KEYS = ", breaker: {changed_percent: 100}}, content_feed_above: 2, notifications: {enabled: false"
PLACE = "A1PA6795UKMFR9"


@pytest.fixture
def world(open_world: Any) -> World:
    return edit_all(open_world("", KEYS), "Neu")


def edit_all(world: World, text: str) -> World:
    for code in CODES:
        world.edit(code, name=f"{text} {code}")
    return world


def find_feeds(world: World) -> list[Any]:
    return list(world.amazon.feeds.feeds.values())


def finish(world: World) -> None:
    """Amazon is done with its feeds."""
    for feed in find_feeds(world):
        feed.ready = world.amazon.now() - timedelta(seconds=1)


def count_patches(world: World) -> int:
    return sum(call.method == "PATCH" for call in world.amazon.calls)


def is_settled(world: World) -> bool:
    """Whether nothing is on its way that a later run would have to look after."""
    with world.connections.warehouse.transaction() as connection:
        open_ = effects.unsettled(connection, NAME, Kind.CONTENT)
        return not open_ and not effects.sendable(connection, NAME, Kind.CONTENT)


def shows(world: World, text: str) -> bool:
    titles = [world.amazon.listings.offers[code].shown.get(PLACE) for code in CODES]
    return titles == [f"{text} {code}" for code in CODES]


def test_a_run_hands_a_feed_over_and_a_later_one_reads_what_became_of_it(world: World) -> None:
    assert dict(world.run(NAME).outcomes) == {"pending": 3}
    assert dict(world.run(NAME).outcomes) == {"pending": 3}  # Amazon is still at work on it, and nobody waits for it
    assert has_work(world.connections, NAME)
    finish(world)
    assert dict(world.run(NAME).outcomes) == {"accepted": 3}
    assert dict(world.run(NAME).outcomes) == {}
    assert is_settled(world)
    assert (len(find_feeds(world)), count_patches(world), shows(world, "Neu")) == (1, 0, True)


@pytest.mark.parametrize("point", ["effect_recorded", "attempt_recorded", "effect_answered", "effect_settled"])
def test_a_run_that_dies_leaves_one_feed(world: World, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    with monkeypatch.context() as patch, suppress(Killed):
        kill_at(patch, point)
        publish(world.connections, NAME, run_id="dies")
    for _ in range(3):
        world.run(NAME)
        finish(world)
    assert (len(find_feeds(world)), count_patches(world), shows(world, "Neu")) == (1, 0, True)
    assert (dict(world.run(NAME).outcomes), is_settled(world)) == ({}, True)


def test_a_run_that_dies_while_amazon_takes_the_feed_finds_it_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(fed, "create_feed")  # noqa: B009 - its module does not export it

    def take_and_die(*asked: Any) -> str:
        real(*asked)
        raise Killed

    with monkeypatch.context() as patch, suppress(Killed):
        patch.setattr(fed, "create_feed", take_and_die)
        publish(world.connections, NAME, run_id="dies")
    assert dict(world.run(NAME).outcomes) == {"pending": 3}
    finish(world)
    assert dict(world.run(NAME).outcomes) == {"accepted": 3}
    assert (len(find_feeds(world)), count_patches(world), shows(world, "Neu")) == (1, 0, True)


def test_a_lost_answer_is_no_second_feed(world: World) -> None:
    def is_creating(call: Call) -> bool:
        return call.method == "POST" and call.path.endswith("/feeds/2021-06-30/feeds")

    world.amazon.faults.append(Fault(match=is_creating, drop=True, after=True))
    assert dict(world.run(NAME).outcomes) == {"pending": 3}
    finish(world)
    assert dict(world.run(NAME).outcomes) == {"accepted": 3}
    assert (len(find_feeds(world)), count_patches(world), shows(world, "Neu")) == (1, 0, True)


def test_two_runs_at_once_make_one_feed(world: World) -> None:
    world.run(NAME)
    edit_all(world, "Wieder")
    finish(world)
    runs = [threading.Thread(target=world.run, args=(NAME,)) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    finish(world)
    world.run(NAME)
    assert (len(find_feeds(world)), count_patches(world), shows(world, "Wieder")) == (2, 0, True)


def test_a_newer_text_waits_until_the_feed_with_the_older_one_is_done(world: World) -> None:
    world.run(NAME)
    edit_all(world, "Neuer")
    assert dict(world.run(NAME).outcomes) == {"pending": 3}
    assert (len(find_feeds(world)), count_patches(world)) == (1, 0)
    finish(world)
    world.run(NAME)
    assert (len(find_feeds(world)), shows(world, "Neu")) == (2, True)
    finish(world)
    world.run(NAME)
    assert shows(world, "Neuer")
    assert dict(world.run(NAME).outcomes) == {}


def test_a_text_that_nobody_wants_any_more_is_looked_after_all_the_same(world: World) -> None:
    before = {code: world.amazon.listings.offers[code].title for code in CODES}
    world.run(NAME)
    for code, title in before.items():
        world.edit(code, name=title)
    world.run(NAME)
    finish(world)
    assert dict(world.run(NAME).outcomes) == {"accepted": 3}
    assert is_settled(world)
    assert shows(world, "Neu")  # until the listings are read at night


def test_what_a_message_is_refused_for_waits_and_the_others_are_there(world: World) -> None:
    world.amazon.listings.refused[MUG] = ("5461", "You may not sell this brand, says anna@example.com.")
    world.run(NAME)
    finish(world)
    assert dict(world.run(NAME).outcomes) == {"accepted": 2, "refused": 1}
    assert world.waits(NAME) == ["content_refused"]
    assert dict(world.run(NAME).outcomes) == {}
    assert (len(find_feeds(world)), count_patches(world)) == (1, 0)


def test_a_released_plan_is_carried_out_to_its_end(open_world: Any) -> None:
    world = edit_all(
        open_world("", KEYS.replace("changed_percent: 100", "changed_percent: 0, from_listings: 1")), "Neu"
    )
    world.run(NAME)
    release(world.connections, NAME, "anna")
    assert dict(world.run(NAME).outcomes) == {"pending": 3}
    world.amazon.feeds.fate = ["FATAL"]
    finish(world)
    done = world.run(NAME)
    assert (done.held, dict(done.outcomes)) == (0, {"pending": 3})  # told again, as was agreed
    finish(world)
    assert dict(world.run(NAME).outcomes) == {"accepted": 3}
    assert (len(find_feeds(world)), shows(world, "Neu")) == (2, True)


def test_a_feed_that_cannot_be_looked_at_stays_pending(world: World) -> None:
    world.run(NAME)
    world.amazon.faults.append(Fault(match="/feeds/2021-06-30/feeds/", times=99, status=500))
    with suppress(TransientError):
        world.run(NAME)
    world.amazon.faults.clear()
    finish(world)
    assert dict(world.run(NAME).outcomes) == {"accepted": 3}
    assert len(find_feeds(world)) == 1
