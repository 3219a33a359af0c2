"""What a person is told about a refund's credit note: why there is none, and what to look at of one that stands.

What belongs here: these sentences. What does not: when they are told (credit.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from ...core.errors import RecordError
from ...core.reasons import Reason
from ..money import to_decimal
from ..sales.draft import Flag
from .records import Refund
from .sale_books import Move, SaleBooks, SaleLine


def compare_note(move: Move, refund: Refund) -> Iterable[Reason]:
    """What differs between a refund and the credit note that stands for it."""
    if move.state == "cancel":
        yield Flag(
            "credit_cancelled", f"The credit note {move.label} of the refund was cancelled in Odoo.",
            "Leave it if the refund is booked otherwise; else set it back to draft and post it.", move.label,
        )  # fmt: skip
    elif move.total != refund.total and move.currency == refund.currency and move.state == "posted":
        yield Flag(
            "credit_differs",
            f"The channel now says {to_decimal(refund.total, refund.currency)} {refund.currency}, the credit note "
            f"{move.label} {to_decimal(move.total, move.currency)} {move.currency}.",
            "Credit or invoice the difference in Odoo by hand.", move.label,
        )  # fmt: skip
    yield from flag_moved_date(move)


def flag_moved_date(move: Move) -> Iterable[Reason]:
    """A note where a lock date moved the day on which a credit note is booked."""
    if move.state == "posted" and move.booked and move.dated and move.booked != move.dated:
        yield Flag(
            "accounting_date_moved",
            f"The credit note {move.label} of {move.dated} is booked on {move.booked}, because a lock date closes the "
            "days before.",
            "Leave it, or tell whoever keeps the accounts.", move.label,
        )  # fmt: skip


def refuse_uninvoiced(books: SaleBooks) -> RecordError:
    drafts = [move for move in books.moves if not move.is_credit and move.state == "draft"]
    what = f"its invoice {drafts[0].label} is a draft" if drafts else "it has no invoice"
    return RecordError(
        "not_invoiced", f"{books.name} was refunded, and {what}.",
        fix="Post its invoice in Odoo, or cancel what was never sent; the refund then goes on by itself.",
        subject=books.name,
    )  # fmt: skip


def refuse_returned(books: SaleBooks, sold: SaleLine, units: int, home: int) -> RecordError:
    return RecordError(
        "not_invoiced",
        f"{units} of {sold.sku or sold.name[:40]} were refunded, and {min(units, home)} of these came back before "
        f"{books.name} was invoiced for them, so that there is nothing to credit for these.",
        fix="Credit in Odoo what was invoiced of the refund, with the refund's id as the credit note's reference. "
        "Where nothing of it was, unlock the order and replay the refund: it reduces the order.",
        subject=sold.sku,
    )  # fmt: skip


def refuse_unsent(books: SaleBooks, sold: SaleLine, units: int, unsent: int) -> RecordError:
    return RecordError(
        "not_invoiced",
        f"{units} of {sold.sku or sold.name[:40]} were refunded that were never sent, and {min(units, unsent)} of "
        f"these {books.name} was not invoiced for, so that there is nothing to credit for these.",
        fix="Unlock the order, or take its goods back from picking, and replay the refund: it reduces the order. "
        "Where it also pays back what was invoiced, lower the order's line by hand, and credit the rest with the "
        "refund's id as the credit note's reference.",
        subject=sold.sku,
    )  # fmt: skip


def refuse_unbilled(books: SaleBooks, sold: SaleLine, units: int, left: int) -> RecordError:
    return RecordError(
        "not_invoiced",
        f"{units} of {sold.sku or sold.name[:40]} were refunded, and of what {books.name} was invoiced for them "
        f"{max(0, left)} are left to credit.",
        fix="Invoice what was sent, or lower the quantity of the order's line by what was never sent.",
        subject=sold.sku,
    )  # fmt: skip
