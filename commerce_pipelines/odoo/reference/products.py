"""Odoo's products by default_code, as far as orders and stock need them.

What belongs here: one look-up for many codes. What does not: which code a SKU means (domain/sales/mapping.py),
quantities on hand (inventory/stock.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from typing import Any

from ...domain.keys import ODD_SPELLINGS, key_of, spellings
from ...domain.products import Product, SoldUnit
from ..rpc.client import OdooClient
from ..rpc.search_read import ARCHIVED_TOO, fetch
from .units import read_units

_CODES_A_CALL = 2000
_PATTERNS_A_CALL = 200  # in one OR; PostgreSQL scans the table for each pattern


def find_products(client: OdooClient, codes: Collection[str], fold_case: bool = False) -> dict[str, list[Product]]:
    """Products by the wanted code, archived ones too, several where a code is not unique; no key where none exists.

    Codes are compared as domain/keys.py says. fold_case: without regard to case. kit: a phantom bill of materials
    exists (module mrp).
    """
    wanted = sorted({code for code in codes if code})
    if not wanted:
        return {}
    offered = client.call("product.product", "fields_get", allfields=["is_kits", "is_storable"], attributes=["type"])
    fields = ["default_code", "name", "active", "sale_ok", "taxes_id", "uom_id", *sorted(offered)]
    asked = {code: key_of(code, fold_case) for code in wanted}
    domains = [*_build_domains(wanted, fold_case), *_search_oddly_spelt(client, set(asked.values()), fold_case)]
    rows = [row for domain in domains for row in _search_products(client, domain, fields)]
    rates = _read_rates(client, {tax for row in rows for tax in row["taxes_id"]})
    units = read_units(client)
    sold_units = {unit: units.sold_units(unit) for unit in {row["uom_id"] for row in rows}}
    by_code: dict[str, list[Product]] = defaultdict(list)
    for row in {row["id"]: row for row in rows}.values():
        by_code[key_of(row["default_code"], fold_case)].append(
            _build_product(row, rates, units.sold_in(row["uom_id"]), sold_units[row["uom_id"]])
        )
    return {code: by_code[key] for code, key in asked.items() if key in by_code}


def _search_products(client: OdooClient, domain: list[Any], fields: list[str]) -> list[dict[str, Any]]:
    context = {"active_test": False}
    return list(
        client.call(
            "product.product",
            "search_read",
            context=context,
            domain=[*domain, *client.who.domain],
            fields=fields,
            order="id",
            load=None,
        )
    )


def _build_domains(wanted: Sequence[str], fold_case: bool) -> Iterator[list[Any]]:
    wanted = list(spellings(wanted))
    step = _PATTERNS_A_CALL if fold_case else _CODES_A_CALL
    for start in range(0, len(wanted), step):
        part = wanted[start : start + step]
        if fold_case:
            yield ["|"] * (len(part) - 1) + [["default_code", "=ilike", _escape_pattern(code)] for code in part]
        else:
            yield [["default_code", "in", part]]


def _search_oddly_spelt(client: OdooClient, keys: Collection[str], fold_case: bool) -> Iterator[list[Any]]:
    """Domains that find products whose code equals one of the keys except for invisible characters. Odoo's search
    compares letter by letter, so all codes with such characters are read; few products have one."""
    odd = ["|"] * (len(ODD_SPELLINGS) - 1) + [["default_code", "=like", pattern] for pattern in ODD_SPELLINGS]
    rows = fetch(client, "product.product", [*odd, *client.who.domain], ["default_code"], context=ARCHIVED_TOO)
    if meant := [row["id"] for row in rows if key_of(row["default_code"], fold_case) in keys]:
        yield [["id", "in", meant]]


def _escape_pattern(code: str) -> str:
    """A pattern of ILIKE that means exactly this text."""
    return code.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


def _read_rates(client: OdooClient, tax_ids: set[int]) -> dict[int, int]:
    """Percent taxes in ppm; taxes of other companies are not visible."""
    if not tax_ids:
        return {}
    rows = client.call(
        "account.tax", "search_read", context={"active_test": False}, fields=["amount", "amount_type"], load=None,
        domain=[["id", "in", sorted(tax_ids)], *client.who.domain],
    )  # fmt: skip
    return {row["id"]: int(Decimal(str(row["amount"])) * 10_000) for row in rows if row["amount_type"] == "percent"}


def _build_product(
    row: dict[str, Any], rates: dict[int, int], unit: int, sold_units: dict[str, tuple[SoldUnit, ...]]
) -> Product:
    return Product(
        product_id=row["id"],
        code=row["default_code"],
        name=row["name"],
        active=row["active"],
        saleable=row["sale_ok"],
        stored=row.get("is_storable", False),
        kit=row.get("is_kits", False),
        rates=tuple(rates[tax] for tax in row["taxes_id"] if tax in rates),
        unit_id=unit if unit != row["uom_id"] else 0,
        units=sold_units,
    )
