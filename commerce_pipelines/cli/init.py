"""`commerce-pipelines init`: a first commerce.yaml from what one Odoo offers, its documentation, and a master key.

What belongs here: writing these files. What does not: reading them (settings/file.py), checking them (check.py).
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import msgspec

from ..channels.registry import KINDS
from ..core.errors import SettingsError
from ..domain.vat.decision import VatPolicy
from ..odoo.rpc.client import OdooClient
from ..odoo.rpc.settings import OdooSettings
from ..settings.file import build_schema

EXAMPLE, SCHEMA = "commerce.example.yaml", "commerce.schema.json"
# What only the account's owner knows, by kind: the keys, and the secrets with the endings of their variables' names.
_ASKED = {
    "amazon": ({"region": "eu", "seller_id": ""}, ("client_id", "client_secret", "refresh_token")),
    "ebay": ({"marketplace": "EBAY_DE"}, ("client_id", "client_secret", "refresh_token")),
    "shopify": ({"shop": "my-shop.myshopify.com"}, ("client_id", "client_secret")),
}


class NewFile(msgspec.Struct, kw_only=True):
    """What a person tells `init`. channels: kind and name of each. country, oss: None takes them from Odoo's company:
    its country, and the Union scheme if it has fiscal positions for it."""

    output: Path
    channels: Sequence[tuple[str, str]] = ()
    country: str | None = None
    oss: bool | None = None


def read_channel(text: str) -> tuple[str, str]:
    """(kind, name) of `KIND:NAME`. Raises SettingsError."""
    kind, _, name = text.partition(":")
    if kind not in KINDS or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        kinds = ", ".join(sorted(KINDS))
        raise SettingsError(
            f"--channel {text}: write KIND:NAME, the kind one of {kinds}, the name small letters, digits and _, as in "
            "shopify:shop_de."
        )
    return kind, name


def write_settings(odoo: OdooSettings, password: str, wanted: NewFile) -> list[str]:
    """Read what Odoo offers, write the file, its documentation and its schema, and add a master key to .env beside
    them. Returns what was done, in sentences.

    Raises SettingsError if the file exists; the errors of the Odoo client if the login fails.
    """
    from ..odoo.catalogue.products import find_sources
    from ..odoo.readiness import has_oss, offers, read_country
    from ..odoo.rpc.client import connect

    output = wanted.output
    if output.exists():
        raise SettingsError(f"{output} exists already; move it away first, or write another with --output.")
    client: OdooClient = connect(odoo, password)
    client.version()  # another version of Odoo is reported now, not by the first order
    country = wanted.country or read_country(client) or VatPolicy().seller_country
    oss = has_oss(client) if wanted.oss is None else wanted.oss
    names = {**offers(client), "sources of product content (content.sources)": find_sources(client)}
    output.write_text(_write_text(odoo, names, country, oss, wanted.channels), encoding="utf-8")
    done = [f"Wrote {output}: seller in {country}, OSS {'yes' if oss else 'no'}; change `vat` there if that is wrong."]
    done += _write_beside(output.parent)
    done += _create_master_key(output.parent / ".env")
    variables = ["ODOO_PASSWORD", *(name for kind, channel in wanted.channels for name in _name_secrets(kind, channel))]
    done.append(f"Set {', '.join(variables)} in the environment or in .env.")
    what = "fill in what it marks as yours" if wanted.channels else "add your channels"
    return [*done, f"Next: {what}, then run `commerce-pipelines check`."]


def _write_text(
    odoo: OdooSettings,
    offered: Mapping[str, Sequence[str]],
    country: str,
    oss: bool,
    channels: Sequence[tuple[str, str]],
) -> str:
    lines = [
        f"# yaml-language-server: $schema={SCHEMA}",
        f"# Written by `commerce-pipelines init`; every key is documented in {EXAMPLE}.",
        "odoo:",
        *(f"  {key}: {json.dumps(getattr(odoo, key))}" for key in ("url", "database", "username", "transport")),
        "  password: {env: ODOO_PASSWORD}",
        "  writers: 1                      # of orders at a time. Odoo tells nobody how many workers it has: where its",
        "                                  # `workers` is 4 or more, write 2 or 3 (docs/scale.md)",
        "",
        "vat:",
        f"  seller_country: {country}",
        f"  oss: {json.dumps(oss)}                       # whether distance sales in the EU bear the destination's VAT",
        "",
        "# What this Odoo offers, for the mappings of your channels:",
        *(f"#   {what}: {'; '.join(names) or 'none'}" for what, names in offered.items()),
        "",
        *(["channels:"] if channels else ["channels: []                    # `init --channel KIND:NAME` writes some"]),
        *(line for kind, name in channels for line in _write_channel(kind, name)),
    ]
    return "\n".join(lines) + "\n"


def _write_channel(kind: str, name: str) -> list[str]:
    keys, secret_keys = _ASKED[kind]
    return [
        f"  - name: {name}",
        f"    kind: {kind}",
        *(f"    {key}: {json.dumps(value)}              # yours to fill in" for key, value in keys.items()),
        "    credentials:",
        *(
            f"      {key}: {{env: {variable}}}"
            for key, variable in zip(secret_keys, _name_secrets(kind, name), strict=True)
        ),
        "    inventory:",
        "      enabled: false                # true: Odoo's stock goes to the channel, for a start only as a plan:",
        f"      dry_run: true                 # read `commerce-pipelines inventory plan {name}`, then write false",
        "",
    ]


def _name_secrets(kind: str, name: str) -> list[str]:
    return [f"{name}_{key}".upper() for key in _ASKED[kind][1]]


def _write_beside(folder: Path) -> list[str]:
    """The documented example, and a schema by which editors complete and check the file."""
    package = files("commerce_pipelines").joinpath(EXAMPLE)
    source = package if package.is_file() else Path(__file__).parents[2] / EXAMPLE  # a wheel, or a working copy
    done = []
    for name, text in ((EXAMPLE, source.read_text(encoding="utf-8")), (SCHEMA, json.dumps(build_schema(), indent=1))):
        if not (folder / name).exists():
            (folder / name).write_text(text + ("" if text.endswith("\n") else "\n"), encoding="utf-8")
            done.append(f"Wrote {folder / name}.")
    return done


def _create_master_key(env_file: Path) -> list[str]:
    text = env_file.read_text(encoding="utf-8") if env_file.exists() else ""
    if os.environ.get("COMMERCE_MASTER_KEY") or "COMMERCE_MASTER_KEY=" in text:
        return []
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    descriptor = os.open(env_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(("" if text.endswith("\n") or not text else "\n") + f"COMMERCE_MASTER_KEY={key}\n")
    return [f"Wrote a master key to {env_file}: keep a copy in a safe place, without it the landing cannot be read."]
