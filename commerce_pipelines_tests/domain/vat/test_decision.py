"""The VAT decision: every regime by its rule, every unknown combination refused with a fix."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.vat.decision import VatCase, VatPolicy, decide
from commerce_pipelines.domain.vat.territories import MEMBERS, territory, vat_country

PLAIN = VatPolicy(seller_country="DE")
OSS = VatPolicy(seller_country="DE", oss=True, registrations=("PL",))
FR_NUMBER = "FR40303265045"


def case(destination: str, departure: str = "DE", **more: object) -> VatCase:
    return VatCase(departure=departure, destination=destination, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "asked", "regime", "country"),
    [
        (PLAIN, case("DE"), "domestic", "DE"),
        (OSS, case("FR"), "oss", "FR"),
        (PLAIN, case("FR"), "domestic", "DE"),  # below the threshold
        (OSS, case("PL", "PL"), "local", "PL"),  # FBA in Poland to a Polish consumer
        (OSS, case("FR", "PL"), "oss", "FR"),
        (OSS, case("DE", "PL"), "oss", "DE"),
        (OSS, case("FR", is_business=True, vat_number=FR_NUMBER), "reverse_charge", ""),
        (OSS, case("FR", is_business=True, vat_number="FR40303265046"), "oss", "FR"),  # check digits are wrong
        (OSS, case("FR", is_business=True, vat_number=FR_NUMBER, tax=2000, rate=200_000), "oss", "FR"),  # charged
        (OSS, case("DE", is_business=True, vat_number="DE136695976"), "domestic", "DE"),
        (OSS, case("FR", vat_number="DE136695976"), "oss", "FR"),  # a number of the country of departure
        (OSS, case("CH"), "export", ""),
        (OSS, case("GB", postcode="SW1A 1AA"), "export", ""),
        (OSS, case("GB", postcode="BT1 1AA"), "oss", "XI"),
        (OSS, case("MC"), "oss", "FR"),
        (OSS, case("ES", postcode="35001"), "export", ""),
        (OSS, case("ES", postcode="28001"), "oss", "ES"),
        (OSS, case("US", collected=True, collected_as="US_FACILITATOR"), "marketplace", ""),
        (OSS, case("FR", collected=True, collected_as="IOSS"), "marketplace", ""),
        (OSS, case("CH", tax=81, rate=81_000, mapped=frozenset({("CH", 81_000)})), "local", "CH"),
        (VatPolicy(seller_country="CH", ioss=True), case("DE", "CH"), "ioss", "DE"),
        (VatPolicy(seller_country="CH", registrations=("DE",)), case("DE", "CH"), "local", "DE"),
        (VatPolicy(seller_country="CH"), case("CH", "CH"), "domestic", "CH"),
    ],
)
def test_regime(policy: VatPolicy, asked: VatCase, regime: str, country: str) -> None:
    decision = decide(asked, policy)
    assert (decision.regime, decision.country) == (regime, country)
    assert decision.evidence["departure"] == asked.departure


@pytest.mark.parametrize(
    ("policy", "asked", "code", "says"),
    [
        (PLAIN, case("PL", "PL"), "not_registered", "vat.registrations"),
        (PLAIN, case("FR", "PL"), "not_registered", "vat.oss"),
        (OSS, case(""), "no_destination", "delivery country"),
        (OSS, case("CH", tax=81, rate=81_000), "unknown_tax", "8.1 % CH"),
        (OSS, case("CH", tax=81), "unknown_tax", "in CH"),
        (OSS, case("US", collected=True, tax=5), "mixed_collection", "by hand"),
        (VatPolicy(seller_country="CH"), case("DE", "CH"), "unknown_import", "vat.ioss"),
    ],
)
def test_what_is_not_known_is_refused(policy: VatPolicy, asked: VatCase, code: str, says: str) -> None:
    with pytest.raises(RecordError) as caught:
        decide(asked, policy)
    assert caught.value.code == code
    assert says in caught.value.message + caught.value.fix


countries = st.sampled_from([*sorted(MEMBERS), "CH", "GB", "US", "NO", "MC", "XI", ""])


@given(
    countries, countries, st.sampled_from(["", "35001", "BT1 1AA", "22100"]), st.booleans(),
    st.sampled_from(["", FR_NUMBER, "XX1"]), st.booleans(), st.sampled_from([0, 100]), st.booleans(),
)  # fmt: skip
def test_every_combination_ends_in_a_regime_or_a_reason(
    departure: str, destination: str, postcode: str, business: bool, number: str, collected: bool, tax: int, oss: bool
) -> None:
    given_case = VatCase(
        departure=departure or "DE", destination=destination, postcode=postcode, is_business=business,
        vat_number=number, collected=collected, tax=tax,
    )  # fmt: skip
    try:
        decision = decide(given_case, VatPolicy(oss=oss))
    except RecordError as error:
        assert error.code and error.fix  # noqa: PT017, PT018
    else:
        assert decision.regime
        assert not (tax and not decision.country)


@pytest.mark.parametrize(
    ("country", "postcode", "name", "vat"),
    [
        ("ES", "35001", "Canary Islands", ""),
        ("ES", "28001", "", "ES"),
        ("DE", "78266", "Büsingen", ""),
        ("FI", "22 100", "Åland", ""),
        ("FI", "FI-22100", "Åland", ""),
        ("FR", "97400", "French overseas territories", ""),
        ("GB", "bt1 1aa", "Northern Ireland", "XI"),
        ("DK", "FO-100", "Faroe Islands", ""),
        ("DK", "2100", "", "DK"),
        ("MC", "98000", "", "FR"),
    ],
)
def test_special_territories(country: str, postcode: str, name: str, vat: str) -> None:
    assert (territory(country, postcode), vat_country(country, postcode)) == (name, vat)
