"""How far a plan is: the next step, offers that expire, and what a person has agreed to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.inbound.consignment import (
    NAME_CHARACTERS,
    Box,
    Consignment,
    PlacementOption,
    PlanItem,
    Step,
    TransportOption,
)
from commerce_pipelines.domain.inbound.plan_steps import (
    Plan,
    Progress,
    build_body,
    build_key,
    build_name,
    find_step,
    is_agreed,
    needs_consent,
    renew,
    try_again,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
BOX = Box(name="P1", length=1, width=1, height=1, weight=1, contents={"A": 1})
GOODS = Consignment(
    items=(PlanItem(msku="A", units=1, label_owner="SELLER", prep_owner="NONE"),), boxes=(BOX,)
)  # fmt: skip


def build_plan(**progress: Any) -> Plan:
    return Plan(
        name="T 1.0 aa", picking=1, transfer="T", consignment=GOODS, goods="d", progress=Progress(**progress)
    )  # fmt: skip


def placement(expires: datetime | None = None, option_id: str = "p") -> PlacementOption:
    return PlacementOption(option_id=option_id, cost={"EUR": 750}, shipment_ids=("s",), expires=expires)


def transport(**more: Any) -> TransportOption:
    values = {"option_id": "t", "shipment_id": "s", "is_own": False, "mode": "GROUND_SMALL_PARCEL", "carrier": "UPS"}
    return TransportOption(**{**values, **more})


READY: dict[str, Any] = {"plan_id": "w", "packing": "k", "packing_confirmed": True, "boxes_told": True,
                         "placement": placement(), "transports": (transport(),)}  # fmt: skip


@given(st.text(min_size=1, max_size=80), st.integers(1, 10**9), st.integers(0, 30))
def test_a_name_is_short_enough_and_of_one_transfer_only(transfer: str, picking: int, part: int) -> None:
    name = build_name("odoo", picking, transfer, part)
    assert len(name) <= NAME_CHARACTERS
    others = {build_name("other", picking, transfer, part), build_name("odoo", picking + 1, transfer, part),
              build_name("odoo", picking, transfer, part + 1)}  # fmt: skip
    assert name not in others
    assert name == build_name("odoo", picking, transfer, part)


@pytest.mark.parametrize(
    ("progress", "step"),
    [
        ({}, Step.CREATE),
        ({"plan_id": "w"}, Step.PACK),
        ({"plan_id": "w", "packing": "k"}, Step.CONFIRM_PACKING),
        ({"plan_id": "w", "packing": "k", "packing_confirmed": True}, Step.BOXES),
        ({"plan_id": "w", "boxes_told": True}, Step.PLACE),
        ({"plan_id": "w", "boxes_told": True, "placement": placement()}, Step.QUOTE),
        (READY, Step.CONFIRM_PLACEMENT),
        ({**READY, "placed": True}, Step.CONFIRM_TRANSPORT),
        ({**READY, "placed": True, "transports": (transport(needs_window=True),)}, Step.WINDOWS),
        ({**READY, "placed": True, "transported": True}, None),
    ],
)
def test_the_next_step(progress: dict[str, Any], step: Step | None) -> None:
    plan = build_plan(**progress)
    assert (find_step(plan, is_cancelled=False) or (None,))[0] == step
    cancelling = find_step(plan, is_cancelled=True)
    assert cancelling == ((Step.CANCEL, "") if plan.progress.plan_id else None)


def test_a_plan_without_boxes_goes_to_its_placement_at_once() -> None:
    plan = msgspec.structs.replace(build_plan(plan_id="w"), consignment=Consignment(items=GOODS.items))
    assert find_step(plan, is_cancelled=False) == (Step.PLACE, "")


def test_an_expired_placement_is_asked_for_again_under_another_key() -> None:
    plan = build_plan(**{**READY, "placement": placement(NOON + timedelta(minutes=5))})
    renewed = msgspec.structs.replace(plan, progress=renew(plan.progress, NOON))
    assert find_step(renewed, is_cancelled=False) == (Step.PLACE, "")
    assert build_key(renewed, Step.PLACE) != build_key(plan, Step.PLACE)
    fresh = build_plan(**{**READY, "placement": placement(NOON + timedelta(hours=5))})
    assert renew(fresh.progress, NOON) is fresh.progress


def test_what_is_confirmed_does_not_expire() -> None:
    late = placement(NOON - timedelta(days=1))
    placed = build_plan(**{**READY, "placement": late, "placed": True}).progress
    assert renew(placed, NOON) is placed
    quoted = build_plan(**{**READY, "placed": True, "transports": (transport(expires=NOON),)}).progress
    assert (renew(quoted, NOON).transports, renew(quoted, NOON).placement) == ((), placement())


def test_consent_is_to_what_was_shown_and_not_to_ids() -> None:
    plan = build_plan(**READY)
    body = build_body(plan, Step.CONFIRM_PLACEMENT)
    assert (body["placement_costs"], body["total"]) == ("7.50 EUR", "7.50 EUR")
    again = build_plan(
        **{**READY, "placement": placement(option_id="other"), "transports": (transport(option_id="x"),)}
    )
    agreed = msgspec.structs.replace(again.progress, agreed=body)
    assert is_agreed(agreed, Step.CONFIRM_PLACEMENT, build_body(again, Step.CONFIRM_PLACEMENT))
    assert is_agreed(agreed, Step.CONFIRM_TRANSPORT, build_body(again, Step.CONFIRM_TRANSPORT))
    dearer = build_plan(**{**READY, "transports": (transport(cost={"EUR": 1}),)})
    assert not is_agreed(agreed, Step.CONFIRM_PLACEMENT, build_body(dearer, Step.CONFIRM_PLACEMENT))
    assert not is_agreed(agreed, Step.CONFIRM_TRANSPORT, build_body(dearer, Step.CONFIRM_TRANSPORT))


def test_cancelling_waits_for_consent_once_its_free_time_is_over() -> None:
    made = build_plan(**{**READY, "placed": True, "transported": True, "transports": (transport(voidable_until=NOON),)})
    assert not needs_consent(Step.CANCEL, made.progress, NOON - timedelta(minutes=1))
    assert needs_consent(Step.CANCEL, made.progress, NOON)
    assert not needs_consent(Step.CANCEL, build_plan(**READY).progress, NOON)


def test_after_a_refusal_a_step_is_another_effect() -> None:
    plan = build_plan(**READY)
    again = msgspec.structs.replace(plan, progress=try_again(plan.progress, Step.CONFIRM_PLACEMENT))
    assert find_step(again, is_cancelled=False) == (Step.PLACE, "")
    assert build_key(again, Step.CONFIRM_PLACEMENT) != build_key(plan, Step.CONFIRM_PLACEMENT)
