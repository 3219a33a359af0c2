"""Which of Shopify's sums is the refund's: lines, shipping and adjustments against the payments.

What belongs here: adjustments, whose sign and tax basis Shopify states in more than one way, decided by the sum. What
does not: what the lines are (translate.py).

An adjustment is the difference between what Shopify calculated and what was paid: goodwill, a restocking fee, an amount
for no line. Depending on its age and reason it is positive or negative where the buyer gets less, with or without its
tax, and Shopify leaves the one for a pending refund in place after the payment. Exactly one of these readings gives the
payments' sum, or the refund is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from ....core.errors import RecordError
from ....domain.returns.records import RefundKind, RefundLine


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """Minor units as Shopify states them. is_pending: it stands for a payment that was not made yet."""

    line_id: str
    amount: int
    tax: int
    is_pending: bool = False


class Payments(msgspec.Struct, frozen=True, kw_only=True):
    """What a refund's payments came to: minor units of `currency`, the channel's tax included; `None` where they
    failed.

    is_done: nothing is under way, so that the lines must add up. included: the order's prices include tax. converted:
    amounts were converted from another currency, each rounded by itself.
    """

    paid: int | None
    currency: str
    is_done: bool
    included: bool
    converted: bool


def balance(
    payments: Payments,
    lines: list[RefundLine],
    collected: int,
    adjustments: Sequence[Adjustment],
    shipping_tax: dict[str, int],
) -> list[RefundLine]:
    """The refund's lines with those of its adjustments. Raises RecordError(`unbalanced`) if no reading gives what was
    paid. Of a refund that was not paid yet the adjustments are left out where they do not fit.

    shipping_tax: what a shipping line is worth more if its amount was stated without tax.
    """
    if payments.paid is None:
        return lines
    off = 0
    for reading, shipping in _list_readings(lines, adjustments, shipping_tax, payments.included):
        whole = [*shipping, *reading]
        off = payments.paid - collected - sum(line.amount for line in whole)
        if not off:
            return whole
        if payments.converted and abs(off) <= _compute_slack(whole):
            return [*whole, RefundLine(line_id="conversion", kind=RefundKind.GOODWILL, amount=off, tax=0)]
    if not payments.is_done:
        return lines
    off = payments.paid - collected - sum(line.amount for line in lines)
    raise RecordError(
        "unbalanced",
        f"What was paid back differs from the refund's lines by {off} minor units of {payments.currency}, and its "
        "adjustments do not explain it.",
        fix="Compare the refund in Shopify and enter it in Odoo by hand.",
        subject=payments.currency,
    )


def _list_readings(
    lines: list[RefundLine], adjustments: Sequence[Adjustment], shipping_tax: dict[str, int], included: bool
) -> Iterator[tuple[list[RefundLine], list[RefundLine]]]:
    """The ways to read the adjustments and the shipping lines, the usual one first."""
    shippings = [lines]
    if shipping_tax:
        shippings.append([
            msgspec.structs.replace(line, amount=line.amount + shipping_tax.get(line.line_id, 0)) for line in lines
        ])  # fmt: skip
    settled = [adjustment for adjustment in adjustments if not adjustment.is_pending]
    for shipping in shippings:
        for counted in (adjustments, settled) if len(settled) < len(adjustments) else (adjustments,):
            for sign in (1, -1):
                for with_tax in (not included, included):
                    yield [_build_line(adjustment, sign, with_tax) for adjustment in counted], shipping


def _build_line(adjustment: Adjustment, sign: int, with_tax: bool) -> RefundLine:
    """An adjustment as a line."""
    amount = adjustment.amount + (adjustment.tax if with_tax else 0)
    return RefundLine(
        line_id=adjustment.line_id,
        kind=RefundKind.GOODWILL,
        amount=sign * amount,
        tax=sign * adjustment.tax if adjustment.tax else None,
    )


def _compute_slack(lines: Sequence[RefundLine]) -> int:
    """By how much converted amounts may differ from their converted sum: half a minor unit for each rounded amount."""
    return 1 + (sum(line.quantity for line in lines) + 2 * len(lines)) // 2
