"""The header of an order that became a quotation again, by us or by a person: only what the channel changed is written.

All other columns keep Odoo's values, because a person may have changed them: salesperson, team, tags, reference,
warehouse, delivery method, pricelist, fiscal position. Settings that changed meanwhile count for new orders.

What belongs here: which columns keep Odoo's value. What does not: the order's partners (parties.py), its lines
(next_step.py), writing (batch.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...domain.sales.draft import SaleDraft
from ..rpc.client import OdooClient
from .rows import Fields

_TEXTS = ("client_order_ref", "origin")
_RECORDS = ("user_id", "team_id", "pricelist_id", "fiscal_position_id")


def read_kept_headers(
    client: OdooClient, fields: Fields, orders: Mapping[int, tuple[SaleDraft, str]]
) -> dict[int, dict[str, str]]:
    """Odoo's values of the columns of load() that the channel did not change, by record id. orders: the draft, and the
    order's currency in Odoo. One call, none without orders."""
    if not orders:
        return {}
    records = [*_RECORDS, *(["warehouse_id"] if fields.warehouse else []), *(["carrier_id"] if fields.carrier else [])]
    rows = client.call(
        "sale.order", "read", ids=sorted(orders), fields=[*_TEXTS, *records, "tag_ids"], load=None
    )  # fmt: skip
    return {row["id"]: _keep_columns(row, records, find_changed(*orders[row["id"]])) for row in rows}


def find_changed(draft: SaleDraft, currency: str) -> set[str]:
    """The fields of the header that the channel changed since the last load. currency: the order's currency in Odoo."""
    before, now = draft.before, draft.base
    changed = {"pricelist_id"} if currency != draft.currency else set()
    if before is None or now is None:
        return changed
    pairs = {
        "fiscal_position_id": ("regime", "tax_country", "fiscal_position"),
        "warehouse_id": ("warehouse",),
        "carrier_id": ("service", "fulfilled_by"),
    }
    return changed | {
        field for field, parts in pairs.items()
        if any(getattr(before, part) != getattr(now, part) for part in parts)
    }  # fmt: skip


def _keep_columns(row: Mapping[str, Any], records: list[str], changed: set[str]) -> dict[str, str]:
    kept = {field: str(row[field] or "") for field in _TEXTS}
    kept |= {f"{field}/.id": str(row[field] or "") for field in records if field not in changed}
    return {**kept, "tag_ids/.id": ",".join(map(str, sorted(row["tag_ids"])))}
