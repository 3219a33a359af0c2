"""Loggers of libraries that print what passes through them: arguments with passwords, URLs with signatures, partners.

odoorpc logs each call's arguments at DEBUG, the password among them; urllib3 logs paths with their queries, and headers
that it cannot read. Whoever sets the root logger, or Dagster's `python_log_level`, to DEBUG must not get these.

What belongs here: silencing them. What does not: lines of our own (channels/http/redact.py masks those).
"""

from __future__ import annotations

import logging

# A filter of a logger sees what is logged to that logger alone, not to those below it: each is named.
TALKERS = (
    *("odoorpc", "odoorpc.odoo", "odoorpc.rpc", "odoorpc.rpc.jsonrpclib", "odoorpc.env", "odoorpc.models"),
    *("urllib3", "urllib3.connection", "urllib3.connectionpool", "urllib3.poolmanager", "urllib3.response"),
    *("urllib3.util.retry", "requests", "requests.sessions", "requests.adapters", "charset_normalizer"),
)


class _Silence(logging.Filter):
    """Lets errors alone pass; none of these libraries logs any. Levels are no help: whoever configures sets them."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR


def silence() -> None:
    """Repeated calls change nothing."""
    for name in TALKERS:
        logger = logging.getLogger(name)
        if not any(isinstance(installed, _Silence) for installed in logger.filters):
            logger.addFilter(_Silence())
