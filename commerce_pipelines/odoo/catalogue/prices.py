"""Pricelists of Odoo and what prices are made of: rules, costs, categories, exchange rates, taxes.

What belongs here: the calls. What does not: the price under a rule (domain/content/pricelists.py).

Odoo 19 offers no call that tells a price under a pricelist. What moves one without a mark on its product: a rule that
is written, begins or ends, an exchange rate, an attribute's extra price. Rules are asked for by `count_changed_rules`;
the rest is read once a night.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ...core.errors import SettingsError
from ...domain.content.pricelists import (
    Figures,
    Market,
    Price,
    Pricelist,
    Rule,
    Tax,
    compute_price,
    sort_rules,
)
from ..rpc.client import OdooClient, of_company
from ..rpc.search_read import ARCHIVED_TOO, fetch

OWN_PRICE = ""  # in place of a pricelist's name: the product's sales price
_AT_ONCE = 5_000  # ids in one domain
OF_VARIANT = ("product_tmpl_id", "lst_price", "standard_price", "categ_id", "taxes_id")
_STAMP = "%Y-%m-%d %H:%M:%S"
_NUMBERS = (
    "min_quantity", "fixed_price", "percent_price", "price_discount", "price_markup", "price_round", "price_surcharge",
    "price_min_margin", "price_max_margin",
)  # fmt: skip
_OF_RULE = ("pricelist_id", "applied_on", "compute_price", "base", "base_pricelist_id", "product_id",
            "product_tmpl_id", "categ_id", "date_start", "date_end", *_NUMBERS)  # fmt: skip


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """Of one variant: its price by the pricelist's name, and its sales taxes."""

    prices: dict[str, Price]
    tax: Tax


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What prices under some pricelists are made of. by_name: record ids of those that were asked for. home: the
    company's currency. digits: by currency. paths: of categories, by record id."""

    market: Market
    by_name: Mapping[str, int]
    home: str
    digits: Mapping[str, int]
    paths: Mapping[int, str]


def read_prices(
    client: OdooClient, names: Collection[str], variants: Sequence[int] | None, now: datetime
) -> dict[int, Priced]:  # fmt: skip
    """Prices of variants, None for all, under these pricelists, by variant. Raises SettingsError for a name that no
    pricelist has, or several."""
    if not names:
        return {}
    reading = read_market(client, names, now)
    rows = _read_rows(client, variants)
    taxes = _read_taxes(client, rows)
    priced = {}
    for row in rows:
        figures, prices = build_figures(row, reading), {}
        for name, id_ in reading.by_name.items():
            currency = reading.market.pricelists[id_].currency
            amount = compute_price(reading.market, id_, figures)
            prices[name] = Price(amount=amount, currency=currency, digits=reading.digits[currency])
        priced[row["id"]] = Priced(prices=prices, tax=taxes[row["id"]])
    return priced


def read_market(client: OdooClient, names: Collection[str], now: datetime) -> Reading:
    """Pricelists with their rules, and exchange rates. Raises SettingsError as `find_pricelists`."""
    by_name = find_pricelists(client, names)
    paths = {row["id"]: row["parent_path"] for row in fetch(client, "product.category", [], ["parent_path"])}
    pricelists, rules = _read_rules(client, [id_ for id_ in by_name.values() if id_], paths)
    currencies = {row["id"]: row for row in fetch(
        client, "res.currency", [], ["name", "decimal_places"], context=ARCHIVED_TOO
    )}  # fmt: skip
    own = _read_own_currency(client)
    lists = {
        id_: Pricelist(id=id_, currency=currencies[currency]["name"], rules=sort_rules(rules[id_]))
        for id_, currency in {**pricelists, 0: own}.items()
    }
    names_of = {id_: currencies[id_]["name"] for id_ in {*pricelists.values(), own}}
    return Reading(
        market=Market(pricelists=lists, rates=_read_rates(client, names_of, now), now=now), by_name=by_name,
        home=names_of[own], digits={row["name"]: row["decimal_places"] for row in currencies.values()}, paths=paths,
    )  # fmt: skip


def build_figures(row: Mapping[str, Any], reading: Reading) -> Figures:
    return Figures(
        product_id=row["id"], template_id=row["product_tmpl_id"], list_price=row["lst_price"],
        cost=row["standard_price"], path=reading.paths.get(row["categ_id"], ""), currency=reading.home,
        cost_currency=reading.home,
    )  # fmt: skip


def find_pricelists(client: OdooClient, names: Collection[str]) -> dict[str, int]:
    """Record ids by name; 0 for OWN_PRICE. Raises SettingsError for a name that no pricelist has, or several."""
    wanted = sorted(set(names) - {OWN_PRICE})
    by_name: dict[str, list[int]] = defaultdict(list)
    if wanted:
        for row in fetch(client, "product.pricelist", [["name", "in", wanted], *client.who.domain], ["name"]):
            by_name[row["name"]].append(row["id"])
    for name in wanted:
        if len(by_name[name]) != 1:
            count = "no pricelist" if not by_name[name] else f"{len(by_name[name])} pricelists"
            raise SettingsError(
                f"channels[].content.price.pricelist names {name!r}, and Odoo shows {count} of that name"
                f"{of_company(client)}: name one that is there once."
            )
    return {name: by_name[name][0] if name else 0 for name in sorted(set(names))}


def count_changed_rules(client: OdooClient, since: datetime, now: datetime) -> int:
    """How many rules of pricelists were written to, began or ended since then, in one call. Those that were deleted are
    not seen."""
    begin, end = since.strftime(_STAMP), now.strftime(_STAMP)
    domain: list[Any] = [
        "|", ["write_date", ">=", begin],
        "|", "&", ["date_start", ">=", begin], ["date_start", "<=", end],
        "&", ["date_end", ">=", begin], ["date_end", "<=", end],
    ]  # fmt: skip
    return int(client.call("product.pricelist.item", "search_count", domain=domain))


def _read_rules(
    client: OdooClient, ids: Sequence[int], paths: Mapping[int, str]
) -> tuple[dict[int, int], dict[int, list[Rule]]]:  # fmt: skip
    """(the currency's record id by pricelist, its rules), of these and of those that they build on."""
    currencies: dict[int, int] = {}
    rules: dict[int, list[Rule]] = defaultdict(list)
    due = sorted(set(ids))
    while due:
        for row in fetch(client, "product.pricelist", [["id", "in", due]], ["currency_id"], context=ARCHIVED_TOO):
            currencies[row["id"]] = row["currency_id"]
        rows = fetch(client, "product.pricelist.item", [["pricelist_id", "in", due]], _OF_RULE)
        for row in rows:
            rules[row["pricelist_id"]].append(_build_rule(row, paths))
        due = sorted({row["base_pricelist_id"] for row in rows if row["base_pricelist_id"]} - set(currencies))
    return currencies, rules


def _build_rule(row: Mapping[str, Any], paths: Mapping[int, str]) -> Rule:
    return Rule(
        id=row["id"], applied_on=row["applied_on"], compute_price=row["compute_price"],
        base=row["base"] or "list_price", base_pricelist=row["base_pricelist_id"] or 0,
        product_id=row["product_id"] or 0, template_id=row["product_tmpl_id"] or 0, path=paths.get(row["categ_id"], ""),
        starts=_read_instant(row["date_start"]), ends=_read_instant(row["date_end"]),
        **{name: float(row[name] or 0.0) for name in _NUMBERS},
    )  # fmt: skip


def _read_instant(text: Any) -> datetime | None:
    return datetime.strptime(text, _STAMP).replace(tzinfo=UTC) if text else None


def _read_own_currency(client: OdooClient) -> int:
    rows = client.call("res.company", "read", ids=[client.who.company_id], fields=["currency_id"], load=None)
    return int(rows[0]["currency_id"])


def _read_rates(client: OdooClient, names: Mapping[int, str], now: datetime) -> dict[tuple[str, str], float]:
    """What one unit of a currency is worth in another, by (from, to), as Odoo converts on that day."""
    rates = {}
    for target in sorted(names) if len(names) > 1 else ():
        others = sorted(set(names) - {target})
        context = {**ARCHIVED_TOO, "to_currency": target, "date": now.strftime("%Y-%m-%d")}
        for row in client.call("res.currency", "read", ids=others, fields=["inverse_rate"], context=context):
            rates[names[row["id"]], names[target]] = float(row["inverse_rate"])
    return rates


def _read_rows(client: OdooClient, variants: Sequence[int] | None) -> list[dict[str, Any]]:
    parts: list[list[Any]] = [[["default_code", "!=", False], *client.who.domain]]
    if variants is not None:
        ids = list(variants)
        parts = [[["id", "in", ids[start : start + _AT_ONCE]]] for start in range(0, len(ids), _AT_ONCE)]
    return [
        row for domain in parts for row in fetch(client, "product.product", domain, OF_VARIANT, context=ARCHIVED_TOO)
    ]  # fmt: skip


def _read_taxes(client: OdooClient, rows: Iterable[Mapping[str, Any]]) -> dict[int, Tax]:
    """The sales taxes of each variant, of the client's company alone."""
    fields = ["amount", "amount_type", "price_include", "include_base_amount"]
    taxes = {row["id"]: row for row in fetch(client, "account.tax", client.who.domain, fields, context=ARCHIVED_TOO)}
    return {row["id"]: _join_taxes([taxes[tax] for tax in row["taxes_id"] if tax in taxes]) for row in rows}


def _join_taxes(taxes: Sequence[Mapping[str, Any]]) -> Tax:
    """Taxes of one product as one: plain where they are percentages of the same price."""
    included = {bool(tax["price_include"]) for tax in taxes}
    plain = len(included) <= 1 and all(
        tax["amount_type"] == "percent" and (len(taxes) == 1 or not tax["include_base_amount"]) for tax in taxes
    )
    return Tax(percent=sum(float(tax["amount"]) for tax in taxes), included=included == {True}, plain=plain)
