"""Which partner of Odoo a buyer is already: by e-mail address, and by external ids of ours.

What belongs here: these look-ups, many at once, and whom they pass over. What does not: creating partners
(partners.py), comparing addresses (addresses.py).

Passed over are archived partners, addresses (a child of type delivery or invoice is a place, no person), the companies
of this Odoo itself with all their contacts, and partners of its own users: the merchant is never the buyer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from ..rpc.client import OdooClient
from ..rpc.load import archived, read_ids
from .addresses import READ

PARTNER = ("email_normalized", "parent_id", "commercial_partner_id", "vat", *READ)


def find_by_email(client: OdooClient, emails: Iterable[str], own: Iterable[int]) -> dict[str, list[dict[str, Any]]]:
    """Partners by e-mail address, the oldest first. own: the partners of Odoo's companies.

    A contact comes instead of the company that it belongs to: both are one customer, and the contact says who ordered.
    """
    wanted = sorted(emails)
    if not wanted:
        return {}
    rows = client.call(
        "res.partner", "search_read", fields=list(PARTNER), order="id", load=None,
        domain=[
            ["email_normalized", "in", wanted], "|", ["parent_id", "=", False], ["type", "=", "contact"],
            ["partner_share", "=", True], "!", ["id", "child_of", sorted(own)],
        ],
    )  # fmt: skip
    by_email: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_email[row["email_normalized"]].append(row)
    return {email: _drop_parents(candidates) for email, candidates in by_email.items()}


def _drop_parents(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    parents = {row["parent_id"] for row in rows}
    return [row for row in rows if row["id"] not in parents]


def read_companies(client: OdooClient) -> list[int]:
    """The partners of Odoo's own companies, as far as the user sees these."""
    rows = client.call("res.company", "search_read", domain=[], fields=["partner_id"], load=None)
    return sorted({row["partner_id"] for row in rows})


def find_in_use(client: OdooClient, names: Iterable[str]) -> tuple[dict[str, int], dict[str, str]]:
    """Partners by external id, and the external id that each has or is to be created under: its own, or, where a
    partner of this id was archived, that of a successor."""
    current = {name: name for name in names}
    ids: dict[str, int] = {}
    latest_of: dict[str, str] = {}
    while current:
        there = read_ids(client, "res.partner", current.values())
        retired = {partner for partner, _ in archived(client, "res.partner", there.values())}
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
