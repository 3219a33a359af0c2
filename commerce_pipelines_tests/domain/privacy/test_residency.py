"""Where a host stands, what residency refuses, and which addresses are of the internet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.core.urls import is_public
from commerce_pipelines.domain.privacy.policy import PrivacyPolicy
from commerce_pipelines.domain.privacy.residency import EEA, Data, Destination, describe, find_violation

ODOO = Destination("https://odoo.example.com", Data.PERSONS, "odoo.url")


@pytest.mark.parametrize(
    ("places", "where", "refused"),
    [
        ({}, "nobody says in which country", "write its country in privacy.places"),
        ({"odoo.example.com": "DE"}, "DE, in the EU/EEA", ""),
        ({"example.com": "NO"}, "NO, in the EU/EEA", ""),
        ({"example.com": "DE", "odoo.example.com": "CH"}, "CH, outside of the EU/EEA", "stands in CH"),
        ({"com": "US"}, "US, outside of the EU/EEA", "stands in US"),
        ({"ple.com": "DE"}, "nobody says in which country", "odoo.url"),
    ],
)
def test_a_host_stands_where_somebody_says(places: dict[str, str], where: str, refused: str) -> None:
    assert describe(ODOO, places) == f"odoo.example.com gets names, addresses and messages of buyers: {where}"
    problem = find_violation(ODOO, places)
    assert refused in problem
    assert bool(problem) is bool(refused)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.7", "[fd00::7]"])
def test_this_machine_and_its_network_are_inside(host: str) -> None:
    assert find_violation(Destination(f"https://{host}:8069", Data.PERSONS, "odoo.url"), {}) == ""


def test_an_address_of_the_internet_tells_no_country() -> None:
    assert find_violation(Destination("https://1.1.1.1", Data.PERSONS, "odoo.url"), {}) != ""
    assert find_violation(Destination("https://1.1.1.1", Data.PERSONS, "odoo.url"), {"1.1.1.1": "AT"}) == ""


@pytest.mark.parametrize(("data", "refused"), [(data, data in (Data.PERSONS, Data.NUMBERS)) for data in Data])
def test_only_what_is_about_persons_has_to_stay(data: Data, refused: bool) -> None:
    assert bool(find_violation(Destination("api.example.com", data, "k", country="US"), {})) is refused
    assert find_violation(Destination("api.example.com", data, "k", country="US", only=True), {}) == ""


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2))
def test_only_the_thirty_countries_are_inside(country: str) -> None:
    assert len(EEA) == 30
    assert (find_violation(ODOO, {"example.com": country}) == "") is (country in EEA)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"places": {"https://a.example": "DE"}}, "is no host"),
        ({"places": {"a.example": "Germany"}}, "privacy.places.a.example names 'Germany'"),
        ({"places": {"a b": "DE"}}, "is no host"),
    ],
)
def test_places_are_hosts_and_countries(keys: dict[str, dict[str, str]], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        PrivacyPolicy(**keys)  # type: ignore[arg-type]


INSIDE = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",  # noqa: S104
    "100.64.0.1", "192.0.2.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe",
    "2002:7f00:1::1", "ff02::1", "2001:db8::1", "nonsense", "1.1.1", "0x7f000001", "2130706433",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_that_are_not_of_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_addresses_of_the_internet(address: str) -> None:
    assert is_public(address)
