"""Which country's VAT a sale bears and who pays it to the state: one pure decision with its evidence.

    collected by the marketplace ──────────────────────────────▶ marketplace      nothing of ours is taxed
    within one country: the seller's own / one registered in ──▶ domestic / local  that country's rate
    EU to EU, business with a VAT number of another state ─────▶ reverse_charge   0 (Art. 138 VAT Directive)
    EU to EU, consumer, Union scheme ──────────────────────────▶ oss              rate of the destination (Art. 33)
    EU to EU, consumer, below the 10,000 € threshold ──────────▶ domestic         rate of the departure (Art. 59c)
    EU to elsewhere ───────────────────────────────────────────▶ export           0 (Art. 146)
    elsewhere to the EU, consumer, ≤ 150 €, import scheme ─────▶ ioss             rate of the destination (Art. 369l)
    anything else ─────────────────────────────────────────────▶ RecordError, never a guess

What belongs here: the policy section of commerce.yaml and the table above. What does not: the rate of each line
(lines.py), which Odoo tax that is (odoo/accounting/taxes.py), geography (territories.py).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from ...core.errors import RecordError, SettingsError
from ...core.section import Section, is_country, no_country
from ..orders.order import EuroRate
from .rates import CountryRates, RateTable, percent, ppm
from .territories import EU, SPLIT, territory, vat_country

IMPORT_SCHEME_CENTS = 150_00  # euro cents: the value of a consignment's goods, without VAT and delivery (Art. 369l)
UNITED_KINGDOM = frozenset(("GB", "XI"))
REGIMES = ("domestic", "local", "reverse_charge", "oss", "export", "ioss", "marketplace")
ZERO_REGIMES = frozenset(("reverse_charge", "export", "marketplace"))


class VatPolicy(Section, kw_only=True, frozen=True):
    """Where the seller is established and registered. rates: countries whose default rates (docs/vat.md) are wrong."""

    seller_country: str = "DE"
    # Whether the seller uses the Union scheme for intra-EU distance sales (Art. 369a ff. VAT Directive).
    oss: bool = False
    ioss: bool = False  # whether the seller has an own number of the import scheme, for consignments up to 150 EUR
    registrations: tuple[str, ...] = ()  # further countries with a VAT number of the seller's own
    rates: dict[str, CountryRates] = {}

    def __post_init__(self) -> None:
        named = [("seller_country", self.seller_country), *(("registrations", code) for code in self.registrations)]
        named += [("rates", code) for code in self.rates]
        mistakes = [f"vat.{key} {no_country(code)}" for key, code in named if not is_country(code)]
        for code, rates in self.rates.items():
            percents = (rates.standard, *rates.reduced, *rates.from_home, *rates.from_home.values())
            if not all(rate.is_finite() and 0 <= rate <= 100 for rate in percents):
                mistakes.append(f"vat.rates.{code} must hold rates between 0 and 100 percent only.")
        if mistakes:
            raise SettingsError("\n".join(mistakes))

    @property
    def home(self) -> frozenset[str]:
        """Countries in which the seller declares VAT of local sales."""
        return frozenset((self.seller_country, *self.registrations))

    def table(self, mapped: frozenset[tuple[str, int]] = frozenset()) -> RateTable:
        """The rates that may be used. mapped: further rates, for which settings name a tax."""
        return RateTable(self.rates, mapped)


class VatCase(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision rests on. Countries are ISO codes as the channel gives them. departure_by: who names the
    departure, where neither the channel nor a setting alone does.

    buyer_country: the country of a VAT number that does not begin with one. tax: minor units of the seller's own tax
    that the channel states. rate: the largest rate that the channel states, in ppm, None if it states none. goods_euro:
    cents that the goods cost, with tax only where it is inside the prices and not stated; None in a currency without
    rate. currency: of the order, where it is not the euro; day: the order's; euro: the rate that goods_euro is by.
    mapped: (country, rate) for which settings name a tax; such a mapping says that the seller declares that tax.
    """

    departure: str
    departure_by: str = ""
    destination: str
    postcode: str = ""
    is_business: bool = False
    vat_number: str = ""
    buyer_country: str = ""
    collected: bool = False
    collected_as: str = ""
    tax: int = 0
    rate: int | None = None
    goods_euro: int | Decimal | None = None
    currency: str = ""
    day: date | None = None
    euro: EuroRate | None = None
    mapped: frozenset[tuple[str, int]] = frozenset()


class VatDecision(msgspec.Struct, frozen=True, kw_only=True):
    """regime: see the module. country: whose VAT the lines bear, '' in regimes without any."""

    regime: str
    country: str
    evidence: dict[str, str]


def decide(case: VatCase, policy: VatPolicy) -> VatDecision:
    """Raises RecordError: `no_destination`, `not_registered`, `unknown_import`, `unknown_tax`, `mixed_collection`,
    `unknown_currency_rate`."""
    evidence = {
        "departure": case.departure,
        "destination": case.destination,
        "buyer": _describe_buyer(case),
        "stated tax": "none" if not case.tax else f"{case.tax} minor units",
    }
    if case.departure_by:
        evidence["departure by"] = case.departure_by
    if case.collected:
        if case.tax:
            raise RecordError(
                "mixed_collection", "The marketplace collects tax of this order and states tax of the seller's too.",
                fix="Compare the order in the marketplace; if both are right, enter it in Odoo by hand.",
            )  # fmt: skip
        return VatDecision(regime="marketplace", country="", evidence={**evidence, "collected as": case.collected_as})
    if not case.destination:
        raise RecordError(
            "no_destination", "The order names no country that it goes to, so its VAT is unknown.",
            fix="Add the delivery country in the marketplace, or enter the order in Odoo by hand.",
        )  # fmt: skip
    place = territory(case.destination, case.postcode)
    if place:
        evidence["territory"] = place
    elif case.destination in SPLIT and not case.postcode.strip():
        evidence["territory"] = f"assumed mainland {case.destination}: no postcode"
    if case.euro:
        evidence["euro rate"] = f"1 {case.currency} = {case.euro.rate:.6f} EUR, Odoo's of {case.euro.day}"
    source, target = vat_country(case.departure, ""), vat_country(case.destination, case.postcode)
    regime, country, why = _decide_regime(case, policy, source, target)
    evidence["rule"] = why
    if regime in ZERO_REGIMES and (case.tax or case.rate):
        raise _build_unknown_tax_error(case, target)
    return VatDecision(regime=regime, country=country, evidence=evidence)


def _decide_regime(case: VatCase, policy: VatPolicy, source: str, target: str) -> tuple[str, str, str]:
    """(regime, country of the VAT, the rule in words)."""
    if target and target == source:
        return _build_local(policy, target, "goods stay in the country")
    if {target, source} == UNITED_KINGDOM:
        return _build_local(
            policy, "GB", "goods stay in the United Kingdom (Northern Ireland is only for the EU a member)"
        )
    if target in EU and source in EU:
        return _decide_within_eu(case, policy, source, target)
    if target in EU:
        if policy.ioss and _may_use_import_scheme(case, policy, target):
            return "ioss", target, "distance sale of imported goods, import scheme (Art. 369l)"
        if target in policy.home:
            return _build_local(policy, target, "imported by the seller, who is registered at the destination")
        raise RecordError(
            "unknown_import", f"Goods go from {case.departure} to {target}; who imports them is not known.",
            fix=f"Add {target} to vat.registrations, or set vat.ioss for sales to consumers up to 150 EUR.",
            subject=target,
        )  # fmt: skip
    charged = bool(case.tax or case.rate)
    if charged and target and (target in policy.home or (target, case.rate) in case.mapped):
        return "local", target, "tax of a country outside the EU in which the seller is registered"
    return "export", "", "goods leave the country's VAT territory (Art. 146)"


def _decide_within_eu(case: VatCase, policy: VatPolicy, source: str, target: str) -> tuple[str, str, str]:
    if vat_state(case.vat_number, case.buyer_country) not in ("", source) and not case.tax and not case.rate:
        return "reverse_charge", "", "business with a VAT number of another member state, nothing charged (Art. 138)"
    if policy.oss:
        return "oss", target, "distance sale to a consumer, Union scheme (Art. 33 a, 369a)"
    if target in policy.home:
        return _build_local(policy, target, "distance sale to a country of registration")
    if source == policy.seller_country:
        return "domestic", source, "distance sale below the threshold of 10,000 EUR (Art. 59c): vat.oss is not set"
    raise _build_not_registered_error(target, f"goods go from {source} to {target}")


def _build_local(policy: VatPolicy, country: str, why: str) -> tuple[str, str, str]:
    if country not in policy.home:
        raise _build_not_registered_error(country, why)
    return ("domestic" if country == policy.seller_country else "local"), country, why


def _may_use_import_scheme(case: VatCase, policy: VatPolicy, target: str) -> bool:
    if vat_state(case.vat_number, case.buyer_country):
        return False
    if case.goods_euro is None:
        if case.currency:
            raise RecordError(
                "unknown_currency_rate",
                f"Whether the goods are worth more than 150 EUR is not known: Odoo has no rate of {case.currency} for "
                f"{case.day}.",
                fix=f"Enter the rates of {case.currency} and EUR in Odoo under Invoicing > Configuration > Currencies.",
                subject=case.currency,
            )
        return True
    inside = 0 if case.tax else policy.table().standard(target)
    return case.goods_euro * 1_000_000 <= IMPORT_SCHEME_CENTS * (1_000_000 + inside)


def vat_state(number: str, country: str = "") -> str:
    """The member state that issued a VAT number, '' for a number that cannot be right. Only the form and the check
    digits are checked. VIES is not asked, because it is often out of reach, and what the channel charged is a second
    piece of evidence. country: the buyer's, for a number without prefix."""
    from stdnum.eu import vat

    prefix = {"GR": "EL", "MC": "FR"}.get(country, country)
    for text in (number, prefix + number) if number else ():
        if vat.is_valid(text):
            state = str(vat.compact(text))[:2].upper()
            return {"EL": "GR"}.get(state, state)
    return ""


def _describe_buyer(case: VatCase) -> str:
    if not case.vat_number:
        return "business without VAT number" if case.is_business else "consumer"
    state = vat_state(case.vat_number, case.buyer_country)
    return f"business, VAT number of {state}" if state else "VAT number is not valid: consumer"


def _build_not_registered_error(country: str, why: str) -> RecordError:
    return RecordError(
        "not_registered", f"The sale is taxed in {country} ({why}), where no VAT registration is configured.",
        fix=f"Add {country} to vat.registrations, or set vat.oss if these sales go through the Union scheme.",
        subject=country,
    )  # fmt: skip


def _build_unknown_tax_error(case: VatCase, target: str) -> RecordError:
    country = target or case.destination
    rate = f"{percent(case.rate)} % {country}" if case.rate else f"the tax that the channel charged in {country}"
    return RecordError(
        "unknown_tax", f"There is no tax for {rate}.",
        fix=f"Add it to the channel's taxes (country {country}), or stop charging it in the marketplace.",
        subject=f"{country} {percent(case.rate)}" if case.rate else country,
    )  # fmt: skip


def mapped_rates(taxes: tuple[tuple[str, Decimal], ...]) -> frozenset[tuple[str, int]]:
    """(country, percent) pairs of settings as (country, ppm)."""
    return frozenset((country, ppm(rate)) for country, rate in taxes)
