"""How far a plan is, and which step comes next.

What belongs here: a plan's progress, the next step, what an effect of it says, what a person agrees to. What does not:
choosing options (plan_choices.py), effects (domain/outbox/).

What a person agrees to is what was shown: shipments, places and costs, not the marketplace's ids of options. So options
that have expired are asked for again, and if they are the same as those that were shown, the consent holds; if not, the
plan waits anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ..outbox.effects import digest
from .consignment import (
    NAME_CHARACTERS,
    PREPS_A_CALL,
    Consignment,
    DeliveryWindow,
    PlacementOption,
    PlannedShipment,
    PrepTold,
    Step,
    TransportOption,
    add_costs,
    show_cost,
)
from .plan_choices import is_expired

FINAL = (Step.CONFIRM_PLACEMENT, Step.CONFIRM_TRANSPORT)  # what a person agrees to before


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What is done, and what was chosen. prepared: of so many SKUs the preparation is told. groups: names of boxes by
    packing group. windows: by shipment; arranged: the shipments of which the window is confirmed. others: placements
    that were offered too, in words. rounds: how often an offer was asked for again. agreed: what a person agreed to, as
    it was shown."""

    prepared: int = 0
    plan_id: str = ""
    packing: str = ""
    groups: Mapping[str, tuple[str, ...]] = {}
    packing_confirmed: bool = False
    boxes_told: bool = False
    placement: PlacementOption | None = None
    others: tuple[str, ...] = ()
    transports: tuple[TransportOption, ...] = ()
    placed: bool = False
    shipments: tuple[PlannedShipment, ...] = ()
    windows: Mapping[str, DeliveryWindow] = {}
    arranged: frozenset[str] = frozenset()
    transported: bool = False
    written: bool = False
    cancelled: bool = False
    rounds: Mapping[str, int] = {}
    agreed: Mapping[str, Any] = {}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One plan. picking, transfer: Odoo's id and name of the transfer to the transit location. goods: the digest of
    what that transfer held. code: why it waits for a person, '' if it does not. tries: refusals of the present step."""

    name: str
    picking: int
    transfer: str
    consignment: Consignment
    goods: str
    progress: Progress = Progress()
    state: str = ""
    code: str = ""
    tries: int = 0
    retry_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        return self.progress.cancelled or self.progress.written


def build_name(label: str, picking: int, transfer: str, part: int) -> str:
    """The plan's name at the marketplace, the only key by which it is found again: of this transfer in this Odoo, and
    of no other. At most 40 characters."""
    key = f"{picking}.{part} {digest({'of': label, 'picking': picking, 'part': part})[:8]}"
    return f"{transfer[: NAME_CHARACTERS - len(key) - 1]} {key}"


def find_step(plan: Plan, *, is_cancelled: bool) -> tuple[Step, str] | None:
    """The next step and the shipment that it is of, '' for the whole plan; None where nothing is left to do."""
    progress = plan.progress
    if progress.cancelled:
        return None
    if is_cancelled:
        return (Step.CANCEL, "") if progress.plan_id else None
    if not progress.plan_id:
        return (Step.PREP if list_preps(plan) else Step.CREATE), ""
    if plan.consignment.boxes and not progress.boxes_told:
        if not progress.packing:
            return Step.PACK, ""
        return (Step.BOXES, "") if progress.packing_confirmed else (Step.CONFIRM_PACKING, "")
    if progress.placement is None:
        return Step.PLACE, ""
    if not progress.transports and not progress.transported:
        return Step.QUOTE, ""
    if not progress.placed:
        return Step.CONFIRM_PLACEMENT, ""
    for transport in progress.transports:
        if transport.needs_window and transport.shipment_id not in progress.arranged:
            is_offered = transport.shipment_id in progress.windows
            return (Step.CONFIRM_WINDOW if is_offered else Step.WINDOWS), transport.shipment_id
    return None if progress.transported else (Step.CONFIRM_TRANSPORT, "")


def list_preps(plan: Plan) -> tuple[PrepTold, ...]:
    """The SKUs whose preparation the marketplace is told next."""
    start = plan.progress.prepared
    return plan.consignment.preps[start : start + PREPS_A_CALL]


def note_preps(progress: Progress) -> Progress:
    """The same after another call of these."""
    return _drop(progress, Step.PREP, prepared=progress.prepared + PREPS_A_CALL)


def renew(progress: Progress, now: datetime) -> Progress:
    """The same without offers that have expired and are not confirmed."""
    if progress.cancelled or progress.transported:
        return progress
    if progress.placement and not progress.placed and is_expired(progress.placement.expires, now):
        return drop_offers(progress)
    if any(is_expired(transport.expires, now) for transport in progress.transports):
        return _drop(progress, Step.QUOTE, transports=())
    late = {
        shipment: window for shipment, window in progress.windows.items()
        if shipment not in progress.arranged and is_expired(window.valid_until, now)
    }  # fmt: skip
    if late:
        left = {shipment: window for shipment, window in progress.windows.items() if shipment not in late}
        return _drop(progress, Step.WINDOWS, windows=left)
    return progress


def drop_offers(progress: Progress) -> Progress:
    """The same before its newest offers that are not confirmed, which are asked for anew."""
    if not progress.plan_id or progress.transported or progress.cancelled:
        return progress
    if progress.placed:
        left = {shipment: window for shipment, window in progress.windows.items() if shipment in progress.arranged}
        return _drop(_drop(progress, Step.WINDOWS, windows=left), Step.QUOTE, transports=())
    if progress.placement or progress.boxes_told:
        return _drop(_drop(progress, Step.PLACE, placement=None, others=()), Step.QUOTE, transports=())
    return progress if progress.packing_confirmed else _drop(progress, Step.PACK, packing="", groups={})


def try_again(progress: Progress, step: Step) -> Progress:
    """The same before a step that was refused: what was offered for it may have been the reason."""
    again = drop_offers(progress) if step in (*FINAL, Step.CONFIRM_PACKING, Step.CONFIRM_WINDOW) else progress
    return _drop(again, step)


def _drop(progress: Progress, step: Step, **values: Any) -> Progress:
    rounds = {**progress.rounds, step.value: progress.rounds.get(step.value, 0) + 1}
    return msgspec.structs.replace(progress, rounds=rounds, **values)


def build_key(plan: Plan, step: Step, shipment_id: str = "") -> str:
    """The key of a step's effect. What is asked for again, or tried again after a refusal, is another effect."""
    count = plan.progress.rounds.get(step.value, 0)
    return " ".join(filter(None, (plan.name, step.value, shipment_id, str(count + 1) if count else "")))


def build_body(plan: Plan, step: Step, shipment_id: str = "") -> dict[str, Any]:
    """What an effect of this step makes true."""
    body: dict[str, Any] = {"plan": plan.name, "transfer": plan.transfer, "step": step.value}
    progress, consignment = plan.progress, plan.consignment
    if shipment_id:
        body["shipment"] = shipment_id
    if step in (Step.CREATE, Step.BOXES):
        body |= {
            "skus": len(consignment.items), "units": sum(item.units for item in consignment.items),
            "boxes": len(consignment.boxes), "content": _hash_content(consignment),
        }  # fmt: skip
    elif step is Step.PREP:
        body["preparation"] = [" ".join((row.msku, row.category, *row.types)) for row in list_preps(plan)]
    elif step is Step.CONFIRM_PACKING:
        body["option"] = progress.packing
    elif step is Step.CONFIRM_WINDOW:
        window = progress.windows[shipment_id]
        body["window"] = f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC"
    elif step is Step.CONFIRM_PLACEMENT and progress.placement:
        body |= _describe_placement(plan, progress.placement) | _describe_transport(progress)
    elif step is Step.CONFIRM_TRANSPORT:
        body |= _describe_transport(progress)
    elif step is Step.CANCEL and (until := find_void_end(progress)):
        body["free_until"] = until.isoformat()
    return body


def _hash_content(consignment: Consignment) -> str:
    """The digest of items and boxes, without preparations, which have steps of their own."""
    content = msgspec.to_builtins(consignment)
    return digest({name: content[name] for name in ("items", "boxes")})


def _describe_placement(plan: Plan, placement: PlacementOption) -> dict[str, Any]:
    consignment = plan.consignment
    return {
        "skus": len(consignment.items),
        "units": sum(item.units for item in consignment.items),
        "boxes": len(consignment.boxes),
        "shipments": len(placement.shipment_ids),
        "to": sorted(shipment.centre or "not told" for shipment in plan.progress.shipments),
        "placement_costs": show_cost(placement.cost),
        "total": show_cost(add_costs([placement.cost, *(row.cost for row in plan.progress.transports)])),
    }


def _describe_transport(progress: Progress) -> dict[str, Any]:
    """By carrier and mode, so that the same offers with other ids say the same."""
    rows: dict[str, list[TransportOption]] = {}
    for transport in progress.transports:
        owner = "own carrier" if transport.is_own else "the marketplace's carrier"
        rows.setdefault(f"{owner} {transport.carrier}, {transport.mode}".strip(), []).append(transport)
    return {
        "transport": [
            f"{len(some)} by {how}: {show_cost(add_costs([transport.cost for transport in some]))}"
            for how, some in sorted(rows.items())
        ]
    }


def is_agreed(progress: Progress, step: Step, body: Mapping[str, Any]) -> bool:
    """Whether a person has agreed to this, by what was shown."""
    if step is Step.CONFIRM_TRANSPORT:
        return bool(progress.agreed) and progress.agreed.get("transport") == body["transport"]
    return progress.agreed == body


def needs_consent(step: Step, progress: Progress, now: datetime) -> bool:
    """Whether a step is final, or costs something: a cancellation does once its free time is over."""
    until = find_void_end(progress)
    return step in FINAL or (step is Step.CANCEL and until is not None and until <= now)


def find_void_end(progress: Progress) -> datetime | None:
    """Until when cancelling costs nothing; None where the marketplace names no such time."""
    ends = [transport.voidable_until for transport in progress.transports if transport.voidable_until]
    return min(ends) if progress.transported and ends else None


def list_numbers(plans: Sequence[Plan]) -> list[str]:
    """Numbers of the plans' shipments, as labels show them."""
    return [shipment.number for plan in plans for shipment in plan.progress.shipments if shipment.number]
