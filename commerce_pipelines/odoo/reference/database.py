"""Which of several databases of one address and name this is, as far as any user of the pipelines may know.

What belongs here: an identity that stays the same as long as the database, and that a copy made by Odoo does not share.
What does not: comparing it with the one of before (flows/identity.py).
"""

from __future__ import annotations

import hashlib
from urllib.parse import parse_qs, urlsplit

from ...core.errors import PermanentError
from ..rpc.client import OdooClient

SIGNED = "signed "  # what every identity begins with that is no uuid
# A document that payment links take and that every database has. Of amount 0 the link pays nothing.
_DOCUMENT = {"res_model": "res.company", "res_id": 1, "amount": 0}


def read_identity(client: OdooClient) -> str:
    """`database.uuid` where the user may read system parameters, which only administrators may. For other users a hash
    of what Odoo signs with `database.secret`, which changes together with the uuid in a copy. '' where neither is to
    be had.

    Odoo shows a signature to every salesperson as the token of a payment link, without creating anything.
    """
    try:
        if client.call("ir.config_parameter", "has_access", ids=[], operation="read"):
            return str(client.call("ir.config_parameter", "get_param", key="database.uuid") or "")
        answer = client.call(
            "payment.link.wizard", "onchange", ids=[], values=_DOCUMENT, field_names=[], fields_spec={"link": {}}
        )
        [token] = parse_qs(urlsplit(answer["value"]["link"]).query)["access_token"]
    except (PermanentError, KeyError, TypeError, ValueError):
        return ""
    return SIGNED + hashlib.sha256(token.encode()).hexdigest()
