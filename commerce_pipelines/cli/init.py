"""`commerce-pipelines init`: a first commerce.yaml from what one Odoo offers, and a master key.

What belongs here: writing the two files. What does not: reading them (settings/file.py), checking them (check.py).
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..core.errors import SettingsError
from ..core.section import Secret
from ..odoo.rpc.settings import OdooSettings

CHANNELS = """
channels: []
# Add your accounts here; commerce.example.yaml documents every key. For example:
#  - name: shopify_de
#    kind: shopify
#    shop: my-shop.myshopify.com
#    credentials: {access_token: {env: SHOPIFY_DE_TOKEN}}
#    time_zone: Europe/Berlin
"""


def write_settings(url: str, database: str, username: str, transport: str, password: str, output: Path) -> list[str]:
    """Read what Odoo offers, write `output` and add a master key to .env beside it. Returns what was done, in
    sentences.

    Raises SettingsError if `output` exists; the errors of the Odoo client if the login fails.
    """
    from ..odoo.readiness import offers
    from ..odoo.rpc.client import connect

    if output.exists():
        raise SettingsError(f"{output} exists already; move it away first, or write another with --output.")
    settings = OdooSettings(
        url=url, database=database, username=username, password=Secret(env="ODOO_PASSWORD"),
        transport="json2" if transport == "json2" else "jsonrpc",
    )  # fmt: skip
    client = connect(settings, password)
    client.version()  # another version of Odoo is reported now, not by the first order
    names = offers(client)
    output.write_text(_write_text(settings, names), encoding="utf-8")
    done = [f"Wrote {output}. Set ODOO_PASSWORD in the environment or in .env."]
    return (
        done
        + _create_master_key(output.parent / ".env")
        + ["Next: add your channels, then run `commerce-pipelines check`."]
    )


def _write_text(odoo: OdooSettings, offered: Mapping[str, Sequence[str]]) -> str:
    lines = [
        "# Written by `commerce-pipelines init`; every key is documented in commerce.example.yaml.",
        "odoo:",
        *(f"  {key}: {json.dumps(getattr(odoo, key))}" for key in ("url", "database", "username", "transport")),
        "  password: {env: ODOO_PASSWORD}",
        "",
        "# What this Odoo offers, for the mappings of your channels:",
        *(f"#   {what}: {'; '.join(names) or 'none'}" for what, names in offered.items()),
    ]
    return "\n".join(lines) + "\n" + CHANNELS


def _create_master_key(env_file: Path) -> list[str]:
    text = env_file.read_text(encoding="utf-8") if env_file.exists() else ""
    if os.environ.get("COMMERCE_MASTER_KEY") or "COMMERCE_MASTER_KEY=" in text:
        return []
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    descriptor = os.open(env_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(("" if text.endswith("\n") or not text else "\n") + f"COMMERCE_MASTER_KEY={key}\n")
    return [f"Wrote a master key to {env_file}: keep a copy in a safe place, without it the landing cannot be read."]
