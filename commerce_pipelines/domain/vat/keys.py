"""The key of a tax: what a line's VAT is, before any Odoo record is known.

What belongs here: the key alone. What does not: which key a sale has (decision.py), which Odoo tax that is
(odoo/accounting/taxes.py).
"""

from __future__ import annotations

import msgspec


class TaxKey(msgspec.Struct, frozen=True):
    """Which tax a line carries: rate in parts per million of one country, inside the price or on top.

    A rate of 0 with a `regime` (reverse_charge, export, marketplace …) is that regime's zero tax; a rate of 0 in the
    regimes domestic, local, oss and ioss is goods that the country does not tax. country: ISO 3166-1 alpha-2, XI for
    Northern Ireland, '' in the zero regimes.
    """

    country: str
    rate: int
    included: bool
    regime: str
