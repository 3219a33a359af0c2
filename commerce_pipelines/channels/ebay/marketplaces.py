"""eBay's marketplaces as data.

What belongs here: ids of both APIs, currencies, whether prices contain tax. What does not: what an account has
configured (__init__.py). Source: MarketplaceIdEnum of the Sell APIs; site ids of the Trading API's SiteCodeType
documentation.
"""

from __future__ import annotations

from typing import NamedTuple


class Marketplace(NamedTuple):
    """site: the Trading API's site id. site_name: its SiteCodeType. tax_included: whether prices contain VAT or GST.
    language: BCP 47, '' if there are several."""

    id: str
    site: int
    site_name: str
    country: str
    currency: str
    tax_included: bool
    language: str


_ALL = (
    Marketplace("EBAY_US", 0, "US", "US", "USD", False, "en-US"),
    Marketplace("EBAY_MOTORS_US", 100, "eBayMotors", "US", "USD", False, "en-US"),
    Marketplace("EBAY_CA", 2, "Canada", "CA", "CAD", False, "en-CA"),
    Marketplace("EBAY_GB", 3, "UK", "GB", "GBP", True, "en-GB"),
    Marketplace("EBAY_AU", 15, "Australia", "AU", "AUD", True, "en-AU"),
    Marketplace("EBAY_AT", 16, "Austria", "AT", "EUR", True, "de-AT"),
    Marketplace("EBAY_BE", 23, "Belgium_French", "BE", "EUR", True, ""),
    Marketplace("EBAY_FR", 71, "France", "FR", "EUR", True, "fr-FR"),
    Marketplace("EBAY_DE", 77, "Germany", "DE", "EUR", True, "de-DE"),
    Marketplace("EBAY_IT", 101, "Italy", "IT", "EUR", True, "it-IT"),
    Marketplace("EBAY_NL", 146, "Netherlands", "NL", "EUR", True, "nl-NL"),
    Marketplace("EBAY_ES", 186, "Spain", "ES", "EUR", True, "es-ES"),
    Marketplace("EBAY_CH", 193, "Switzerland", "CH", "CHF", True, ""),
    Marketplace("EBAY_HK", 201, "HongKong", "HK", "HKD", True, ""),
    Marketplace("EBAY_IE", 205, "Ireland", "IE", "EUR", True, "en-IE"),
    Marketplace("EBAY_MY", 207, "Malaysia", "MY", "MYR", True, ""),
    Marketplace("EBAY_PH", 211, "Philippines", "PH", "PHP", True, ""),
    Marketplace("EBAY_PL", 212, "Poland", "PL", "PLN", True, "pl-PL"),
    Marketplace("EBAY_SG", 216, "Singapore", "SG", "SGD", True, "en-SG"),
)

# The end of a marketplace's host, where it is not the country's own.
DOMAINS = {"US": "com", "GB": "co.uk", "AU": "com.au", "HK": "com.hk", "MY": "com.my", "SG": "com.sg"}
BY_ID: dict[str, Marketplace] = {marketplace.id: marketplace for marketplace in _ALL}
BY_SITE_NAME: dict[str, Marketplace] = {marketplace.site_name: marketplace for marketplace in _ALL} | {
    "Belgium_Dutch": BY_ID["EBAY_BE"],
    "CanadaFrench": BY_ID["EBAY_CA"],
}
