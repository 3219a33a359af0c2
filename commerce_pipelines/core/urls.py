"""What an address in commerce.yaml must look like, and which hosts are this machine.

What belongs here: the form of an address. What does not: opening an address, which hosts a channel may call
(channels/http/session.py).
"""

from __future__ import annotations

from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def problem(address: str, *, path: bool) -> str:
    """What is wrong with a URL, and the fix, to follow its key; '' if nothing is. path: whether the URL may have a
    path."""
    example = "such as https://host/path" if path else "without a path, such as https://odoo.example.com"
    try:
        url = urlsplit(address)
        good = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:  # malformed brackets or a malformed port
        return f"must be a URL {example}."
    if url.username is not None or url.password is not None:
        return "must not hold a user or password: secrets are not written in the file."
    if not good or any(part.isspace() for part in address) or (not path and url.path.strip("/")):
        return f"must be a URL {example}."
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        return "must use https: plain http is allowed on loopback only."
    return ""
