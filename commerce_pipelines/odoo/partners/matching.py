"""The partner that a buyer already has in Odoo: by e-mail address, and by our external ids.

What belongs here: these look-ups, many at once, and which partners they skip. What does not: creating partners
(partners.py), comparing addresses (addresses.py).

A buyer may claim any e-mail address. So the look-ups skip the partners that such a claim must not reach: those of
internal and portal users, suppliers and their contacts, and the companies of this Odoo with all their contacts. They
also skip archived partners, and addresses (a child of type delivery or invoice is a place, not a person).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ...domain.keys import email_key, email_spellings
from ..rpc.client import OdooClient
from ..rpc.load import archived, read_ids
from .addresses import READ

PARTNER = ("email_normalized", "parent_id", "commercial_partner_id", "commercial_company_name", "vat", *READ)
Term = str | list[Any]


def find_by_email(client: OdooClient, emails: Iterable[str], own: Iterable[int]) -> dict[str, list[dict[str, Any]]]:
    """Partners by e-mail address, the oldest first. own: the partners of Odoo's companies.

    A contact replaces the company that it belongs to: both are one customer, and the contact says who ordered.
    """
    domain = match_emails(emails)
    if not domain:
        return {}
    rows = client.call(
        "res.partner", "search_read", fields=list(PARTNER), order="id", load=None,
        domain=[
            *domain, *client.who.domain, "|", ["parent_id", "=", False], ["type", "=", "contact"],
            *_limit_to_buyers(own),
        ],
    )  # fmt: skip
    by_email: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_email[email_key(row["email_normalized"])].append(row)
    return {email: _drop_parents(candidates) for email, candidates in by_email.items()}


def match_emails(emails: Iterable[str]) -> list[Term]:
    """A domain that finds these addresses in the spellings that Odoo may hold: the part after the @ in its own letters
    or as IDNA; the part before it in any case if it is not ASCII, because Odoo stores such a part as it was typed."""
    spellings = sorted(spelling for email in set(emails) for spelling in email_spellings(email))
    odd = [text for text in spellings if not text.partition("@")[0].isascii()]
    if not spellings:
        return []
    terms: list[Term] = [["email_normalized", "in", spellings]]
    terms += [["email_normalized", "=ilike", re.sub(r"([\\%_])", r"\\\1", text)] for text in odd]
    return [*["|"] * len(odd), *terms]


def _limit_to_buyers(own: Iterable[int]) -> list[Term]:
    """The domain of the partners that a buyer's claim may reach."""
    return [
        ["user_ids", "=", False], ["supplier_rank", "=", 0], ["commercial_partner_id.supplier_rank", "=", 0],
        "!", ["id", "child_of", sorted(own)],
    ]  # fmt: skip


def _drop_parents(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    parents = {row["parent_id"] for row in rows}
    return [row for row in rows if row["id"] not in parents]


def read_companies(client: OdooClient) -> list[int]:
    """The partners of Odoo's own companies, as far as the user may enter these."""
    context = client.who.everywhere
    rows = client.call("res.company", "search_read", domain=[], fields=["partner_id"], context=context, load=None)
    return sorted({row["partner_id"] for row in rows})


def find_in_use(
    client: OdooClient, names: Iterable[str], own: Iterable[int] | None = None
) -> tuple[dict[str, int], dict[str, str]]:
    """Partners by external id, and the external id under which each exists or is to be created: the wanted id, or,
    where that partner was archived, a successor's id. own: only for buyers (see `_limit_to_buyers`); a partner that
    became a user or a supplier meanwhile gets a successor too."""
    current = {name: name for name in names}
    ids: dict[str, int] = {}
    latest_of: dict[str, str] = {}
    while current:
        there = read_ids(client, "res.partner", current.values())
        retired = _find_retired(client, there.values(), own)
        successors = {}
        for name, latest in current.items():
            latest_of[name] = latest
            partner = there.get(latest)
            if partner in retired:
                successors[name] = f"{latest}_after_{partner}"
            elif partner is not None:
                ids[name] = partner
        current = successors
    return ids, latest_of


def find_by_vat(client: OdooClient, numbers: Iterable[str], own: Iterable[int]) -> dict[str, list[int]]:
    """Partners by VAT number, the oldest first: the company itself, not the contacts that share its number."""
    wanted = sorted(set(numbers))
    if not wanted:
        return {}
    rows = client.call(
        "res.partner", "search_read", fields=["vat", "commercial_partner_id"], order="id", load=None,
        domain=[["vat", "in", wanted], *client.who.domain, *_limit_to_buyers(own)],
    )  # fmt: skip
    by_number: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if row["commercial_partner_id"] == row["id"]:
            by_number[row["vat"]].append(row["id"])
    return dict(by_number)


def find_eligible(client: OdooClient, ids: Iterable[int], own: Iterable[int]) -> set[int]:
    """Those of these partners that exist, are in use, and may be a buyer."""
    wanted = sorted(set(ids))
    if not wanted:
        return set()
    domain = [["id", "in", wanted], *client.who.domain, *_limit_to_buyers(own)]
    return set(client.call("res.partner", "search", domain=domain))


def _find_retired(client: OdooClient, ids: Iterable[int], own: Iterable[int] | None) -> set[int]:
    wanted = set(ids)
    if own is None or not wanted:
        return {partner for partner, _ in archived(client, "res.partner", wanted)}
    return wanted - find_eligible(client, wanted, own)
