"""VAT rates by country: the documented default of `vat.rates` in commerce.yaml.

What belongs here: the table and the questions one may ask of it. What does not: which country's VAT applies
(decision.py). Source: European Commission, "Taxes in Europe" database and national laws, rates of goods in force in
November 2026. A merchant who knows better overrides a country in commerce.yaml.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from ...core.section import Section

PPM_A_PERCENT = 10_000  # parts per million in one percent


class CountryRates(Section, kw_only=True, frozen=True):
    """Percent. from_home: the rate in this country for goods that bear a given rate in the seller's country, as in {7:
    5.5}."""

    standard: Decimal
    reduced: tuple[Decimal, ...] = ()
    from_home: dict[Decimal, Decimal] = {}


_DEFAULTS = """
AT 20 10 13 4.9
BE 21 6 12
BG 20 9
CY 19 3 5 9
CZ 21 12
DE 19 7
DK 25
EE 24 9 13
ES 21 4 10
FI 25.5 10 13.5
FR 20 2.1 5.5 10
GR 24 6 13
HR 25 5 13
HU 27 5 18
IE 23 4.8 9 13.5 0
IT 22 4 5 10
LT 21 5 12
LU 17 3 8 14
LV 21 5 12
MT 18 5 7 12
NL 21 9
PL 23 5 8
PT 23 6 13 22 12 5 16 9 4
RO 21 11
SE 25 6 12
SI 22 5 9.5
SK 23 5 19
XI 20 5 0
GB 20 5 0
CH 8.1 2.6 3.8
NO 25 12 15
"""
DEFAULTS: dict[str, CountryRates] = {
    country: CountryRates(standard=Decimal(standard), reduced=tuple(map(Decimal, reduced)))
    for country, standard, *reduced in map(str.split, _DEFAULTS.strip().splitlines())
}


class RateTable:
    """The default table, in which a merchant's own countries replace ours. Rates are in parts per million."""

    def __init__(self, overrides: Mapping[str, CountryRates], mapped: Collection[tuple[str, int]] = ()) -> None:
        self._rates = {**DEFAULTS, **overrides}
        self._mapped = mapped

    def knows(self, country: str) -> bool:
        return country in self._rates

    def standard(self, country: str) -> int:
        """Raises KeyError for a country without rates."""
        return ppm(self._rates[country].standard)

    def allowed(self, country: str) -> tuple[int, ...]:
        """All rates of a country, the standard rate first; () for a country without rates."""
        rates = self._rates.get(country)
        own = () if rates is None else (ppm(rates.standard), *map(ppm, rates.reduced))
        return (*own, *(rate for place, rate in self._mapped if place == country and rate not in own))

    def abroad(self, country: str, home: str, home_rate: int) -> int | None:
        """The rate in `country` for goods that bear `home_rate` at `home`; None where only the merchant can know it,
        because each country decides which goods have a reduced rate."""
        if country == home:
            return home_rate
        rates = self._rates.get(country)
        if rates is None:
            return None
        for domestic, rate in rates.from_home.items():
            if ppm(domestic) == home_rate:
                return ppm(rate)
        return ppm(rates.standard) if home in self._rates and home_rate == self.standard(home) else None


def ppm(percent: Decimal) -> int:
    """19 -> 190_000. Exact for up to four decimals of a percent."""
    return int(percent * PPM_A_PERCENT)


def percent(rate: int) -> str:
    """190_000 -> '19', 81_000 -> '8.1'."""
    return (
        f"{Decimal(rate) / PPM_A_PERCENT:f}".rstrip("0").rstrip(".")
        if rate % PPM_A_PERCENT
        else str(rate // PPM_A_PERCENT)
    )
