"""The section `privacy` of commerce.yaml.

What belongs here: its keys. What does not: what follows from them (erasure.py, retention.py).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec

from ...core.section import Section
from ...core.topics import Topic

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
    8, § 147 AO and § 14b UStG). history_days: how long Dagster's history of runs is kept. tombstones: the file apart
    from the database that says who is erased, None for none; a relative path begins at the folder of commerce.yaml."""

    invoice_years: Annotated[int, msgspec.Meta(ge=1, le=30)] = 8
    keep_days: KeepByKind = KeepByKind()
    history_days: Annotated[int, msgspec.Meta(ge=14, le=3650)] = 90
    tombstones: str | None = None

    def keep_for(self, kind: str, topic: Topic) -> timedelta:
        """How long a kind of channel's answers on a topic may stay readable."""
        days: int = getattr(getattr(self.keep_days, kind, KeepDays()), topic)
        return timedelta(days=days)
