"""The two shapes that every part of commerce.yaml is made of.

What belongs here: how a section refuses unknown keys, how secrets and countries are named. What does not: any key.
"""

from __future__ import annotations

import os
import re

import msgspec

from .errors import SettingsError


def is_country(code: str) -> bool:
    """Whether it has the form of ISO 3166-1 alpha-2, as channels and Odoo write it."""
    return re.fullmatch(r"[A-Z]{2}", code) is not None


def no_country(code: str) -> str:
    """What is wrong with a code and the fix, to follow its key."""
    return f"names {code!r}, which is no country code; write two capital letters such as DE."


class Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A mapping in commerce.yaml: an unknown key is an error, never ignored."""


class Secret(Section, kw_only=True, frozen=True):
    """`{env: NAME}`: the name of an environment variable. The value never appears in settings, logs or the UI."""

    env: str

    def __post_init__(self) -> None:
        """Raises ValueError, which msgspec gives its path: what is no name may be the secret itself."""
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.env):
            raise ValueError("is no name of an environment variable")

    def value(self) -> str:
        """The secret itself, read when it is used. Raises SettingsError when the variable is missing or empty."""
        value = os.environ.get(self.env, "")
        if not value:
            raise SettingsError(f"The environment variable {self.env} is not set; put the secret there.")
        return value
