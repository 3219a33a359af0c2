"""The base of all sections of commerce.yaml, and the shapes that they share.

What belongs here: how a section refuses unknown keys, how secrets and countries are named. What does not: any key.
"""

from __future__ import annotations

import os
import re

import msgspec

from .errors import SettingsError


def is_country(code: str) -> bool:
    """Whether a code has the form of ISO 3166-1 alpha-2: two capital letters, as channels and Odoo write it."""
    return re.fullmatch(r"[A-Z]{2}", code) is not None


def no_country(code: str) -> str:
    """What is wrong with a country code, and the fix; the sentence follows the key."""
    return f"names {code!r}, which is no country code; write two capital letters such as DE."


class Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A mapping in commerce.yaml: an unknown key is an error, never ignored."""


class Secret(Section, kw_only=True, frozen=True):
    """`{env: NAME}`: the name of an environment variable. The value never appears in settings, logs or the UI."""

    env: str

    def __post_init__(self) -> None:
        """Raises ValueError, to which msgspec adds the path of the key. The message does not quote the value: whoever
        writes no name there may have written the secret itself."""
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.env):
            raise ValueError("is no name of an environment variable")

    def value(self) -> str:
        """The secret itself, read at the moment of use. Raises SettingsError when the variable is missing or empty."""
        value = os.environ.get(self.env, "")
        if not value:
            raise SettingsError(f"The environment variable {self.env} is not set; put the secret there.")
        return value
