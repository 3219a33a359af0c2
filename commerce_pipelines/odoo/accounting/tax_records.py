"""Odoo's sale taxes and fiscal positions as rows, and the existing tax on which a missing one is modelled.

What belongs here: reading them, and the pure choice among them. What does not: creating (taxes.py,
fiscal_positions.py), VAT rules (domain/vat/decision.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from ...domain.vat.keys import TaxKey
from ..reference.company import Company
from ..rpc.client import OdooClient


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A fiscal position. country_id: 0 if it is not for a single country. foreign: it holds our own VAT number of that
    country."""

    position_id: int
    name: str
    country_id: int
    vat_required: bool
    foreign: bool
    account_ids: tuple[int, ...]
    note: str


class Tax(msgspec.Struct, frozen=True, kw_only=True):
    """A sale tax in percent. rate: ppm. replaces: the domestic taxes that it replaces in its fiscal positions."""

    tax_id: int
    name: str
    rate: int
    included: bool
    country_id: int
    group_id: int
    label: str
    for_services: bool
    replaces: tuple[int, ...]
    positions: tuple[Position, ...]


def read_taxes(client: OdooClient) -> list[Tax]:
    """Active sale taxes in percent, in Odoo's order, with their fiscal positions."""
    positions = {position.position_id: position for position in read_positions(client)}
    rows = client.call(
        "account.tax", "search_read", order="sequence, id", load=None,
        domain=[["type_tax_use", "=", "sale"], ["amount_type", "=", "percent"], *client.who.domain],
        fields=["name", "amount", "price_include", "country_id", "tax_group_id", "invoice_label", "tax_scope",
                "original_tax_ids", "fiscal_position_ids"],
    )  # fmt: skip
    return [
        Tax(
            tax_id=row["id"],
            name=row["name"],
            rate=int(Decimal(str(row["amount"])) * 10_000),
            included=row["price_include"],
            country_id=row["country_id"] or 0,
            group_id=row["tax_group_id"] or 0,
            label=row["invoice_label"] or "",
            for_services=row["tax_scope"] == "service",
            replaces=tuple(row["original_tax_ids"]),
            positions=tuple(positions[position] for position in row["fiscal_position_ids"] if position in positions),
        )
        for row in rows
    ]


def read_positions(client: OdooClient) -> list[Position]:
    rows = client.call(
        "account.fiscal.position", "search_read", domain=client.who.domain, order="sequence, id", load=None,
        fields=["name", "country_id", "vat_required", "foreign_vat", "account_ids", "note"],
    )  # fmt: skip
    return [
        Position(
            position_id=row["id"],
            name=row["name"],
            country_id=row["country_id"] or 0,
            vat_required=row["vat_required"],
            foreign=bool(row["foreign_vat"]),
            account_ids=tuple(row["account_ids"]),
            note=row["note"] or "",
        )
        for row in rows
    ]


def pattern(taxes: Sequence[Tax], key: TaxKey, company: Company, country_id: int) -> Tax | None:
    """The existing tax on which a missing one is modelled, None if no tax clearly fits. country_id: of key.country."""
    if not key.country:
        return _find_zero_tax(taxes, key.regime, company)
    rated = [tax for tax in taxes if tax.rate == key.rate and not tax.for_services]
    if key.country == company.country:
        fits = [tax for tax in rated if tax.country_id == company.country_id and not _is_abroad(tax, company)]
        fits.sort(key=lambda tax: (tax.tax_id != company.sale_tax_id, bool(tax.replaces)))
    elif key.regime == "local":
        fits = [
            tax
            for tax in rated
            if tax.country_id == country_id or any(_select_positions(tax, country_id, foreign=True))
        ]
    elif key.regime == "oss":
        fits = [
            tax
            for tax in rated
            if tax.country_id != country_id and any(_select_positions(tax, country_id, foreign=False))
        ]
    else:
        fits = []
    return fits[0] if fits else None


def twins(taxes: Sequence[Tax], model: Tax, key: TaxKey) -> list[Tax]:
    """Taxes that have the price basis of `key` and may serve as the model: the model itself, else those of the same
    rate and group."""
    if model.included == key.included or not key.rate:
        return [model]
    return [
        tax for tax in taxes
        if (tax.rate, tax.included, tax.country_id, tax.group_id, tax.for_services)
        == (model.rate, key.included, model.country_id, model.group_id, False)
        and tax.replaces == model.replaces and set(tax.positions) <= set(model.positions)
    ]  # fmt: skip


def _find_zero_tax(taxes: Sequence[Tax], regime: str, company: Company) -> Tax | None:
    """The chart's own 0 % tax of a regime: the only one of its kind that replaces the standard tax."""
    zeros = [tax for tax in taxes if tax.rate == 0 and not tax.for_services and company.sale_tax_id in tax.replaces]
    to_business = {tax.tax_id for tax in zeros if any(position.vat_required for position in tax.positions)}
    fits = {
        "reverse_charge": [tax for tax in zeros if tax.tax_id in to_business],
        "export": [tax for tax in zeros if tax.tax_id not in to_business and not _is_of_single_country(tax)],
    }.get(regime, [])
    return fits[0] if len(fits) == 1 else None


def _is_abroad(tax: Tax, company: Company) -> bool:
    """Whether a tax is for another country although it is declared at home, as the taxes of the Union scheme are."""
    return any(position.country_id not in (0, company.country_id) for position in tax.positions)


def _is_of_single_country(tax: Tax) -> bool:
    return any(position.country_id for position in tax.positions)


def _select_positions(tax: Tax, country_id: int, foreign: bool) -> Iterator[Position]:
    return (position for position in tax.positions if position.country_id == country_id and position.foreign is foreign)
