"""What a log line must never show: tokens, client secrets, query values, e-mail addresses.

What belongs here: the patterns and the logging filter that applies them. What does not: deciding what to log.
"""

from __future__ import annotations

import logging
import re

from ...core.loggers import silence

_MASK = "***"
_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]+(?:\.[\w-]+)+")
# The last group of each pattern is masked; the text before it shows the reader what was there.
_SECRETS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:bearer|basic|IAF)\s+([\w.~+/=^#|-]{8,})",
        r"(?:Atz[ar]\|)([^\s\"'&,;}]+)",  # Login with Amazon access and refresh tokens
        r"amzn1\.oa2-cs\.v\d\.([0-9a-f]{8,})",
        r"\bshp(?:at|ca|pa|ss|rt)_([0-9a-z]+)",  # Shopify access tokens and app secrets
        r"v\^1\.1#([^\s\"'&,;}]+)",  # eBay user tokens
        r"\b(?:PRD|SBX)-([0-9a-f]{8,}(?:-[0-9a-f]+)+)",  # eBay client secrets
        r"\b(?:\w*token|client_secret|password|api_key|authorization)[\"']?\s*[:=]\s*[\"']?([^\s\"'&,;}]+)",
        r"[?&][\w.\[\]-]+=([^\s\"'&]+)",  # values of a URL's query
    )
)


def redact(text: str) -> str:
    """The text with secrets and e-mail addresses masked."""
    for pattern in _SECRETS:
        text = pattern.sub(lambda hit: hit[0][: hit.start(1) - hit.start()] + _MASK, text)
    return _EMAIL.sub(_MASK, text)


class Redact(logging.Filter):
    """Masks every record that passes, its traceback included. For a logger, or, to cover its children as well, for a
    handler."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


def install() -> None:
    """Put the filter on our logger of calls, and silence the libraries below it; repeated calls change nothing."""
    silence()
    logger = logging.getLogger("commerce_pipelines.http")
    if not any(isinstance(installed, Redact) for installed in logger.filters):
        logger.addFilter(Redact())
