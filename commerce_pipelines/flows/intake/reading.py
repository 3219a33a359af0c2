"""By what answers are read: the code and the settings that make staged rows of them, as one fingerprint.

A run of the sensor does not read an answer again whose staged row is of this very answer, if all rows of its day were
made by the same reading.

What belongs here: what counts as the same reading. What does not: which days were read by it
(warehouse/landing/kept_rows.py).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ...core.topics import Topic
from ...settings.file import Settings
from ...settings.fingerprint import fingerprint

# Of the package: what translates answers, what it is checked by, and what makes rows of it.
_CODE = (
    "channels/**/*.py", "domain/**/*.py", "flows/intake/answers.py", "flows/*/stage.py", "warehouse/*/staged_rows.py",
)  # fmt: skip


def name_reading(settings: Settings, name: str, topic: Topic) -> str:
    """32 hex digits that change with the code and with every setting by which a channel's answers are read."""
    of_settings = Topic.RETURNS if topic is Topic.REFUNDS else topic  # returns and refunds have their settings together
    return fingerprint(settings, name, of_settings) + _OF_CODE


def _compute_digest() -> str:
    root, digest = Path(__file__).parents[2], hashlib.sha256()
    for path in sorted(path for pattern in _CODE for path in root.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


_OF_CODE = _compute_digest()  # at import, so that the process that runs are forked from has it
