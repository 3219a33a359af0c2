"""Money of a refund divided by tax and by unit, and what Odoo's rounding makes of it.

What belongs here: this arithmetic. What does not: which lines a refund is about (credit.py).

Where prices include tax, a line's amount is its price. Where tax comes on top, the price is the amount less its tax,
unrounded: Odoo rounds the sum of all prices, and the sum of the taxes of each rate. With one rate these give the amount
again unless both end in exactly half a minor unit; with several rates they may be off by one more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from ..money import MILLION, allocate, digits
from .sale_books import TaxIds


class Share(NamedTuple):
    taxes: TaxIds
    amount: int


def divide_by_tax(amount: int, weights: Iterable[tuple[TaxIds, int]]) -> list[Share]:
    """An amount divided over taxes by non-negative weights; no part of nothing."""
    by_tax: dict[TaxIds, int] = {}
    for taxes, weight in weights:
        by_tax[taxes] = by_tax.get(taxes, 0) + weight
    if not by_tax:
        return [Share((), amount)]
    parts = allocate(amount, list(by_tax.values()))
    return [Share(taxes, part) for taxes, part in zip(by_tax, parts, strict=True) if part]


def divide_by_unit(amount: int, parts: Sequence[int]) -> list[int]:
    """An amount divided over parts of so many units."""
    return allocate(amount, parts)


def price_of(amount: int, quantity: int, rate: int, included: bool, currency: str) -> str:
    """The price of one unit as a decimal string, unrounded, for a line whose amount with tax is `amount`."""
    price = Fraction(amount, quantity) * (1 if included else Fraction(MILLION, MILLION + rate))
    scale = 12 + digits(currency)
    whole = round(price * 10**12)
    text = f"{abs(whole):0{scale + 1}d}"
    figure = f"{text[:-scale]}.{text[-scale:]}".rstrip("0").rstrip(".")
    return f"-{figure}" if whole < 0 else figure


def round_off(lines: Iterable[tuple[int, int, bool]], per_line: bool) -> int:
    """By how many minor units Odoo's total of these lines exceeds their sum. lines: (amount with tax, rate, whether the
    price includes the tax)."""
    by_rate: dict[tuple[int, int], int] = {}
    net: dict[int, Fraction] = {}
    for place, (amount, rate, included) in enumerate(lines):
        if rate and not included:
            alone = place if per_line else 0
            by_rate[alone, rate] = by_rate.get((alone, rate), 0) + amount
            net[alone] = net.get(alone, Fraction(0)) + Fraction(amount * MILLION, MILLION + rate)
    taxes = sum(_round(Fraction(amount * rate, MILLION + rate)) for (_, rate), amount in by_rate.items())
    return taxes + sum(map(_round, net.values())) - sum(by_rate.values())


def _round(amount: Fraction) -> int:
    """Half a unit away from zero, as Odoo rounds."""
    whole = int(abs(amount) + Fraction(1, 2))
    return -whole if amount < 0 else whole
