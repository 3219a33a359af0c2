"""What the credit notes of refunds amount to in Odoo, and which orders were invoiced lately.

What belongs here: reading documents whose ids the ledgers know. What does not: comparing them with the channel
(flows/returns/prove.py), writing (documents.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from ...domain.money import digits
from ..rpc.client import OdooClient
from ..sales.booked import DATE

_NOTES_A_CALL = 1000


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """One return transfer as Odoo has it. delivery: the name of the delivery whose goods come back."""

    odoo_id: int
    name: str
    state: str
    delivery: str


def read_transfers(client: OdooClient, odoo_ids: Iterable[int]) -> list[Transfer]:
    """Those of these transfers that still exist. One call."""
    wanted = sorted(set(odoo_ids))
    if not wanted:
        return []
    rows = client.call(
        "stock.picking", "search_read", context=client.who.everywhere, domain=[["id", "in", wanted]],
        fields=["name", "state", "return_id"], order="id",
    )  # fmt: skip
    return [
        Transfer(
            odoo_id=row["id"],
            name=row["name"],
            state=row["state"],
            delivery=row["return_id"][1] if row["return_id"] else "",
        )
        for row in rows
    ]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One credit note as Odoo has it, in any state. total, tax: minor units of its currency."""

    odoo_id: int
    name: str
    state: str
    payment_state: str
    currency: str
    total: int
    tax: int


def read_notes(client: OdooClient, odoo_ids: Iterable[int]) -> dict[int, Note]:
    """Those of these credit notes that still exist, by id. One call per thousand."""
    wanted = sorted(set(odoo_ids))
    notes: dict[int, Note] = {}
    for start in range(0, len(wanted), _NOTES_A_CALL):
        rows = client.call(
            "account.move", "search_read", context=client.who.everywhere,
            domain=[["id", "in", wanted[start : start + _NOTES_A_CALL]], ["move_type", "=", "out_refund"]],
            fields=["name", "state", "payment_state", "currency_id", "amount_total", "amount_tax"],
        )  # fmt: skip
        for row in rows:
            currency = row["currency_id"][1]
            notes[row["id"]] = Note(
                odoo_id=row["id"], name=row["name"] or "", state=row["state"],
                payment_state=row["payment_state"] or "", currency=currency,
                total=_read_minor(row["amount_total"], currency), tax=_read_minor(row["amount_tax"], currency),
            )  # fmt: skip
    return notes


def newest_invoices(client: OdooClient, sale_ids: Iterable[int]) -> dict[int, datetime]:
    """When the newest posted invoice of each of these sale orders was written last; orders without one are left out.
    Two calls."""
    return _find_newest(client, sale_ids, "out_invoice")


def newest_credit_notes(client: OdooClient, sale_ids: Iterable[int]) -> dict[int, datetime]:
    """The same of posted credit notes, those without a link to the order included. Two calls."""
    return _find_newest(client, sale_ids, "out_refund")


def _find_newest(client: OdooClient, sale_ids: Iterable[int], kind: str) -> dict[int, datetime]:
    wanted = sorted(set(sale_ids))
    if not wanted:
        return {}
    everywhere = client.who.everywhere
    sales = client.call(
        "sale.order", "search_read", context=everywhere, domain=[["id", "in", wanted]], fields=["invoice_ids"],
        load=None,
    )  # fmt: skip
    linked = sorted({document for sale in sales for document in sale["invoice_ids"]})
    rows = client.call(
        "account.move", "search_read", context=everywhere, fields=["write_date", "reversed_entry_id"], load=None,
        domain=["&", "&", ["move_type", "=", kind], ["state", "=", "posted"],
                "|", ["id", "in", linked], ["reversed_entry_id", "in", linked]],
    )  # fmt: skip
    newest: dict[int, datetime] = {}
    for sale in sales:
        about = set(sale["invoice_ids"])
        times = [_read_time(row["write_date"]) for row in rows if about & {row["id"], row["reversed_entry_id"]}]
        if times:
            newest[sale["id"]] = max(times)
    return newest


def _read_time(text: str) -> datetime:
    return datetime.strptime(text[:19], DATE).replace(tzinfo=UTC)


def _read_minor(value: float, currency: str) -> int:
    return round(Decimal(str(value)).scaleb(digits(currency)))
