"""The `odoo:` section of commerce.yaml. What belongs here: how to reach and enter one Odoo, and what may be created in it."""

from __future__ import annotations

from typing import Literal

from ..domain.section import Secret, Section


class OdooSettings(Section):
    """One Odoo 19 database, and the dedicated user that the pipelines work as."""

    url: str
    database: str
    username: str
    password: Secret  # a password or, better, an API key; JSON-2 needs the API key
    transport: Literal["jsonrpc", "json2"] = "jsonrpc"
    company: str = ""  # default: the user's own
    timeout_seconds: int = 180
    batch: int = 50  # orders per call; Odoo's own time limits make more than 100 unwise
    chatter: bool = False  # True: Odoo also writes its creation notes and field history (a third slower)
    create_missing: bool = True  # service products, pricelists, tax-included twins of known taxes, the guest partner
