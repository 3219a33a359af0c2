"""Amazon's inbound plans, step by step: one call each, an operation that is asked for until it is done.

What belongs here: what each step sends, what its operation's end means, whether a step has happened. What does not:
offers and their paging (plan_reading.py), shapes (plan_payloads.py), which step comes next (domain/inbound/).

**No key of repetition.** Amazon takes every call as a new one. So each is sent once, and after a lost answer Amazon is
asked what stands: a plan is found by its name, an offer by being there, a confirmation by what the plan or the shipment
says. The 202 of a call means nothing; only its operation tells.

**A second confirmation fails.** An operation that failed is therefore believed only after a look at what stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from ....core.errors import ProtocolError, SettingsError
from ....core.legible import one_word
from ....core.words import Words
from ....domain.inbound.consignment import (
    DeliveryWindow,
    Label,
    PackingOption,
    PlacementOption,
    PlannedShipment,
    Prep,
    Step,
    StepCall,
    TransportOption,
)
from ....domain.outbox.effects import Outcome
from ...http.call import WriteMethod
from ...http.session import Repeat
from ...inbound_plans import InboundPlans
from ...outcomes import build_outcome, send_each
from ..api.api import Api, decode
from ..marketplaces import BY_ID, BY_NAME
from . import plan_payloads as shapes
from . import plan_reading as reading
from .plan_payloads import ROOT
from .plan_reading import PLANS, name_plan, name_shipment

LOOK_BACK = timedelta(days=30)  # within which a plan of our name was made
DAY_WORDS = "%Y-%m-%dT%H:%MZ"
TRY_LATER = "try_later"  # Amazon failed by itself; the same call succeeds later
OTHER_OPTION = "other_option"


class AmazonInboundPlans(InboundPlans):
    """marketplaces: returns where the account sells, and is called when that is needed."""

    def __init__(self, api: Api, marketplaces: Callable[[], Sequence[str]]) -> None:
        self._api, self._marketplaces = api, marketplaces

    def find_marketplace(self, name: str) -> str:
        market = BY_ID.get(name) or BY_NAME.get(name.upper())
        if market is None or market.id not in self._marketplaces():
            raise SettingsError(
                f"channels[{self._api.name}].inbound.plans.marketplace: the account does not sell on {name}; name one "
                "of its marketplaces, such as DE."
            )
        return market.id

    def read_preps(self, marketplace: str, mskus: Sequence[str]) -> list[Prep]:
        return reading.read_preps(self._api, marketplace, mskus)

    def list_packings(self, plan_id: str) -> list[PackingOption]:
        return reading.list_packings(self._api, plan_id)

    def list_placements(self, plan_id: str) -> list[PlacementOption]:
        return reading.list_placements(self._api, plan_id)

    def list_transports(self, plan_id: str, placement_id: str) -> list[TransportOption]:
        return reading.list_transports(self._api, plan_id, placement_id)

    def list_windows(self, plan_id: str, shipment_id: str) -> list[DeliveryWindow]:
        return reading.list_windows(self._api, plan_id, shipment_id)

    def read_planned(self, plan_id: str, shipment_ids: Sequence[str]) -> list[PlannedShipment]:
        return reading.read_planned(self._api, plan_id, shipment_ids)

    def read_labels(self, plan_id: str, shipment: PlannedShipment, page: str) -> Iterator[Label]:
        return reading.read_labels(self._api, plan_id, shipment, page)

    def read_item_labels(
        self, marketplace: str, units: Mapping[str, int], page: str, size: tuple[int, int]
    ) -> Iterator[bytes]:
        return reading.read_item_labels(self._api, marketplace, units, shapes.build_page(page, size))

    def send(self, steps: Sequence[StepCall]) -> Iterator[Outcome]:
        return send_each(steps, self._send_step)

    def look(self, steps: Sequence[StepCall]) -> Iterator[Outcome]:
        for call in steps:
            operation = call.reference.split()[-1:] if call.reference else []
            yield self._follow(call, operation[0]) if operation else self._look_at_step(call)

    def _send_step(self, call: StepCall) -> Outcome:
        if call.step is Step.CREATE and (plan := self._find_plan(call)):
            return Outcome(key=call.key, status="accepted", reference=plan)
        method, operation, path, body = build_request(call)
        answer = self._api.send(method, operation, path, body, repeat=Repeat.NEVER, ok=(202,))
        created = decode(answer, shapes.Created)
        reference = f"{created.inbound_plan_id} {created.operation_id}".strip()
        return Outcome(key=call.key, status="pending", reference=reference)

    def _follow(self, call: StepCall, operation_id: str) -> Outcome:
        """What became of an operation."""
        path = f"{ROOT}/operations/{quote(operation_id, safe='')}"
        shown = decode(self._api.call("getInboundOperationStatus", path), shapes.Operation)
        if shown.operation_status == "IN_PROGRESS":
            return Outcome(key=call.key, status="pending", reference=call.reference)
        if shown.operation_status == "SUCCESS":
            return Outcome(key=call.key, status="accepted", reference=call.reference.split()[0])
        if shown.operation_status != "FAILED":
            raise ProtocolError("getInboundOperationStatus of Amazon's answers a status that nobody knows.")
        if call.step in _CONFIRMATIONS and self._look_at_step(call).status == "accepted":
            return Outcome(key=call.key, status="accepted", reference=call.reference)
        return _judge_failure(call, shown.operation_problems)

    def _find_plan(self, call: StepCall) -> str:
        plan = reading.find_plan(self._api, call.name, self._api.now() - LOOK_BACK)
        return plan.inbound_plan_id if plan else ""

    def _look_at_step(self, call: StepCall) -> Outcome:
        """Whether a step has happened, by what stands. Offers that were made for another call are as good."""
        if call.step is Step.CREATE:
            plan_id = self._find_plan(call)
            return Outcome(key=call.key, status="accepted" if plan_id else "absent", reference=plan_id)
        if call.step in (Step.CONFIRM_PACKING, Step.CONFIRM_PLACEMENT):
            return self._look_at_option(call)
        return Outcome(key=call.key, status="accepted" if self._is_done(call) else "absent")

    def _look_at_option(self, call: StepCall) -> Outcome:
        plan = reading.read_plan(self._api, call.plan_id)
        options = plan.packing_options if call.step is Step.CONFIRM_PACKING else plan.placement_options
        accepted = [
            option.packing_option_id or option.placement_option_id for option in options if option.status == "ACCEPTED"
        ]
        if not accepted:
            return Outcome(key=call.key, status="absent")
        if call.option_id in accepted:
            return Outcome(key=call.key, status="accepted")
        return build_outcome(call, "refused", OTHER_OPTION, "Another option was confirmed in Seller Central.")

    def _is_done(self, call: StepCall) -> bool:
        api, plan_id = self._api, call.plan_id
        if call.step is Step.PREP:
            wanted = {prep.msku: prep.category for prep in call.preps}
            return wanted == {prep.msku: prep.category for prep in self.read_preps(call.marketplace, list(wanted))}
        if call.step is Step.CANCEL:
            return reading.read_plan(api, plan_id).status == "VOIDED"
        if call.step is Step.BOXES:
            return reading.has_boxes(api, plan_id)
        if call.step is Step.PACK:
            return bool(reading.list_packings(api, plan_id))
        if call.step is Step.PLACE:
            return any(not is_over(option.expires, api.now()) for option in self.list_placements(plan_id))
        if call.step is Step.QUOTE:
            options = self.list_transports(plan_id, call.option_id)
            return any(not is_over(option.expires, api.now()) for option in options)
        if call.step is Step.WINDOWS:
            return bool(self.list_windows(plan_id, call.shipment_id))
        if call.step is Step.CONFIRM_WINDOW:
            window = reading.read_shipment(api, plan_id, call.shipment_id).selected_delivery_window
            return window is not None and window.delivery_window_option_id == call.option_id
        shipments = [reading.read_shipment(api, plan_id, shipment) for shipment, _ in call.selections]
        return bool(shipments) and [row.selected_transportation_option_id for row in shipments] == [
            option for _, option in call.selections
        ]


_CONFIRMATIONS = (
    Step.CONFIRM_PACKING, Step.CONFIRM_PLACEMENT, Step.CONFIRM_WINDOW, Step.CONFIRM_TRANSPORT, Step.CANCEL
)  # fmt: skip


def is_over(expires: datetime | None, now: datetime) -> bool:
    return expires is not None and expires <= now


def _judge_failure(call: StepCall, problems: Sequence[shapes.Problem]) -> Outcome:
    wrong = [problem for problem in problems if problem.severity != "WARNING"] or list(problems)
    codes = list(dict.fromkeys(filter(None, (one_word(problem.code) for problem in wrong))))
    texts = " ".join(f"{problem.code} {problem.message}" for problem in wrong).lower()
    passing = "internalservererror" in texts.replace(" ", "") or "try again" in texts
    named = ", ".join(codes[:5]) or "without a code"
    return Outcome(
        key=call.key, status="refused", code=TRY_LATER if passing else (codes or ["failed"])[0][:60],
        message=f"Amazon's operation for the step `{call.step}` failed: {named}.",
        words=Words("; ".join(f"{problem.code} {problem.message}" for problem in wrong)),
    )  # fmt: skip


def build_request(call: StepCall) -> tuple[WriteMethod, str, str, Any]:
    """Method, operation, path and body of a step. Raises ProtocolError for one that lacks what it needs."""
    plan, option = name_plan(call.plan_id), quote(call.option_id, safe="")
    shipment = name_shipment(call.plan_id, call.shipment_id)
    if call.step is Step.PREP:
        return "POST", "setPrepDetails", reading.PREPS, shapes.build_preps(call.marketplace, call.preps)
    if call.step is Step.CREATE:
        return "POST", "createInboundPlan", PLANS, _build_plan(call)
    if call.step is Step.BOXES:
        return "POST", "setPackingInformation", f"{plan}/packingInformation", _build_boxes(call)
    if call.step is Step.QUOTE:
        return "POST", "generateTransportationOptions", f"{plan}/transportationOptions", _build_quote(call)
    if call.step is Step.CONFIRM_TRANSPORT:
        chosen = [{"shipmentId": of, "transportationOptionId": option_id} for of, option_id in call.selections]
        path = f"{plan}/transportationOptions/confirmation"
        return "POST", "confirmTransportationOptions", path, {"transportationSelections": chosen}
    if call.step is Step.PLACE:
        return "POST", "generatePlacementOptions", f"{plan}/placementOptions", {}
    if call.step is Step.CANCEL:
        return "PUT", "cancelInboundPlan", f"{plan}/cancellation", None
    paths = {
        Step.PACK: ("generatePackingOptions", f"{plan}/packingOptions"),
        Step.CONFIRM_PACKING: ("confirmPackingOption", f"{plan}/packingOptions/{option}/confirmation"),
        Step.CONFIRM_PLACEMENT: ("confirmPlacementOption", f"{plan}/placementOptions/{option}/confirmation"),
        Step.WINDOWS: ("generateDeliveryWindowOptions", f"{shipment}/deliveryWindowOptions"),
        Step.CONFIRM_WINDOW: (
            "confirmDeliveryWindowOptions", f"{shipment}/deliveryWindowOptions/{option}/confirmation"
        ),
    }  # fmt: skip
    operation, path = paths[call.step]
    return "POST", operation, path, None


def _build_plan(call: StepCall) -> dict[str, Any]:
    if call.source is None:
        raise ProtocolError("A plan needs the address that its goods come from.")
    return {
        "name": call.name, "destinationMarketplaces": [call.marketplace],
        "items": shapes.build_items(call.consignment.items), "sourceAddress": shapes.build_address(call.source),
    }  # fmt: skip


def _build_boxes(call: StepCall) -> dict[str, Any]:
    items = call.consignment.items
    return {
        "packageGroupings": [
            {"packingGroupId": group, "boxes": [shapes.build_box(box, items) for box in boxes]}
            for group, boxes in call.groups
        ]
    }


def _build_quote(call: StepCall) -> dict[str, Any]:
    if call.ready_at is None:
        raise ProtocolError("Transport needs the time at which the goods are ready.")
    start = call.ready_at.astimezone(UTC).strftime(DAY_WORDS)
    return {
        "placementOptionId": call.option_id,
        "shipmentTransportationConfigurations": [
            {"shipmentId": shipment, "readyToShipWindow": {"start": start}} for shipment, _ in call.selections
        ],
    }
