"""The section `privacy` of commerce.yaml.

What belongs here: its keys. What does not: what follows from them (erasure.py, retention.py, residency.py).
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from ...core.errors import SettingsError
from ...core.section import Section, is_country, no_country
from ...core.topics import Topic

HOST = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
Days = Annotated[int, msgspec.Meta(ge=1, le=3650)]


class KeepDays(Section, kw_only=True, frozen=True):
    """For how many days after delivery a marketplace's answers stay readable, by what they are about. Three years is
    the regular period in which a buyer or a seller may claim something (Germany: § 195 BGB)."""

    orders: Days = 1095
    returns: Days = 1095
    refunds: Days = 1095


class AmazonKeepDays(Section, kw_only=True, frozen=True):
    """Amazon's data protection policy: no longer than 30 days after delivery."""

    orders: Days = 30
    returns: Days = 30
    refunds: Days = 30


class KeepByKind(Section, kw_only=True, frozen=True):
    """The limits of each kind of channel."""

    amazon: AmazonKeepDays = AmazonKeepDays()
    ebay: KeepDays = KeepDays()
    shopify: KeepDays = KeepDays()


class PrivacyPolicy(Section, kw_only=True, frozen=True):
    """invoice_years: how long the recipient of an invoice stays readable after the end of its calendar year (Germany:
    8, § 147 AO and § 14b UStG). forget_after_days: after how many days without an order, return or refund a person is
    erased without asking, in Odoo too; None: never. history_days: how long Dagster's history of runs is kept.
    tombstones: the file apart from the database that says who is erased, None for none; a relative path begins at the
    folder of commerce.yaml. residency: eu refuses to send personal data to a host that is not known to stand in the EU
    or EEA. places: the country of hosts, or of all hosts of a domain, as their operator states it to you.
    """

    invoice_years: Annotated[int, msgspec.Meta(ge=1, le=30)] = 8
    keep_days: KeepByKind = KeepByKind()
    forget_after_days: Annotated[int, msgspec.Meta(ge=90, le=10950)] | None = None
    history_days: Annotated[int, msgspec.Meta(ge=14, le=3650)] = 90
    tombstones: str | None = None
    residency: Literal["eu"] | None = None
    places: dict[str, str] = {}

    def __post_init__(self) -> None:
        mistakes = [
            f"privacy.places: {host[:60]!r} is no host; write its name alone, such as smtp.example.com."
            for host in self.places if not HOST.fullmatch(host)
        ]  # fmt: skip
        mistakes += [
            f"privacy.places.{host} {no_country(country)}"
            for host, country in self.places.items() if not is_country(country)
        ]  # fmt: skip
        if mistakes:
            raise SettingsError("\n".join(mistakes))

    def keep_for(self, kind: str, topic: Topic) -> timedelta:
        """How long a kind of channel's answers on a topic may stay readable."""
        days: int = getattr(getattr(self.keep_days, kind, KeepDays()), topic)
        return timedelta(days=days)
