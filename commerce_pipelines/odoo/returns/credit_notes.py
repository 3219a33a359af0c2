"""Credit notes in Odoo: read what is booked, plan, load, post, pay back, link.

What belongs here: these steps over many refunds at once, and each refund's outcome. What does not: what a credit note
holds (domain/returns/credit.py), registering payments (payments.py).

By load() with external ids for the document and each line, never by Odoo's reversal wizard, which makes a second credit
note when its answer is lost. A posted document is never reset to draft or cancelled: in a journal that Odoo seals, the
gap in its numbers would stop every further posting.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ...core.errors import RecordError
from ...core.failpoints import failpoint
from ...core.reasons import Reason
from ...core.words import NO_WORDS
from ...domain.money import to_decimal
from ...domain.returns.credit import (
    CreditLine,
    CreditNote,
    NotDue,
    Standing,
    plan_credit_notes,
    plan_links,
)
from ...domain.returns.credit_reasons import flag_moved_date
from ...domain.returns.credited_unsent import flag_still_to_send
from ...domain.returns.outcomes import Books, CreditAction, CreditOutcome
from ...domain.returns.records import Refund
from ...domain.returns.sale_books import Move, Packs, SaleBooks, credit_line_xid, credit_xid
from ...domain.returns.shares import price_of
from ..rpc.client import OdooClient
from ..rpc.errors import NUMBER_MISSING, OdooRefusal
from ..rpc.halving import on_all
from ..rpc.load import load_records, xid
from ..sales.booked import DATE
from ..sales.quotation_to_order import tracking
from .invoiced_orders import read_books, read_heads, read_moves, refresh_moves
from .payments import Payer

ORDERS_A_BATCH = 50
_COLUMNS = (
    *("id", "move_type", "partner_id/.id", "invoice_date", "ref", "invoice_origin", "reversed_entry_id/.id"),
    *("journal_id/.id", "currency_id/.id", "fiscal_position_id/.id", "invoice_user_id/.id"),
)
_LINE_COLUMNS = (
    *("id", "product_id/.id", "product_uom_id/.id", "name", "quantity", "price_unit", "account_id/.id", "tax_ids/.id"),
    *("analytic_distribution", "sale_line_ids/.id"),
)
_DAY = DATE.split()[0]


class _Item(msgspec.Struct, kw_only=True):
    """One refund on its way. note: to be loaded; move: what stands in Odoo."""

    refund: Refund
    action: CreditAction = CreditAction.UNCHANGED
    note: CreditNote | None = None
    move: Move | None = None
    ours: bool = False
    error: RecordError | None = None
    flags: tuple[Reason, ...] = ()


def credit_refunds(
    client: OdooClient, books: Books, refunds: Sequence[Refund], packs: Packs | None = None, dry: bool = False
) -> Iterator[CreditOutcome]:
    """See documents.py."""
    by_order: dict[str, list[Refund]] = {}
    for refund in refunds:
        by_order.setdefault(refund.order_id, []).append(refund)
    orders = list(by_order)
    for start in range(0, len(orders), ORDERS_A_BATCH):
        part = [refund for order_id in orders[start : start + ORDERS_A_BATCH] for refund in by_order[order_id]]
        batch = _Batch(client, books, part, packs or {})
        batch.plan()
        if not dry:
            batch.carry_out()
        yield from batch.outcomes()


def link_orders(client: OdooClient, label: str, order_ids: Iterable[str]) -> list[int]:
    """Link units of our credit notes that have come back to their order's lines. Returns the credit notes' lines."""
    links = [link for sale in read_books(client, label, order_ids).values() for link in plan_links(sale)]
    write_links(client, links)
    return [line for line, _ in links]


def write_links(client: OdooClient, links: Iterable[tuple[int, int]]) -> dict[int, OdooRefusal]:
    """Refusals by the credit note's line."""
    by_sale: dict[int, list[int]] = {}
    for line, sale_line in links:
        by_sale.setdefault(sale_line, []).append(line)
    refused: dict[int, OdooRefusal] = {}
    for sale_line, lines in by_sale.items():
        vals = {"sale_line_ids": [[4, sale_line, 0]]}
        refused |= on_all(client, "account.move.line", "write", lines, tracking(client), list, vals=vals)
    return refused


class _Batch:
    """Refunds of one batch, whole orders each."""

    def __init__(self, client: OdooClient, books: Books, refunds: Sequence[Refund], packs: Packs) -> None:
        self._client, self._books, self._packs = client, books, packs
        self.items = {refund.refund_id: _Item(refund=refund) for refund in refunds}
        self._links: list[tuple[int, int]] = []

    def plan(self) -> None:
        """Decide what becomes of each refund. Only reads."""
        orders = list(dict.fromkeys(item.refund.order_id for item in self.items.values()))
        names = [credit_xid(self._books.label, refund_id) for refund_id in self.items]
        sales = read_books(self._client, self._books.label, orders, names)
        for order_id in orders:
            refunds = [item.refund for item in self.items.values() if item.refund.order_id == order_id]
            sale = sales.get(order_id)
            if sale is None:
                self._refuse(refunds, _refuse_unknown(order_id))
            elif sale.company_id != self._client.who.company_id:
                self._refuse(refunds, _refuse_other_company(sale))
            else:
                sale = msgspec.structs.replace(sale, sold=self._books.sold.get(order_id, {}))
                self._links += plan_links(sale)
                plans = plan_credit_notes(
                    sale, refunds, self._packs, self._books.zone, self._books.issued, self._books.edited.get(order_id)
                )
                for refund_id, plan in plans.items():
                    self._sort(self.items[refund_id], plan)
                self._note_unsent(sale, refunds)

    def _note_unsent(self, sale: SaleBooks, refunds: Iterable[Refund]) -> None:
        """Tell what is credited and still to be sent."""
        credited = [
            refund for refund in refunds
            if (item := self.items[refund.refund_id]) and not item.error and (item.note or item.move)
        ]  # fmt: skip
        for refund_id, flag in flag_still_to_send(sale, credited, self._packs).items():
            self.items[refund_id].flags += (flag,)

    def _refuse(self, refunds: Iterable[Refund], error: RecordError) -> None:
        for refund in refunds:
            self.items[refund.refund_id].error = error

    def _sort(self, item: _Item, plan: CreditNote | Standing | NotDue | RecordError) -> None:
        if isinstance(plan, RecordError):
            item.error = plan
        elif isinstance(plan, NotDue):
            item.action = CreditAction.NOT_DUE if plan.done else CreditAction.NOT_DONE
        elif isinstance(plan, Standing):
            item.move, item.ours, item.flags = plan.move, plan.ours, plan.flags
            item.action = CreditAction.UNCHANGED if plan.ours else CreditAction.RECOGNISED
        else:
            item.note, item.ours, item.action = plan, True, CreditAction.CREATED

    def carry_out(self) -> None:
        self._load([item for item in self.items.values() if item.note and not item.error])
        failpoint("after_credit_load")
        write_links(self._client, self._links)
        ours = [item for item in self.items.values() if item.ours and item.move and not item.error]
        if self._books.rules.credit_notes == "posted":
            self._post([item for item in ours if item.move and item.move.state == "draft" and not item.move.name])
            failpoint("after_credit_post")
            self._pay(ours)

    def _load(self, items: Sequence[_Item]) -> None:
        notes = {item.refund.refund_id: item.note for item in items if item.note}
        lines = [f"invoice_line_ids/{name}" for name in _LINE_COLUMNS]
        rows = {key: _build_rows(note, [*_COLUMNS, *lines]) for key, note in notes.items()}
        ids, refused = load_records(self._client, "account.move", [*_COLUMNS, *lines], rows, tracking(self._client))
        moves = self._read_loaded({odoo_id: notes[key] for key, odoo_id in ids.items()})
        for key, odoo_id in ids.items():
            item, move = self.items[key], moves[odoo_id]
            item.move = move
            if move.total != notes[key].total:
                item.error = _refuse_total(notes[key], move)
        for key, refusal in refused.items():
            self.items[key].error = _refuse_by_odoo(refusal)

    def _read_loaded(self, notes: Mapping[int, CreditNote]) -> dict[int, Move]:
        """The documents of these notes as they are now, by id. Lines are read, which takes four calls more, only where
        there are more of them than the note has: load() adds to those of an earlier answer and removes none."""
        heads = read_heads(self._client, {odoo_id: (note.xid, note.currency) for odoo_id, note in notes.items()})
        old = {odoo_id: note for odoo_id, note in notes.items() if heads[odoo_id].lines != len(note.lines)}
        self._drop_lines([(old[move.move_id], move) for move in read_moves(self._client, old)])
        moves = {odoo_id: head.move for odoo_id, head in heads.items()}
        return moves | {move.move_id: move for move in read_moves(self._client, old)}

    def _drop_lines(self, pairs: Sequence[tuple[CreditNote, Move]]) -> None:
        """Remove lines of a draft that an earlier answer of the channel led to, and this one does not."""
        stale = [
            line.line_id for note, move in pairs for line in move.lines
            if move.state == "draft" and line.xid not in {_name_line(note, part) for part in note.lines}
        ]  # fmt: skip
        on_all(self._client, "account.move.line", "unlink", stale, tracking(self._client), self._list_existing)

    def _list_existing(self, lines: Sequence[int]) -> list[int]:
        return list(self._client.call("account.move.line", "search", domain=[["id", "in", list(lines)]]))

    def _post(self, items: Sequence[_Item]) -> None:
        by_id = {item.move.move_id: item for item in items if item.move}

        def unposted(ids: Sequence[int]) -> list[int]:
            rows = self._client.call("account.move", "read", ids=list(ids), fields=["state"], load=None)
            return [row["id"] for row in rows if row["state"] == "draft"]

        refused = on_all(self._client, "account.move", "action_post", by_id, tracking(self._client), unposted)
        for odoo_id, refusal in refused.items():
            by_id[odoo_id].error = _refuse_by_odoo(refusal)
        moves = refresh_moves(self._client, (item.move for item in items if item.move))
        for odoo_id, item in by_id.items():
            item.move = moves.get(odoo_id, item.move)
            self._mark_changed(item)
            if item.move:
                item.flags += tuple(flag_moved_date(item.move))

    def _pay(self, items: Sequence[_Item]) -> None:
        """Register the money that went back, in the journal that the settings name. What Odoo has offset with an open
        invoice leaves nothing to pay. What pays for other goods of an exchange did not go back."""
        if not self._books.rules.refund_journal:
            return
        due = {
            item.move.move_id: item for item in items
            if item.move and item.move.state == "posted" and item.move.residual > 0 and not item.error
        }  # fmt: skip
        payer = Payer(self._client, self._books.rules.refund_journal)
        days = {odoo_id: item.move.dated for odoo_id, item in due.items() if item.move and item.move.dated}
        parts = {
            odoo_id: (days[odoo_id], str(to_decimal(item.refund.total - item.refund.set_off, item.refund.currency)))
            for odoo_id, item in due.items()
            if odoo_id in days and 0 < item.refund.set_off < item.refund.total
        }  # fmt: skip
        whole = {odoo_id: day for odoo_id, day in days.items() if not due[odoo_id].refund.set_off}
        for odoo_id, error in (payer.register(whole) | payer.register_parts(parts)).items():
            due[odoo_id].error = error
        moves = refresh_moves(self._client, (item.move for item in due.values() if item.move))
        for odoo_id, item in due.items():
            item.move = moves.get(odoo_id, item.move)
            self._mark_changed(item)

    def _mark_changed(self, item: _Item) -> None:
        if item.action is CreditAction.UNCHANGED:
            item.action = CreditAction.CHANGED

    def outcomes(self) -> Iterator[CreditOutcome]:
        for item in self.items.values():
            yield _build_outcome(item)


def _build_rows(note: CreditNote, columns: Sequence[str]) -> list[list[str]]:
    invoice = note.invoice
    head = {
        "id": xid(note.xid),
        "move_type": "out_refund",
        "partner_id/.id": str(invoice.partner_id),
        "invoice_date": note.day.strftime(_DAY),
        "ref": note.ref,
        "invoice_origin": note.origin,
        "reversed_entry_id/.id": str(invoice.move_id),
        "journal_id/.id": str(invoice.journal_id),
        "currency_id/.id": str(invoice.currency_id),
        "fiscal_position_id/.id": str(invoice.position_id or ""),
        "invoice_user_id/.id": "",
    }
    lines = [
        {f"invoice_line_ids/{name}": value for name, value in _build_line(note, line).items()} for line in note.lines
    ]
    return [[row.get(column, "") for column in columns] for row in ({**head, **lines[0]}, *lines[1:])]


def _build_line(note: CreditNote, line: CreditLine) -> dict[str, str]:
    return {
        "id": xid(_name_line(note, line)),
        "product_id/.id": str(line.product_id or ""),
        "product_uom_id/.id": str(line.unit_id or ""),
        "name": line.name,
        "quantity": str(line.quantity),
        "price_unit": price_of(line.amount, line.quantity, line.rate, line.included, note.currency),
        "account_id/.id": str(line.account_id or ""),
        "tax_ids/.id": ",".join(map(str, line.taxes)),
        "analytic_distribution": line.analytic,
        "sale_line_ids/.id": str(line.of) if line.is_linked else "",
    }


def _name_line(note: CreditNote, line: CreditLine) -> str:
    return credit_line_xid(note.xid, line.line_id, line.of if line.has_units else 0, line.may_link)


def _build_outcome(item: _Item) -> CreditOutcome:
    move, error, note = item.move, item.error, item.note
    return CreditOutcome(
        refund_id=item.refund.refund_id, order_id=item.refund.order_id,
        action=CreditAction.REFUSED if error else item.action,
        odoo_id=move.move_id if move else 0, name=move.label if move else "", state=move.state if move else "",
        amount_total=move.total if move else note.total if note else 0, amount_tax=move.tax if move else 0,
        payment_state=move.payment_state if move else "", reason=error.reason if error else None,
        words=error.words if error else NO_WORDS, flags=item.flags,
    )  # fmt: skip


def _refuse_unknown(order_id: str) -> RecordError:
    return RecordError(
        "order_not_in_odoo", "The order is not in Odoo yet.",
        fix="It goes on by itself once its order is loaded; look at the order's own exception.", subject=order_id[:40],
    )  # fmt: skip


def _refuse_other_company(sale: SaleBooks) -> RecordError:
    return RecordError(
        "other_company", f"The sale order {sale.name} belongs to another company of Odoo than the channel now.",
        fix="Carry it out there by hand, or write its company as `company` of the channel.", subject=sale.name,
    )  # fmt: skip


def _refuse_total(note: CreditNote, move: Move) -> RecordError:
    return RecordError(
        "total_differs",
        f"Odoo computes {to_decimal(move.total, move.currency)} {move.currency} for the credit note {move.label}, the "
        f"channel paid back {to_decimal(note.total, note.currency)} {note.currency}.",
        fix="Look at the draft's taxes in Odoo.", subject=move.label,
    )  # fmt: skip


def _refuse_by_odoo(refusal: OdooRefusal) -> RecordError:
    fix = "Fix in Odoo what its own words name, then replay the refund."
    if NUMBER_MISSING in refusal.what:
        fix = (
            "Find the entry of this journal that was posted once and is a draft or cancelled now, and post it again; "
            "what it booked is credited, not taken back. Then replay the refund."
        )
    return RecordError("refused_by_odoo", f"Odoo refuses the credit note, in {refusal.what}.", fix=fix,
                       words=refusal.words)  # fmt: skip
