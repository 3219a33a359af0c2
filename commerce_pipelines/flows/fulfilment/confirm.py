"""One channel told of its shipments: due orders -> plan -> on record -> sent -> settled, or waiting with a reason.

    due        orders whose deliveries are not completely told (warehouse/fulfilment/)
    plan       parcels, corrections, reasons to wait: pure (domain/fulfilment/shipment_plan.py)
    dispatch   on record, then sent (doors.py, flows/outbox/)
    settle     what is done is not looked at again; what waits is in the exceptions

What belongs here: the order of these steps and the lock. What does not: the steps themselves.

Whatever waits is planned again by every run, so an exception goes by itself as soon as its cause is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from shlex import quote

import msgspec

from ...core.errors import PermanentError
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.fulfilment.held_back import is_due
from ...domain.fulfilment.rules import FulfilmentRules
from ...domain.fulfilment.shipment_plan import OrderedGoods, OrderedLine, Plan, plan
from ...domain.orders.order import FulfilledBy, LineKind, Order, OrderStatus
from ...domain.outbox.effects import Kind, Status, digest
from ...domain.sales.base import Base
from ...domain.sales.draft import line_xid
from ...domain.sales.mapping import alias_of
from ...resources.connections import Connections
from ...settings.fingerprint import fingerprint
from ...warehouse.fulfilment import shipments
from ...warehouse.fulfilment.shipments import Due, Parcels
from ..identity import may_publish
from ..orders.stage import read_landed
from ..outbox.dispatch import dispatch
from .doors import ShipmentDoor, TrackingDoor, wish

STAGE = "confirm"


class Stopped(PermanentError):
    """More parcels than `hold_above` wait for a person's consent."""


class Work(msgspec.Struct, kw_only=True):
    """The due orders of a channel and what each needs. plans: of orders that may have something to tell. nothing:
    orders of which nothing will ever be told, such as those that the channel ships itself."""

    due: list[Due]
    plans: dict[str, Plan] = msgspec.field(default_factory=dict)
    nothing: list[str] = msgspec.field(default_factory=list)
    goods: dict[str, OrderedGoods] = msgspec.field(default_factory=dict)
    parcels: dict[str, Parcels] = msgspec.field(default_factory=dict)


class Confirmed(msgspec.Struct, kw_only=True):
    """The result of a run: orders looked at, parcels and corrections planned, outcomes by status, orders that wait by
    reason, orders settled. how: the way on which parcels go, where the channel has several."""

    orders: int = 0
    parcels: int = 0
    units: int = 0
    corrections: int = 0
    settled: int = 0
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    waiting: Counter[str] = msgspec.field(default_factory=Counter)
    how: str = ""
    dry: bool = False
    rows: list[tuple[str, str, str, str, int]] = msgspec.field(default_factory=list)


def lock_name(name: str) -> str:
    return f"shipments {name}"


def stamp_of(connections: Connections, name: str) -> str:
    return fingerprint(connections.settings, name, Topic.FULFILMENT)


def prepare(connections: Connections, name: str, rows: Sequence[Due] | None = None) -> Work:
    """What a channel would be told now of the orders that are due, or of these. Reads nothing but the database."""
    with connections.warehouse.transaction() as connection:
        work = Work(due=shipments.list_due(connection, name) if rows is None else list(rows))
    _plan_orders(connections, name, work)
    return work


def _plan_orders(connections: Connections, name: str, work: Work) -> None:
    from ...warehouse.orders.ledger import read_entries

    ids = [row.order_id for row in work.due]
    source, landing = connections.channel(name).orders, connections.landing(name, Topic.ORDERS)
    orders = {order.order_id: order for order in read_landed(source, landing, ids)}
    with connections.warehouse.transaction() as connection:
        bases = {order_id: entry.base for order_id, entry in read_entries(connection, name, ids).items()}
        work.parcels = shipments.read_parcels(connection, name, ids)
    rules, now = connections.settings.channel(name).fulfilment, connections.instruments.now()
    for row in work.due:
        order = orders.get(row.order_id)
        if order is None or _is_not_ours(order):
            work.nothing.append(row.order_id)
            continue
        work.goods[row.order_id] = build_goods(connections, name, order, bases.get(row.order_id))
        if order.status is OrderStatus.PAID:
            parcels = work.parcels.get(row.order_id, Parcels())
            work.plans[row.order_id] = _drop_stopped(_plan_order(work, row, rules, now), parcels)


def _plan_order(work: Work, row: Due, rules: FulfilmentRules, now: datetime) -> Plan:
    parcels = work.parcels.get(row.order_id, Parcels())
    return plan(row.delivered, work.goods[row.order_id], parcels.records, rules, now)


def _drop_stopped(planned: Plan, parcels: Parcels) -> Plan:
    """The plan without corrections that the channel has refused just so."""
    wanted = [
        correction for correction in planned.correct if parcels.stopped.get(correction.key) != correction.shipment
    ]
    return msgspec.structs.replace(planned, correct=tuple(wanted))


def _is_not_ours(order: Order) -> bool:
    """Whether nothing may be told of an order: the channel ships it, or it is no sale, or it is cancelled."""
    return (
        order.fulfilled_by is FulfilledBy.CHANNEL
        or order.is_other_channel
        or order.is_test
        or order.status is OrderStatus.CANCELLED
    )


def build_goods(connections: Connections, name: str, order: Order, base: Base | None) -> OrderedGoods:
    label, rules = connections.label(name), connections.settings.channel(name)

    def count_pack(line_id: str, sku: str, title: str) -> int:
        sold = base.products.get(line_id) if base else None
        return max(sold.units if sold else alias_of(sku, title, rules)[1], 1)

    return OrderedGoods(
        order_id=order.order_id, placed_at=order.placed_at, answered_at=order.updated_at, marketplace=order.marketplace,
        currency=order.currency,
        lines=tuple(
            OrderedLine(
                line_id=line.line_id, line=line_xid(label, order.order_id, line.line_id), quantity=line.quantity,
                shown=line.shipped, pack=count_pack(line.line_id, line.sku, line.title),
                worth=_sum_charges(order, line.line_id),
            )
            for line in order.lines
            if line.kind is LineKind.PRODUCT
        ),
    )  # fmt: skip


def _sum_charges(order: Order, line_id: str) -> int:
    """Minor units charged for a line, its own discounts and tax included."""
    charged = [
        line
        for line in order.lines
        if line.line_id == line_id or (line.of == line_id and line.kind is LineKind.DISCOUNT)
    ]
    return sum(line.amount + (0 if order.prices_include_tax else line.tax) for line in charged)


def confirm(
    connections: Connections, name: str, *, run_id: str = "", release: bool = False, dry_run: bool = False
) -> Confirmed:
    """Tell the channel what is due; one run per channel at a time.

    release: a person agrees to what `hold_above` stops. Otherwise raises Stopped with the figures. Raises the channel's
    own errors after its answers are on record. An order that waits goes to the exceptions, and the others go on.
    """
    rules = connections.settings.channel(name).fulfilment
    with connections.warehouse.lock(lock_name(name), wait=True):
        work = prepare(connections, name)
        done = _count(work)
        if dry_run or rules.dry_run:
            done.dry = True
            return done
        may_publish(connections, name)
        try:
            done.outcomes = _tell(connections, name, work, done, run_id=run_id, release=release)
        finally:
            _settle(connections, name, work, done, run_id)
    return done


def _count(work: Work) -> Confirmed:
    done = Confirmed(orders=len(work.due))
    for order_id, planned in sorted(work.plans.items()):
        done.parcels += len(planned.confirm)
        done.corrections += len(planned.correct)
        for what, rows in (("confirm", planned.confirm), ("correct", planned.correct)):
            for row in rows:
                units = sum(line.quantity for line in row.shipment.lines)
                done.units += units if what == "confirm" else 0
                carrier = row.shipment.carrier or row.shipment.carrier_name
                done.rows.append(
                    (
                        order_id,
                        row.parcel.delivery.name,
                        what,
                        f"{carrier} {row.shipment.tracking_number}".strip(),
                        units,
                    )
                )
    return done


def _tell(
    connections: Connections, name: str, work: Work, done: Confirmed, *, run_id: str, release: bool
) -> Counter[str]:
    """Put the plans on record and send them; outcomes by status. Notes in `done` how they go."""
    from ...warehouse.landing import words
    from ...warehouse.outbox import effects, holds

    rules, channel = connections.settings.channel(name).fulfilment, connections.channel(name)
    names = {row.order_id: row.delivered.name for row in work.due}
    confirm = [wish(row, names[key]) for key, planned in work.plans.items() for row in planned.confirm]
    correct = [wish(row, names[key]) for key, planned in work.plans.items() for row in planned.correct]
    again = _list_due_again(work, connections.instruments.now())
    unwanted = [key for planned in work.plans.values() for key in planned.withdraw]
    unwanted += [row.key for key in work.nothing for row in work.parcels.get(key, Parcels()).records if not row.begun]
    with connections.warehouse.transaction() as connection:
        effects.withdraw(connection, name, Kind.SHIPMENT, unwanted)
        agreed = holds.agreed(connection, name, Kind.SHIPMENT)
        released = {(key, digest(dict(body))) for key, body in agreed.bodies.items()} if agreed else set()
        news = [wanted for wanted in confirm if (wanted.key, digest(wanted.body)) not in released]
        held = len(news) > rules.hold_above
        if held:
            why = f"{len(news)} parcels would be confirmed, more than {rules.hold_above}"
            hold = holds.hold(connection, name, Kind.SHIPMENT, run_id, why, {"parcels": len(news)})
            effects.plan(connection, name, Kind.SHIPMENT, news, run_id, hold=hold, again=again)
            if release:
                holds.release(connection, name, Kind.SHIPMENT, f"run {run_id}")
        else:
            holds.resolve(connection, name, Kind.SHIPMENT)
            effects.plan(connection, name, Kind.SHIPMENT, confirm, run_id, again=again)
        effects.plan(connection, name, Kind.TRACKING, correct, run_id)
        references = shipments.references(connection, name, [wanted.key for wanted in correct])
    door = ShipmentDoor(channel, len(confirm))
    done.how = door.handover.how
    try:
        statuses = list(dispatch(connections.warehouse, name, Kind.SHIPMENT, door, run_id).values())
        statuses += dispatch(
            connections.warehouse, name, Kind.TRACKING, TrackingDoor(channel, references), run_id
        ).values()
    finally:
        if door.words:
            with connections.warehouse.transaction() as connection:
                now = connections.instruments.now()
                words.keep(connection, connections.vault, name, Topic.FULFILMENT, door.words, now)
    if agreed and not held and Status.UNKNOWN not in statuses:
        with connections.warehouse.transaction() as connection:
            holds.used(connection, name, Kind.SHIPMENT)
    if held and not release:
        raise Stopped(_explain_hold(name, why))
    return Counter(str(status) for status in statuses)


def _explain_hold(name: str, why: str) -> str:
    return (
        f"Nothing new is confirmed to {name}: {why}. If that is right, run `commerce-pipelines shipments release "
        f"{name}`; if these orders were shipped long ago, show them as shipped in the marketplace first."
    )


def _list_due_again(work: Work, now: datetime) -> set[str]:
    """Parcels that the channel did not take for a reason that may be gone now."""
    return {
        key
        for order_id in work.plans
        for key, held in work.parcels.get(order_id, Parcels()).held_back.items()
        if is_due(held, work.goods[order_id].answered_at, now)
    }


def _settle(connections: Connections, name: str, work: Work, done: Confirmed, run_id: str) -> None:
    """Plan once more with what is on record now: what has nothing left is settled, what cannot go on waits."""
    from ...warehouse import exceptions

    now, rules = connections.instruments.now(), connections.settings.channel(name).fulfilment
    with connections.warehouse.transaction() as connection:
        work.parcels = shipments.read_parcels(connection, name, [row.order_id for row in work.due])
        settled = set(work.nothing)
        reasons: dict[str, Reason] = {}
        for row in work.due:
            if row.order_id not in work.plans:
                continue
            parcels, left = work.parcels.get(row.order_id, Parcels()), _plan_order(work, row, rules, now)
            if why := _find_reason(name, row, left, parcels):
                reasons[row.order_id] = why
            elif left.settled and not parcels.unsettled:
                settled.add(row.order_id)
        shipments.mark_tried(connection, name, work.due, settled, stamp_of(connections, name))
        failures = [
            exceptions.Failure(record_id=order_id, day=None, reason=reason, odoo_id=_find_sale(work.due, order_id))
            for order_id, reason in reasons.items()
        ]
        gone = [row.order_id for row in work.due if row.order_id not in reasons]
        exceptions.resolve(connection, name, Topic.FULFILMENT, STAGE, gone, now)
        exceptions.record(connection, name, Topic.FULFILMENT, STAGE, failures, run_id, now)
    done.settled = len(settled)
    done.waiting = Counter(reason.code for reason in reasons.values())


def _find_sale(due: Sequence[Due], order_id: str) -> int | None:
    return next((row.delivered.odoo_id for row in due if row.order_id == order_id), None)


def _find_reason(name: str, row: Due, left: Plan, parcels: Parcels) -> Reason | None:
    """Why an order waits for a person, the most urgent reason first."""
    if parcels.doubtful:
        key = min(parcels.doubtful)
        return Reason(
            "confirmation_in_doubt", f"Nobody can tell whether {name} knows the parcel {key} of this order.",
            f"Look at the order in the marketplace, then run `commerce-pipelines shipments answer {quote(name)} {key} "
            "--happened` or `--not-happened`.",
            key,
        )  # fmt: skip
    refused = sorted(planned.key for planned in left.confirm if planned.key in parcels.refused - set(parcels.held_back))
    stopped = sorted({row.key for row in left.correct} - {row.key for row in _drop_stopped(left, parcels).correct})
    if refused or stopped:
        key = [*refused, *stopped][0]
        what = "the parcel" if refused else "the other tracking number of the parcel"
        return Reason(
            "refused_by_channel", f"{name} refuses {what} {key}.",
            "Put right what the marketplace names, in Odoo or under `fulfilment.carriers`, or confirm the parcel in "
            f"the marketplace itself. Its own words: `commerce-pipelines trace {quote(name)} {quote(row.order_id)} "
            "--personal`.",
            key,
        )  # fmt: skip
    if held := sorted(planned.key for planned in left.confirm if planned.key in parcels.held_back):
        code = parcels.held_back[held[0]].code
        return Reason(
            "held_by_channel", f"{name} does not take the parcel {held[0]} yet ({code}).",
            "Release the hold there, or move the units to a location of yours: the parcel is told by itself within an "
            "hour. If it was confirmed there by hand, there is nothing to do.",
            held[0],
        )  # fmt: skip
    return next(iter(left.waits), None)


def has_news(connections: Connections, name: str) -> bool:
    """Whether something has left that no run has tried to tell with these settings."""
    with connections.warehouse.transaction() as connection:
        return shipments.has_untried(connection, name, stamp_of(connections, name))


def may_go_on(connections: Connections, name: str) -> bool:
    """Whether something is still to be told, and a run need not wait for a person's consent."""
    from ...warehouse.outbox import holds

    with connections.warehouse.transaction() as connection:
        return shipments.has_due(connection, name) and holds.held(connection, name, Kind.SHIPMENT) is None


def release(connections: Connections, name: str, by: str) -> str:
    """Agree to the parcels that wait; returns why they did. Raises PermanentError where none wait."""
    from ...warehouse.outbox import holds

    connections.settings.channel(name)
    with connections.warehouse.transaction() as connection:
        hold = holds.release(connection, name, Kind.SHIPMENT, by)
    if hold is None:
        raise PermanentError(f"No parcels of {name} wait for consent; there is nothing to release.")
    return hold.reasons


def answer(connections: Connections, name: str, key: str, *, happened: bool) -> None:
    """A person's answer about a parcel in doubt. Raises PermanentError where there is none with that key."""
    from ...warehouse.outbox import holds

    connections.settings.channel(name)
    with connections.warehouse.transaction() as connection:
        answered = holds.answer(connection, name, Kind.SHIPMENT, key, happened=happened)
        others = holds.in_doubt(connection, name, Kind.SHIPMENT)
    if not answered:
        there = f"in doubt are {', '.join(others)}" if others else "none of its parcels is in doubt"
        raise PermanentError(f"{name} has no parcel {key!r} in doubt; {there}.")


def statuses(outcomes: Mapping[str, int]) -> str:
    """Outcomes in a line, for a terminal."""
    return ", ".join(f"{count} {Status(status)}" for status, count in sorted(outcomes.items())) or "nothing to tell"
