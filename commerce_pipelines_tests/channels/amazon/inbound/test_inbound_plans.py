"""Amazon's inbound plans: every step as Amazon's description has it, and what a lost answer or a failure means."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.domain.inbound.consignment import (
    Box,
    Consignment,
    PlanItem,
    PrepTold,
    SourceAddress,
    Step,
    StepCall,
)
from commerce_pipelines.domain.outbox.effects import Outcome
from commerce_sandbox.server import Fault

from ..contract import NOON, Clock, Recorded, connect, judged

GERMANY = "A1PA6795UKMFR9"
NAME = "WH/INT/00012 12.0 1a2b3c4d"
FROM = SourceAddress(name="Third Wave Supplies", street="Speicherstr. 4", street2="", city="Hamburg", postcode="20457",
                     country="DE", phone="+49 40 1234567")  # fmt: skip
ITEMS = tuple(PlanItem(msku=msku, units=units, label_owner="SELLER", prep_owner="NONE")
              for msku, units in (("KET", 6), ("MUG+BLUE,2%", 4)))  # fmt: skip
BOXES = (
    Box(name="PACK1", length=40, width=30, height=20.5, weight=4.2, contents={"KET": 6, "MUG+BLUE,2%": 1}),
    Box(name="PACK2", length=40, width=30, height=20.5, weight=2, contents={"MUG+BLUE,2%": 3}),
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(clock, monkeypatch) as stand_in:
        yield stand_in


class Maker:
    """Takes one step after the other, looking until each is done."""

    def __init__(self, channel: AmazonChannel) -> None:
        self.plans, self.plan_id = channel.inbound_plans, ""

    def call(self, step: Step, **more: Any) -> StepCall:
        values = {"name": NAME, "plan_id": self.plan_id, "marketplace": GERMANY, "source": FROM,
                  "consignment": Consignment(items=ITEMS, boxes=BOXES), "ready_at": NOON}  # fmt: skip
        return StepCall(key=f"{NAME} {step}", step=step, **{**values, **more})

    def take(self, step: Step, **more: Any) -> Outcome:
        call = self.call(step, **more)
        [outcome] = self.plans.send([call])
        while outcome.status == "pending":
            [outcome] = self.plans.look([self.call(step, reference=outcome.reference, **more)])
        if step is Step.CREATE and outcome.status == "accepted":
            self.plan_id = outcome.reference
        return outcome

    def look(self, step: Step, **more: Any) -> Outcome:
        [outcome] = self.plans.look([self.call(step, **more)])
        return outcome

    def reach_placement(self) -> tuple[str, str]:
        """A plan whose placement is offered: the option's id and its shipment's."""
        self.take(Step.CREATE)
        self.take(Step.PACK)
        [packing] = self.plans.list_packings(self.plan_id)
        self.take(Step.CONFIRM_PACKING, option_id=packing.option_id)
        self.take(Step.BOXES, groups=[(next(iter(packing.groups)), BOXES)])
        self.take(Step.PLACE)
        [placement] = self.plans.list_placements(self.plan_id)
        return placement.option_id, placement.shipment_ids[0]


def test_a_preparation_is_told_and_found_again(amazon: Recorded, clock: Clock) -> None:
    maker = Maker(connect(amazon, clock))
    preps = [PrepTold(msku="KET", category="FRAGILE", types=("ITEM_BUBBLEWRAP",)),
             PrepTold(msku="MUG+BLUE,2%", category="NONE", types=("ITEM_NO_PREP",))]  # fmt: skip
    assert maker.look(Step.PREP, preps=preps).status == "absent"
    assert maker.take(Step.PREP, preps=preps).status == "accepted"
    assert maker.look(Step.PREP, preps=preps).status == "accepted"


@pytest.mark.parametrize("page", ["A4_21", "Thermal"])
def test_labels_of_units(amazon: Recorded, clock: Clock, page: str) -> None:
    plans = connect(amazon, clock).inbound_plans
    [content] = plans.read_item_labels(GERMANY, {"KET": 6, "MUG+BLUE,2%": 4}, page, (60, 30))
    assert content.startswith(b"%PDF")
    assert amazon.plans.labelled[0]["mskuQuantities"] == {"KET": 6, "MUG+BLUE,2%": 4}


def test_a_plan_from_its_making_to_its_labels(amazon: Recorded, clock: Clock) -> None:
    maker = Maker(connect(amazon, clock))
    placement, shipment = maker.reach_placement()
    assert maker.take(Step.QUOTE, option_id=placement, selections=[(shipment, "")]).status == "accepted"
    own, theirs = maker.plans.list_transports(maker.plan_id, placement)
    assert (own.is_own, own.needs_window, own.cost) == (True, True, {})
    assert (theirs.is_own, theirs.cost) == (False, {"EUR": 1420})
    assert theirs.voidable_until is not None
    assert theirs.voidable_until.date() == (NOON + timedelta(days=1)).date()
    assert maker.take(Step.CONFIRM_PLACEMENT, option_id=placement).status == "accepted"
    assert maker.take(Step.WINDOWS, shipment_id=shipment).status == "accepted"
    window = maker.plans.list_windows(maker.plan_id, shipment)[0]
    assert maker.take(Step.CONFIRM_WINDOW, shipment_id=shipment, option_id=window.option_id).status == "accepted"
    selections = [(shipment, own.option_id)]
    assert maker.look(Step.CONFIRM_TRANSPORT, selections=selections).status == "absent"
    assert maker.take(Step.CONFIRM_TRANSPORT, selections=selections).status == "accepted"
    assert maker.look(Step.CONFIRM_TRANSPORT, selections=selections).status == "accepted"
    [planned] = maker.plans.read_planned(maker.plan_id, [shipment])
    assert (planned.number[:5], planned.centre) == ("FBA15", "LEJ1")
    [label] = maker.plans.read_labels(maker.plan_id, planned, "PackageLabel_A4_4")
    assert (label.name, label.content[:4]) == (f"{planned.number} boxes 1-2.pdf", b"%PDF")
    [shown] = amazon.plans.plans.values()
    assert [box["weight"]["value"] for box in shown.boxes] == [4.2, 2]
    assert amazon.inbound.shipments[planned.number].items["KET"] == [6, 0]


def test_labels_are_asked_for_by_a_hundred_boxes(amazon: Recorded, clock: Clock) -> None:
    maker = Maker(connect(amazon, clock))
    placement, shipment = maker.reach_placement()
    maker.take(Step.CONFIRM_PLACEMENT, option_id=placement)
    [planned] = maker.plans.read_planned(maker.plan_id, [shipment])
    amazon.inbound.add(planned.number, GERMANY, KET=1)
    [plan] = amazon.plans.plans.values()
    plan.boxes *= 125
    names = [label.name for label in maker.plans.read_labels(maker.plan_id, planned, "PackageLabel_A4_4")]
    assert names == [f"{planned.number} boxes {part}.pdf" for part in ("1-100", "101-200", "201-250")]


def test_a_plan_that_is_there_is_not_made_again(amazon: Recorded, clock: Clock) -> None:
    maker = Maker(connect(amazon, clock))
    first = maker.take(Step.CREATE).reference
    assert maker.take(Step.CREATE).reference == first
    assert maker.look(Step.CREATE).reference == first
    assert len(amazon.plans.plans) == 1
    amazon.plans.plans[first].status = "VOIDED"
    assert maker.look(Step.CREATE).status == "absent"
    assert maker.take(Step.CREATE).reference != first


def test_our_plan_is_found_on_a_later_page(amazon: Recorded, clock: Clock) -> None:
    maker = Maker(connect(amazon, clock))
    first = maker.take(Step.CREATE).reference
    for number in range(70):
        clock.sleep(60)
        maker.take(Step.CREATE, name=f"another {number}")
    assert maker.look(Step.CREATE).reference == first
    clock.sleep(86400 * 31)  # long ago: whoever was to send it, did not wait so long for the answer
    assert maker.look(Step.CREATE).status == "absent"


@pytest.mark.parametrize("step", [Step.CREATE, Step.PACK, Step.PLACE])
def test_after_a_lost_answer_amazon_is_asked_what_stands(amazon: Recorded, clock: Clock, step: Step) -> None:
    maker = Maker(connect(amazon, clock))
    if step is not Step.CREATE:
        maker.take(Step.CREATE)
    before = len(amazon.exchanges)
    assert maker.look(step).status == "absent"
    amazon.faults.append(Fault(match=lambda call: call.method == "POST" and "inbound/fba" in call.path, drop=True,
                               after=True))  # fmt: skip
    [outcome] = maker.plans.send([maker.call(step)])
    assert outcome.status == "unknown"
    assert maker.look(step).status == "accepted"
    posts = [call for call, _ in amazon.exchanges[before:] if call.method == "POST" and "inbound/fba" in call.path]
    assert len(posts) == 1


def test_a_confirmation_that_fails_because_it_stands_already_is_no_failure(amazon: Recorded, clock: Clock) -> None:
    maker = Maker(connect(amazon, clock))
    placement, _ = maker.reach_placement()
    assert maker.look(Step.CONFIRM_PLACEMENT, option_id=placement).status == "absent"
    assert maker.take(Step.CONFIRM_PLACEMENT, option_id=placement).status == "accepted"
    assert maker.take(Step.CONFIRM_PLACEMENT, option_id=placement).status == "accepted"
    assert maker.look(Step.CONFIRM_PLACEMENT, option_id="pl" + "0" * 36).code == "other_option"


@pytest.mark.parametrize(("code", "expected"), [("InternalServerError", "try_later"), ("FBA_INB_0182", "FBA_INB_0182")])
def test_what_failed_by_itself_may_be_tried_later(
    amazon: Recorded, clock: Clock, code: str, expected: str
) -> None:  # fmt: skip
    maker = Maker(connect(amazon, clock))
    maker.take(Step.CREATE)
    amazon.plans.fails["generatePlacementOptions"] = [(code, "Anna Example told us so.")]
    outcome = maker.take(Step.PLACE)
    assert (outcome.status, outcome.code) == ("refused", expected)
    assert "Anna" not in outcome.message
    assert maker.take(Step.PLACE).status == "accepted"


def test_a_plan_is_cancelled_once(amazon: Recorded, clock: Clock) -> None:
    maker = Maker(connect(amazon, clock))
    maker.take(Step.CREATE)
    assert maker.look(Step.CANCEL).status == "absent"
    assert maker.take(Step.CANCEL).status == "accepted"
    assert maker.look(Step.CANCEL).status == "accepted"
    assert amazon.plans.living == []


def test_owners_and_preparation_as_amazon_constrains_them(amazon: Recorded, clock: Clock) -> None:
    amazon.plans.preps = {
        "KET,A+B%": {"labelOwnerConstraint": "SELLER_ONLY", "prepCategory": "FRAGILE", "prepTypes": ["ITEM_TAPING"]},
        "MUG": {"prepCategory": "UNKNOWN", "allOwnersConstraint": "MUST_MATCH"},
    }  # fmt: skip
    names = ["KET,A+B%", "MUG", *(f"SKU{number}" for number in range(120))]
    preps = {prep.msku: prep for prep in connect(amazon, clock).inbound_plans.read_preps(GERMANY, names)}
    assert (preps["KET,A+B%"].label, preps["KET,A+B%"].category) == ("SELLER", "FRAGILE")
    assert (preps["MUG"].category, preps["MUG"].must_match) == ("", True)
    assert len(preps) == 122


def test_a_marketplace_that_is_not_the_accounts(amazon: Recorded, clock: Clock) -> None:
    plans = connect(amazon, clock).inbound_plans
    assert plans.find_marketplace("DE") == plans.find_marketplace(GERMANY) == GERMANY
    with pytest.raises(SettingsError, match="does not sell on JP"):
        plans.find_marketplace("JP")
