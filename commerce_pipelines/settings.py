"""commerce.yaml as typed, validated settings: every error is one sentence with the key's path and the fix.

What belongs here: reading the file, composing the sections, checks across channels and against the environment. What
does not: the keys of one room (odoo/settings.py, channels/settings.py, domain/rules.py, domain/vat.py, a marketplace's
own folder), names that must exist in Odoo (`commerce-pipelines check`).
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Union

import msgspec
import yaml

from .channels.registry import KINDS, settings_types
from .channels.settings import ChannelSettings
from .domain.errors import SettingsError
from .domain.inventory import Breaker, InventoryOverride, InventoryRules
from .domain.rules import Pack
from .domain.section import Secret, Section
from .domain.vat import VatPolicy
from .odoo.settings import OdooSettings


class Mail(Section, kw_only=True, frozen=True):
    """Where failed runs are mailed to. `password` only if the server wants a login."""

    to: tuple[str, ...]
    sender: str
    host: str = "127.0.0.1"
    port: int = 25
    starttls: bool = False
    username: str = ""
    password: Secret | None = None


class Alerts(Section, kw_only=True, frozen=True):
    """Who hears of a failed run: a webhook (Slack, Teams, Mattermost …: JSON with `text`), mail, or both."""

    webhook: Secret | None = None
    mail: Mail | None = None


class Listen(Section, kw_only=True, frozen=True):
    """Where Odoo's webhook may hint at changed stock (docs/inventory.md). The secret is the last part of its URL."""

    secret: Secret
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 3001


class Settings(Section, kw_only=True, frozen=True):
    """The whole of commerce.yaml. `channels` keep the file's order."""

    odoo: OdooSettings
    channels: tuple[ChannelSettings, ...] = ()
    vat: VatPolicy = VatPolicy()
    alerts: Alerts = Alerts()
    listen: Listen | None = None
    owner: str = "team:commerce"

    def channel(self, name: str) -> ChannelSettings:
        """The settings of one channel. Raises SettingsError naming the channels there are."""
        for channel in self.channels:
            if channel.name == name:
                return channel
        known = ", ".join(channel.name for channel in self.channels) or "none"
        raise SettingsError(f"There is no channel {name!r} in commerce.yaml; configured: {known}.")


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    return Path(environ.get("COMMERCE_CONFIG") or "commerce.yaml")


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check the settings file (default: $COMMERCE_CONFIG, else ./commerce.yaml). Raises SettingsError."""
    path = path or config_path(environ)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}); `commerce-pipelines init` writes one, COMMERCE_CONFIG names "
            "another."
        ) from None
    settings = parse(text)
    settings = msgspec.structs.replace(
        settings, channels=tuple(_with_sku_file(channel, path.parent) for channel in settings.channels)
    )
    for where, secret in secrets(settings):
        if not environ.get(secret.env):
            raise SettingsError(f"{where}: the environment variable {secret.env} is not set; put the secret there.")
    return settings


def _with_sku_file(channel: ChannelSettings, folder: Path) -> ChannelSettings:
    """The channel with the aliases of its `sku_file` added; what the YAML says itself goes first."""
    if not channel.sku_file:
        return channel
    file, where = folder / channel.sku_file, f"channels[{channel.name}].sku_file"
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{where}: {file} cannot be read as UTF-8 text ({type(error).__name__}).") from None
    aliases: dict[str, str | Pack] = {}
    for number, row in enumerate(rows, 2):
        sku, product, quantity = (str(row.get(key) or "").strip() for key in ("sku", "product", "quantity"))
        if not sku or not product or not (quantity or "1").isdigit() or int(quantity or 1) < 1:
            raise SettingsError(f"{where}: line {number} needs sku, product and, if given, a quantity of at least 1.")
        if sku in aliases:
            raise SettingsError(f"{where}: line {number} gives the SKU {sku!r} a second time.")
        aliases[sku] = Pack(product=product, quantity=int(quantity or 1))
    return msgspec.structs.replace(channel, skus={**aliases, **channel.skus})


def parse(text: str) -> Settings:
    """Settings from YAML text, without looking at the environment. Raises SettingsError."""
    try:
        raw = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise SettingsError(f"commerce.yaml is not valid YAML{_problem(error)}.") from None
    if not isinstance(raw, dict):
        raise SettingsError("commerce.yaml must be a mapping with odoo and channels; see commerce.example.yaml.")
    file_type, base = _file_type()
    try:
        file = msgspec.convert(raw, file_type, strict=True)
    except msgspec.ValidationError as error:
        raise SettingsError(_sentence(str(error), raw)) from None
    settings = base(**{field: getattr(file, field) for field in base.__struct_fields__})
    names = [channel.name for channel in settings.channels]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise SettingsError(
                f"channels[{index}].name: {name!r} is used twice; every channel needs a name of its own."
            )
    for where, owner in [("owner", settings.owner)]:
        if not re.fullmatch(r"team:[A-Za-z0-9_-]+|[^@\s]+@[^@\s]+\.[^@\s]+", owner):
            raise SettingsError(f"{where}: {owner!r} must be an e-mail address or team:NAME.")
    return settings


def fingerprint(settings: Settings, name: str) -> str:
    """16 hex digits that change with any setting that an order of this channel may have been refused for."""
    parts = [msgspec.to_builtins(part) for part in (settings.channel(name), settings.vat, settings.odoo)]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:16]


def secrets(section: Any, where: str = "") -> Iterator[tuple[str, Secret]]:
    """Every secret the settings name, with its path."""
    if isinstance(section, Secret):
        yield where, section
    elif isinstance(section, msgspec.Struct):
        for field in section.__struct_fields__:
            yield from secrets(getattr(section, field), f"{where}.{field}" if where else field)
    elif isinstance(section, tuple):
        for index, part in enumerate(section):
            yield from secrets(part, f"{where}[{getattr(part, 'name', index)}]")


@cache
def _file_type() -> tuple[type[Any], type[Settings]]:
    """The file's type with the union of all marketplaces' sections, built when a file is read."""
    kinds: Any = Union[settings_types()]  # noqa: UP007 - made from a tuple
    fields: list[Any] = [("odoo", OdooSettings), ("channels", tuple[kinds, ...], ())]
    fields += [("vat", VatPolicy, VatPolicy()), ("alerts", Alerts, Alerts())]
    fields += [("listen", Listen | None, None), ("owner", str, "team:commerce")]
    return msgspec.defstruct("CommerceYaml", fields, bases=(Section,), kw_only=True, frozen=True), Settings


def _sentence(error: str, raw: dict[str, Any]) -> str:
    """msgspec's `… - at `$.channels[0].x`` as a sentence with our path and a fix."""
    problem, _, path = error.partition(" - at ")
    path = path.replace("`", "").removeprefix("key in ").removeprefix("$").removeprefix(".")
    here = path or "commerce.yaml"
    if match := re.search(r"unknown field `(.+?)`", problem):
        key = match[1]
        near = get_close_matches(key, _known_keys(), n=1)
        hint = f"did you mean {near[0]}?" if near else "see commerce.example.yaml for every key."
        return f"{path + '.' if path else ''}{key} is no known key; {hint}"
    if match := re.search(r"missing required field `(.+?)`", problem):
        return f"{path + '.' if path else ''}{match[1]} is missing; see commerce.example.yaml for what it means."
    if path.endswith(".kind") or "kind" in problem:
        return f"{here}: {problem}; kind must be one of {', '.join(KINDS)}."
    if "object" in problem and re.search(r"(password|secret|token|webhook|client_id|access)", path):
        return f"{here} must name an environment variable, as in {{env: NAME}}; secrets are not written in the file."
    if "RFC3339" in problem:
        return f"{here} must be a date such as 2026-01-31."
    return f"{here}: {problem[0].lower() + problem[1:]}; see commerce.example.yaml."


def _known_keys() -> list[str]:
    structs: list[Any] = [Settings, OdooSettings, VatPolicy, Alerts, Mail, Listen]
    structs += [InventoryRules, InventoryOverride, Breaker, *settings_types()]
    return sorted({field for struct in structs for field in struct.__struct_fields__} | {"kind"})


def _problem(error: yaml.YAMLError) -> str:
    """` in line 3: …`: where, and what the parser says, without the line itself."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f" in line {error.problem_mark.line + 1}: {error.problem}"
    return ""


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: a key given twice is an error, and NO is Norway rather than false."""


def _unique_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
