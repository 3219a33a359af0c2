"""Whether Odoo itself writes to customers about deliveries, of which the marketplace tells them already.

What belongs here: this read-only look for `commerce-pipelines check`. What does not: deliveries (deliveries.py).
"""

from __future__ import annotations

from ..rpc.client import OdooClient

# Under Inventory > Configuration > Settings; Odoo switches that of text messages on by itself.
_SETTINGS = {"stock_move_email_validation": "Email Confirmation", "stock_text_confirmation": "SMS Confirmation"}


def find_messages(client: OdooClient) -> list[str]:
    """The settings of the company by which Odoo writes to customers when a delivery is validated, by their names in
    Odoo's user interface. Two calls."""
    there = client.call("res.company", "fields_get", allfields=list(_SETTINGS), attributes=["type"])
    fields = [field for field in _SETTINGS if field in there]
    if not fields:
        return []
    [company] = client.call("res.company", "read", ids=[client.who.company_id], fields=fields, load=None)
    return [_SETTINGS[field] for field in fields if company[field]]
