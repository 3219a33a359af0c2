"""The two shapes that every part of commerce.yaml is made of.

What belongs here: how a section refuses unknown keys and how a secret is named. What does not: any key of its own.
"""

from __future__ import annotations

import os

import msgspec

from .errors import SettingsError


class Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A mapping in commerce.yaml: an unknown key is an error, never ignored."""


class Secret(Section, kw_only=True, frozen=True):
    """`{env: NAME}`: the name of an environment variable. The value never appears in settings, logs or the UI."""

    env: str

    def value(self) -> str:
        """The secret itself, read when it is used. Raises SettingsError when the variable is missing or empty."""
        value = os.environ.get(self.env, "")
        if not value:
            raise SettingsError(f"The environment variable {self.env} is not set; put the secret there.")
        return value
