"""Where the master key comes from: the environment, or a function of yours that asks a key management service.

What belongs here: that interface. What does not: any vendor (docs/key-management.md has an example), what the key wraps
(landing/vault.py).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from importlib import import_module
from typing import Protocol

from ...core.errors import SettingsError

KEY_BYTES = 32


class MasterKeySource(Protocol):
    """What COMMERCE_MASTER_KEY_FROM names as `module:function`: called once in a process, when the first key is needed.
    What it raises ends the process' work; it is asked again at the next start."""

    def __call__(self, environ: Mapping[str, str]) -> bytes:
        """32 random bytes, always the same until `commerce-pipelines rotate-key`."""
        ...


def decode_key(text: str) -> bytes:
    """32 bytes from URL-safe base64; b'' for anything else."""
    text = text.strip()
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    return key if len(key) == KEY_BYTES else b""


def encode_key(key: bytes) -> str:
    """As `decode_key` reads it and `init` writes it."""
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def ask_source(name: str, environ: Mapping[str, str]) -> bytes:
    """The master key of a function. Raises SettingsError for a name that leads to none, or an answer that is no key."""
    module, _, function = name.partition(":")
    try:
        source: MasterKeySource = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError):
        raise SettingsError(
            "COMMERCE_MASTER_KEY_FROM must name a function that Python can import, as module:function "
            "(docs/key-management.md)."
        ) from None
    key = source(environ)
    if not isinstance(key, bytes) or len(key) != KEY_BYTES:
        raise SettingsError("The function that COMMERCE_MASTER_KEY_FROM names must return 32 bytes.")
    return key
