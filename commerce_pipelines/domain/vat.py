"""Which country's VAT a sale bears and who pays it to the state: one pure decision with its evidence.

What belongs here: the policy section of commerce.yaml, the decision table, rates. What does not: which Odoo tax that is
(odoo/taxes.py), special territories (territories.py).
"""

from __future__ import annotations

from .section import Section


class VatPolicy(Section, kw_only=True, frozen=True):
    """Where the seller is established and registered."""

    seller_country: str = "DE"
    oss: bool = False  # Union scheme for intra-EU distance sales (Art. 369a ff. VAT Directive)
    registrations: tuple[str, ...] = ()  # further countries with a VAT number of the seller's own
