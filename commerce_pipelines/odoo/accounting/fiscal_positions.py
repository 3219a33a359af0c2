"""(regime, country) -> account.fiscal.position.

What belongs here: finding or creating the position of a regime. What does not: taxes (taxes.py); which regime a sale is
under (domain/vat/decision.py).

Odoo never applies our positions by itself (auto_apply off): an order names its position, a domestic sale names none.
Our positions copy the account mapping of the chart's own position of that kind, so that revenue goes to the intended
accounts.
"""

from __future__ import annotations

from ...core.errors import CredentialError, RecordError
from ...domain.vat.keys import TaxKey
from ..reference.company import Company, Countries
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.load import Records, load_own
from .tax_records import Position, read_positions
from .taxes import ZERO_NAMES, TaxBook

_NONE = frozenset(("", "domestic", "none"))
_WITH_COUNTRY = {"oss": "OSS {}", "ioss": "IOSS {}", "local": "Local VAT {}"}


def position_xid(regime: str, country: str) -> str:
    return f"fiscal_position_{regime}_{country}" if regime in _WITH_COUNTRY else f"fiscal_position_{regime}"


class Positions:
    """The fiscal positions of one load."""

    def __init__(
        self, client: OdooClient, company: Company, countries: Countries, taxes: TaxBook, records: Records,
        create: bool, dry: bool = False,
    ) -> None:  # fmt: skip
        self._client, self._company, self._countries, self._taxes = client, company, countries, taxes
        self._known, self._create, self._dry = dict(records.ids), create, dry
        self._retired = records.archived
        self._existing: list[Position] | None = None
        self._failed: dict[str, RecordError] = {}

    def position(self, regime: str, country: str) -> int:
        """The position's record id; 0: none. The 0 must be written to the order, because Odoo otherwise picks a
        position by country. Raises RecordError."""
        if regime in _NONE:
            return 0
        name = position_xid(regime, country)
        if name in self._failed:
            raise self._failed[name]
        if name not in self._known:
            try:
                self._known[name] = self._find(regime, country)
            except RecordError as error:
                self._failed[name] = error
                raise
        return self._known[name]

    def _find(self, regime: str, country: str) -> int:
        registered = self._find_registered(country) if regime == "local" else None
        if registered:
            return registered.position_id
        model = self._find_model(regime, country)
        if retired := self._retired.get(position_xid(regime, country)):
            if model:
                return model.position_id
            raise RecordError(
                "unknown_fiscal_position", f"The fiscal position {retired!r} in Odoo is archived.",
                fix=f"Unarchive it, or name another one in `fiscal_positions.{regime}` of the channel.", subject=regime,
            )  # fmt: skip
        error = RecordError(
            "unknown_fiscal_position", f"Odoo has no fiscal position for {_write_title(regime, country)!r}.",
            fix=f"Name one in `fiscal_positions.{regime}` of the channel, or set odoo.create_missing.", subject=regime,
        )  # fmt: skip
        if not self._create:
            raise error
        if self._dry:
            return 0
        values = {"name": _write_title(regime, country), "auto_apply": "0"}
        if regime in _WITH_COUNTRY:
            values["country_id/.id"] = str(self._countries.country(country) or "")
        if model and model.note:
            values["note"] = model.note
        first, *more = self._read_accounts(model) or [{}]
        try:
            return load_own(
                self._client, "account.fiscal.position", position_xid(regime, country), {**values, **first}, more
            )
        except (CredentialError, OdooRefusal):
            raise error from None

    @property
    def _positions(self) -> list[Position]:
        if self._existing is None:
            self._existing = read_positions(self._client)
        return self._existing

    def _find_registered(self, country: str) -> Position | None:
        country_id = self._countries.ids.get(country)
        return next(
            (position for position in self._positions if position.foreign and position.country_id == country_id), None
        )

    def _find_model(self, regime: str, country: str) -> Position | None:
        """The chart's own position of this kind: the position of its 0 % tax, or the position of the country."""
        if regime in ZERO_NAMES:
            tax = self._taxes.pattern(TaxKey("", 0, False, regime))
            return next(iter(tax.positions), None) if tax else None
        country_id = self._countries.ids.get(country)
        return next(
            (
                position
                for position in self._positions
                if position.country_id == country_id and not position.vat_required
            ),
            None,
        )

    def _read_accounts(self, model: Position | None) -> list[dict[str, str]]:
        if model is None or not model.account_ids:
            return []
        sides = ("account_src_id", "account_dest_id")
        rows = self._client.call(
            "account.fiscal.position.account", "read", ids=list(model.account_ids), fields=list(sides), load=None
        )
        return [{f"account_ids/{side}/.id": str(row[side]) for side in sides} for row in rows]


def _write_title(regime: str, country: str) -> str:
    return _WITH_COUNTRY.get(regime, ZERO_NAMES.get(regime, regime.replace("_", " ").capitalize())).format(country)
