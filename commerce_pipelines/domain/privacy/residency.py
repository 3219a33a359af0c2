"""Where data goes, and whether that is in the EU or EEA.

A host's name does not tell where it stands: `.de` may be served from anywhere. So a country is what the operator
documents (a region of Amazon's), what a person states in `privacy.places`, or not known.

What belongs here: kinds of data, countries, the verdict, in sentences. What does not: which hosts there are
(channels/*/settings.py, odoo/privacy/outlets.py, cli/whereabouts.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from ...core.urls import LOOPBACK, is_address, is_public
from ..vat.territories import MEMBERS

EEA = MEMBERS | {"IS", "LI", "NO"}
HERE = "here"  # this machine or its own network

Verdict = Literal["inside", "outside", "unknown"]


class Data(StrEnum):
    """What goes somewhere, from the most personal to nobody's."""

    PERSONS = "names, addresses and messages of buyers"
    NUMBERS = "order and tracking numbers, stock; no names"
    KEYS = "the app's credentials only"
    GOODS = "SKUs and quantities only"
    NOTHING = "nothing but the request"

    @property
    def is_personal(self) -> bool:
        """A number of an order is personal data, too, for whoever can look up its buyer."""
        return self in (Data.PERSONS, Data.NUMBERS)


class Destination(msgspec.Struct, frozen=True):
    """One place that data goes to. address: a URL or a host. key: the setting that names or causes it. country: as the
    operator documents it, '' where it does not. only: the marketplace has no other host for this account, and knows
    already what it is sent."""

    address: str
    data: Data
    key: str
    country: str = ""
    only: bool = False
    note: str = ""

    @property
    def host(self) -> str:
        return (urlsplit(self.address if "://" in self.address else f"https://{self.address}").hostname or "").lower()


def locate(destination: Destination, places: Mapping[str, str]) -> str:
    """The country: what a person states of the host or of a domain above it, else what its operator documents; HERE
    for addresses of this network; '' if nobody says."""
    host = destination.host
    if host in LOOPBACK or (is_address(host) and not is_public(host)):
        return HERE
    labels = host.split(".")
    above = (".".join(labels[start:]) for start in range(len(labels)))
    return next((places[name] for name in above if name in places), destination.country)


def judge(country: str) -> Verdict:
    if not country:
        return "unknown"
    return "inside" if country == HERE or country in EEA else "outside"


def describe(destination: Destination, places: Mapping[str, str]) -> str:
    """`sellingpartnerapi-eu.amazon.com (order numbers …): IE, in the EU/EEA`."""
    country = locate(destination, places)
    where = {
        "inside": "this machine or its network" if country == HERE else f"{country}, in the EU/EEA",
        "outside": f"{country}, outside of the EU/EEA",
        "unknown": "nobody says in which country",
    }[judge(country)]
    note = f"; {destination.note}" if destination.note else ""
    return f"{destination.host} gets {destination.data}: {where}{note}"


def find_violation(destination: Destination, places: Mapping[str, str]) -> str:
    """Why `residency: eu` does not allow it, with the fix; '' if it does."""
    country = locate(destination, places)
    if destination.only or not destination.data.is_personal or judge(country) == "inside":
        return ""
    host = f"{destination.host} ({destination.key})"
    if country:
        return f"privacy.residency is eu, and {host} stands in {country}: use one in the EU or EEA, or leave it out."
    return (
        f"privacy.residency is eu, and nobody says where {host} stands: write its country in privacy.places, once you "
        "know it from its operator."
    )


def find_violations(destinations: Iterable[Destination], places: Mapping[str, str]) -> list[str]:
    problems = (find_violation(destination, places) for destination in destinations)
    return list(dict.fromkeys(filter(None, problems)))
