"""Steps of plans as effects of the outbox: the door that sends them to a marketplace.

What belongs here: the bridge between effects, plans and a marketplace's calls. What does not: which step comes next
(domain/inbound/plan_steps.py), recording and repeating (flows/outbox/dispatch.py), the calls (channels/).

Only a plan's present step is sent, and of what a person agreed to only what was shown: an effect on record of which
either is not so any more is refused here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from ...channels.inbound_plans import InboundPlans
from ...core.errors import RecordError
from ...core.words import Words
from ...domain.inbound.consignment import SourceAddress, Step, StepCall
from ...domain.inbound.plan_steps import Plan, build_body, build_key, find_step, list_preps
from ...domain.outbox.effects import Effect, Outcome

STEPS_AT_ONCE = 10  # steps, of as many plans, that are in doubt together after a crash
NOT_WANTED = "not_wanted"


class PlanDoor:
    """plans: by name, as they are now. cancelled: names of those whose transfer is cancelled. ready: by transfer, when
    its goods are. words: what the marketplace said, by plan; filled while steps are sent."""

    batch = STEPS_AT_ONCE

    def __init__(
        self, channel: InboundPlans, marketplace: str, plans: Mapping[str, Plan], cancelled: frozenset[str],
        ready: Mapping[int, datetime], read_source: Callable[[Plan], SourceAddress],
    ) -> None:  # fmt: skip
        self._channel, self._marketplace, self._plans = channel, marketplace, plans
        self._cancelled, self._ready, self._read_source = cancelled, ready, read_source
        self.words: dict[str, Words] = {}

    def send(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        calls = []
        for effect in effects:
            plan = self._plans.get(str(effect.body["plan"]))
            if plan is None or not self._is_wanted(plan, effect):
                message = "The plan is not at this step any more, or what it would cost has changed."
                yield Outcome(key=effect.key, status="refused", code=NOT_WANTED, message=message)
                continue
            try:
                calls.append(self._build_call(plan, effect, self._read_source(plan) if _is_first(effect) else None))
            except RecordError as error:
                yield Outcome(key=effect.key, status="refused", code=error.code, message=error.message)
        yield from self._listen(effects, self._channel.send(calls))

    def look(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        calls = [
            self._build_call(plan, effect) for effect in effects if (plan := self._plans.get(str(effect.body["plan"])))
        ]
        return self._listen(effects, self._channel.look(calls))

    def _is_wanted(self, plan: Plan, effect: Effect) -> bool:
        step, shipment = Step(effect.body["step"]), str(effect.body.get("shipment", ""))
        return (
            find_step(plan, is_cancelled=plan.name in self._cancelled) == (step, shipment)
            and build_key(plan, step, shipment) == effect.key
            and build_body(plan, step, shipment) == effect.body
        )

    def _listen(self, effects: Sequence[Effect], outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        names = {effect.key: str(effect.body["plan"]) for effect in effects}
        for outcome in outcomes:
            if outcome.words:
                self.words[names[outcome.key]] = outcome.words
            yield outcome

    def _build_call(self, plan: Plan, effect: Effect, source: SourceAddress | None = None) -> StepCall:
        step, shipment = Step(effect.body["step"]), str(effect.body.get("shipment", ""))
        progress = plan.progress
        boxes = {box.name: box for box in plan.consignment.boxes}
        placement = progress.placement
        option = {
            Step.CONFIRM_PACKING: progress.packing,
            Step.CONFIRM_WINDOW: progress.windows[shipment].option_id if shipment in progress.windows else "",
        }.get(step, placement.option_id if placement else "")
        chosen = [(row.shipment_id, row.option_id) for row in progress.transports]
        if step is Step.QUOTE and placement:
            chosen = [(of, "") for of in placement.shipment_ids]
        return StepCall(
            key=effect.key, step=step, name=plan.name, token=effect.token, reference=effect.reference,
            plan_id=progress.plan_id, marketplace=self._marketplace, consignment=plan.consignment, source=source,
            option_id=option, shipment_id=shipment, selections=chosen, ready_at=self._ready.get(plan.picking),
            preps=list_preps(plan),
            groups=[(group, [boxes[name] for name in names]) for group, names in progress.groups.items()],
        )  # fmt: skip


def _is_first(effect: Effect) -> bool:
    return effect.body["step"] == Step.CREATE


def note_agreed(plan: Plan, step: Step, body: Mapping[str, object]) -> Plan:
    """What a person agreed to stays with the plan: options that expire meanwhile are held against it."""
    agreed = {**plan.progress.agreed, "transport": body["transport"]} if step is Step.CONFIRM_TRANSPORT else body
    return msgspec.structs.replace(plan, progress=msgspec.structs.replace(plan.progress, agreed=dict(agreed)))
