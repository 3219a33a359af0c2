"""The section `privacy` of commerce.yaml.

What belongs here: its keys. What does not: what follows from them (erasure.py).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ...core.section import Section


class PrivacyPolicy(Section, kw_only=True, frozen=True):
    """invoice_years: how long the recipient of an invoice stays readable after the end of its calendar year (Germany:
    8, § 147 AO and § 14b UStG)."""

    invoice_years: Annotated[int, msgspec.Meta(ge=1, le=30)] = 8
