"""What an address in commerce.yaml must look like, which hosts are this machine, and which addresses are everybody's.

What belongs here: the form of an address. What does not: opening an address, which hosts a channel may call
(channels/http/session.py).
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address
from urllib.parse import quote, urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Addresses of IPv6 that stand for one of IPv4, which is what counts: RFC 6052, RFC 8215.
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


def order_page(channel: str, order_id: str) -> str:
    """The path of an order's page, which the UI's own server serves (cli/webserver.py)."""
    return f"/orders/{quote(channel, safe='')}/{quote(order_id, safe='')}"


def article_page(channel: str, sku: str) -> str:
    """The path of an article's history, by the SKU of a listing; it is served like an order's page."""
    return f"/articles/{quote(channel, safe='')}/{quote(sku, safe='')}"


def is_address(host: str) -> bool:
    """Whether a host is given by its address, or as `localhost`, instead of a name that has to be looked up."""
    try:
        ip_address(host)
    except ValueError:
        return host in LOOPBACK
    return True


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet: neither of this machine, nor of a network behind a router, nor of a
    cloud's own services (169.254.169.254), however it is written."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if any(ip in network for network in _TRANSLATED):
            inner = ip_address(int(ip) & 0xFFFFFFFF)  # type: ignore[assignment]
        if inner:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


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
