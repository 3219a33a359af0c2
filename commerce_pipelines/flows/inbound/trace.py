"""The story of goods that went to a marketplace's warehouse, or came back: one transfer with its plan, every step of
it, its shipments, what was received, what is missing and until when it is claimed; or one removal order.

What belongs here: gathering it, by the transfer's name, the shipment's number, the plan's name, or the removal order.
What does not: an order's story (flows/orders/trace.py), showing it (cli/orders.py). It holds no personal data.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ...core.topics import Topic
from ...domain.inbound.road import CLOSED, Count, find_last_day
from ...odoo.inbound.receipts import name_state
from ...odoo.rpc.search_read import fetch
from ...resources.connections import Connections
from ...warehouse import exceptions
from ...warehouse.inbound import shipments, stories
from ...warehouse.inbound.stories import CountRow, ParcelRow, PlanRow, ShipmentRow, StepRow
from ..orders.trace import Event, ask_odoo, describe_waiting
from .receive import explain

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_IN_WHAT = ("plan", "transfer", "step", "shipment", "content")  # parts of a step's body that its title tells, or nobody


def trace(connections: Connections, name: str, record_id: str) -> list[Event]:
    """Everything on record of it, in no order; nothing where it was never seen."""
    wanted = record_id.strip()
    with connections.warehouse.transaction() as connection:
        plans, rows = _find(connection, name, wanted)
        parcels = stories.find_parcels(connection, name, wanted)
        if not (plans or rows or parcels):
            return []
        steps = stories.read_steps(connection, name, [plan.name for plan in plans])
        records = [row.shipment_id for row in rows] + [row.order_id for row in parcels]
        audited = stories.read_audited(connection, name, records)
        receipts = {row.shipment_id: shipments.count_receipts(connection, name, row.shipment_id) for row in rows}
        waiting = exceptions.open_exceptions(connection, name, Topic.INBOUND)
    claim_days = connections.settings.channel(name).inbound.claim_days
    events = [_describe_plan(plan) for plan in plans]
    for step in steps:
        events += _describe_step(step)
    events += [
        Event(what=f"{action}: {record}", at=at, details={key: f"{value}" for key, value in details.items()})
        for at, action, record, details in audited
    ]
    events += [_describe_shipment(row, receipts[row.shipment_id], claim_days) for row in rows]
    events += [_describe_parcel(row) for row in parcels]
    ours = {f"transfer {plan.transfer}" for plan in plans} | {f"shipment {row.shipment_id}" for row in rows}
    ours |= {f"removal {row.key}" for row in parcels}
    events += describe_waiting([row for row in waiting if row.record_id in ours])
    transfers = {plan.transfer for plan in plans} | {transfer for row in rows for transfer in row.transfers}
    events += ask_odoo(lambda: _read_transfers(connections, name, transfers, [row.order_id for row in parcels]))
    return events


def _find(connection: Connection, name: str, wanted: str) -> tuple[list[PlanRow], list[ShipmentRow]]:
    """By whichever end a person knows: plans lead to shipments, shipments to plans."""
    plans = stories.find_plans(connection, name, [wanted])
    rows = stories.find_shipments(connection, name, [wanted, *(number for plan in plans for number in plan.numbers)])
    if not plans and rows:
        plans = stories.find_plans(connection, name, [number for row in rows for number in row.shipment_id.split()])
    return plans, rows


def _describe_plan(plan: PlanRow) -> Event:
    details = {"transfer": plan.transfer, "state": plan.state, "shipments": " ".join(plan.numbers)}
    return Event(what=f"inbound plan {plan.name}", at=plan.made_at, details=_drop_empty(details))


def _describe_step(step: StepRow) -> list[Event]:
    of = f"`{step.body.get('step', '')}`"
    facts = {key.replace("_", " "): _show(value) for key, value in step.body.items() if key not in _IN_WHAT}
    details = {"shipment": str(step.body.get("shipment", "")), **facts, "status": step.status,
               "known there as": step.reference}  # fmt: skip
    return [
        Event(what=f"step {of}", at=step.planned_at, details=_drop_empty(details)),
        *(
            Event(what=f"step {of}, attempt {number}", at=started, details=_drop_empty(
                {"outcome": outcome or "no answer yet", "code": code, "says": message, "run": run_id}
            ))
            for number, started, outcome, code, message, run_id in step.attempts
        ),
    ]  # fmt: skip


def _describe_shipment(row: ShipmentRow, receipts: dict[str, int], claim_days: int) -> Event:
    details = {"status": row.status, "centre": row.centre, "transfers": ", ".join(row.transfers)}
    last_day = find_last_day(row.arrived_on, claim_days)
    details |= {"arrived": str(row.arrived_on or ""), "a claim is taken until": str(last_day or "")}
    for of in row.counts:
        details[of.code] = _describe_count(of, row.status, receipts)
    return Event(what=f"shipment {row.shipment_id}, as it was read last", at=row.read_at, details=_drop_empty(details))


def _describe_count(row: CountRow, status: str, receipts: dict[str, int]) -> str:
    count = Count(product=0, shipped=row.shipped, received=row.received, booked=row.booked, on_road=row.on_road)
    ledger = ", ".join(f"{receipts[msku]:+d} of {msku}" for msku in row.mskus if msku in receipts) or "none read"
    wrong = (count.missing and status in CLOSED) or count.surplus or count.counted_down
    figures = (
        f"{count.shipped:g} sent, {count.received:g} counted, {count.booked:g} received in Odoo, {count.on_road:g} on "
        f"the road; the ledger's receipts: {ledger}"
    )
    return f"{figures}; {explain(count)}" if wrong else figures


def _describe_parcel(row: ParcelRow) -> Event:
    details = {
        "shipped on": str(row.shipped_on), "carrier and number": f"{row.carrier} {row.tracking}".strip(),
        "units": str(row.units), "units of Odoo's that left": f"{row.moved:g}", "waits": row.code,
    }  # fmt: skip
    return Event(what=f"parcel of the removal order {row.order_id}", at=row.read_at, details=_drop_empty(details))


def _read_transfers(
    connections: Connections, name: str, transfers: Collection[str], orders: Sequence[str]
) -> list[Event]:  # fmt: skip
    domain = ["|"] * len(orders) + [["name", "in", sorted(transfers)], *(
        ["origin", "=like", f"removal {order}%"] for order in orders
    )]  # fmt: skip
    # Compared again, because `=like` reads % and _ as wildcards, and R10 begins as R1 does.
    ours = tuple(f"removal {order} " for order in orders)
    rows = [
        row for row in fetch(connections.odoo_of(name), "stock.picking", domain, ["name", "state", "origin"])
        if row["name"] in transfers or f"{row['origin'] or ''} ".startswith(ours)
    ]  # fmt: skip
    return [
        Event(what="in Odoo now", details=_drop_empty(
            {"transfer": row["name"], "state": name_state(row["state"]), "source document": row["origin"] or ""}
        ))
        for row in rows
    ]  # fmt: skip


def _show(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _drop_empty(details: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in details.items() if value}
