"""What a step that is done has brought: read from the marketplace, chosen by the settings, kept with the plan.

What belongs here: from an accepted step to the plan's progress. What does not: choosing (domain/inbound/
plan_choices.py), the order of the steps (plan_steps.py), sending them (send_in.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from ...channels.inbound_plans import InboundPlans
from ...domain.inbound.consignment import Step, show_cost
from ...domain.inbound.plan_choices import (
    build_item,
    choose_packing,
    choose_placement,
    choose_transports,
    choose_window,
    is_expired,
)
from ...domain.inbound.plan_rules import PlanRules
from ...domain.inbound.plan_steps import Plan, Progress, list_preps, note_preps

OTHERS_SHOWN = 5


class Learner(msgspec.Struct, frozen=True, kw_only=True):
    """ready: when the plan's goods are."""

    plans: InboundPlans
    rules: PlanRules
    now: datetime
    ready: datetime

    def learn(self, plan: Plan, step: Step, shipment_id: str, reference: str) -> Plan:
        """The plan after a step. reference: the marketplace's, of the step. Raises RecordError where it offers nothing
        that the settings take."""
        progress = self._advance(plan, step, shipment_id, reference)
        plan = msgspec.structs.replace(plan, progress=progress, tries=0, retry_at=None)
        return self._build_items_anew(plan) if step is Step.PREP and not list_preps(plan) else plan

    def _build_items_anew(self, plan: Plan) -> Plan:
        """Who labels and prepares may follow from the preparation."""
        marketplace = self.plans.find_marketplace(self.rules.marketplace)
        items = plan.consignment.items
        preps = {prep.msku: prep for prep in self.plans.read_preps(marketplace, [item.msku for item in items])}
        items = tuple(build_item(item.msku, item.units, preps.get(item.msku), self.rules) for item in items)
        return msgspec.structs.replace(plan, consignment=msgspec.structs.replace(plan.consignment, items=items))

    def _advance(self, plan: Plan, step: Step, shipment_id: str, reference: str) -> Progress:
        progress, change = plan.progress, msgspec.structs.replace
        if step is Step.PREP:
            return note_preps(progress)
        if step is Step.CREATE:
            return change(progress, plan_id=reference.split()[0])
        if step is Step.PACK:
            options = self.plans.list_packings(progress.plan_id)
            packing, groups = choose_packing(options, plan.consignment.boxes)
            return change(progress, packing=packing.option_id, groups=groups)
        if step is Step.PLACE:
            return change(progress, **self._choose_placement(progress))
        if step is Step.QUOTE:
            return change(progress, transports=self._choose_transports(progress))
        if step is Step.WINDOWS:
            offers = [row for row in self.plans.list_windows(progress.plan_id, shipment_id)
                      if not is_expired(row.valid_until, self.now)]  # fmt: skip
            window = choose_window(offers, self.ready + timedelta(days=self.rules.arrives_in_days))
            return change(progress, windows={**progress.windows, shipment_id: window})
        if step is Step.CONFIRM_WINDOW:
            return change(progress, arranged=progress.arranged | {shipment_id})
        if step is Step.CONFIRM_TRANSPORT:
            ids = [row.shipment_id for row in progress.shipments]
            return change(progress, transported=True, shipments=tuple(self.plans.read_planned(progress.plan_id, ids)))
        done = {
            Step.CONFIRM_PACKING: "packing_confirmed", Step.BOXES: "boxes_told", Step.CONFIRM_PLACEMENT: "placed",
            Step.CANCEL: "cancelled",
        }  # fmt: skip
        return change(progress, **{done[step]: True})

    def _choose_placement(self, progress: Progress) -> dict[str, Any]:
        options = [
            option for option in self.plans.list_placements(progress.plan_id)
            if not is_expired(option.expires, self.now)
        ]  # fmt: skip
        placement = choose_placement(options, self.rules)
        others = [f"{len(row.shipment_ids)} shipments for {show_cost(row.cost)}" for row in options if row != placement]
        shipments = self.plans.read_planned(progress.plan_id, placement.shipment_ids)
        return {"placement": placement, "others": tuple(others[:OTHERS_SHOWN]), "shipments": tuple(shipments)}

    def _choose_transports(self, progress: Progress) -> Any:
        placement = progress.placement
        if placement is None:
            return ()
        options = [
            option for option in self.plans.list_transports(progress.plan_id, placement.option_id)
            if not is_expired(option.expires, self.now)
        ]  # fmt: skip
        return choose_transports(options, placement.shipment_ids, self.rules)
