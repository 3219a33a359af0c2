"""Rows of inbound plans, and what the outbox has of their steps.

What belongs here: reading and writing them. What does not: what follows (domain/inbound/plan_steps.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ...domain.inbound.consignment import Consignment
from ...domain.inbound.plan_steps import Plan, Progress
from ...domain.outbox.effects import Kind, Status
from ..tables.database import storable

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

_COLUMNS = "name, picking, transfer, goods, consignment, progress, state, code, tries, retry_at"


class StepEffect(msgspec.Struct, frozen=True, kw_only=True):
    """The newest effect of a step. code, message: of its newest attempt."""

    key: str
    status: Status
    body: dict[str, Any]
    reference: str = ""
    code: str = ""
    message: str = ""


def read_plans(connection: Connection, channel: str, *, over: bool = False) -> list[Plan]:
    """Plans that are not over, or all, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM commerce.inbound_plans WHERE channel = %s AND (%s OR NOT is_over)"
            " ORDER BY made_at, name",
            (channel, over),
        )
        return [_build_plan(row) for row in cursor]


def list_known(connection: Connection, channel: str, pickings: Collection[int]) -> set[int]:
    """Those of these transfers that have a plan, be it over."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT picking FROM commerce.inbound_plans WHERE channel = %s AND picking = ANY(%s)",
            (channel, list(pickings)),
        )
        return {picking for (picking,) in cursor}


def list_watched(connection: Connection, channel: str, since: datetime) -> list[Plan]:
    """Plans that are made and were changed since then: their transfers may still be cancelled."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_COLUMNS} FROM commerce.inbound_plans WHERE channel = %s AND is_over AND plan_id <> ''"
            " AND changed_at >= %s AND NOT coalesce((progress->>'cancelled')::boolean, false) ORDER BY made_at, name",
            (channel, since),
        )
        return [_build_plan(row) for row in cursor]


def keep(connection: Connection, channel: str, plans: Iterable[Plan], now: datetime) -> None:
    """Add these plans, or write how far they are. What a plan sends never changes once it is made."""
    with connection.cursor() as cursor:
        for plan in plans:
            cursor.execute(
                "INSERT INTO commerce.inbound_plans (channel, name, picking, transfer, goods, consignment, progress,"
                " plan_id, state, code, tries, retry_at, is_over, made_at, changed_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
                " ON CONFLICT (channel, name) DO UPDATE SET progress = EXCLUDED.progress, plan_id = EXCLUDED.plan_id,"
                " consignment = CASE WHEN inbound_plans.plan_id = '' THEN EXCLUDED.consignment"
                " ELSE inbound_plans.consignment END, state = EXCLUDED.state, code = EXCLUDED.code,"
                " tries = EXCLUDED.tries, retry_at = EXCLUDED.retry_at,"
                " is_over = EXCLUDED.is_over, changed_at = EXCLUDED.changed_at",
                (channel, plan.name, plan.picking, storable(plan.transfer), plan.goods, _encode(plan.consignment),
                 _encode(plan.progress), plan.progress.plan_id, storable(plan.state), plan.code, plan.tries,
                 plan.retry_at, plan.is_over, now, now),
            )  # fmt: skip


def read_effects(connection: Connection, channel: str, keys: Collection[str]) -> dict[str, StepEffect]:
    """The newest effect of each of these steps that was not superseded, by key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (e.key) e.key, e.status, e.body, e.reference, coalesce(a.code, ''),"
            " coalesce(a.message, '') FROM commerce.effects e LEFT JOIN commerce.attempts a"
            " ON a.effect = e.sequence AND a.number = e.attempt"
            " WHERE e.target = %s AND e.kind = %s AND e.key = ANY(%s) AND e.status <> 'superseded'"
            " ORDER BY e.key, e.sequence DESC",
            (channel, Kind.INBOUND, list(keys)),
        )
        return {
            key: StepEffect(key=key, status=Status(status), body=body, reference=reference, code=code, message=message)
            for key, status, body, reference, code, message in cursor
        }


def list_unsent(connection: Connection, channel: str, wanted: Collection[str]) -> list[str]:
    """Steps on record that were never sent, but for these."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key FROM commerce.effects WHERE target = %s AND kind = %s AND attempt = 0"
            " AND status IN ('planned', 'held', 'released') AND key <> ALL(%s)",
            (channel, Kind.INBOUND, list(wanted)),
        )
        return [key for (key,) in cursor]


def list_held(connection: Connection, channel: str) -> list[dict[str, Any]]:
    """The bodies of the steps that wait for a person's consent, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT body FROM commerce.effects WHERE target = %s AND kind = %s AND status = 'held' AND attempt = 0"
            " ORDER BY sequence",
            (channel, Kind.INBOUND),
        )
        return [body for (body,) in cursor]


def count_open(connection: Connection, channel: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM commerce.inbound_plans WHERE channel = %s AND NOT is_over", (channel,))
        return int(cursor.fetchone()[0])  # type: ignore[index]


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _build_plan(row: tuple[Any, ...]) -> Plan:
    name, picking, transfer, goods, consignment, progress, state, code, tries, retry_at = row
    return Plan(
        name=name, picking=picking, transfer=transfer, goods=goods, state=state, code=code, tries=tries,
        consignment=msgspec.convert(consignment, type=Consignment, strict=True), retry_at=retry_at,
        progress=msgspec.convert(progress, type=Progress),
    )  # fmt: skip
