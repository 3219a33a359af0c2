"""Whether one Odoo is ready: the user's rights, the modules, and every name that settings mention.

What belongs here: read-only checks, and the names that Odoo offers for the settings. What does not: repairing anything,
checks of other services (cli/verifiers.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..core.errors import PermanentError
from ..domain.sales.draft import MODULE as XID_MODULE
from ..domain.vat.territories import vat_country
from .access import EXCESSIVE, GIVEN, GROUP, OWN, Right
from .accounting.oss import tag_of, untagged
from .accounting.taxes import read_named
from .reference.company import Countries, read_company
from .reference.names import KINDS, Kind, find_names
from .rpc.client import OdooClient, of_company
from .rpc.load import own

_MODULE_OF = {"sale.order": "sale_management", "stock.warehouse": "sale_stock", "account.tax": "account"}
_FIX = f"run `commerce-pipelines access`, or add the user to the group {GROUP} in Odoo"
_LESS = f"let `commerce-pipelines access` make a user that has the group {GROUP} and no other"
_WITHOUT = {
    "create_missing": "; or set odoo.create_missing: false and create by hand what is then missing",
    "tags": "; or set odoo.flags: none",
    "activities": "; or set odoo.flags: none",
    "page_links": "; or leave odoo.page_links out",
    "take_over": "; or set fulfilment.take_over: false",
    "receiving": "; or set inbound.receive: false",
}
NAMES_SUGGESTED = 8  # names that are suggested for a wrong one
_OFFERS = {
    "sales teams": "team",
    "warehouses": "warehouse",
    "delivery methods": "carrier",
    "analytic accounts": "analytic",
    "pricelists": "pricelist",
    "fiscal positions": "fiscal position",
}


def verify_rights(client: OdooClient, flows: Collection[str] = ()) -> list[str]:
    """What the user may not do, and modules that are not installed, a sentence each. flows: `shipments`, `returns`,
    `take_over`, `receiving`, `invoicing`, `refunding`, where a channel's settings switch them on."""
    missing = [f"The module {name} is not installed in Odoo." for name in _find_missing_modules(client)]
    if missing:
        return missing
    user, problems = client.settings.username, []
    for right in (*OWN, *GIVEN):
        refused = [name for name in right.names if not _has_access(client, right.model, name)]
        if refused and (right.need in flows or _is_asked_for(client, right)):
            fix = _FIX + _WITHOUT.get(right.need, "")
            problems.append(f"{user} may not {' or '.join(refused)} {right.model} ({right.reason}): {fix}.")
    return problems


def find_excessive_rights(client: OdooClient, flows: Collection[str] = ()) -> list[str]:
    """What the user may do and the pipelines never do, a sentence each. flows: as of `verify_rights`."""
    needed = {(right.model, name) for right in (*OWN, *GIVEN) if right.need in flows for name in right.names}
    user = client.settings.username
    return [
        f"{user} {consequence} ({operation} {model}), which the pipelines never do: {_LESS}."
        for model, operation, consequence in EXCESSIVE
        if (model, operation) not in needed and _has_access(client, model, operation)
    ]


def _is_asked_for(client: OdooClient, right: Right) -> bool:
    """Whether the settings need this right. Holding is verified per channel (sales/held_deliveries.py)."""
    settings = client.settings
    return {
        "": True,
        "create_missing": settings.create_missing,
        "tags": settings.flags != "none",
        "activities": settings.flags == "activity",
        "page_links": bool(settings.page_links),
    }.get(right.need, False)


def _has_access(client: OdooClient, model: str, operation: str) -> bool:
    """False, too, for a model that this Odoo does not have."""
    try:
        return bool(client.call(model, "has_access", ids=[], operation=operation))
    except PermanentError:
        return False


def _find_missing_modules(client: OdooClient) -> Iterator[str]:
    for model, module in _MODULE_OF.items():
        try:
            client.call(model, "fields_get", allfields=["id"], attributes=["type"])
        except PermanentError:
            yield module
            return
    fields = client.call("sale.order", "fields_get", allfields=["warehouse_id", "carrier_id"], attributes=["type"])
    if "warehouse_id" not in fields:
        yield "sale_stock"


def verify_company(client: OdooClient, sellers: Mapping[str, str]) -> list[str]:
    """What the client's company lacks before orders can be loaded, a sentence each. sellers: the keys of the VAT
    policies of its channels, and the country in which each says that the seller is established."""
    who = client.who
    name, problems = who.companies.get(who.company_id, "The company"), []
    if not client.call("stock.warehouse", "search_count", domain=[["company_id", "=", who.company_id]], limit=1):
        problems.append(f"{name} has no warehouse: create one under Inventory > Configuration > Warehouses.")
    sales = [["type_tax_use", "=", "sale"], *who.domain]
    if not client.call("account.tax", "search_count", domain=sales, limit=1):
        problems.append(
            f"{name} has no sale tax: load its chart of accounts under Invoicing > Configuration > Settings."
        )
    home = read_company(client, Countries(client)).country
    problems += [
        f"{key}.seller_country is {country}, but {name} is in {home} in Odoo: correct it, or give the channels of this "
        "company a `vat` of their own."
        for key, country in sellers.items() if home and vat_country(country, "") != vat_country(home, "")
    ]  # fmt: skip
    return problems


def verify_oss(client: OdooClient) -> list[str]:
    """Whether Odoo's report of the Union scheme finds the taxes that are created for it: a sentence for each fault."""
    if not tag_of(client):
        return [
            "vat.oss: Odoo's module l10n_eu_oss (EU One Stop Shop) is not installed; install it before the first "
            "order, so that taxes which are created bear the tag that Odoo's OSS report looks for."
        ]
    start = own(client, "tax_oss_")
    rows = client.call(
        "ir.model.data", "search_read", fields=["name", "res_id"], load=None,
        domain=[["module", "=", XID_MODULE], ["model", "=", "account.tax"], ["name", "=like", f"{start}%"]],
    )  # fmt: skip
    ours = [row["res_id"] for row in rows if row["name"].startswith(start) and not row["name"].endswith("_rounding")]
    names = untagged(client, ours) if ours else []
    return [
        f"vat.oss: the tax {name} was created before l10n_eu_oss was installed, and Odoo's OSS report does not find "
        "it: add the tag OSS to its distribution lines in Odoo." for name in names
    ]  # fmt: skip


def verify_names(client: OdooClient, channels: Sequence[Any]) -> list[str]:
    """Every name in the settings of these channels, all of the client's company, that the company lacks: a sentence
    each, with the key's path."""
    wanted: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for channel in channels:
        for what, key, name in _list_mentioned(channel):
            wanted[what][name].append(f"channels[{channel.name}].{key}")
    problems = []
    for what, names in wanted.items():
        ids = _find(client, what, names)
        title = "sale tax" if what == "tax" else KINDS[what].title
        missing = {name: keys for name, keys in names.items() if name not in ids}
        fix = _write_fix(client, what) if missing else ""
        elsewhere = find_elsewhere(client, KINDS[what], missing) if missing and what != "tax" else {}
        for name, keys in missing.items():
            owner = elsewhere.get(name)
            mend = f"it belongs to {owner}: name one of this company, or write {owner} as `company`" if owner else fix
            problems += [f"{key}: Odoo has no {title} named {name!r}{of_company(client)}; {mend}." for key in keys]
    return sorted(problems + list(_find_wrong_bases(client, channels)) + list(_find_wrong_currencies(client, channels)))


def _write_fix(client: OdooClient, what: str) -> str:
    if what not in _OFFERS.values():
        return "create it there, or correct the setting"
    there = _search_names(client, what, limit=NAMES_SUGGESTED)
    return f"create it there, or take one that it has: {', '.join(there)}" if there else "create it there"


def find_elsewhere(client: OdooClient, kind: Kind, names: Collection[str]) -> dict[str, str]:
    """Which of these names belong to other companies that the user may enter: company by name."""
    who = client.who
    others = {company: title for company, title in who.companies.items() if company != who.company_id}
    if not others or kind.shared:
        return {}
    either = ["|"] * (len(kind.fields) - 1) + [[field, "in", sorted(names)] for field in kind.fields]
    context = {"lang": who.lang, "allowed_company_ids": list(others)}
    try:
        rows = client.call(
            kind.model, "search_read", domain=[*either, ["company_id", "in", list(others)]],
            fields=["company_id", *kind.fields], context=context, load=None,
        )  # fmt: skip
    except PermanentError:
        return {}
    return {row[field]: others[row["company_id"]] for field in kind.fields for row in rows if row[field] in names}


def _find(client: OdooClient, what: str, names: Mapping[str, Any]) -> set[str]:
    try:
        if what == "tax":
            return set(read_named(client, names, client.who.lang))
        return set(find_names(client, KINDS[what], names, client.who.lang))
    except PermanentError:
        return set()  # the model's module is not installed


def _list_mentioned(channel: Any) -> Iterator[tuple[str, str, str]]:
    """(kind, key, name) of everything in Odoo that a channel's settings name."""
    single = {
        "sales_team": ("team", channel.sales_team),
        "warehouse": ("warehouse", channel.warehouse),
        "channel_warehouse": ("warehouse", channel.channel_warehouse),
        "carrier_fallback": ("carrier", channel.carrier_fallback),
    }
    yield from ((what, key, name) for key, (what, name) in single.items() if name)
    yield from (("warehouse", f"routes[{i}].warehouse", route.warehouse) for i, route in enumerate(channel.routes))
    yield from (("carrier", f"carriers.{service}", name) for service, name in channel.carriers.items() if name)
    yield from (("carrier", f"fulfilment.carriers.{name}", name) for name in _list_methods(channel))
    yield from (("tag", "tags", name) for name in channel.tags)
    yield from (("analytic", "analytic", name) for name in channel.analytic)
    yield from (("pricelist", f"pricelists.{currency}", name) for currency, name in channel.pricelists.items())
    yield from (("fiscal position", f"fiscal_positions.{key}", name) for key, name in channel.fiscal_positions.items())
    yield from (("tax", f"taxes[{i}].tax", mapping.tax) for i, mapping in enumerate(channel.taxes))


def _list_methods(channel: Any) -> list[str]:
    """The delivery methods that are mapped to carriers of the channel, if it is told of shipments."""
    return [name for name in channel.fulfilment.carriers if name] if channel.fulfilment.enabled else []


def _find_wrong_bases(client: OdooClient, channels: Sequence[Any]) -> Iterator[str]:
    mapped = {mapping.tax: None for channel in channels for mapping in channel.taxes}
    taxes = read_named(client, mapped, client.who.lang)
    for channel in channels:
        for i, mapping in enumerate(channel.taxes):
            if mapping.rate and mapping.tax in taxes and taxes[mapping.tax][1] != mapping.included:
                basis = "included in" if mapping.included else "on top of"
                yield f"channels[{channel.name}].taxes[{i}]: the tax {mapping.tax!r} in Odoo is not {basis} the price."


def _find_wrong_currencies(client: OdooClient, channels: Sequence[Any]) -> Iterator[str]:
    names = {name for channel in channels for name in channel.pricelists.values()}
    if not names:
        return
    rows = client.call(
        "product.pricelist", "search_read", context={"lang": client.who.lang}, fields=["name", "currency_id"],
        domain=[["name", "in", sorted(names)], *client.who.domain], order="id desc",
    )  # fmt: skip
    currencies = {row["name"]: row["currency_id"][1] for row in rows}
    for channel in channels:
        for currency, name in channel.pricelists.items():
            if currencies.get(name, currency) != currency:
                yield f"channels[{channel.name}].pricelists.{currency}: {name!r} is in {currencies[name]}."


def read_country(client: OdooClient) -> str:
    """The country of the user's company, two letters, '' if it has none."""
    (company,) = client.call("res.company", "read", [client.who.company_id], fields=["country_id"], load=None)
    if not company["country_id"]:
        return ""
    (country,) = client.call("res.country", "read", [company["country_id"]], fields=["code"])
    return str(country["code"])


def has_oss(client: OdooClient) -> bool:
    """Whether the company has a fiscal position of the Union scheme, as Odoo's own module l10n_eu_oss names them."""
    return bool(
        client.call(
            "account.fiscal.position", "search_count", domain=[["name", "=like", "OSS B2C%"], *client.who.domain]
        )
    )


def offers(client: OdooClient) -> Mapping[str, Sequence[str]]:
    """The names that settings may use, by kind, as a person reads them in Odoo; with their company where there are
    several."""
    companies = list(client.who.companies.values())
    if len(companies) < 2:
        return _list_offers(client)
    names: dict[str, Sequence[str]] = {"companies": companies}
    for company in companies:
        offered = _list_offers(client.in_company(company, "odoo.company"))
        names |= {f"{title} of {company}": those for title, those in offered.items()}
    return names


def _list_offers(client: OdooClient) -> dict[str, Sequence[str]]:
    names: dict[str, Sequence[str]] = {}
    context = {"lang": client.who.lang}
    for title, what in _OFFERS.items():
        names[title] = _search_names(client, what, limit=200)
    taxes = client.call(
        "account.tax", "search_read", context=context, fields=["name", "price_include"], load=None,
        domain=[["type_tax_use", "=", "sale"], *client.who.domain],
    )  # fmt: skip
    names["sale taxes"] = [f"{row['name']} ({'in' if row['price_include'] else 'ex'}cluded)" for row in taxes]
    return names


def _search_names(client: OdooClient, what: str, limit: int) -> list[str]:
    """Names of one kind as a person reads them; none where the model's module is not installed."""
    try:
        rows = client.call(
            KINDS[what].model, "search_read", context={"lang": client.who.lang}, fields=["name"], load=None,
            domain=KINDS[what].domain(client), limit=limit,
        )  # fmt: skip
    except PermanentError:
        return []
    return [row["name"] for row in rows]
