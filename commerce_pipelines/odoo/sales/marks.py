"""Flags where people who work in Odoo see them: a tag and an activity on the sale order, removed with their cause.

What belongs here: making an order's marks agree with its flags. What does not: which flags an order has
(domain/sales/lifecycle.py, next_step.py), keeping them (warehouse/exceptions.py).

Each flag is a tag of its own, so that orders can be filtered by it. All flags of an order share one activity, whose
external id contains the flags: after a person has marked the activity as done, it is created again only for other
flags. Cancelled orders get no tag, because writing to them would hide who cancelled them.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from typing import Any

from ...domain.sales.draft import Flag
from ..rpc.client import OdooClient
from ..rpc.halving import on_all
from ..rpc.load import load_one, load_records, names_of, read_ids, xid
from .quotation_to_order import tracking

_ACTIVITY = ("id", "res_model_id/id", "res_id", "activity_type_id/id", "user_id/.id", "summary", "note")
_MODEL, _TYPE = "sale.model_sale_order", "mail.mail_activity_data_warning"
_SILENT = {"mail_activity_quick_update": True, "mail_notrack": True}  # no mail is sent
_PREFIX = "activity_order_"


def mark_sales(client: OdooClient, orders: Mapping[int, Sequence[Flag]]) -> None:
    """Set the marks of orders. orders: record id -> the order's present flags, none to remove all marks. A handful of
    calls, whatever their number.

    Raises the client's errors, CredentialError where the user may not write activities.
    """
    how = client.settings.flags
    if how == "none" or not orders:
        return
    fields = ["state", "tag_ids", "user_id"]
    rows = client.call("sale.order", "read", ids=sorted(orders), fields=fields, load=None)
    flags = {row["id"]: {flag.code: flag for flag in orders[row["id"]]} for row in rows}
    _write_tags(client, rows, flags)
    if how == "activity":
        _remind(client, rows, flags)


def _write_tags(client: OdooClient, rows: Sequence[Mapping[str, Any]], flags: Mapping[int, Mapping[str, Flag]]) -> None:
    ours = _load_tags(
        client, {code for codes in flags.values() for code in codes}, {i for row in rows for i in row["tag_ids"]}
    )
    changes: dict[tuple[tuple[int, int], ...], list[int]] = defaultdict(list)
    for row in rows:
        if row["state"] == "cancel":
            continue
        wanted = {ours[code] for code in flags[row["id"]] if code in ours}
        there = set(row["tag_ids"]) & set(ours.values())
        commands = (*((4, i) for i in sorted(wanted - there)), *((3, i) for i in sorted(there - wanted)))
        if commands:
            changes[commands].append(row["id"])
    for commands, ids in changes.items():
        vals = {"tag_ids": [[command, tag_id, 0] for command, tag_id in commands]}
        on_all(client, "sale.order", "write", ids, tracking(client), list, vals=vals)


def _load_tags(client: OdooClient, codes: Collection[str], there: Collection[int]) -> dict[str, int]:
    """Our tags by code: those that the orders have, and those of `codes`, created where they are missing."""
    names = {
        record: name for record, name in names_of(client, "crm.tag", there).items() if name.startswith("tag_flag_")
    }
    tag_by_code = {name.removeprefix("tag_flag_"): record for record, name in names.items()}
    missing = [code for code in codes if code not in tag_by_code]
    tag_by_code |= {
        name.removeprefix("tag_flag_"): record
        for name, record in read_ids(client, "crm.tag", [f"tag_flag_{code}" for code in missing]).items()
    }
    for code in sorted(set(missing) - tag_by_code.keys()):
        title = f"Marketplace: {code.replace('_', ' ')}"
        same = client.call("crm.tag", "search", domain=[["name", "=", title]], limit=1)
        if same:
            tag_by_code[code] = same[0]
        elif client.settings.create_missing:
            tag_by_code[code] = load_one(client, "crm.tag", f"tag_flag_{code}", {"name": title})
    return tag_by_code


def _remind(client: OdooClient, rows: Sequence[Mapping[str, Any]], flags: Mapping[int, Mapping[str, Flag]]) -> None:
    domain = [["res_model", "=", "sale.order"], ["res_id", "in", sorted(flags)]]
    there = client.call(
        "mail.activity", "search_read", domain=domain, fields=["res_id"], load=None, context={"active_test": False}
    )
    names = names_of(client, "mail.activity", [row["id"] for row in there])
    wanted = {row["id"]: _build_name(row["id"], flags[row["id"]]) for row in rows if flags[row["id"]]}
    stale = [
        row["id"] for row in there
        if names.get(row["id"], "").startswith(_PREFIX) and names[row["id"]] != wanted.get(row["res_id"])
    ]  # fmt: skip
    on_all(client, "mail.activity", "unlink", stale, _SILENT, lambda some: _search_existing(client, some))
    present = set(names.values())
    records = {
        row["id"]: [_build_activity(client, row, wanted[row["id"]], flags[row["id"]].values())]
        for row in rows if row["id"] in wanted and wanted[row["id"]] not in present
    }  # fmt: skip
    load_records(client, "mail.activity", _ACTIVITY, records, _SILENT)


def _search_existing(client: OdooClient, ids: Sequence[int]) -> list[int]:
    domain = [["id", "in", list(ids)]]
    return list(client.call("mail.activity", "search", domain=domain, context={"active_test": False}))


def _build_name(order_id: int, flags: Iterable[str]) -> str:
    digest = hashlib.sha256(" ".join(sorted(flags)).encode()).hexdigest()[:10]
    return f"{_PREFIX}{order_id}_{digest}"


def _build_activity(client: OdooClient, row: Mapping[str, Any], name: str, flags: Iterable[Flag]) -> list[str]:
    texts = list(flags)
    return [
        xid(name), _MODEL, str(row["id"]), _TYPE, str(row["user_id"] or client.who.uid),
        "Marketplace: " + ", ".join(flag.code.replace("_", " ") for flag in texts),
        "".join(f"<p>{escape(flag.message)}<br/>{escape(flag.fix)}</p>" for flag in texts),
    ]  # fmt: skip
