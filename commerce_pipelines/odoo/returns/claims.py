"""Claims in the module `rma` of the Odoo Community Association, where it is installed and the user may write them.

What belongs here: detecting the module, its operation, reading and writing claims. What does not: what a claim says
(domain/returns/claims.py).

The module's own steps are not called: confirming a claim makes a transfer of its own, refunding one a credit note, both
beside those that the return has already, and both write to the buyer where the company says so. So claims are loaded
with external ids and their states written. The reception is named once all units are back: until then the module
refuses every receipt of a part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from ...core.errors import PermanentError
from ...core.failpoints import failpoint
from ...core.reasons import Reason
from ...domain.keys import key
from ...domain.returns.claims import (
    Claim,
    ClaimState,
    Standing,
    begin_names,
    find_changes,
    find_notes,
    is_called_off,
    plan_claims,
)
from ...domain.returns.outcomes import Books, CreditOutcome
from ...domain.returns.records import Refund, Return
from ...domain.returns.sale_books import Packs
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.halving import on_all
from ..rpc.load import load_one, load_records, names_that_begin, own, xid
from ..rpc.search_read import fetch
from ..sales.quotation_to_order import tracking
from .deliveries import Deliveries, read_deliveries

_COLUMNS = (
    *("id", "origin", "partner_id/.id", "partner_shipping_id/.id", "partner_invoice_id/.id", "company_id/.id"),
    *("picking_id/.id", "move_id/.id", "product_id/.id", "product_uom_qty", "product_uom/.id", "location_id/.id"),
    *("operation_id/.id", "state", "reception_move_id/.id", "refund_id/.id"),
)
_ACTIONS = ("action_create_receipt", "action_create_delivery", "action_create_refund")
_OPERATION = "rma_operation"
_FIELD = "rma_receiver_ids"  # which the module adds to moves


class ClaimCopy(msgspec.Struct, frozen=True, kw_only=True):
    """A return beside its order's goods, read after they moved."""

    returned: Return
    sale: Deliveries


def has_module(client: OdooClient) -> bool:
    """Whether this Odoo keeps claims and the user may write them. Without the module it is asked of a model that Odoo
    has: a call of one that it lacks would be an error in its log at each run."""
    if not client.call("stock.move", "fields_get", allfields=[_FIELD], attributes=["type"]):
        return False
    return bool(client.call("rma", "has_access", ids=[], operation="create"))


def find_operation(client: OdooClient, name: str) -> int | Reason:
    """The module's operation of this name, made where there is none; or why it cannot be used: it would make documents
    of its own, or the user may not make it."""
    rows = client.call("rma.operation", "search_read", domain=[["name", "=", key(name)]], load=None,
                       fields=[*_ACTIONS, "name"])  # fmt: skip
    if not rows:
        try:
            values = {"name": key(name), **dict.fromkeys(_ACTIONS, "")}
            return load_one(client, "rma.operation", own(client, _OPERATION), values)
        except PermanentError:
            return _refuse_operation(name, "does not exist in Odoo, and cannot be made")
    if any(rows[0][action] for action in _ACTIONS):
        return _refuse_operation(name, "makes receipts, deliveries or credit notes of its own")
    return int(rows[0]["id"])


def keep_claims(
    client: OdooClient, books: Books, copies: Sequence[ClaimCopy], notes: Mapping[str, Mapping[int, int]] | None = None
) -> dict[str, Reason]:
    """Bring the claims of these returns in step with their transfers and credit notes. notes: by return, see
    `find_notes`. Returns why a return's claims could not be kept: a note, its goods and money are as they should be."""
    if not copies or not books.rules.rma_operation or not has_module(client):
        return {}
    wanted = {
        copy.returned.return_id: plan_claims(
            copy.sale.goods_of(copy.returned.return_id), copy.returned, (notes or {}).get(copy.returned.return_id, {})
        )
        for copy in copies
    }
    standing = _read_claims(client, books.label, wanted)
    refused = _add(client, books, copies, wanted, standing)
    failpoint("after_claim_load")
    return refused | _update(client, copies, wanted, standing)


def settle_claims(
    client: OdooClient,
    books: Books,
    returns: Sequence[Return],
    money: tuple[Sequence[Refund], Mapping[str, CreditOutcome], Packs],
) -> dict[str, Reason]:
    """The same after the refunds of the returns' orders were credited: claims that are paid back say so. money: the
    refunds, what became of each, and packs as of `credit_refunds`."""
    paid = {refund.order_id for refund in money[0] if (done := money[1].get(refund.refund_id)) and done.odoo_id}
    due = [returned for returned in returns if returned.order_id in paid]
    if not due or not books.rules.rma_operation or not has_module(client):
        return {}
    by_order: dict[str, list[str]] = {}
    for returned in due:
        by_order.setdefault(returned.order_id, []).append(returned.return_id)
    sales = read_deliveries(client, books.label, by_order)
    copies = [ClaimCopy(returned=returned, sale=sales[returned.order_id]) for returned in due
              if returned.order_id in sales]  # fmt: skip
    goods = {copy.returned.return_id: copy.sale.goods_of(copy.returned.return_id) for copy in copies}
    return keep_claims(client, books, copies, find_notes(goods, due, *money))


class Shown(msgspec.Struct, frozen=True):
    """A claim for people. number: the module's own."""

    claim_id: int
    number: str
    state: str
    return_id: str


def list_claims(client: OdooClient, label: str, return_ids: Iterable[str]) -> list[Shown]:
    """The claims of these returns as they are now; none where Odoo lacks the module."""
    wanted = {begin_names(label, return_id): return_id for return_id in return_ids}
    if not wanted or not has_module(client):
        return []
    names = names_that_begin(client, "rma", wanted)
    rows = fetch(client, "rma", [["id", "in", sorted(names)]], ["name", "state"])
    return [
        Shown(row["id"], row["name"] or "", row["state"], wanted[names[row["id"]].rpartition("_")[0] + "_"])
        for row in rows
    ]


def _add(
    client: OdooClient, books: Books, copies: Sequence[ClaimCopy], wanted: Mapping[str, Sequence[Claim]],
    standing: Mapping[str, Standing],
) -> dict[str, Reason]:  # fmt: skip
    """Load the claims that Odoo lacks, each in the state that it has by now."""
    new = {
        claim.name: (copy, claim) for copy in copies for claim in wanted[copy.returned.return_id]
        if claim.name not in standing
    }  # fmt: skip
    if not new:
        return {}
    operation = find_operation(client, books.rules.rma_operation)
    if isinstance(operation, Reason):
        return {copy.returned.return_id: operation for copy, _ in new.values()}
    rows = {name: [_build_row(copy, claim, operation)] for name, (copy, claim) in new.items()}
    _, refused = load_records(client, "rma", _COLUMNS, rows, tracking(client))
    return {new[name][0].returned.return_id: _describe_refusal(refusal) for name, refusal in refused.items()}


def _build_row(copy: ClaimCopy, claim: Claim, operation: int) -> list[str]:
    returned, sale = copy.returned, copy.sale
    row = {
        "id": xid(claim.name), "origin": " ".join(filter(None, (sale.name, returned.rma or returned.return_id))),
        "partner_id/.id": str(sale.partner_id), "partner_shipping_id/.id": str(sale.shipping_id),
        "partner_invoice_id/.id": str(sale.invoice_id), "company_id/.id": str(sale.company_id),
        "picking_id/.id": str(claim.move.picking_id), "move_id/.id": str(claim.move.move_id),
        "product_id/.id": str(claim.move.product_id), "product_uom_qty": f"{claim.units:f}",
        "product_uom/.id": str(claim.move.unit_id), "location_id/.id": str(claim.place),
        "operation_id/.id": str(operation), "state": claim.state.value,
        "reception_move_id/.id": str(claim.reception or ""), "refund_id/.id": str(claim.note or ""),
    }  # fmt: skip
    return [row[column] for column in _COLUMNS]


def _update(
    client: OdooClient, copies: Sequence[ClaimCopy], wanted: Mapping[str, Sequence[Claim]],
    standing: Mapping[str, Standing],
) -> dict[str, Reason]:  # fmt: skip
    values: dict[int, dict[str, Any]] = {}
    return_of: dict[int, str] = {}
    for copy in copies:
        return_id = copy.returned.return_id
        claims = {claim.name: claim for claim in wanted[return_id]}
        for name, claim in standing.items():
            if name in claims and (changes := find_changes(claims[name], claim)):
                values[claim.claim_id] = changes
            elif name.startswith(begin_names(copy.sale.label, return_id)) and is_called_off(
                copy.returned, claim, claims.values()
            ):
                values[claim.claim_id] = {"state": ClaimState.CANCELLED.value}
            return_of.setdefault(claim.claim_id, return_id)
    refused = on_all(client, "rma", "web_save_multi", values, tracking(client), list, vals_list=values,
                     specification={})  # fmt: skip
    return {return_of[claim]: _describe_refusal(refusal) for claim, refusal in refused.items()}


def _read_claims(client: OdooClient, label: str, return_ids: Iterable[str]) -> dict[str, Standing]:
    names = names_that_begin(client, "rma", [begin_names(label, return_id) for return_id in return_ids])
    rows = fetch(client, "rma", [["id", "in", sorted(names)]],
                 ["state", "product_uom_qty", "reception_move_id", "refund_id"])  # fmt: skip
    return {
        names[row["id"]]: Standing(
            claim_id=row["id"], name=names[row["id"]], state=row["state"], units=Decimal(str(row["product_uom_qty"])),
            reception=row["reception_move_id"] or 0, note=row["refund_id"] or 0,
        )
        for row in rows
    }  # fmt: skip


def _refuse_operation(name: str, why: str) -> Reason:
    return Reason(
        "no_claims", f"No claim is kept in Odoo's module rma: its operation {name} {why}.",
        f"Create the operation {name} without automatic or manual receipt, delivery and refund, or write "
        "`rma_operation: ''` to keep no claims.",
        name[:40],
    )  # fmt: skip


def _describe_refusal(refusal: OdooRefusal) -> Reason:
    return Reason(
        "no_claims", f"The return's claim is not kept in Odoo's module rma, in {refusal.what}.",
        "Enter the claim by hand, or write `rma_operation: ''` to keep no claims. Goods and money are as they should.",
    )  # fmt: skip
