"""The list of marketplaces: those of this project, and those that other packages register (docs/add-a-marketplace.md).

A new marketplace here is a folder beside this file and a line in KINDS. Each folder offers `settings.Settings` (its
part of commerce.yaml, a ChannelSettings with its own tag) and `open_channel(settings, buckets, tokens, instruments) ->
Channel`. Folders are imported when a channel of their kind is used.

A package of somebody else names a module in the group of entry points `commerce_pipelines.channels`, under its kind:
a module with `Settings`, `PERSONAL` and `open_channel`. Installed packages are looked through, and one is imported,
only where commerce.yaml names a kind that is not ours: else every run would pay for it.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from ..core.errors import SettingsError
from ..core.instruments import Instruments
from ..domain.privacy.personal import PersonalFields
from .capabilities import Channel
from .http.throttle import BucketStore, TokenStore
from .settings import ChannelSettings

KINDS = ("amazon", "ebay", "shopify")
GROUP = "commerce_pipelines.channels"
OFFERED = ("Settings", "PERSONAL", "open_channel")  # by the module of another package


def list_kinds() -> tuple[str, ...]:
    """Every kind that a channel may have here, those of installed packages last."""
    return (*KINDS, *sorted(_find_registered()))


def find_foreign(kinds: Collection[str]) -> frozenset[str]:
    """Those of these kinds that installed packages register."""
    others = frozenset(kinds) - frozenset(KINDS)
    return others & frozenset(_find_registered()) if others else frozenset()


def settings_types(foreign: Collection[str] = ()) -> tuple[type[ChannelSettings], ...]:
    """The section of each marketplace of ours, and of these kinds of installed packages. Raises SettingsError for a
    package that does not offer what it must."""
    ours = tuple(import_module(f"{__package__}.{kind}.settings").Settings for kind in KINDS)
    return (*ours, *(_load_module(kind).Settings for kind in sorted(foreign)))


def personal_fields(foreign: Collection[str] = ()) -> tuple[PersonalFields, ...]:
    """The personal fields of every kind of answer of every marketplace of ours, and of these kinds."""
    ours = [fields for kind in KINDS for fields in import_module(f"{__package__}.{kind}.personal").ALL]
    return (*ours, *(fields for kind in sorted(foreign) for fields in _load_module(kind).PERSONAL))


def open_channel(
    settings: ChannelSettings, buckets: BucketStore, tokens: TokenStore, instruments: Instruments
) -> Channel:
    """The channel of these settings. Makes no call yet."""
    kind = str(settings.__struct_config__.tag)
    module = import_module(f"{__package__}.{kind}") if kind in KINDS else _load_module(kind)
    channel: Channel = module.open_channel(settings, buckets, tokens, instruments)
    return channel


@cache
def _find_registered() -> dict[str, EntryPoint]:
    """The entry points of other packages by their kind. None takes the place of a marketplace of ours."""
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in KINDS}


@cache
def _load_module(kind: str) -> ModuleType:
    point = _find_registered().get(kind)
    if point is None:
        raise SettingsError(f"No installed package registers the kind {kind} (entry points `{GROUP}`).")
    try:
        module = point.load()
    except Exception as error:  # of somebody else's package: its text may say anything
        raise SettingsError(
            f"The package that registers the kind {kind} cannot be imported ({type(error).__name__}): "
            f"`python -c 'import {point.module}'` says why."
        ) from None
    missing = [name for name in OFFERED if not hasattr(module, name)]
    if missing or module.Settings.__struct_config__.tag != kind:
        lacks = f"lacks {', '.join(missing)}" if missing else "has Settings of another kind (their `tag`)"
        raise SettingsError(f"The module {point.module}, which registers the kind {kind}, {lacks}.")
    return module
