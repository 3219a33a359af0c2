"""Groups of channels. Each is a code location of its own in Dagster; channels without a group are in the first one,
with all that is about every channel at once.

What belongs here: the names that follow from a group's. What does not: which channel is in which group
(channels/settings.py), what a code location holds (definitions.py), starting its process (cli/dev.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from .lanes import ODOO

LOCATION = "commerce_pipelines"  # the name is part of every sensor's identity: renaming loses their cursors
ATTRIBUTE = "group_"  # definitions.group_NAME are the definitions of a group


class Member(Protocol):
    """Something that is in a group; in none where it is ''."""

    @property
    def group(self) -> str: ...


M = TypeVar("M", bound=Member)


def by_group(members: Iterable[M]) -> dict[str, list[M]]:
    """The members of each group, in their order; '' stands for those without a group."""
    groups: dict[str, list[M]] = {}
    for member in members:
        groups.setdefault(member.group, []).append(member)
    return groups


def in_group(name: str, group: str) -> str:
    """The name of what each group has one of, such as a sensor that serves all of its channels."""
    return f"{name}_{group}" if group else name


def location_of(group: str) -> str:
    """The name of the code location of a group's channels."""
    return in_group(LOCATION, group)


def is_of_groups(location: str) -> bool:
    """Whether a code location is the first one or that of a group, also of one that is in no settings any more."""
    return location == LOCATION or location.startswith(f"{LOCATION}_")


def attribute_of(group: str) -> str:
    """What Dagster loads from the module `definitions` for a group."""
    return f"{ATTRIBUTE}{group}" if group else "defs"


def odoo_path(table: str, group: str) -> list[str]:
    """The path of the asset that reads this of Odoo for all channels of a group."""
    return [ODOO, group, table] if group else [ODOO, table]
