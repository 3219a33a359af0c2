"""What is held of a person, as one document for them (GDPR Art. 15 and 20).

What belongs here: putting it together. What does not: who the person is (person.py).
"""

from __future__ import annotations

import json
from typing import Any

from ...odoo.privacy.contacts import read_holdings
from ...odoo.rpc.search_read import fetch
from ...resources.connections import Connections
from .person import Identity, find_person

_CONTACT = (
    *("name", "email", "phone", "street", "street2", "zip", "city", "country_id", "vat", "ref", "comment", "lang"),
    "active",
)


def export(connections: Connections, identity: Identity) -> dict[str, Any]:
    """The newest answer of each marketplace about each order, return and refund, as it was sent, and what Odoo holds.
    Raises PermanentError for a person of whom nothing is known."""
    from ...warehouse import audit

    person = find_person(connections, identity)
    client = connections.odoo
    with connections.warehouse.transaction() as connection:
        for channel, topic, record_id in sorted(person.records):
            audit.note(connection, "exported", account=channel, topic=topic, records=[record_id])
    everywhere = {**client.who.everywhere, "active_test": False}
    holdings = read_holdings(client, person.contacts)
    return {
        "marketplaces": [_read_record(connections, *record) for record in sorted(person.records)],
        "odoo": {
            "contacts": fetch(client, "res.partner", [["id", "in", sorted(person.contacts)]], _CONTACT,
                              context=everywhere),
            "orders": [sale.name for sale in holdings.sales],
            "transfers": [transfer.name for transfer in holdings.transfers],
            "invoices": [invoice.name for invoice in holdings.invoices],
        },
    }  # fmt: skip


def _read_record(connections: Connections, channel: str, topic: str, record_id: str) -> dict[str, Any]:
    answer: Any = None
    if channel in {row.name for row in connections.settings.channels}:
        landed = connections.landing(channel, topic).newest_of([record_id]).get(record_id)
        raw = landed.raw if landed else None
        try:
            answer = json.loads(raw) if raw else None
        except ValueError:  # eBay's older answers are XML
            answer = raw.decode("utf-8", "replace") if raw else None
    return {"channel": channel, "kind": topic, "id": record_id, "answer": answer}
