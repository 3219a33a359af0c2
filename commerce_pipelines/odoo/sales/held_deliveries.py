"""Deliveries of orders that should not be shipped: taken out of the warehouse's queue, with their reservation, and
given back.

    WH/OUT/00012 (Delivery Orders) ──▶ WH/HOLD/00001 (On hold: Delivery Orders) ──▶ WH/OUT/00013 (Delivery Orders)

Odoo Community cannot lock a delivery and keep its goods reserved: cancelling or unreserving it releases them. A
transfer keeps its reservation when its operation type changes, so a held transfer is moved to an operation type for
held transfers, one for each operation type that it may come from. A person who opens it there can still validate it.

What belongs here: holding and releasing, and whether the user may. What does not: which orders (flows/orders/marks.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from ..rpc.client import OdooClient
from ..rpc.halving import on_all
from ..rpc.load import load_one, names_of, read_ids
from .quotation_to_order import tracking

_PREFIX = "hold_type_"
_STEPS = ["PICK", "PACK"]  # sequence codes of the steps before a delivery
_OF_TYPE = ("name", "code", "warehouse_id", "default_location_src_id", "default_location_dest_id", "company_id",
            "reservation_method")  # fmt: skip


def hold_sales(client: OdooClient, order_ids: Collection[int]) -> None:
    """Move the transfers of these orders that have not left to the operation types for held transfers. Takes four
    calls, and one for each transfer moved; does nothing where Odoo keeps no stock."""
    open_, ours = _read_open_transfers(client, order_ids)
    by_type: dict[int, list[int]] = defaultdict(list)
    for row in open_:
        if row["picking_type_id"] not in ours and row["picking_type_code"] != "incoming":
            by_type[row["picking_type_id"]].append(row["id"])
    held = _load_hold_types(client, by_type) if by_type else {}
    for type_id, ids in by_type.items():
        _move_transfers(client, ids, held[type_id])


def release_sales(client: OdooClient, order_ids: Collection[int]) -> None:
    """Move held transfers back to the operation types that they came from. A transfer that a person has moved stays
    where it is."""
    open_, ours = _read_open_transfers(client, order_ids)
    by_type: dict[int, list[int]] = defaultdict(list)
    for row in open_:
        if row["picking_type_id"] in ours:
            by_type[ours[row["picking_type_id"]]].append(row["id"])
    for type_id, ids in by_type.items():
        _move_transfers(client, ids, type_id)


def find_hold_problems(client: OdooClient) -> list[str]:
    """Why deliveries could not be held, a sentence each: an operation type for held transfers is archived, or is
    missing and the user may not create it, or the user may not write transfers."""
    user = client.settings.username
    problems = []
    if not client.call("stock.picking", "has_access", ids=[], operation="write"):
        problems.append(f"{user} may not write stock.picking: run `commerce-pipelines access`.")
    types = client.call(
        "stock.picking.type", "search_read", fields=["display_name"], load=None, order="id",
        domain=["|", ["code", "=", "outgoing"], "&", ["code", "=", "internal"], ["sequence_code", "in", _STEPS]],
    )  # fmt: skip
    ours = set(names_of(client, "stock.picking.type", [row["id"] for row in types]))
    held = {row["id"]: row["display_name"] for row in types if row["id"] not in ours}
    there = read_ids(client, "stock.picking.type", [f"{_PREFIX}{type_id}" for type_id in held])
    archived = client.call(
        "stock.picking.type", "search_read", fields=["display_name"], load=None,
        domain=[["id", "in", sorted(there.values())], ["active", "=", False]],
    )  # fmt: skip
    problems += [f"The operation type {row['display_name']} is archived in Odoo: unarchive it." for row in archived]
    missing = [name for type_id, name in held.items() if f"{_PREFIX}{type_id}" not in there]
    if missing and not client.call("stock.picking.type", "has_access", ids=[], operation="create"):
        problems.append(
            f"Odoo has no operation type yet that holds transfers of {', '.join(missing)}, and {user} may not create "
            "stock.picking.type: run `commerce-pipelines access`."
        )
    return problems


def _read_open_transfers(client: OdooClient, order_ids: Collection[int]) -> tuple[list[dict[str, Any]], dict[int, int]]:
    """(transfers that are not done, our operation types: id -> the operation type that each stands for)."""
    if not order_ids or not client.call("sale.order", "fields_get", allfields=["picking_ids"], attributes=["type"]):
        return [], {}
    rows = client.call(
        "stock.picking", "search_read", load=None, fields=["picking_type_id", "picking_type_code"],
        domain=[["sale_id", "in", sorted(order_ids)], ["state", "not in", ["done", "cancel"]]],
    )  # fmt: skip
    names = names_of(client, "stock.picking.type", {row["picking_type_id"] for row in rows})
    ours = {record: int(name.removeprefix(_PREFIX)) for record, name in names.items() if name.startswith(_PREFIX)}
    return list(rows), ours


def _load_hold_types(client: OdooClient, type_ids: Collection[int]) -> dict[int, int]:
    """The operation type for held transfers of each of these types, created where it is missing."""
    there = read_ids(client, "stock.picking.type", [f"{_PREFIX}{type_id}" for type_id in type_ids])
    types = {int(name.removeprefix(_PREFIX)): record for name, record in there.items()}
    missing = sorted(set(type_ids) - types.keys())
    if missing:
        for row in client.call("stock.picking.type", "read", ids=missing, fields=list(_OF_TYPE), load=None):
            types[row["id"]] = load_one(client, "stock.picking.type", f"{_PREFIX}{row['id']}", _build_type_values(row))
    return types


def _build_type_values(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "name": f"On hold: {row['name']}",
        "code": row["code"],
        "sequence_code": "HOLD",
        "reservation_method": row["reservation_method"],
        **{
            f"{field}/.id": str(row[field] or "")
            for field in ("warehouse_id", "default_location_src_id", "default_location_dest_id", "company_id")
        },
    }


def _move_transfers(client: OdooClient, ids: Collection[int], type_id: int) -> None:
    # One call each, because Odoo gives a transfer its new number and its type's locations when it is written.
    for picking_id in sorted(ids):
        on_all(
            client, "stock.picking", "write", [picking_id], tracking(client), list, vals={"picking_type_id": type_id}
        )
