"""The `odoo:` section of commerce.yaml.

What belongs here: how to reach and enter one Odoo, and what may be created in it. What does not: mappings of one
channel (channels/settings.py).
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from ..domain.errors import SettingsError
from ..domain.section import Secret, Section

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class OdooSettings(Section, kw_only=True, frozen=True):
    """One Odoo 19 database, and the dedicated user that the pipelines work as."""

    url: str
    database: str
    username: str
    password: Secret  # a password or, better, an API key; JSON-2 needs the API key
    transport: Literal["jsonrpc", "json2"] = "jsonrpc"
    company: str = ""  # default: the user's own
    timeout_seconds: int = 180
    # Orders per call and transaction, seconds each: fewer for a slow Odoo, or where pickers often wait for their goods;
    # its own time limits make more than 100 unwise.
    batch: int = 100
    chatter: bool = False  # True: Odoo also writes its creation notes and field history (a third slower)
    create_missing: bool = True  # service products, pricelists, tax-included twins of known taxes, the guest partner

    def __post_init__(self) -> None:
        url = urlsplit(self.url)
        if url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/"):
            raise SettingsError("odoo.url must be a URL without a path, such as https://odoo.example.com.")
        if url.scheme == "http" and url.hostname not in LOOPBACK:
            raise SettingsError("odoo.url must use https: plain http is allowed on loopback only.")
        if not 1 <= self.batch <= 100:
            raise SettingsError("odoo.batch must be between 1 and 100: Odoo ends a call after two minutes.")

    @property
    def address(self) -> tuple[str, str, int]:
        """(scheme, host, port) of `url`."""
        url = urlsplit(self.url)
        return url.scheme, url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
