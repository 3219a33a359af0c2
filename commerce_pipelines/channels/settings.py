"""The part of commerce.yaml that every channel shares; each marketplace's folder extends it with its own keys.

What belongs here: keys that mean the same for every marketplace, their defaults and their checks. What does not:
reading the file and cross-checks between channels (settings.py), names that must exist in Odoo (odoo/reference.py).
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from ..domain.errors import SettingsError
from ..domain.section import Section, Secret

__all__ = ["ChannelSettings", "Secret", "Section", "TaxMapping"]

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


class TaxMapping(Section, kw_only=True, frozen=True):
    """Which Odoo tax stands for one rate of one country: overrides what is found or created by itself."""

    country: str  # ISO 3166-1 alpha-2
    rate: Decimal  # percent, e.g. 19 or 8.1
    tax: str  # name of the sale tax in Odoo
    included: bool = True  # whether it is for channels whose prices include tax


class ChannelSettings(Section, tag_field="kind", kw_only=True, frozen=True):
    """Keys of every channel. Money and quantities never depend on defaults here; mappings do, and say so."""

    name: str
    time_zone: str = "Europe/Berlin"
    endpoint: str = ""  # overrides the vendor's base URL
    token_endpoint: str = ""  # overrides the vendor's token URL
    poll_seconds: int = 60  # the sensor's interval; a marketplace with tight limits sets a longer default
    overlap_minutes: int = 10  # how far each poll looks back behind its cursor
    start_date: date = date(2026, 1, 1)  # the first business day that a backfill can reach

    # Odoo, by name as a person reads it there
    sales_team: str = ""
    analytic: dict[str, float] = {}  # analytic account -> percent; must add up to 100
    tags: tuple[str, ...] = ()
    warehouse: str = ""  # name or code; default: the company's first
    channel_warehouse: str = ""  # for orders that the marketplace fulfils (FBA); required once such orders arrive
    carriers: dict[str, str] = {}  # the channel's shipping service -> delivery method in Odoo
    carrier_fallback: str = ""  # for services not listed; empty: the order carries no delivery method
    pricelists: dict[str, str] = {}  # currency -> pricelist; default: one per currency is found or created
    guest: str = "Marketplace guest"  # the partner of orders without any identity
    skus: dict[str, str] = {}  # the channel's SKU -> default_code in Odoo
    sku_fold_case: bool = False
    taxes: tuple[TaxMapping, ...] = ()
    fiscal_positions: dict[str, str] = {}  # tax regime (domestic, oss, reverse_charge, export, marketplace) -> name

    # VAT, see docs/vat.md
    departure_country: str = ""  # where goods leave from; default: seller_country of `vat`
    channel_departure_country: str = ""  # where the marketplace's own warehouse (FBA) ships from
    prices_include_tax: bool | None = None  # for marketplaces that do not say it themselves

    def __post_init__(self) -> None:
        where = f"channels[{self.name}]"
        if not NAME.match(self.name):
            raise SettingsError(
                f"{where}.name must match [a-z][a-z0-9_]*, because it becomes part of asset keys and external ids."
            )
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise SettingsError(
                f"{where}.time_zone: {self.time_zone!r} is no IANA time zone; write one such as Europe/Berlin."
            ) from None
        if self.analytic and abs(sum(self.analytic.values()) - 100) > 1e-9:
            raise SettingsError(f"{where}.analytic must add up to 100 percent; it adds up to {sum(self.analytic.values())}.")
        for key in ("endpoint", "token_endpoint"):
            url = urlsplit(getattr(self, key))
            if getattr(self, key) and (url.scheme not in ("http", "https") or not url.hostname):
                raise SettingsError(f"{where}.{key} must be a URL such as https://host/path.")
            if url.scheme == "http" and url.hostname not in ("127.0.0.1", "localhost", "::1"):
                raise SettingsError(f"{where}.{key} must use https: plain http is allowed on loopback only.")
        if self.poll_seconds < 10 or self.overlap_minutes < 1:
            raise SettingsError(f"{where}: poll_seconds must be at least 10 and overlap_minutes at least 1.")

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)
