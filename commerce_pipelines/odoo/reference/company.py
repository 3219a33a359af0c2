"""Who we are in Odoo: the user's id and language, the company with its country, currency and standard tax.

What belongs here: the facts of the one selling company, and Odoo's countries. What does not: names that orders mention
(names.py).
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from ...core.errors import RecordError
from ..rpc.client import OdooClient


class Company(msgspec.Struct, frozen=True, kw_only=True):
    """country: ISO code of the fiscal country. lang: the user's language, in which names are read. sale_tax_id: 0 if
    none."""

    company_id: int
    uid: int
    lang: str
    country: str
    country_id: int
    currency: str
    sale_tax_id: int


class Countries:
    """Countries by code, and the states of the countries that were read."""

    def __init__(self, client: OdooClient) -> None:
        self._client = client
        rows = client.call("res.country", "search_read", domain=[], fields=["code", "name"], load=None)
        self.ids: dict[str, int] = {row["code"]: row["id"] for row in rows if row["code"]}
        self.codes: dict[int, str] = {row["id"]: row["code"] for row in rows if row["code"]}
        self._states: dict[tuple[int, str], int] = {}

    def read_states(self, codes: Collection[str]) -> None:
        """Fetch the states of these countries, in one call."""
        ids = sorted({self.ids[code] for code in codes if code in self.ids})
        if not ids:
            return
        for row in self._client.call(
            "res.country.state", "search_read", domain=[["country_id", "in", ids]],
            fields=["code", "name", "country_id"], load=None,
        ):  # fmt: skip
            for label in (row["name"], row["code"]):
                self._states[row["country_id"], str(label).casefold()] = row["id"]

    def country(self, code: str) -> int:
        """The country's record id; 0 for ''. Raises RecordError(`unknown_country`) for a code that Odoo lacks."""
        if not code:
            return 0
        if code not in self.ids:
            raise RecordError(
                "unknown_country",
                f"Odoo has no country with the code {code}.",
                fix="Correct the country of the order's address in the marketplace.",
                subject=code,
            )
        return self.ids[code]

    def state(self, code: str, state: str) -> int:
        """The state's record id, by code, by name or as in `DE-BY`; 0 if Odoo has none: marketplaces write states in
        any form."""
        country, text = self.ids.get(code, 0), state.strip().casefold()
        bare = text.removeprefix(f"{code}-".casefold())
        return self._states.get((country, text)) or self._states.get((country, bare), 0)


def read_company(client: OdooClient, countries: Countries) -> Company:
    """The company in which calls are made."""
    who = client.who
    [row] = client.call(
        "res.company", "read", ids=[who.company_id],
        fields=["country_id", "account_fiscal_country_id", "currency_id", "account_sale_tax_id"],
    )  # fmt: skip
    country_id = (row["account_fiscal_country_id"] or row["country_id"] or [0])[0]
    return Company(
        company_id=who.company_id,
        uid=who.uid,
        lang=who.lang,
        country=countries.codes.get(country_id, ""),
        country_id=country_id,
        currency=row["currency_id"][1],
        sale_tax_id=(row["account_sale_tax_id"] or [0])[0],
    )
