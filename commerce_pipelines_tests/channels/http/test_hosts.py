"""Which hosts are called, and which addresses behind their names: nobody's answer leads a call into this network."""

from __future__ import annotations

import socket
from typing import Any

import pytest
import requests

from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.http.session import HttpSession, Repeat
from commerce_pipelines.channels.registry import open_channel, settings_types
from commerce_pipelines.core.errors import PermanentError, ProtocolError
from commerce_pipelines.settings.file import parse

from ...doubles.vendor import Clock, Vendor, answer, told_by

ADDRESSES = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


@pytest.fixture
def leads_to(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that every name leads to, one after the other; the last stays."""
    addresses = ["127.0.0.1"]
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)

    def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        address = addresses.pop(0) if len(addresses) > 1 else addresses[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return addresses


def open_session(vendor: Vendor, clock: Clock, *, named: bool) -> tuple[HttpSession, str]:
    # Every name leads to the vendor's server on loopback, which speaks no TLS: a call that is let through fails at it.
    host = f"https://api.example.com:{vendor.server_address[1]}"
    hosts = (host,) if named else ()
    return HttpSession("shop_de", [host], MemoryBuckets(clock), told_by(clock), named=hosts), host


@pytest.mark.usefixtures("leads_to")
@pytest.mark.parametrize("repeat", [Repeat.STATE, Repeat.NEVER])
def test_a_name_that_leads_into_this_network_is_not_called(vendor: Vendor, clock: Clock, repeat: Repeat) -> None:
    session, host = open_session(vendor, clock, named=False)
    with pytest.raises(PermanentError, match=r"api\.example\.com.*leads to this machine.*\(DNS\).*nothing was sent"):
        session.send("POST", f"{host}/orders", operation="o", repeat=repeat, data=b"x")
    assert vendor.calls == []
    assert clock.slept == []


@pytest.mark.usefixtures("leads_to")
def test_a_name_in_the_settings_may_lead_into_this_network(vendor: Vendor, clock: Clock) -> None:
    session, host = open_session(vendor, clock, named=True)
    with pytest.raises(PermanentError, match="it speaks no TLS at that port"):
        session.get(f"{host}/orders", operation="o")


def test_a_name_that_leads_elsewhere_the_second_time_is_seen(
    vendor: Vendor, clock: Clock, leads_to: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: what counts is the address that was connected to, each time."""
    asked: list[str] = []

    def judge(address: str) -> bool:
        asked.append(address)
        return len(asked) == 1

    monkeypatch.setattr("commerce_pipelines.core.exchange.is_public", judge)
    session, host = open_session(vendor, clock, named=False)
    with pytest.raises(PermanentError, match="it speaks no TLS"):
        session.get(f"{host}/orders", operation="o")
    with pytest.raises(PermanentError, match="leads to this machine"):
        session.get(f"{host}/orders", operation="o")
    assert asked == ["127.0.0.1"] * 2


def test_a_proxy_may_stand_in_this_network(vendor: Vendor, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks up the names, and says where it stands by itself."""
    monkeypatch.setenv("HTTP_PROXY", f"http://{vendor.origin}")
    monkeypatch.setenv("http_proxy", f"http://{vendor.origin}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    from commerce_pipelines.core import exchange

    exchange._read_environment.cache_clear()
    vendor.script = [answer(200)]
    request = requests.Request("GET", "http://api.example.com/x")
    status, _, _ = exchange.exchange(exchange.new_session(), request, 1e12, clock, 1 << 20, public_only=True)
    exchange._read_environment.cache_clear()
    assert status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data", "https://evil.example/", "file:///etc/passwd", "//[::1]/x"]
)
def test_no_redirect_is_followed(vendor: Vendor, session: HttpSession, status: int, target: str) -> None:
    vendor.script = [answer(status, b"", Location=target)]
    with pytest.raises(ProtocolError, match="redirects are not followed"):
        session.get(f"http://{vendor.origin}/orders", operation="searchOrders")
    assert len(vendor.calls) == 1


ODOO = "odoo: {url: 'https://odoo.example.com', database: shop, username: bot, password: {env: P}}\n"
OAUTH = "{client_id: {env: A}, client_secret: {env: B}, refresh_token: {env: C}}"
KINDS = {
    "amazon": f"name: c, kind: amazon, credentials: {OAUTH}",
    "ebay": f"name: c, kind: ebay, credentials: {OAUTH}",
    "shopify": "name: c, kind: shopify, shop: a.myshopify.com, credentials: {access_token: {env: A}}",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("override", ["", ", endpoint: 'https://in.example.org/base'"])
def test_what_a_channel_may_call_is_what_it_says_it_calls(
    kind: str, override: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sessions that a channel opens know the hosts of its destinations, and of these alone the named ones may lead
    into this network. Amazon's storage is let in call by call (api/documents.py)."""
    made: list[tuple[set[str], set[str]]] = []
    init = HttpSession.__init__

    def note(self: HttpSession, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        made.append((_list_hosts(self._allowed), _list_hosts(self._named)))

    monkeypatch.setattr(HttpSession, "__init__", note)
    settings = parse(f"{ODOO}channels: [{{{KINDS[kind]}{override}}}]").channels[0]
    monkeypatch.setenv("A", "x")
    clock = Clock()
    open_channel(settings, MemoryBuckets(clock), MemoryTokens(clock), told_by(clock))
    listed = {place.host for place in settings.destinations()} - {"s3.amazonaws.com"}
    assert made
    assert {host for allowed, _ in made for host in allowed} == listed
    assert {host for _, named in made for host in named} == ({"in.example.org"} if override else set())
    assert len(settings_types()) == len(KINDS)


def _list_hosts(origins: frozenset[str]) -> set[str]:
    return {origin.rpartition(":")[0] for origin in origins}
