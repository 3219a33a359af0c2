"""What a person sees of inbound plans, and agrees to.

What belongs here: plans in words, consent, whether a run would do something. What does not: taking the steps
(send_in.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

import msgspec

from ...core.errors import PermanentError
from ...domain.inbound.consignment import add_costs, show_cost
from ...domain.inbound.plan_steps import Plan, find_void_end
from ...domain.outbox.effects import Kind
from ...odoo.inbound.departing import read_departing
from ...odoo.inbound.stock_as_of import find_away
from ...resources.connections import Connections
from ...warehouse.inbound import plan_rows as rows
from .due import find_asked
from .item_labels import list_unlabelled
from .plan_goods import describe_goods

STAGE = "plan"
COLUMNS = ("transfer", "plan", "state", "SKUs", "units", "boxes", "shipments", "placement", "transport", "total",
           "cancelling", "also offered")  # fmt: skip


class PlanShown(msgspec.Struct, frozen=True, kw_only=True):
    """One plan for people. shipments: their numbers or, before they have any, where they go to. cancelling: what it
    costs, and from when on. others: what else was offered."""

    transfer: str
    plan: str
    state: str
    skus: int
    units: int
    boxes: int
    shipments: str
    placement: str
    transport: str
    total: str
    cancelling: str
    others: str

    @property
    def row(self) -> tuple[str, ...]:
        return tuple(str(getattr(self, name)) for name in self.__struct_fields__)


def describe(plan: Plan) -> PlanShown:
    progress, goods = plan.progress, describe_goods(plan)
    placement = progress.placement
    transports = [f"{row.carrier} {row.mode}: {show_cost(row.cost)}" for row in progress.transports]
    total = add_costs([placement.cost, *(row.cost for row in progress.transports)]) if placement else {}
    ends = find_void_end(progress)
    free = f"free until {ends.astimezone(UTC):%Y-%m-%d %H:%M} UTC, not after" if ends else "free"
    return PlanShown(
        transfer=plan.transfer, plan=plan.name, state=f"{plan.state} ({plan.code})" if plan.code else plan.state,
        skus=goods["SKUs"], units=goods["units"], boxes=goods["boxes"],
        shipments=", ".join(row.number or row.centre for row in progress.shipments),
        placement=show_cost(placement.cost) if placement else "", transport=", ".join(dict.fromkeys(transports)),
        total=show_cost(total) if placement and transports else "", cancelling=free,
        others=", ".join(progress.others),
    )  # fmt: skip


def list_plans(connections: Connections, name: str) -> list[PlanShown]:
    """The plans of a channel that are not over. Reads what the last run kept."""
    with connections.warehouse.transaction() as connection:
        return [describe(plan) for plan in rows.read_plans(connection, name)]


def list_held(connections: Connections, name: str) -> list[dict[str, Any]]:
    """What waits for a person: the bodies of the steps, which a release is for."""
    with connections.warehouse.transaction() as connection:
        return rows.list_held(connection, name)


def release(connections: Connections, name: str, by: str) -> str:
    """Agree to what waits; returns why it did. Raises PermanentError where nothing waits."""
    from ...warehouse.outbox import holds

    connections.settings.channel(name)
    with connections.warehouse.transaction() as connection:
        hold = holds.release(connection, name, Kind.INBOUND, by)
    if hold is None:
        raise PermanentError(f"No inbound plan of {name} waits for consent; there is nothing to release.")
    return hold.reasons


def has_work(connections: Connections, name: str) -> bool:
    """Whether a plan is under way, a transfer is ready that has none or lacks labels, or a person has asked for another
    try."""
    if not connections.settings.channel(name).inbound.plans.enabled:
        return False
    with connections.warehouse.transaction() as connection:
        is_open = rows.count_open(connection, name) > 0
    return is_open or find_asked(connections, name, (STAGE,)) is not None or bool(_list_new(connections, name))


def _list_new(connections: Connections, name: str) -> Sequence[int]:
    """Transfers that have no plan yet, or whose units have no labels."""
    client = connections.odoo_of(name)
    away = find_away(client, connections.settings.channel(name).channel_warehouse)
    transfers = read_departing(client, away, ())
    if unlabelled := list_unlabelled(connections, name, client, transfers):
        return [row.picking_id for row in unlabelled]
    ready = [row.picking_id for row in transfers if row.is_ready and not row.numbers]
    with connections.warehouse.transaction() as connection:
        over = rows.list_known(connection, name, ready)
    return [picking for picking in ready if picking not in over]
