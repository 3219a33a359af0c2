"""commerce.yaml as typed, validated settings: every mistake is one sentence with the key's path and the fix.

What belongs here: reading the file, composing the sections, checks across channels and against the environment. What
does not: the keys of one room (odoo/rpc/settings.py, channels/settings.py, domain/sales/rules.py,
domain/vat/decision.py, a marketplace's own folder), how msgspec's errors become sentences (mistakes.py), names that
must exist in Odoo (cli/check.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_type_hints

import msgspec
import yaml

from ..channels.registry import find_foreign, list_kinds, settings_types
from ..channels.settings import ChannelSettings
from ..core import urls
from ..core.errors import SettingsError
from ..core.groups import by_group
from ..core.section import Secret, Section
from ..domain.privacy.policy import PrivacyPolicy
from ..domain.privacy.residency import Data, Destination, find_violations
from ..domain.vat.decision import VatPolicy
from ..odoo.rpc.settings import OdooSettings
from . import mistakes
from .alerts import Alerts
from .sku_file import read_sku_file

MISSING = object()
MERGE = "tag:yaml.org,2002:merge"
# Flows whose schedules and jobs are named CHANNEL_FLOW_nightly and CHANNEL_FLOW_backfill.
NAMED_APART = ("returns", "content", "refunding", "inventory", "invoicing", "fulfilment")
# Types that YAML reads into words and dates without being asked to.
NOT_MEANT = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")


class Listen(Section, kw_only=True, frozen=True):
    """Where messages come in (docs/webhooks.md). secret: the last part of the URL by which Odoo's webhook may hint at
    changed stock (docs/inventory.md). public_url: how marketplaces reach this address, through a proxy with TLS."""

    secret: Secret | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 3001
    public_url: str = ""

    def __post_init__(self) -> None:
        if self.public_url and (problem := urls.problem(self.public_url, path=True)):
            raise SettingsError(f"listen.public_url {problem}")

    def address_of(self, channel: str) -> str:
        """The address that a channel's marketplace is given, exactly as it is registered there."""
        return f"{self.public_url.rstrip('/')}/notices/{channel}"


class Metrics(Section, kw_only=True, frozen=True):
    """Where monitors read figures and health (docs/deploy.md). Nobody is asked for a password there."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 9464


class Settings(Section, kw_only=True, frozen=True):
    """The whole of commerce.yaml. `channels` keep the file's order. rehearsal_required: only rules that a person agreed
    to after a rehearsal may write to Odoo and the channels. stock_history_days: for how long stock as it was, and what
    listings were to show, is kept."""

    odoo: OdooSettings
    channels: tuple[ChannelSettings, ...] = ()
    vat: VatPolicy = VatPolicy()
    privacy: PrivacyPolicy = PrivacyPolicy()
    alerts: Alerts = Alerts()
    listen: Listen | None = None
    metrics: Metrics | None = None
    owner: str = "team:commerce"
    rehearsal_required: bool = False
    stock_history_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 90
    docs_url: str = ""  # where this project's docs are served for those who work with it

    @property
    def stock_kept_for(self) -> timedelta:
        return timedelta(days=self.stock_history_days)

    @property
    def hinted(self) -> bool:
        """Whether Odoo may hint at changed stock."""
        return self.listen is not None and self.listen.secret is not None

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of channels that have a code location of their own, in the file's order."""
        return tuple(group for group in by_group(self.channels) if group)

    def destinations(self) -> list[Destination]:
        """Every place that the file itself sends data to; targets of alerts and the database stand in the
        environment."""
        odoo = Destination(self.odoo.url, Data.PERSONS, "odoo.url")
        return [odoo, *(place for channel in self.channels for place in channel.destinations())]

    def channel(self, name: str) -> ChannelSettings:
        """The settings of one channel. Raises SettingsError that lists the channels."""
        for channel in self.channels:
            if channel.name == name:
                return channel
        names = ", ".join(channel.name for channel in self.channels) or "none"
        raise SettingsError(f"There is no channel {name!r} in commerce.yaml; configured: {names}.")


def build_schema() -> dict[str, Any]:
    """A JSON Schema of commerce.yaml, by which editors complete and check it."""
    parts = {**_list_sections(), "channels": list[_build_channel_type(find_foreign(list_kinds()))]}  # type: ignore[misc]
    schemas, components = msgspec.json.schema_components(parts.values(), ref_template="#/$defs/{name}")
    return _allow_numbers(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "commerce.yaml of commerce_pipelines",
            "type": "object",
            "properties": dict(zip(parts, schemas, strict=True)),
            "required": ["odoo"],
            "additionalProperties": False,
            "$defs": components,
        }
    )


def _allow_numbers(schema: Any) -> Any:
    """The schema with decimals as YAML writes them, which are numbers; msgspec describes them as JSON strings."""
    if isinstance(schema, dict):
        if schema.get("format") == "decimal":
            return {**schema, "type": ["number", "string"]}
        return {key: _allow_numbers(part) for key, part in schema.items()}
    return [_allow_numbers(part) for part in schema] if isinstance(schema, list) else schema


def config_path(environ: Mapping[str, str] = os.environ) -> Path:
    return Path(environ.get("COMMERCE_CONFIG") or "commerce.yaml")


def load(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check the settings file (default: $COMMERCE_CONFIG, else ./commerce.yaml). Raises SettingsError."""
    path = path or config_path(environ)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text; save it with that encoding.") from None
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}); `commerce-pipelines init` writes one, COMMERCE_CONFIG names "
            "another."
        ) from None
    settings = parse(text)
    settings = msgspec.structs.replace(
        settings,
        channels=tuple(_add_sku_file(channel, path.parent) for channel in settings.channels),
        privacy=_locate_tombstones(settings.privacy, path.parent),
    )
    unset = [
        f"{where}: the environment variable {secret.env} is not set; put the secret there."
        for where, secret in secrets(settings)
        if not environ.get(secret.env)
    ]
    if unset:
        raise SettingsError("\n".join(unset))
    return settings


def _add_sku_file(channel: ChannelSettings, folder: Path) -> ChannelSettings:
    """The channel with the aliases of its `sku_file`; aliases in the YAML itself have priority."""
    if not channel.sku_file:
        return channel
    where = f"channels[{channel.name}].sku_file"
    aliases = read_sku_file(folder / channel.sku_file, where, channel.sku_fold_case)
    return msgspec.structs.replace(channel, skus={**aliases, **channel.skus})


def _locate_tombstones(privacy: PrivacyPolicy, folder: Path) -> PrivacyPolicy:
    """The section with a path that is right whatever the working directory is."""
    place = privacy.tombstones and str((folder / privacy.tombstones).absolute())
    return msgspec.structs.replace(privacy, tombstones=place)


@lru_cache(maxsize=2)  # a process reads the same file again and again; what it returns is never changed
def parse(text: str) -> Settings:
    """Settings from YAML text, without looking at the environment. Raises SettingsError, a line for each mistake."""
    try:
        raw = _load_yaml(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"commerce.yaml is not valid YAML{_describe_problem(error)}.") from None
    if not isinstance(raw, dict):
        raise SettingsError("commerce.yaml must be a mapping with odoo and channels; see commerce.example.yaml.")
    sections: dict[str, Any] = {}
    problems: list[str] = []
    keys = _list_known_keys()
    for key, shape in _list_sections().items():
        if key in raw or key == "odoo":
            sections[key], wrong = _read_section(raw.pop(key, MISSING), shape, key, keys)
            problems += wrong
    _, unknown = mistakes.read(raw, Section, "", keys)
    problems = [*unknown, *problems]
    names = [channel.name for channel in sections.get("channels") or () if channel]
    problems += [
        f"channels[{index}].name: {name!r} is used twice; every channel needs a name of its own."
        for index, name in enumerate(names)
        if name in names[:index]
    ]
    opened = [channel for channel in sections.get("channels") or () if channel]
    receiving = [channel.name for channel in opened if channel.receives and not channel.inbox]
    problems += [
        f"channels[{channel.name}].notifications.queue_url is another channel's: each needs a queue of its own."
        for index, channel in enumerate(opened)
        if channel.inbox in [other.inbox for other in opened[:index] if other.inbox]
    ]
    problems += [*_list_shared_warehouses(opened), *_list_shared_names(opened)]
    listen = sections.get("listen")
    if receiving and not (listen and listen.public_url) and not problems:
        problems.append(
            f"listen.public_url is missing: channels[{receiving[0]}].notifications needs it; write the address under "
            "which the proxy is reached, such as https://hooks.example.com."
        )
    owner = sections.get("owner")
    if owner is not None and not re.fullmatch(r"team:[A-Za-z0-9_-]+|[^@\s]+@[^@\s]+\.[^@\s]+", owner):
        problems.append("owner must be an e-mail address or team:NAME.")
    if problems:
        raise SettingsError("\n".join(problems))
    settings = Settings(**sections)
    if settings.privacy.residency and (violations := find_violations(settings.destinations(), settings.privacy.places)):
        raise SettingsError("\n".join(violations))
    return settings


def _list_shared_warehouses(channels: Sequence[ChannelSettings]) -> list[str]:
    """Warehouses of Odoo that two channels compare with their ledgers."""
    away = [(channel.company, channel.channel_warehouse) if channel.inbound.enabled else None for channel in channels]
    return [
        f"channels[{channel.name}].channel_warehouse is another channel's: `inbound` compares it with one ledger."
        for index, channel in enumerate(channels)
        if away[index] and away[index] in away[:index]
    ]


def _list_shared_names(channels: Sequence[ChannelSettings]) -> list[str]:
    """Channels whose own schedules and jobs would be called as those of a flow of another channel."""
    taken = {
        f"{channel.name}_{flow}": (channel.name, flow)
        for channel in channels for flow in NAMED_APART if getattr(channel, flow).enabled
    }  # fmt: skip
    return [
        f"channels[{channel.name}].name: its schedules and jobs would be called as those of channels[{other}].{flow}; "
        "choose another."
        for channel in channels if (place := taken.get(channel.name)) for other, flow in [place]
    ]  # fmt: skip


def _read_section(raw: Any, shape: Any, key: str, keys: tuple[str, ...]) -> tuple[Any, list[str]]:
    """One part of the file and its mistakes. Each channel is read by itself, so that all mistakes of all channels are
    found."""
    if raw is MISSING:
        return None, [f"{key} is missing; see commerce.example.yaml for what it means."]
    if key != "channels" or not isinstance(raw, list):
        return mistakes.read(raw, shape, key, keys)
    shape = _build_channel_type(find_foreign(_list_named_kinds(raw)))
    read = [mistakes.read(channel, shape, f"channels[{index}]", keys) for index, channel in enumerate(raw)]
    return tuple(channel for channel, _ in read), [problem for _, wrong in read for problem in wrong]


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


def _list_named_kinds(raw: list[Any]) -> list[str]:
    return [kind for channel in raw if isinstance(channel, dict) and isinstance(kind := channel.get("kind"), str)]


@cache
def _build_channel_type(foreign: frozenset[str] = frozenset()) -> Any:
    """The union of the sections of all our marketplaces and of these kinds of other packages, built when a file is
    read."""
    return Union[settings_types(foreign)]  # noqa: UP007 - made from a tuple


def _list_sections() -> dict[str, Any]:
    return get_type_hints(Settings, include_extras=True)


@cache
def _list_known_keys() -> tuple[str, ...]:
    """Every key that any section has."""
    return tuple(sorted(set(_list_keys(Settings)) | set(_list_keys(_build_channel_type())) | {"kind"}))


def _list_keys(shape: Any) -> Iterator[str]:
    if isinstance(shape, type) and issubclass(shape, Section):
        for key, inner in get_type_hints(shape).items():
            if key in shape.__struct_fields__:
                yield key
                yield from _list_keys(inner)
    for inner in get_args(shape):
        yield from _list_keys(inner)


def _describe_problem(error: yaml.YAMLError) -> str:
    """` in line 3: …`: the place and the parser's message, without the line itself, and without the word after * or &,
    because either may be an unquoted password."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        line = f" in line {error.problem_mark.line + 1}"
        if re.search("undefined alias|a constructor for the tag|duplicate anchor|tag handle", str(error.problem)):
            return f"{line}: put a value that begins with *, & or ! in quotes"
        return f"{line}: {error.problem}"
    if isinstance(error, yaml.reader.ReaderError):
        return f" at character {error.position + 1}: it is a control character; delete it"
    return ""


def _load_yaml(text: str) -> Any:
    """The document. libyaml takes a fifth of the time, which counts with 200 channels, and its errors say less."""
    try:
        return yaml.load(text, Loader=_FastLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: a repeated key is an error, NO is Norway instead of false, and a date stays text until a
    key needs a date, because YAML's own reader fails on 31 February without naming the key."""


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same, by libyaml where PyYAML has it."""


def _construct_unique_mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = "<<" if key_node.tag == MERGE else loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(None, None, "a key must be text", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", key_node.start_mark)
        seen.add(key)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


for _loader in (_Loader, _FastLoader):
    _loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _construct_unique_mapping)
    _loader.yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if tag not in NOT_MEANT]
        for first, resolvers in _loader.yaml_implicit_resolvers.items()
    }
    _loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
