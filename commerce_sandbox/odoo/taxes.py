"""Computing taxes in the way of Odoo 19: in floats, because Odoo's cents depend on them.

What belongs here: rounding, one line's taxes, an order's totals. What does not: which taxes a line has (sales.py).
Source: `account.tax._get_tax_details`, `_round_base_lines_tax_details` and `_get_tax_totals_summary` of Odoo 19.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import copysign, floor, frexp
from typing import NamedTuple

from .orm import Env


class LineTaxes(NamedTuple):
    """One line before the rounding of the order. taxes: (tax id, whether the price includes it, amount)."""

    excluded: float
    included: float
    taxes: tuple[tuple[int, bool, float], ...]


def float_round(value: float, rounding: float) -> float:
    """Half away from zero, after adding the smallest error that a float may carry. Source: `odoo.tools.float_round`."""
    if not value or not rounding:
        return value
    normal = abs(value) / rounding
    normal += 2.0 ** (frexp(normal)[1] - 51)
    rounded = copysign(floor(normal + 0.5), value)
    return rounded * rounding if rounding >= 1 else rounded / round(1 / rounding)


def line_taxes(
    env: Env, taxes: Sequence[int], price: float, quantity: float, *, rounding: float, per_line: bool
) -> LineTaxes:
    """Taxes of one line. price: of one unit, after discount. per_line: round each amount at once (Odoo's *Tax Rounding*
    "per line")."""

    def cut(amount: float) -> float:
        return float_round(amount, rounding) if per_line else amount

    rows = env.db.rows["account.tax"]
    ordered = sorted(taxes, key=lambda i: (rows[i]["sequence"], i))
    inside = [i for i in ordered if env.get("account.tax", i, "price_include") and rows[i]["amount_type"] != "group"]
    base = cut(quantity * price)
    by_tax: dict[int, float] = {}
    for tax in reversed(ordered):
        if rows[tax]["amount_type"] == "fixed":
            by_tax[tax] = cut(copysign(1.0, price) * quantity * rows[tax]["amount"])
    left = base - sum(by_tax.get(i, 0.0) for i in inside)
    for tax in inside:  # a percentage of the price with tax: of 100 percent nothing is left
        if rows[tax]["amount_type"] == "division":
            by_tax[tax] = cut(left * rows[tax]["amount"] / 100.0)
    left -= sum(by_tax[i] for i in inside if rows[i]["amount_type"] == "division")
    percents = [i for i in inside if rows[i]["amount_type"] == "percent"]
    whole = sum(rows[i]["amount"] for i in percents) / 100.0
    for tax in reversed(percents):
        by_tax[tax] = cut(left * (1 / (1 + whole) if whole != -1 else 0.0) * rows[tax]["amount"] / 100.0)
    net = base - sum(by_tax[i] for i in inside if i in by_tax)
    for tax in ordered:
        if rows[tax]["amount_type"] == "percent" and tax not in by_tax:
            by_tax[tax] = cut(net * rows[tax]["amount"] / 100.0)
    amounts = tuple((tax, tax in inside, by_tax[tax]) for tax in ordered if tax in by_tax)
    return LineTaxes(net, net + sum(amount for _tax, _inside, amount in amounts), amounts)


def totals(lines: Sequence[LineTaxes], rounding: float) -> tuple[float, float, float]:
    """(untaxed, tax, total) of an order.

    Taxes are summed per tax and rounded. Then, if all taxes that amount to something are inside the prices, the total
    is the rounded sum of prices and the untaxed amount what is left; otherwise the untaxed amount is the rounded sum.
    """
    per_tax: dict[tuple[int, bool], float] = {}
    for line in lines:
        for tax, inside, amount in line.taxes:
            per_tax[tax, inside] = per_tax.get((tax, inside), 0.0) + amount
    tax_total = sum(float_round(amount, rounding) for amount in per_tax.values())
    on_top = any(not inside and float_round(amount, rounding) for line in lines for _tax, inside, amount in line.taxes)
    excluded = sum(line.excluded for line in lines)
    if on_top:
        untaxed = float_round(excluded, rounding)
    else:
        raw = excluded + sum(amount for line in lines for _tax, _inside, amount in line.taxes)
        if raw:
            untaxed = float_round(raw, rounding) - tax_total
        else:
            untaxed = sum(float_round(line.excluded, rounding) for line in lines)
    return _clean_figures(untaxed, tax_total, rounding)


def line_amounts(line: LineTaxes, rounding: float) -> tuple[float, float, float]:
    """(untaxed, tax, total) as the line itself shows them. Each is rounded alone, so they may not add up to the
    order's."""
    taxes = sum(float_round(amount, rounding) for _tax, _inside, amount in line.taxes)
    return _clean_figures(float_round(line.excluded, rounding), taxes, rounding)


def _clean_figures(untaxed: float, tax: float, rounding: float) -> tuple[float, float, float]:
    """The figures without the rest that adding floats leaves, and without a negative zero."""
    return tuple(float_round(value, rounding) + 0.0 for value in (untaxed, tax, untaxed + tax))  # type: ignore[return-value]
