"""Payments of invoices: by load() with an external id of their own, posted, and matched with their invoice.

What belongs here: journals by name, and these three steps, each of which looks first. What does not: how much is paid
by which method (domain/invoicing/due_documents.py).

Never by Odoo's payment wizard, which pays a part of an invoice again when its answer is lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

import msgspec

from ...core.errors import RecordError, TransientError
from ...core.failpoints import failpoint
from ...domain.invoicing.due_documents import Share
from ...domain.money import to_decimal
from ..reference.names import Kind, find_names
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal, is_busy, refusal_of_load
from ..rpc.halving import on_all, on_groups
from ..rpc.load import read_ids, xid
from ..rpc.search_read import fetch
from ..sales.quotation_to_order import tracking

JOURNAL = Kind("account.journal", "unknown_journal", "journal", "invoicing.journals", ("name", "code"))
MONEY_JOURNALS = frozenset(("bank", "cash", "credit"))
_COLUMNS = (
    *("id", "payment_type", "partner_type", "partner_id/.id", "amount", "currency_id/.id", "journal_id/.id", "date"),
    *("destination_account_id/.id", "memo", "payment_reference", "invoice_ids/.id"),
)


class Journals(msgspec.Struct, frozen=True):
    """ids: record id by name. wrong: names of journals that take no money."""

    ids: dict[str, int]
    wrong: frozenset[str]


def find_journals(client: OdooClient, names: Collection[str]) -> Journals:
    """The journals of these names, as a person reads them in Odoo."""
    ids = find_names(client, JOURNAL, names, client.who.lang)
    rows = fetch(client, "account.journal", [["id", "in", sorted(set(ids.values()))]], ["type"]) if ids else []
    useless = {row["id"] for row in rows if row["type"] not in MONEY_JOURNALS}
    return Journals(ids, frozenset(name for name, record in ids.items() if record in useless))


def refuse_journal(name: str) -> RecordError:
    return RecordError(
        "unknown_journal", f"Odoo has no bank, cash or credit journal named {name}.",
        fix="Correct the name in the channel's `invoicing.journals`, or create the journal in Odoo.", subject=name,
    )  # fmt: skip


def load_payments(
    client: OdooClient, shares: Iterable[Share], journals: Mapping[str, int], days: Mapping[int, date],
    references: Mapping[int, str],
) -> dict[str, OdooRefusal]:  # fmt: skip
    """Create the payments as drafts. days, references: by invoice. Refusals by external id."""
    shares = list(shares)
    claims = _read_claims(client, {share.invoice.odoo_id for share in shares})
    rows = {}
    for share in shares:
        invoice = share.invoice
        account, partner = claims[invoice.odoo_id]
        rows[share.xid] = [[
            xid(share.xid), "inbound", "customer", str(partner), str(to_decimal(share.amount, invoice.currency)),
            str(invoice.currency_id), str(journals[share.journal]), days[invoice.odoo_id].isoformat(), str(account),
            references[invoice.odoo_id], references[invoice.odoo_id], str(invoice.odoo_id),
        ]]  # fmt: skip
    return _load_new(client, rows)


def _load_new(client: OdooClient, rows: Mapping[str, Sequence[Sequence[str]]]) -> dict[str, OdooRefusal]:
    """Load these payments, and after a lost answer only those that are not there: a second load of a payment clears the
    account on which Odoo books money that is under way, and Odoo then posts the payment without a journal entry."""
    names = sorted(rows)

    def send(group: list[int]) -> None:
        data = [list(row) for position in group for row in rows[names[position]]]
        answer = client.call("account.payment", "load", context=tracking(client), fields=list(_COLUMNS), data=data)
        messages = [message for message in answer["messages"] if message.get("type") == "error"]
        if any(is_busy(str(message.get("message"))) for message in messages):
            raise TransientError("Odoo was busy with the same records in account.payment.load.")
        if not answer["ids"]:
            raise refusal_of_load("account.payment", messages[0] if messages else {})

    def list_absent(group: Sequence[int]) -> list[int]:
        there = read_ids(client, "account.payment", [names[position] for position in group])
        return [position for position in group if names[position] not in there]

    refused = on_groups(client, send, "account.payment.load", range(len(names)), list_absent)
    return {names[position]: refusal for position, refusal in refused.items()}


def find_payments(client: OdooClient, names: Collection[str]) -> set[str]:
    """Which of these external ids have a payment, in whatever state. A draft that lost the account of money under way,
    because a run died while Odoo loaded it, is removed: it is made again."""
    ids = read_ids(client, "account.payment", names)
    rows = fetch(
        client, "account.payment",
        [["id", "in", sorted(ids.values())], ["state", "=", "draft"], ["move_id", "=", False],
         ["outstanding_account_id", "=", False]],
        ["state"],
    ) if ids else []  # fmt: skip
    lame = {row["id"] for row in rows}
    if lame:
        client.call("account.payment", "unlink", ids=sorted(lame), context=tracking(client))
    return {name for name, record in ids.items() if record not in lame}


def finish_payments(client: OdooClient, names: Mapping[str, int]) -> dict[str, OdooRefusal]:
    """Post the payments that are drafts, and match all with their invoices. names: the invoice by the payment's
    external id; those that do not exist are left out. Refusals by external id."""
    ids = read_ids(client, "account.payment", names)
    name_of = {record: name for name, record in ids.items()}
    refused = on_all(client, "account.payment", "action_post", _list_drafts(client, list(name_of)), tracking(client),
                     lambda group: _list_drafts(client, group))  # fmt: skip
    failpoint("after_payment_post")
    invoice_of = {ids[name]: invoice for name, invoice in names.items() if name in ids and ids[name] not in refused}
    refused |= _match_payments(client, invoice_of)
    return {name_of[record]: refusal for record, refusal in refused.items()}


def _list_drafts(client: OdooClient, payments: Sequence[int]) -> list[int]:
    rows = fetch(client, "account.payment", [["id", "in", list(payments)], ["state", "=", "draft"]], ["state"])
    return [row["id"] for row in rows]


def _match_payments(client: OdooClient, invoice_of: Mapping[int, int]) -> dict[int, OdooRefusal]:
    """Offset each payment with its invoice. invoice_of: by payment. A payment without a journal entry of its own, which
    Odoo Enterprise makes, is matched by the bank's statement."""
    refused: dict[int, OdooRefusal] = {}
    for payment, line in sorted(_list_unmatched(client, list(invoice_of)).items()):

        def send(group: list[int], line: int = line) -> None:
            client.call(
                "account.move", "js_assign_outstanding_line", ids=[invoice_of[record] for record in group],
                context=tracking(client), line_id=line,
            )  # fmt: skip

        refused |= on_groups(
            client, send, "account.move.js_assign_outstanding_line", [payment],
            lambda group: list(_list_unmatched(client, group)),
        )  # fmt: skip
    return refused


def match_notes(client: OdooClient, invoices_of: Mapping[int, Sequence[int]]) -> dict[int, OdooRefusal]:
    """Offset each credit note with these invoices, one after the other, as far as both are open. Refusals by credit
    note."""
    refused: dict[int, OdooRefusal] = {}
    for note, invoices in sorted(invoices_of.items()):
        for invoice in invoices:
            refused |= on_groups(
                client, lambda group, of=invoice: _match_note(client, group[0], of),  # type: ignore[misc]
                "account.move.js_assign_outstanding_line", [note], list,
            )  # fmt: skip
    return refused


def _match_note(client: OdooClient, note: int, invoice: int) -> None:
    """Looks at both first, so that it may be repeated."""
    rows = client.call("account.move", "read", ids=[note, invoice], fields=["amount_residual"], load=None)
    lines = fetch(
        client, "account.move.line",
        [["move_id", "=", note], ["account_type", "=", "asset_receivable"], ["reconciled", "=", False],
         ["parent_state", "=", "posted"]],
        ["id"],
    )  # fmt: skip
    if lines and all(row["amount_residual"] for row in rows):
        client.call(
            "account.move",
            "js_assign_outstanding_line",
            ids=[invoice],
            context=tracking(client),
            line_id=lines[0]["id"],
        )


def _list_unmatched(client: OdooClient, payments: Sequence[int]) -> dict[int, int]:
    """The open journal item of each payment that has one, by payment."""
    rows = fetch(client, "account.payment", [["id", "in", list(payments)], ["move_id", "!=", False]], ["move_id"])
    payment_of = {row["move_id"]: row["id"] for row in rows}
    lines = fetch(
        client, "account.move.line",
        [["move_id", "in", sorted(payment_of)], ["account_type", "=", "asset_receivable"], ["reconciled", "=", False],
         ["parent_state", "=", "posted"]],
        ["move_id"],
    )  # fmt: skip
    return {payment_of[row["move_id"]]: row["id"] for row in lines}


def _read_claims(client: OdooClient, invoices: Collection[int]) -> dict[int, tuple[int, int]]:
    """(account, partner) of what the customer owes, by posted invoice: a payment can be matched with nothing else."""
    rows = fetch(
        client, "account.move.line", [["move_id", "in", sorted(invoices)], ["account_type", "=", "asset_receivable"]],
        ["move_id", "account_id", "partner_id"],
    )  # fmt: skip
    return {row["move_id"]: (row["account_id"], row["partner_id"]) for row in rows}
