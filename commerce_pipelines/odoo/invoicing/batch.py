"""Orders of one batch: read, decide, invoice, post, pay, read again.

What belongs here: the order of these steps, and each order's outcome. What does not: what is due (domain/invoicing/),
the calls of a step (invoicing_wizard.py, payments.py).

Each step may be repeated at any time, and looks at Odoo first. Raises TransientError when Odoo stays out of reach and
CredentialError when the user lacks a right; finished work stays, and the next call goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from ...core.errors import RecordError
from ...core.failpoints import failpoint
from ...core.reasons import Reason
from ...core.words import NO_WORDS
from ...domain.invoicing.due_documents import Decision, Share, decide, list_payment_xids, plan_payments, plan_set_off
from ...domain.invoicing.sold import Billing, Claim, Invoice, InvoiceOutcome, Sold, State
from ...domain.sales.draft import Flag
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from .invoicing_wizard import complete_invoices, make_invoices, post_invoices
from .payments import find_journals, find_payments, finish_payments, load_payments, match_notes, refuse_journal
from .sold import read_sold


class _Item(msgspec.Struct, kw_only=True):
    """One order on its way. decision: of the last look."""

    claim: Claim
    sold: Sold
    decision: Decision = Decision(state=State.OPEN)
    created: int = 0
    posted: int = 0
    registered: int = 0
    error: RecordError | None = None
    flags: tuple[Reason, ...] = ()


def bill_orders(
    client: OdooClient, billing: Billing, claims: Sequence[Claim], sales: Mapping[str, int]
) -> Iterator[InvoiceOutcome]:
    """Invoice what is due, and register what was paid for. sales: the orders' record ids. One outcome for each order
    that exists in Odoo."""
    batch = _Batch(client, billing, claims, sales)
    batch.create()
    batch.post()
    batch.pay()
    yield from batch.outcomes()


class _Batch:
    def __init__(self, client: OdooClient, billing: Billing, claims: Sequence[Claim], sales: Mapping[str, int]) -> None:
        self._client, self._billing = client, billing
        sold = self._read({claim.order_id: sales[claim.order_id] for claim in claims}, claims)
        self.items = {
            claim.order_id: _Item(claim=claim, sold=sold[claim.order_id])
            for claim in claims if claim.order_id in sold
        }  # fmt: skip
        self._decide(list(self.items.values()))

    def _read(self, sales: Mapping[str, int], claims: Sequence[Claim]) -> dict[str, Sold]:
        return read_sold(self._client, sales, {claim.order_id: claim.set_off for claim in claims})

    def _decide(self, items: Sequence[_Item]) -> None:
        for item in items:
            try:
                item.decision = decide(item.sold, item.claim, self._billing.rules, self._client.who.company_id)
            except RecordError as error:
                item.error = error

    def _look_again(self, items: Sequence[_Item]) -> None:
        sold = self._read({item.sold.order_id: item.sold.sale_id for item in items}, [item.claim for item in items])
        for item in items:
            item.sold = sold.get(item.sold.order_id, item.sold)
        self._decide([item for item in items if item.error is None])

    def _list_good(self, wanted: Callable[[Decision], object]) -> list[_Item]:
        return [item for item in self.items.values() if item.error is None and wanted(item.decision)]

    def create(self) -> None:
        """Let Odoo make the invoices that are due."""
        if not (due := self._list_good(lambda decision: decision.create)):
            return
        before = {item.sold.order_id: {move.odoo_id for move in item.sold.moves} for item in due}
        by_sale = {item.sold.sale_id: item for item in due}
        refused = make_invoices(self._client, list(by_sale))
        failpoint("invoices_made")
        for sale_id, refusal in refused.items():
            by_sale[sale_id].error = _refuse_by_odoo(refusal, "invoice")
        self._look_again(due)
        for item in due:
            item.created = len({move.odoo_id for move in item.sold.moves} - before[item.sold.order_id])

    def post(self) -> None:
        """Give our drafts the reference by which payouts are matched later, and post them where the settings say so. A
        draft that a person posts is dated by Odoo on that day."""
        due = {
            draft.odoo_id: item for item in self._list_good(lambda decision: decision.post)
            for draft in item.decision.post
        }  # fmt: skip
        left = {
            draft.odoo_id: item for item in self._list_good(lambda decision: decision.state is State.DRAFT)
            for draft in item.sold.drafts if draft.by_us and item.created
        }  # fmt: skip
        day = {"invoice_date": self._billing.today.isoformat()}
        values = {
            move: {"payment_reference": item.claim.order_id, **(day if move in due else {})}
            for move, item in {**due, **left}.items()
        }  # fmt: skip
        for move, refusal in complete_invoices(self._client, values).items():
            {**due, **left}[move].error = _refuse_by_odoo(refusal, "invoice")
        failpoint("invoices_dated")
        self._post({move: item for move, item in due.items() if item.error is None})

    def _post(self, due: Mapping[int, _Item]) -> None:
        """due: by draft."""
        if not due:
            return
        for move, refusal in post_invoices(self._client, sorted(due)).items():
            due[move].error = _refuse_by_odoo(refusal, "invoice")
        failpoint("invoices_posted")
        self._look_again(list({id(item): item for item in due.values()}.values()))
        for move, item in due.items():
            posted = next((invoice for invoice in item.sold.posted if invoice.odoo_id == move), None)
            if posted is not None:
                item.posted += 1
                item.flags += _flag_date(posted)

    def pay(self) -> None:
        """Register what the channel took for posted invoices that are open."""
        if not self._billing.rules.journals:
            return
        due = [
            item for item in self._list_good(lambda decision: decision.state is not State.HELD)
            if any(invoice.residual for invoice in item.sold.posted)
        ]  # fmt: skip
        owner: dict[str, _Item] = {}
        names: dict[str, int] = {}
        for item in due:
            of_order = list_payment_xids(item.sold, item.claim, self._billing.label)
            names |= of_order
            owner |= dict.fromkeys(of_order, item)
        there = find_payments(self._client, names)
        shares: dict[str, tuple[_Item, Share]] = {}
        for item in due:
            try:
                planned = plan_payments(item.sold, item.claim, self._billing, there)
                shares |= {share.xid: (item, share) for share in planned}
            except RecordError as error:
                item.error = error
        self._load(shares)
        failpoint("payments_loaded")
        for name, refusal in finish_payments(self._client, names).items():
            owner[name].error = _refuse_by_odoo(refusal, "payment")
        if due:
            self._look_again(due)
        self._set_off([item for item in due if item.error is None])

    def _set_off(self, items: Sequence[_Item]) -> None:
        """Pay what is sold in exchange with our credit notes for what came back."""
        pairs = {note: item for item in items for note, _ in plan_set_off(item.sold, item.claim)}
        wanted = {
            note: [invoice.odoo_id for invoice in item.sold.posted if invoice.residual] for note, item in pairs.items()
        }
        for note, refusal in match_notes(self._client, wanted).items():
            pairs[note].error = _refuse_by_odoo(refusal, "set-off")
        failpoint("notes_set_off")
        if pairs:
            self._look_again(list({id(item): item for item in pairs.values()}.values()))

    def _load(self, shares: dict[str, tuple[_Item, Share]]) -> None:
        """Create these payments, those of unknown journals left out."""
        journals = find_journals(self._client, {share.journal for _, share in shares.values()})
        for item, share in shares.values():
            if share.journal not in journals.ids or share.journal in journals.wrong:
                item.error = refuse_journal(share.journal)
        good = {name: pair for name, pair in shares.items() if pair[0].error is None}
        days = {share.invoice.odoo_id: share.invoice.dated or self._billing.today for _, share in good.values()}
        references = {share.invoice.odoo_id: item.claim.order_id for item, share in good.values()}
        refused = load_payments(self._client, [share for _, share in good.values()], journals.ids, days, references)
        for name, (item, _) in good.items():
            if name in refused:
                item.error = _refuse_by_odoo(refused[name], "payment")
            else:
                item.registered += 1

    def outcomes(self) -> Iterator[InvoiceOutcome]:
        for item in self.items.values():
            yield build_outcome(item.sold, item.decision.state, item.error, item)


def build_outcome(sold: Sold, state: State, error: RecordError | None, done: _Item | None = None) -> InvoiceOutcome:
    """What became of an order, or what it is like when nothing was done."""
    return InvoiceOutcome(
        order_id=sold.order_id, state=State.REFUSED if error else state, delivered=sold.is_delivered,
        created=done.created if done else 0, posted=done.posted if done else 0,
        registered=done.registered if done else 0,
        invoiced=sum(invoice.total for invoice in sold.posted),
        paid=sum(invoice.total - invoice.residual for invoice in sold.posted),
        invoices=tuple((move.odoo_id, move.name, move.state) for move in sold.moves),
        reason=error.reason if error else None, words=error.words if error else NO_WORDS,
        flags=done.flags if done else (),
    )  # fmt: skip


def _refuse_by_odoo(refusal: OdooRefusal, what: str) -> RecordError:
    return RecordError(
        "refused_by_odoo", f"Odoo refuses the {what}, in {refusal.what}.",
        fix="Fix in Odoo what its own words name, then replay the order.", words=refusal.words,
    )  # fmt: skip


def _flag_date(invoice: Invoice) -> tuple[Reason, ...]:
    if not invoice.booked or not invoice.dated or invoice.booked == invoice.dated:
        return ()
    return (Flag(
        "accounting_date_moved",
        f"The invoice {invoice.label} of {invoice.dated} is booked on {invoice.booked}, because a lock date closes the "
        "days before.",
        "Leave it, or tell whoever keeps the accounts.", invoice.label,
    ),)  # fmt: skip
