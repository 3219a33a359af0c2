"""Order -> invoice -> payments: what is due now, and why not yet.

What belongs here: these rules, pure. What does not: what is known of an order (sold.py), which Odoo calls carry it out
(odoo/invoicing/).

**One invoice for all that is left**, never for a part: a discount stands on the same invoice as what it reduces, and
the invoice's total is the order's. **A person's documents count**: what is invoiced is not invoiced again, a draft of
somebody else is left alone, and after a credit note, a cancelled or a deleted invoice the rest is a person's. Not after
our credit notes of an exchange: what is sold in it is invoiced, and paid with the credit note as far as that goes.

**Payments** are the invoice's total, divided over the channel's methods of payment by what each paid. What the channel
collected as tax and remits itself is in none of them, nor is more than is open.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from ...core.errors import RecordError
from ..money import allocate, to_decimal
from .rules import InvoicingRules
from .sold import Billing, Claim, Invoice, Sold, State, payment_xid

CONFIRMED = frozenset(("sale", "done"))


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """state: how far the order is. create: its invoice is made now; post: drafts of ours that are posted now."""

    state: State
    create: bool = False
    post: tuple[Invoice, ...] = ()


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One payment of one invoice, in minor units."""

    xid: str
    invoice: Invoice
    method: str
    journal: str
    amount: int


def decide(sold: Sold, claim: Claim, rules: InvoicingRules, company_id: int) -> Decision:
    """What is due of an order's invoice. Raises RecordError for what a person has to put right."""
    if sold.company_id != company_id:
        raise RecordError(
            "other_company", f"The sale order {sold.name} belongs to another company of Odoo than the channel now.",
            fix="Invoice it there by hand, or write its company as `company` of the channel.", subject=sold.name,
        )  # fmt: skip
    if is_left(sold, claim):
        return Decision(state=State.LEFT)
    if not sold.total and not claim.total and sold.state in CONFIRMED:
        return Decision(state=State.FREE)
    if sold.drafts:
        return _decide_draft(sold, claim, rules)
    if sold.is_billed or (sold.posted and rules.trigger == "merchant"):
        return Decision(state=judge_payment(sold))
    if rules.trigger == "merchant" or sold.state not in CONFIRMED:
        return Decision(state=State.OPEN)
    if rules.trigger == "delivery" and not sold.is_delivered:
        return Decision(state=State.OPEN)
    if claim.problem:
        return Decision(state=State.HELD)
    if not sold.is_billable:
        return Decision(state=State.OPEN)
    _ensure_same_money(sold, claim)
    return Decision(state=State.INVOICED, create=True)


def _decide_draft(sold: Sold, claim: Claim, rules: InvoicingRules) -> Decision:
    """Drafts of ours are posted where the settings say so; a draft of somebody else is left to them."""
    ours = [draft for draft in sold.drafts if draft.by_us]
    if len(ours) < len(sold.drafts) or rules.trigger == "merchant" or rules.invoices == "draft":
        return Decision(state=State.DRAFT)
    if claim.problem:
        return Decision(state=State.HELD)
    ensure_invoice_total(sold)
    _ensure_same_money(sold, claim)
    return Decision(state=State.INVOICED, post=tuple(ours))


def is_left(sold: Sold, claim: Claim) -> bool:
    """Whether a person has taken the order's invoices over: credited, cancelled or deleted one."""
    there = {move.odoo_id for move in sold.moves}
    return bool(claim.made - there) or any(
        (move.is_credit and not (claim.set_off and move.by_us)) or move.state == "cancel" for move in sold.moves
    )


def judge_payment(sold: Sold) -> State:
    return State.PAID if sold.posted and not any(invoice.residual for invoice in sold.posted) else State.INVOICED


def _ensure_same_money(sold: Sold, claim: Claim) -> None:
    if sold.currency != claim.currency:
        raise RecordError(
            "wrong_currency", f"The channel took {claim.currency}, and {sold.name} is in {sold.currency} in Odoo.",
            fix="Correct the order's pricelist in Odoo, or invoice it by hand.", subject=sold.name,
        )  # fmt: skip
    if sold.total != claim.total:
        raise RecordError(
            "sale_differs",
            f"{sold.name} is {to_decimal(sold.total, sold.currency)} {sold.currency} in Odoo, and the channel took "
            f"{to_decimal(claim.total, claim.currency)}.",
            fix="Correct the order in Odoo or in the channel, or invoice it by hand.", subject=sold.name,
        )  # fmt: skip


def ensure_invoice_total(sold: Sold) -> None:
    """Raises RecordError where drafts and posted invoices that cover the whole order do not come to its total."""
    total = sum(invoice.total for invoice in sold.invoices)
    if sold.is_billed and total != sold.total:
        raise RecordError(
            "invoice_differs",
            f"Odoo's invoices {', '.join(invoice.label for invoice in sold.invoices)} come to "
            f"{to_decimal(total, sold.currency)} {sold.currency}, and {sold.name} to "
            f"{to_decimal(sold.total, sold.currency)}.",
            fix="Look at the draft's taxes in Odoo, correct it and post it.", subject=sold.name,
        )  # fmt: skip


def plan_payments(sold: Sold, claim: Claim, billing: Billing, there: Collection[str]) -> list[Share]:
    """The payments that the posted invoices of an order still lack. there: external ids of those that exist, in any
    state: what a person did to one of them stays. Raises RecordError for a method without a journal."""
    settled = sum(invoice.total - invoice.residual for invoice in sold.posted)
    left = claim.taken - (settled - sum_set_off(sold, claim))
    shares: list[Share] = []
    for invoice in sold.posted:
        residual = invoice.residual
        for method, amount in _divide(invoice, claim):
            xid = payment_xid(billing.label, sold.order_id, invoice.odoo_id, method)
            amount = min(amount, residual, left)
            if xid in there or amount <= 0 or invoice.currency != claim.currency:
                continue
            if not (journal := billing.rules.find_journal(method)):
                raise _refuse_unmapped(method)
            shares.append(Share(xid=xid, invoice=invoice, method=method, journal=journal, amount=amount))
            residual -= amount
            left -= amount
    return shares


def sum_set_off(sold: Sold, claim: Claim) -> int:
    """Minor units of invoices that our credit notes of an exchange have paid. What a credit note pays back is paid back
    first."""
    notes = sold.exchange.notes if sold.exchange else {}
    return sum(max(0, claim.set_off[note] - residual) for note, residual in notes.items())


def plan_set_off(sold: Sold, claim: Claim) -> list[tuple[int, int]]:
    """(credit note, minor units of it) that pay for open invoices of what was sold in exchange."""
    if not sold.exchange or not any(invoice.residual for invoice in sold.posted):
        return []
    open_units = {note: min(residual, claim.set_off[note]) for note, residual in sold.exchange.notes.items()}
    return [(note, amount) for note, amount in open_units.items() if amount > 0]


def _divide(invoice: Invoice, claim: Claim) -> list[tuple[str, int]]:
    """(method of payment, minor units) of an invoice. The channel may have several payments by one method."""
    weights: dict[str, int] = {}
    for payment in claim.payments:
        weights[payment.method] = weights.get(payment.method, 0) + payment.amount
    positive = {method: amount for method, amount in weights.items() if amount > 0} or {"": 1}
    return list(zip(positive, allocate(invoice.total, list(positive.values())), strict=True))


def list_payment_xids(sold: Sold, claim: Claim, label: str) -> dict[str, int]:
    """External ids of all payments that the order may have of us, with their invoice."""
    methods = {payment.method for payment in claim.payments if payment.amount > 0} or {""}
    return {
        payment_xid(label, sold.order_id, invoice.odoo_id, method): invoice.odoo_id
        for invoice in sold.posted for method in sorted(methods)
    }  # fmt: skip


def _refuse_unmapped(method: str) -> RecordError:
    named = method[:40] or "a method that the channel does not name"
    return RecordError(
        "unmapped_payment_method", f"The order was paid by {named}, for which no journal is named.",
        fix="Name its journal under `invoicing.journals` of the channel, or one for `other`.", subject=method[:40],
    )  # fmt: skip
