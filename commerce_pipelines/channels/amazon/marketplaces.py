"""Amazon's marketplaces and regions as data.

What belongs here: ids, regions, endpoints, currencies. What does not: what an account has configured (settings.py).
Source: developer-docs.amazon.com/sp-api/docs/marketplace-ids and …/sp-api-endpoints, read in November 2026.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

RegionName = Literal["eu", "na", "fe"]


class Marketplace(NamedTuple):
    """tax_included: whether consumer prices contain VAT, GST or consumption tax. language: BCP 47, '' if there are
    several."""

    id: str
    country: str
    region: RegionName
    currency: str
    tax_included: bool
    language: str


class Region(NamedTuple):
    """country: where the endpoint stands (eu-west-1, us-east-1 and us-west-2 of AWS, says the page on endpoints)."""

    endpoint: str
    token_endpoint: str
    country: str


REGIONS: dict[str, Region] = {
    "eu": Region("https://sellingpartnerapi-eu.amazon.com", "https://api.amazon.com/auth/o2/token", "IE"),
    "na": Region("https://sellingpartnerapi-na.amazon.com", "https://api.amazon.com/auth/o2/token", "US"),
    "fe": Region("https://sellingpartnerapi-fe.amazon.com", "https://api.amazon.com/auth/o2/token", "US"),
}

_ALL = (
    Marketplace("A1PA6795UKMFR9", "DE", "eu", "EUR", True, "de-DE"),
    Marketplace("A13V1IB3VIYZZH", "FR", "eu", "EUR", True, "fr-FR"),
    Marketplace("APJ6JRA9NG5V4", "IT", "eu", "EUR", True, "it-IT"),
    Marketplace("A1RKKUPIHCS9HS", "ES", "eu", "EUR", True, "es-ES"),
    Marketplace("A1805IZSGTT6HS", "NL", "eu", "EUR", True, "nl-NL"),
    Marketplace("AMEN7PMS3EDWL", "BE", "eu", "EUR", True, ""),
    Marketplace("A28R8C7NBKEWEA", "IE", "eu", "EUR", True, "en-IE"),
    Marketplace("A1C3SOZRARQ6R3", "PL", "eu", "PLN", True, "pl-PL"),
    Marketplace("A2NODRKZP88ZB9", "SE", "eu", "SEK", True, "sv-SE"),
    Marketplace("A1F83G8C2ARO7P", "GB", "eu", "GBP", True, "en-GB"),
    Marketplace("A33AVAJ2PDY3EV", "TR", "eu", "TRY", True, "tr-TR"),
    Marketplace("A2VIGQ35RCS4UG", "AE", "eu", "AED", True, ""),
    Marketplace("A17E79C6D8DWNP", "SA", "eu", "SAR", True, ""),
    Marketplace("ARBP9OOSHTCHU", "EG", "eu", "EGP", True, ""),
    Marketplace("AE08WJ6YKNBMC", "ZA", "eu", "ZAR", True, "en-ZA"),
    Marketplace("A21TJRUUN4KGV", "IN", "eu", "INR", True, ""),
    Marketplace("ATVPDKIKX0DER", "US", "na", "USD", False, "en-US"),
    Marketplace("A2EUQ1WTGCTBG2", "CA", "na", "CAD", False, ""),
    Marketplace("A1AM78C64UM0Y8", "MX", "na", "MXN", True, "es-MX"),
    Marketplace("A2Q3Y263D00KWC", "BR", "na", "BRL", True, "pt-BR"),
    Marketplace("A1VC38T7YXB528", "JP", "fe", "JPY", True, "ja-JP"),
    Marketplace("A39IBJ37TRP1C6", "AU", "fe", "AUD", True, "en-AU"),
    Marketplace("A19VAU5U5O7RUS", "SG", "fe", "SGD", True, "en-SG"),
)

# Where sellers look at their orders, by region, and by country where the region has several.
SELLER_CENTRALS = {
    "eu": "sellercentral-europe.amazon.com", "na": "sellercentral.amazon.com", "fe": "sellercentral.amazon.co.jp",
    "AU": "sellercentral.amazon.com.au", "SG": "sellercentral.amazon.sg", "IN": "sellercentral.amazon.in",
}  # fmt: skip
BY_ID: dict[str, Marketplace] = {marketplace.id: marketplace for marketplace in _ALL}
BY_NAME: dict[str, Marketplace] = {marketplace.country: marketplace for marketplace in _ALL} | {
    "UK": BY_ID["A1F83G8C2ARO7P"]
}
