"""Transfers to a marketplace's warehouse become inbound plans there, step by step, each step once.

    gather     transfers that are ready, and plans that are under way
    catch up   what was done is learnt; offers that have expired are asked for again
    decide     the next step of each plan; what is final, or costs, waits for a person
    dispatch   on record, then sent, then asked for until it is done (plan_door.py, flows/outbox/)
    write      numbers of shipments and labels of boxes to the transfer

What belongs here: the order of these steps, the lock, a person's consent. What does not: the rules
(domain/inbound/), the calls (channels/, odoo/inbound/).

Operations are asked for a few times within a run; what takes longer is looked at by the next one.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import msgspec

from ...channels.capabilities import offered
from ...channels.inbound_plans import InboundPlans
from ...core.errors import RecordError
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.inbound.consignment import Step
from ...domain.inbound.plan_steps import (
    Plan,
    build_body,
    build_key,
    find_step,
    is_agreed,
    needs_consent,
    renew,
    try_again,
)
from ...domain.outbox.effects import Kind, Status, Wanted
from ...odoo.inbound.departing import Departing, read_departing, read_source
from ...odoo.inbound.stock_as_of import find_away
from ...resources.connections import Connections
from ...warehouse.inbound import plan_rows as rows
from ...warehouse.inbound.plan_rows import StepEffect
from ..identity import may_publish
from ..outbox.dispatch import dispatch
from .due import find_asked
from .item_labels import label_items
from .plan_consent import STAGE
from .plan_door import NOT_WANTED, PlanDoor, note_agreed
from .plan_goods import build_plans, describe_goods, digest_goods, read_catalogue
from .plan_learning import Learner
from .plan_papers import write_papers

MOST_TURNS, MOST_POLLS = 120, 60
POLL_SECONDS, LONGEST_POLL, MOST_SECONDS = 0.5, 4.0, 90.0  # an operation is asked for soon, then less often
MOST_TRIES, TRY_AFTER = 6, timedelta(hours=1)  # of a step that the marketplace fails by itself
READY_AFTER = timedelta(hours=2)  # goods are never announced for an earlier time than so much from now
WATCHED = timedelta(days=60)  # for so long the transfer of a plan that is made may be cancelled
PASSING = ("try_later", NOT_WANTED)
MAKING, WAITS_CONSENT, WAITS, MADE, CANCELLED = "making", "waits for consent", "waits", "made", "cancelled"
UNDER_WAY = (Status.SENT, Status.PENDING, Status.UNKNOWN)
Due = tuple[Plan, Step, str, StepEffect | None]  # a plan, its next step with the shipment, and what is on record of it


class Advanced(msgspec.Struct, kw_only=True):
    """The result of a run. plans: that are under way, or were until this run. waiting: reasons by transfer. labels,
    item_labels: files of labels of boxes and of units that were attached."""

    plans: list[Plan] = msgspec.field(default_factory=list)
    new: int = 0
    waiting: dict[str, Reason] = msgspec.field(default_factory=dict)
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    labels: int = 0
    item_labels: int = 0


class Work(msgspec.Struct, kw_only=True):
    """What a run works on. asked: a person wants refused steps tried again, once."""

    connections: Connections
    name: str
    run_id: str
    channel: InboundPlans
    plans: dict[str, Plan]
    transfers: dict[int, Departing]
    asked: bool
    done: Advanced

    def is_cancelled(self, plan: Plan) -> bool:
        return self.transfers[plan.picking].state == "cancel"

    def find_ready(self, plan: Plan) -> datetime:
        earliest = self.connections.instruments.now() + READY_AFTER
        return max(self.transfers[plan.picking].scheduled or earliest, earliest)

    def keep(self, plan: Plan) -> Plan:
        self.plans[plan.name] = plan
        with self.connections.warehouse.transaction() as connection:
            rows.keep(connection, self.name, [plan], self.connections.instruments.now())
        return plan


def advance(connections: Connections, name: str, run_id: str = "") -> Advanced:
    """Take every plan as far as it goes now; one run per channel at a time. Raises the channel's own errors after its
    answers are on record."""
    with connections.warehouse.lock(f"inbound plans {name}", wait=True):
        may_publish(connections, name)
        work = _gather(connections, name, run_id)
        try:
            polls, pause, waited = 0, POLL_SECONDS, 0.0
            for _ in range(MOST_TURNS):
                statuses = set((outcome := _take_turn(work)).values())
                work.done.outcomes.update(map(str, outcome.values()))
                pause = POLL_SECONDS if {Status.ACCEPTED, Status.REFUSED} & statuses else pause
                if Status.PENDING in statuses and polls < MOST_POLLS and waited < MOST_SECONDS:
                    connections.instruments.sleep(pause)
                    polls, waited, pause = polls + 1, waited + pause, min(2 * pause, LONGEST_POLL)
                elif not {Status.ACCEPTED, Status.REFUSED} & statuses:
                    break
            attached, refused = label_items(connections, name, work.channel, work.transfers.values())
            work.done.item_labels, work.done.waiting = attached, {**refused, **work.done.waiting}
        finally:
            _settle(work)
    return work.done


def _gather(connections: Connections, name: str, run_id: str) -> Work:
    settings = connections.settings.channel(name)
    channel = connections.channel(name)
    now = connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        plans = rows.read_plans(connection, name)
        watched = rows.list_watched(connection, name, now - WATCHED)
    client = connections.odoo_of(name)
    away = find_away(client, settings.channel_warehouse)
    planned = {plan.picking for plan in (*plans, *watched)}
    transfers = {row.picking_id: row for row in read_departing(client, away, planned)}
    plans += [plan for plan in watched if transfers[plan.picking].state == "cancel"]
    work = Work(
        connections=connections, name=name, run_id=run_id, plans={plan.name: plan for plan in plans}, done=Advanced(),
        channel=offered(channel.inbound_plans, channel, "inbound plans"), transfers=transfers,
        asked=find_asked(connections, name, (STAGE,)) is not None,
    )  # fmt: skip
    _add_new(work, {plan.picking for plan in plans})
    return work


def _add_new(work: Work, planned: set[int]) -> None:
    """Plans of transfers that are ready and have none. One whose other end bears a number was planned by a person."""
    new = [row for row in work.transfers.values() if row.is_ready and row.picking_id not in planned and not row.numbers]
    with work.connections.warehouse.transaction() as connection:
        over = rows.list_known(connection, work.name, [row.picking_id for row in new])
    new = [row for row in new if row.picking_id not in over]
    if not new:
        return
    catalogue = read_catalogue(work.connections, work.name, {product for row in new for product in row.units})
    for transfer in new:
        try:
            plans = build_plans(work.connections, work.name, transfer, catalogue)
        except RecordError as error:
            work.done.waiting[transfer.name] = error.reason
            continue
        with work.connections.warehouse.transaction() as connection:
            fresh = [msgspec.structs.replace(plan, state=MAKING) for plan in plans]
            rows.keep(connection, work.name, fresh, work.connections.instruments.now())
        work.plans |= {plan.name: plan for plan in fresh}
        work.done.new += len(fresh)


def _take_turn(work: Work) -> dict[str, Status]:
    """One step of each plan; statuses of the effects that were sent or looked at."""
    due: list[Due] = []
    for plan in list(work.plans.values()):
        try:
            step = None if plan.transfer in work.done.waiting else _catch_up(work, plan)
        except RecordError as error:
            _wait(work, work.plans[plan.name], error.reason)
        else:
            due += [step] if step else []
    work.asked = False
    _put_on_record(work, due)
    settings = work.connections.settings.channel(work.name)
    marketplace = work.channel.find_marketplace(settings.inbound.plans.marketplace)
    client = work.connections.odoo_of(work.name)
    door = PlanDoor(
        work.channel, marketplace, work.plans,
        frozenset(plan.name for plan in work.plans.values() if work.is_cancelled(plan)),
        {plan.picking: work.find_ready(plan) for plan in work.plans.values()},
        lambda plan: read_source(client, work.transfers[plan.picking].place),
    )  # fmt: skip
    try:
        return dispatch(work.connections.warehouse, work.name, Kind.INBOUND, door, work.run_id)
    finally:
        _keep_words(work, door)


def _catch_up(work: Work, plan: Plan) -> Due | None:
    """Learn what is done, until a step is not; None where nothing is left to send. Raises RecordError for what a person
    has to see to."""
    transfer, now = work.transfers[plan.picking], work.connections.instruments.now()
    is_cancelled = work.is_cancelled(plan)
    if not is_cancelled and transfer.state != "done" and not plan.progress.placed and _is_changed(plan, transfer):
        raise RecordError(
            "fba_transfer_changed", f"The transfer {plan.transfer} holds, or packs, other goods than its plan.",
            fix="Cancel the transfer, which cancels the plan, and make a new one; or set it back.",
            subject=plan.transfer,
        )  # fmt: skip
    rules = work.connections.settings.channel(work.name).inbound.plans
    learner = Learner(plans=work.channel, rules=rules, now=now, ready=work.find_ready(plan))
    while True:
        next_step = find_step(plan, is_cancelled=is_cancelled)
        step, shipment = next_step or (Step.CREATE, "")
        effect = _read_effect(work, build_key(plan, step, shipment))
        if next_step is None and not (is_cancelled and not plan.progress.cancelled):
            _end(work, plan)
            return None
        if effect and effect.status is Status.ACCEPTED:
            plan = _learn(work, learner, plan, (step, shipment, effect.reference))
            continue
        if next_step is None:  # cancelled, and perhaps not there yet
            prep = _read_effect(work, build_key(plan, Step.PREP))
            if not any(of and of.status in UNDER_WAY for of in (effect, prep)):
                _drop_unmade(work, plan)
            return None
        if effect and effect.status in UNDER_WAY:
            return plan, step, shipment, effect
        if effect and effect.status is Status.RELEASED and step is not Step.CANCEL:
            plan = work.keep(note_agreed(plan, step, effect.body))
        renewed = renew(plan.progress, now)
        if renewed is not plan.progress:
            _withdraw(work, plan, step, shipment)
            plan = work.keep(msgspec.structs.replace(plan, progress=renewed))
            continue
        if effect and effect.status is Status.REFUSED:
            plan = _judge_refusal(work, plan, step, effect)
            continue
        return plan, step, shipment, effect


def _learn(work: Work, learner: Learner, plan: Plan, of: tuple[Step, str, str]) -> Plan:
    """The plan after a step; or before it, where nothing that was offered can be taken and it is time to ask again.
    Raises RecordError until then."""
    try:
        return work.keep(learner.learn(plan, *of))
    except RecordError:
        now = work.connections.instruments.now()
        is_time = plan.retry_at is not None and plan.retry_at <= now
        if is_time or work.asked:
            return work.keep(msgspec.structs.replace(plan, progress=try_again(plan.progress, of[0]), retry_at=None))
        if plan.retry_at is None and plan.tries < MOST_TRIES:
            work.keep(msgspec.structs.replace(plan, tries=plan.tries + 1, retry_at=now + TRY_AFTER))
        raise


def _is_changed(plan: Plan, transfer: Departing) -> bool:
    return plan.goods != digest_goods(transfer)


def _read_effect(work: Work, key: str) -> StepEffect | None:
    with work.connections.warehouse.transaction() as connection:
        return rows.read_effects(connection, work.name, [key]).get(key)


def _judge_refusal(work: Work, plan: Plan, step: Step, effect: StepEffect) -> Plan:
    """The plan before another try. Raises RecordError where a person has to see to it, or not yet."""
    now = work.connections.instruments.now()
    passing = effect.code in PASSING
    if passing and plan.retry_at is None and plan.tries < MOST_TRIES:
        plan = work.keep(msgspec.structs.replace(plan, tries=plan.tries + 1, retry_at=now + TRY_AFTER))
    is_time = passing and plan.retry_at is not None and plan.retry_at <= now
    if effect.code == NOT_WANTED or is_time or work.asked:
        progress = try_again(plan.progress, step)
        return work.keep(msgspec.structs.replace(plan, progress=progress, retry_at=None))
    again = f" It is tried again at {plan.retry_at:%H:%M} UTC." if passing and plan.retry_at else ""
    raise RecordError(
        "fba_plan_refused",
        f"The plan of {plan.transfer} stops before the step `{step}`: {effect.message or 'the marketplace refuses it'} "
        f"(code {effect.code or 'none'}).{again}",
        fix="Look at the plan in Seller Central under its name, correct the cause and replay the exception. Or cancel "
        "the transfer.", subject=plan.name,
    )  # fmt: skip


def _end(work: Work, plan: Plan) -> None:
    """A plan of which nothing is left to send: its papers, where they are not written."""
    if plan.progress.cancelled:
        work.keep(msgspec.structs.replace(plan, state=CANCELLED, code=""))
    elif not plan.progress.written:
        transfer = work.transfers[plan.picking]
        work.done.labels += write_papers(work.connections, work.name, work.channel, plan, transfer)
        progress = msgspec.structs.replace(plan.progress, written=True)
        work.keep(msgspec.structs.replace(plan, progress=progress, state=MADE, code=""))


def _drop_unmade(work: Work, plan: Plan) -> None:
    """The transfer is cancelled before the marketplace has heard of it."""
    _withdraw(work, plan, Step.PREP, "")
    _withdraw(work, plan, Step.CREATE, "")
    progress = msgspec.structs.replace(plan.progress, cancelled=True)
    work.keep(msgspec.structs.replace(plan, progress=progress, state=CANCELLED, code=""))


def _withdraw(work: Work, plan: Plan, step: Step, shipment: str) -> None:
    from ...warehouse.outbox import effects

    with work.connections.warehouse.transaction() as connection:
        effects.withdraw(connection, work.name, Kind.INBOUND, [build_key(plan, step, shipment)])


def _put_on_record(work: Work, due: list[Due]) -> None:
    """Wishes for the next steps; those that a person has to agree to are held, all of them together."""
    from ...warehouse.outbox import effects, holds

    rules, now = work.connections.settings.channel(work.name).inbound.plans, work.connections.instruments.now()
    free, held = list[Wanted](), list[Wanted]()
    for plan, step, shipment, effect in due:
        body = build_body(plan, step, shipment)
        goods = {**describe_goods(plan), "other placements": list(plan.progress.others)}
        wish = Wanted(key=build_key(plan, step, shipment), body=body, basis=goods)
        waits = (
            rules.approve and needs_consent(step, plan.progress, now) and not is_agreed(plan.progress, step, body)
            and not (effect and effect.status in (Status.RELEASED, *UNDER_WAY) and effect.body == body)
        )  # fmt: skip
        (held if waits else free).append(wish)
        state = WAITS_CONSENT if waits else MAKING
        if plan.state != state or plan.code:
            work.keep(msgspec.structs.replace(plan, state=state, code=""))
    with work.connections.warehouse.transaction() as connection:
        unwanted = rows.list_unsent(connection, work.name, [wish.key for wish in (*free, *held)])
        effects.withdraw(connection, work.name, Kind.INBOUND, unwanted)
        effects.plan(connection, work.name, Kind.INBOUND, free, work.run_id)
        if held:
            why = f"{len(held)} inbound plans would be confirmed, which is final"
            hold = holds.hold(connection, work.name, Kind.INBOUND, work.run_id, why, {"plans": len(held)})
            effects.plan(connection, work.name, Kind.INBOUND, held, work.run_id, hold=hold)
        else:
            holds.resolve(connection, work.name, Kind.INBOUND)


def _keep_words(work: Work, door: PlanDoor) -> None:
    from ...warehouse.landing import words

    if door.words:
        now = work.connections.instruments.now()
        with work.connections.warehouse.transaction() as connection:
            words.keep(connection, work.connections.vault, work.name, Topic.INBOUND, door.words, now)


def _wait(work: Work, plan: Plan, reason: Reason) -> None:
    """The plan waits for a person; this run looks at it no more."""
    work.done.waiting[plan.transfer] = reason
    if (plan.state, plan.code) != (WAITS, reason.code):
        work.keep(msgspec.structs.replace(plan, state=WAITS, code=reason.code))


def _settle(work: Work) -> None:
    """What waits is in the exceptions, by transfer; what does not is out of them."""
    from ...warehouse import exceptions

    now = work.connections.instruments.now()
    work.done.plans = sorted(work.plans.values(), key=lambda plan: (plan.transfer, plan.name))
    failures = [
        exceptions.Failure(record_id=f"transfer {transfer}", day=None, reason=reason)
        for transfer, reason in sorted(work.done.waiting.items())
    ]
    still = {failure.record_id for failure in failures}
    with work.connections.warehouse.transaction() as connection:
        waiting = exceptions.open_exceptions(connection, work.name, Topic.INBOUND)
        gone = [row.record_id for row in waiting if row.stage == STAGE and row.record_id not in still]
        exceptions.resolve(connection, work.name, Topic.INBOUND, STAGE, gone, now)
        exceptions.record(connection, work.name, Topic.INBOUND, STAGE, failures, work.run_id, now)
