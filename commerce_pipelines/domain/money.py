"""Money as integers of minor units (cents), and the only two operations on it that can go wrong: parsing and dividing.

What belongs here: parsing a marketplace's decimal string, exact division by weights, conversion for display.
What does not: taxes (vat/decision.py), rounding policies of one marketplace (its translate.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from ..core.errors import RecordError

MILLION = 1_000_000  # parts per million of a whole, for rates and shares

# ISO 4217 minor units that differ from two.
_DIGITS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}

_IN_FIGURES = frozenset("0123456789.,+-eE ")


def digits(currency: str) -> int:
    """Decimals of a currency's minor unit (ISO 4217): EUR 2, JPY 0, KWD 3."""
    return _DIGITS.get(currency, 2)


@lru_cache(maxsize=65_536)
def to_minor(amount: str, currency: str) -> int:
    """'12.34' EUR -> 1234. Trailing zeros beyond the currency's digits are fine ('1980.00' JPY -> 1980).

    Raises RecordError(`bad_amount`) for anything that is not a finite decimal or that has a fraction of a minor unit.
    """
    places = digits(currency)
    try:
        scaled = Decimal(amount).scaleb(places)
        whole = int(scaled)
    except (ArithmeticError, ValueError):  # Decimal overflows with an error of its own, not OverflowError
        whole, scaled = 0, Decimal("NaN")
    if scaled != whole or abs(whole) > 10**15:
        raise RecordError(
            "bad_amount",
            f"{_quote_figure(amount)} is not an amount of {currency} with at most {places} decimals.",
            fix="Look at the order in the marketplace; if the amount is right there, report the payload's path.",
            subject=currency,
        )
    return whole


def _quote_figure(amount: str) -> str:
    """A figure as it stands; what holds anything else is not quoted."""
    return amount if len(amount) <= 40 and set(amount) <= _IN_FIGURES else "A text"


def to_decimal(minor: int, currency: str) -> Decimal:
    """1234 EUR -> Decimal('12.34'), with exactly the currency's digits."""
    return Decimal(minor).scaleb(-digits(currency))


def write_totals(totals: Mapping[str, int], nothing: str = "0") -> str:
    """Minor units by currency, for people: `12.50 EUR, 3.00 GBP`."""
    return ", ".join(f"{to_decimal(minor, code)} {code}" for code, minor in sorted(totals.items())) or nothing


def unit_price(amount: int, quantity: int, currency: str) -> str:
    """The price of one unit as an unrounded decimal string, so that quantity × price gives `amount` to the cent.

    Odoo 19 stores price_unit unrounded (digits False), so 12 decimals leave an error far below half a cent.
    """
    price = to_decimal(amount, currency) / quantity
    return f"{price:.12f}".rstrip("0").rstrip(".") if price != price.to_integral() else str(int(price))


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Divide `total` minor units by non-negative weights: exact (parts sum to total), fair, and stable.

    Largest remainder; ties go to the earlier part, so the same order is always divided the same way. Weights that
    are all zero share equally. Raises ValueError for no weights or a negative one.
    """
    if not weights or min(weights) < 0:
        raise ValueError("allocate needs at least one weight, none negative")
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    sign, amount = (-1, -total) if total < 0 else (1, total)
    parts = [amount * weight // whole for weight in weights]
    remainders = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % whole), i))
    for i in remainders[: amount - sum(parts)]:
        parts[i] += 1
    return [sign * part for part in parts]
