"""A run that dies at any point, and an answer that is lost, whichever call it was: the next run brings every listing in
line, changes nothing twice and loses no consent."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.flows.content.publish import publish, refresh
from commerce_pipelines.flows.outbox import dispatch
from commerce_pipelines.warehouse.content import shown
from commerce_pipelines_tests.doubles.contents import KETTLE, MUG, SHOP, Merchant
from commerce_pipelines_tests.flows.content.test_marketplaces import CHANNELS, GRINDER, World, open_world
from commerce_sandbox.server import Call, Fault

__all__ = ["open_world"]

POINTS = ("effect_recorded", "attempt_recorded", "effect_answered", "effect_settled")


class Killed(BaseException):
    """Stands for a SIGKILL at a failpoint: nothing after it is done, and no open transaction commits."""


def kill_at(patch: pytest.MonkeyPatch, point: str) -> None:
    """What is kept beside the outbox is lost too."""

    def kill(name: str) -> None:
        if name == point:
            raise Killed

    def lose(*_: Any) -> None:
        raise Killed

    patch.setattr(dispatch, "failpoint", kill)
    patch.setattr(shown, "keep_outcome", lose)


@pytest.mark.parametrize("point", POINTS)
def test_a_released_plan_survives_a_run_that_dies(open_shop: Any, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    merchant: Merchant = open_shop("approve: true")
    merchant.run()
    merchant.edit(KETTLE, name="Kettle A", description_sale="Text")
    merchant.edit(MUG, name="Mug B")
    merchant.run()
    merchant.release()
    with monkeypatch.context() as patch, suppress(Killed):
        kill_at(patch, point)
        publish(merchant.connections, SHOP, run_id="dies")
    done = merchant.run()
    assert done.held == 0
    assert (merchant.product(KETTLE)["title"], merchant.product(MUG)["title"]) == ("Kettle A", "Mug B")
    assert merchant.product(KETTLE)["descriptionHtml"] == "<p>Text</p>"
    assert len(merchant.mutations) == 2
    done = merchant.run(whole=True)
    assert (done.outcomes, done.held, merchant.waits(), len(merchant.mutations)) == ({}, 0, {}, 2)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", CHANNELS)
def test_on_marketplaces_too(open_world: Any, monkeypatch: pytest.MonkeyPatch, name: str, point: str) -> None:
    world: World = open_world()
    for sku in (KETTLE, GRINDER):
        world.edit(sku, name=f"Kettle {sku}", description_sale="Text")
    row = world.on_ebay(KETTLE)
    quantity = row.total, row.available
    with monkeypatch.context() as patch, suppress(Killed):
        kill_at(patch, point)
        world.run(name)
    world.run(name)
    check_all_arrived(world, name)
    assert (row.total, row.available) == quantity
    count = world.writes()
    assert (world.run(name).outcomes, world.writes(), world.waits(name)) == ({}, count, [])


def check_all_arrived(world: World, name: str) -> None:
    for sku in (KETTLE, GRINDER):
        title = world.on_ebay(sku).title if name == "ebay_de" else world.amazon.listings.offers[sku].shown[
            "A1PA6795UKMFR9"
        ]  # fmt: skip
        assert title == f"Kettle {sku}"
    if name == "ebay_de":
        assert {world.on_ebay(sku).description for sku in (KETTLE, GRINDER)} == {"<p>Text</p>"}


@pytest.mark.parametrize(("number", "after"), [(1, True), (3, True), (4, False), (5, True), (7, True)])
@pytest.mark.parametrize("name", CHANNELS)
def test_whichever_answers_are_lost(open_world: Any, name: str, number: int, after: bool) -> None:
    """From the call `number` on, more answers are lost than one run tries for."""
    world: World = open_world()
    for sku in (KETTLE, GRINDER):
        world.edit(sku, name=f"Kettle {sku}", description_sale="Text")
    refresh(world.connections, name)
    seen = 0

    def fits(call: Call) -> bool:
        nonlocal seen
        seen += 1
        return seen >= number

    (world.ebay if name == "ebay_de" else world.amazon).faults.append(
        Fault(match=fits, times=12, drop=True, after=after)
    )
    for _ in range(6):
        with suppress(TransientError):
            world.run(name)
    check_all_arrived(world, name)
    count = world.writes()
    assert (world.run(name).outcomes, world.writes(), world.waits(name)) == ({}, count, [])
