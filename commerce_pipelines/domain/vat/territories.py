"""Where EU VAT applies: member states, and the places whose VAT differs from what their country code suggests.

What belongs here: geography as data, with its source. What does not: what follows for a sale (decision.py).
Sources: Articles 5–8 of Directive 2006/112/EC; Protocol on Ireland and Northern Ireland, Art. 8; Commission,
"Territorial status of EU countries and certain territories". Postcodes are the national posts' own.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

MEMBERS = frozenset(
    ("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
     "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK")
)  # fmt: skip
EU = MEMBERS | {"XI"}  # Northern Ireland counts as a member state for goods

OUTSIDE = ""  # the VAT area of no country that we know: goods sent there are exported


class Territory(NamedTuple):
    """postcode: what the whole postcode, without blanks, must match. vat: the country whose VAT applies there."""

    country: str
    postcode: re.Pattern[str]
    name: str
    vat: str = OUTSIDE


def _make_territory(country: str, postcode: str, name: str, vat: str = OUTSIDE) -> Territory:
    return Territory(country, re.compile(postcode, re.IGNORECASE), name, vat)


_SPECIAL = (
    _make_territory("ES", r"(35|38)\d{3}", "Canary Islands"),
    _make_territory("ES", r"51\d{3}", "Ceuta"),
    _make_territory("ES", r"52\d{3}", "Melilla"),
    _make_territory("DE", r"78266", "Büsingen"),
    _make_territory("DE", r"27498", "Helgoland"),
    _make_territory("IT", r"23041", "Livigno"),  # not 23030, a postcode that the neighbouring towns kept
    _make_territory("IT", r"22061", "Campione d'Italia"),  # not 22060, a postcode that the neighbouring towns kept
    _make_territory("FI", r"22\d{3}", "Åland"),
    _make_territory("GR", r"6308[67]", "Mount Athos"),
    _make_territory("FR", r"97\d{3}|98[4-9]\d{2}", "French overseas territories"),  # 980 is Monaco
    _make_territory("DK", r"39\d{2}", "Greenland"),
    _make_territory("DK", r"(FO)?\d{3}", "Faroe Islands"),
    _make_territory("GB", r"BT.*", "Northern Ireland", "XI"),
    _make_territory("GB", r"JE.*", "Jersey"),
    _make_territory("GB", r"GY.*", "Guernsey"),
)
# Codes of countries that belong to the VAT area of another country.
_AS = {"MC": "FR", "IM": "GB", "LI": "CH", "EL": "GR", "UK": "GB"}
# Countries in which some postcodes lie outside the VAT area: without a postcode nobody can decide.
SPLIT = frozenset(place.country for place in _SPECIAL)


def territory(country: str, postcode: str) -> str:
    """The special territory of a postcode such as 'Canary Islands', '' for none."""
    place = _find(country, postcode)
    return place.name if place else ""


def vat_country(country: str, postcode: str) -> str:
    """The country whose VAT applies at an address: a member state, XI or another country; '' for special territories
    that apply none. country: ISO 3166-1 alpha-2."""
    place = _find(country, postcode)
    return place.vat if place else _AS.get(country, country)


@lru_cache(maxsize=8_192)
def _find(country: str, postcode: str) -> Territory | None:
    code = "".join(postcode.split())
    # The postcode may begin with a country: D-78266, FI-22100, AX-22100.
    code = re.sub(r"^[A-Z]{1,2}-", "", code, flags=re.IGNORECASE)
    return next((p for p in _SPECIAL if p.country == country and p.postcode.fullmatch(code)), None)
