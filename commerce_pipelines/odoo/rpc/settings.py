"""The `odoo:` section of commerce.yaml.

What belongs here: how to reach and log in to one Odoo, and what may be created in it. What does not: mappings of one
channel (channels/settings.py).
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from ...core import urls
from ...core.errors import SettingsError
from ...core.section import Secret, Section

MOST_WRITERS = 8


class OdooSettings(Section, kw_only=True, frozen=True):
    """One Odoo 19 database, and the user that the pipelines log in as, who does nothing else."""

    url: str
    database: str
    username: str
    password: Secret  # a password or, better, an API key; JSON-2 needs the API key
    transport: Literal["jsonrpc", "json2"] = "jsonrpc"
    company: str = ""  # default: the user's own
    timeout_seconds: int = 180
    # Orders per call and transaction, which takes seconds: choose fewer for a slow Odoo, or where warehouse workers
    # often wait for Odoo. More than 100 may exceed Odoo's own time limits.
    batch: int = 100
    # Writers of orders at a time: no more than Odoo has workers. Products and buyers are divided among them.
    writers: int = 1
    chatter: bool = False  # True: Odoo also writes its creation notes and field history (a third slower)
    # How an order's flags show on the order; activity: tags as well.
    flags: Literal["none", "tag", "activity"] = "activity"
    # The address of Dagster's UI as people open it; with it each sale order has a note that links to its page there.
    page_links: str = ""
    # What may be created: service products, pricelists, tax-included twins of existing taxes, the guest partner.
    create_missing: bool = True

    def __post_init__(self) -> None:
        mistakes = []
        if problem := urls.problem(self.url, path=False):
            mistakes.append(f"odoo.url {problem}")
        if self.page_links and (problem := urls.problem(self.page_links, path=True)):
            mistakes.append(f"odoo.page_links {problem}")
        for key in ("database", "username"):
            if not getattr(self, key).strip():
                mistakes.append(f"odoo.{key} is empty; see commerce.example.yaml for what it means.")
        if not 1 <= self.batch <= 100:
            mistakes.append("odoo.batch must be between 1 and 100: Odoo ends a call after two minutes.")
        if not 1 <= self.writers <= MOST_WRITERS:
            mistakes.append(f"odoo.writers must be between 1 and {MOST_WRITERS}, and no more than Odoo has workers.")
        if not 1 <= self.timeout_seconds <= 3600:
            mistakes.append("odoo.timeout_seconds must be between 1 and 3600.")
        if mistakes:
            raise SettingsError("\n".join(mistakes))

    @property
    def address(self) -> tuple[str, str, int]:
        """(scheme, host, port) of `url`."""
        url = urlsplit(self.url)
        return url.scheme, url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
