"""What is on record of one transfer, shipment, plan or removal order: for its story.

What belongs here: finding it by whatever name a person has of it. What does not: telling it (flows/inbound/trace.py).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """numbers: of its shipments, as labels show them."""

    name: str
    transfer: str
    picking: int
    state: str
    made_at: datetime
    numbers: tuple[str, ...]


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a plan, with each call for it. attempts: (number, started, outcome, code, message, run)."""

    planned_at: datetime
    status: str
    reference: str
    body: dict[str, Any]
    attempts: list[tuple[int, datetime, str, str, str, str]] = []


class CountRow(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one product of a shipment."""

    code: str
    mskus: tuple[str, ...]
    shipped: float
    received: float
    booked: float
    on_road: float


class ShipmentRow(msgspec.Struct, frozen=True, kw_only=True):
    shipment_id: str
    status: str
    centre: str
    transfers: tuple[str, ...]
    arrived_on: date | None
    read_at: datetime
    counts: tuple[CountRow, ...] = ()


class ParcelRow(msgspec.Struct, frozen=True, kw_only=True):
    """moved: units of Odoo's that left the marketplace's warehouse. code: why it waits."""

    key: str
    order_id: str
    shipped_on: date
    carrier: str
    tracking: str
    units: int
    moved: float
    code: str
    read_at: datetime


def find_plans(connection: Connection, channel: str, names: Collection[str]) -> list[PlanRow]:
    """Plans of these transfers, of these names, or with these shipments; the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, transfer, picking, state, made_at, ARRAY(SELECT s->>'number' FROM"
            " jsonb_array_elements(coalesce(progress->'shipments', '[]')) s WHERE s->>'number' <> '') AS numbers"
            " FROM commerce.inbound_plans p WHERE channel = %(channel)s AND (transfer = ANY(%(names)s)"
            " OR name = ANY(%(names)s) OR EXISTS (SELECT FROM jsonb_array_elements("
            "coalesce(p.progress->'shipments', '[]')) s WHERE s->>'number' = ANY(%(names)s))) ORDER BY made_at, name",
            {"channel": channel, "names": list(names)},
        )
        return [
            PlanRow(name=row[0], transfer=row[1], picking=row[2], state=row[3], made_at=row[4], numbers=tuple(row[5]))
            for row in cursor
        ]


def read_steps(connection: Connection, channel: str, plans: Collection[str]) -> list[StepRow]:
    """Every step of these plans that was ever put on record, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.sequence, e.planned_at, e.status, e.reference, e.body, a.number, a.started_at,"
            " coalesce(a.outcome, ''), a.code, a.message, a.run_id FROM commerce.effects e"
            " LEFT JOIN commerce.attempts a ON a.effect = e.sequence"
            " WHERE e.target = %s AND e.kind = 'inbound' AND e.body->>'plan' = ANY(%s)"
            " ORDER BY e.sequence, a.number",
            (channel, list(plans)),
        )
        steps: dict[int, StepRow] = {}
        for sequence, planned_at, status, reference, body, *attempt in cursor:
            row = steps.get(sequence)
            if row is None:
                row = steps[sequence] = StepRow(
                    planned_at=planned_at, status=status, reference=reference, body=body, attempts=[]
                )
            if attempt[0] is not None:
                row.attempts.append((attempt[0], attempt[1], attempt[2], attempt[3], attempt[4], attempt[5]))
        return list(steps.values())


def find_shipments(connection: Connection, channel: str, names: Collection[str]) -> list[ShipmentRow]:
    """Shipments of these numbers, or of these transfers, with their counts."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT shipment_id, status, centre, transfers, arrived_on, read_at FROM commerce.fba_shipments"
            " WHERE channel = %(channel)s AND (transfers && %(names)s::text[]"
            " OR string_to_array(shipment_id, ' ') && %(names)s::text[]) ORDER BY shipment_id",
            {"channel": channel, "names": list(names)},
        )
        heads = cursor.fetchall()
        cursor.execute(
            "SELECT shipment_id, code, mskus, shipped, received, booked, on_road FROM commerce.fba_shipment_counts"
            " WHERE channel = %s AND shipment_id = ANY(%s) ORDER BY shipment_id, code",
            (channel, [head[0] for head in heads]),
        )
        counts: dict[str, list[CountRow]] = {}
        for shipment_id, code, mskus, shipped, received, booked, on_road in cursor:
            counts.setdefault(shipment_id, []).append(
                CountRow(code=code, mskus=tuple(mskus), shipped=shipped, received=received, booked=booked,
                         on_road=on_road)
            )  # fmt: skip
    return [
        ShipmentRow(shipment_id=head[0], status=head[1], centre=head[2], transfers=tuple(head[3]), arrived_on=head[4],
                    read_at=head[5], counts=tuple(counts.get(head[0], ())))
        for head in heads
    ]  # fmt: skip


def find_parcels(connection: Connection, channel: str, name: str) -> list[ParcelRow]:
    """Parcels of a removal order, or of this tracking number."""
    fields = ParcelRow.__struct_fields__
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(fields)} FROM commerce.fba_removals WHERE channel = %s"
            " AND (order_id = %s OR (tracking <> '' AND tracking = %s)) ORDER BY shipped_on, key",
            (channel, name, name),
        )
        return [ParcelRow(**dict(zip(fields, row, strict=True))) for row in cursor]


def read_audited(
    connection: Connection, channel: str, records: Collection[str]
) -> list[tuple[datetime, str, str, Any]]:
    """(when, what, record, details) of what the audit tells of these records."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT at, action, record, details FROM commerce.audit WHERE account = %s AND topic = 'inbound'"
            " AND record = ANY(%s) AND action IN ('inbound plan', 'goods received', 'goods sent back') ORDER BY id",
            (channel, list(records)),
        )
        return cursor.fetchall()
