"""The part of commerce.yaml that every channel shares; each marketplace's folder extends it with its own keys.

What belongs here: keys that mean the same for every marketplace, their defaults and their checks. What does not:
reading the file and cross-checks between channels (settings.py), names that must exist in Odoo (odoo/reference.py).
"""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from ..domain.errors import SettingsError
from ..domain.inventory import InventoryRules
from ..domain.rules import SaleRules
from ..domain.section import Secret, Section

__all__ = ["ChannelSettings", "Secret", "Section"]

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


class ChannelSettings(SaleRules, tag_field="kind", kw_only=True, frozen=True):
    """Keys of every channel: how it is reached and polled, and, inherited, how its orders become sales in Odoo."""

    name: str
    time_zone: str = "Europe/Berlin"
    endpoint: str = ""  # overrides the vendor's base URL
    token_endpoint: str = ""  # overrides the vendor's token URL
    poll_seconds: int = 60  # the sensor's interval; a marketplace with tight limits sets a longer default
    overlap_minutes: int = 10  # how far each poll looks back behind its cursor
    start_date: date = date(2026, 1, 1)  # the first business day that a backfill can reach
    prices_include_tax: bool | None = None  # for marketplaces that do not say it themselves
    inventory: InventoryRules = InventoryRules()

    def __post_init__(self) -> None:
        super().__post_init__()
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
        for key, problem in self.problems():
            raise SettingsError(f"{where}.{key} {problem}")
        for key, problem in self.inventory.problems():
            raise SettingsError(f"{where}.inventory.{key} {problem}")
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
