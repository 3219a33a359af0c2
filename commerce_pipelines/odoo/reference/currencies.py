"""Currencies by name, and the pricelists that give sale orders their currency.

What belongs here: finding and activating currencies, finding and creating pricelists. What does not: other names that
orders mention (names.py).
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from ...core.errors import CredentialError, RecordError
from ...domain.money import digits
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.load import Records, load_own
from .company import Company


class Currencies:
    """Currencies by name, and the pricelist that gives an order its currency (in Odoo 19 only a pricelist can)."""

    def __init__(
        self, client: OdooClient, company: Company, wanted: Collection[str], records: Records, create: bool,
        dry: bool = False,
    ) -> None:  # fmt: skip
        self._client, self._company, self._create, self._dry = client, company, create, dry
        rows = client.call(
            "res.currency",
            "search_read",
            context={"active_test": False},
            domain=[],
            fields=["name", "active", "rounding"],
            load=None,
        )
        self.names: dict[int, str] = {row["id"]: row["name"] for row in rows}
        self._ids = {row["name"]: row["id"] for row in rows}
        self._active = {row["name"] for row in rows if row["active"]}
        self._steps = {row["name"]: row["rounding"] for row in rows}
        self._retired = records.archived
        self._pricelists = self._find(wanted, records)
        self._failed: dict[str, RecordError] = {}

    def pricelist(self, currency: str) -> int:
        """The pricelist's record id; 0 for the company's own currency, which needs none. Raises
        RecordError(`inactive_currency`)."""
        if currency in self._failed:
            raise self._failed[currency]
        try:
            self._activate(currency)
            if currency not in self._pricelists:
                self._pricelists[currency] = self._create_pricelist(currency)
        except RecordError as error:
            self._failed[currency] = error
            raise
        return self._pricelists[currency]

    def step(self, currency: str) -> int:
        """The smallest amount that Odoo has in a currency, in our minor units: Odoo has no hundredths of TWD, for
        example."""
        step = Decimal(str(self._steps.get(currency) or 0)).scaleb(digits(currency))
        return max(int(step), 1)

    def _find(self, wanted: Collection[str], records: Records) -> dict[str, int]:
        """Our pricelists by external id; else the first one of that currency that is not restricted to some
        countries."""
        pricelists = {self._company.currency: 0}
        ids = [self._ids[name] for name in wanted if name in self._ids]
        rows = self._client.call(
            "product.pricelist", "search_read", fields=["currency_id"], order="id", load=None,
            domain=[["currency_id", "in", ids], ["country_group_ids", "=", False], *self._client.who.domain],
        )  # fmt: skip
        for row in rows:
            pricelists.setdefault(self.names[row["currency_id"]], row["id"])
        ours = {name: records.ids[f"pricelist_{name}"] for name in wanted if f"pricelist_{name}" in records.ids}
        return pricelists | ours

    def _activate(self, currency: str) -> None:
        if currency in self._active:
            return
        if currency in self._ids and self._create:
            if self._dry:
                return
            try:
                self._client.call("res.currency", "write", ids=[self._ids[currency]], vals={"active": True})
                self._active.add(currency)
                return
            except (CredentialError, OdooRefusal):
                pass  # the user may lack this right; the error below says what that means for the order
        raise RecordError(
            "inactive_currency",
            f"The currency {currency} is not active in Odoo.",
            fix="Activate it in Odoo under Accounting > Configuration > Currencies.",
            subject=currency,
        )

    def _create_pricelist(self, currency: str) -> int:
        error = RecordError(
            "unknown_pricelist",
            f"Odoo has no pricelist in {currency}.",
            fix="Create one in Odoo; it gives sale orders their currency.",
            subject=currency,
        )
        if retired := self._retired.get(f"pricelist_{currency}"):
            raise RecordError(
                "unknown_pricelist", f"The pricelist {retired!r} in Odoo is archived, and no other is in {currency}.",
                fix="Unarchive it, or create another one; it gives sale orders their currency.", subject=currency,
            )  # fmt: skip
        if not self._create:
            raise error
        if self._dry:
            return 0
        # Last in sequence, because Odoo offers the first pricelist without a country to every customer.
        values = {"name": f"Marketplaces {currency}", "currency_id/.id": str(self._ids[currency]), "sequence": "9999"}
        try:
            return load_own(self._client, "product.pricelist", f"pricelist_{currency}", values)
        except (CredentialError, OdooRefusal):
            raise error from None
