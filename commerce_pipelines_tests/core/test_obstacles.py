"""A wrong host name, a closed port, a certificate that nobody vouches for, a silent server: one sentence each, which
names the setting and the fix, for Odoo by both transports, a marketplace and a target of alerts. Real sockets."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from commerce_pipelines.channels.http.memory import MemoryBuckets
from commerce_pipelines.channels.http.session import HttpSession
from commerce_pipelines.core import exchange
from commerce_pipelines.core.errors import CommerceError
from commerce_pipelines.core.obstacles import find_obstacle
from commerce_pipelines.core.section import Secret
from commerce_pipelines.odoo.rpc.client import connect
from commerce_pipelines.odoo.rpc.settings import OdooSettings
from commerce_pipelines.resources.alerts import alert
from commerce_pipelines_tests.doubles.vendor import Clock, told_by

KEYWORDS = dict(exchange.exchange.__kwdefaults__ or {})
SECONDS = {"odoo": 240.0, "alert": 240.0}  # how long they may be silent
Say = Callable[[str, int], str]  # (host, port of an https address) -> what a person is told


def make_certificate(folder: Path, host: str, until: datetime) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    path = folder / f"{host}.pem"
    path.write_bytes(pem)
    return path


class Listener:
    """Accepts on loopback and answers nothing. certificate: for TLS; None speaks none and hangs up."""

    def __init__(self, certificate: Path | None, *, silent: bool = False) -> None:
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._silent, self._kept = silent, ExitStack()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]

    def __enter__(self) -> Listener:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._kept.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._kept.callback(connection.close)
            if self._silent:
                continue
            try:
                if self._context:
                    self._context.wrap_socket(connection, server_side=True).close()
                else:
                    connection.recv(1)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    connection.close()
            except OSError:
                connection.close()


def say_odoo(transport_name: Any) -> Say:
    def say(host: str, port: int) -> str:
        settings = OdooSettings(
            url=f"https://{host}:{port}", database="x", username="x", password=Secret(env="X"),
            transport=transport_name, timeout_seconds=int(SECONDS["odoo"]),
        )  # fmt: skip
        with pytest.raises(CommerceError) as caught:
            connect(settings, "x", told_by(Clock())).version()
        assert "odoo.url" in str(caught.value)
        return str(caught.value)

    return say


def say_channel(host: str, port: int) -> str:
    clock = Clock()
    session = HttpSession("shop_de", [f"{host}:{port}"], MemoryBuckets(clock), told_by(clock))
    with pytest.raises(CommerceError) as caught:
        session.get(f"https://{host}:{port}/orders", operation="orders")
    assert "endpoint or token_endpoint (Shopify: shop) of channels[shop_de]" in str(caught.value)
    assert f"{host}:{port}" in str(caught.value)
    return str(caught.value)


def say_alert(host: str, port: int) -> str:
    (problem,) = alert([Secret(env="CHAT")], "subject", "text")
    assert "CHAT (alerts.targets)" in problem
    return problem


CALLERS = {"jsonrpc": say_odoo("jsonrpc"), "json2": say_odoo("json2"), "channel": say_channel, "alert": say_alert}


@pytest.fixture(params=CALLERS)
def say(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Say]:
    """What is said of https://host:port, with no word of a library or of the other side in it."""
    for name in ("HTTPS_PROXY", "https_proxy", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)

    def call(host: str, port: int) -> str:
        monkeypatch.setenv("CHAT", f"jsons://{host}:{port}/hook/s3cret?rto={SECONDS['alert']}&cto={SECONDS['alert']}")
        sentence = CALLERS[request.param](host, port)
        words = ("HTTPSConnectionPool", "Max retries", "Errno", "_ssl.c", "Error", "s3cret")
        assert [word for word in words if word in sentence] == []
        assert sentence.endswith(".")
        return sentence

    yield call
    logging.getLogger("apprise").setLevel(logging.NOTSET)


def test_a_wrong_host_name(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(host: str, *_: object, **__: object) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, f"a library's words about {host}")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    sentence = say("nosuch.invalid", 443)
    assert "its host name is not known (DNS); correct" in sentence
    assert "library" not in sentence


def test_a_closed_port(say: Say) -> None:
    with socket.socket() as taken:  # bound, and listening to nobody
        taken.bind(("127.0.0.1", 0))
        assert "connection refused); start it, or correct" in say("127.0.0.1", taken.getsockname()[1])


def test_a_self_signed_certificate(say: Say, tmp_path: Path) -> None:
    with Listener(make_certificate(tmp_path, "localhost", datetime.now(UTC) + timedelta(days=1))) as listener:
        assert "self-signed (TLS); get it one of a known authority" in say("localhost", listener.port)


def test_a_server_without_tls(say: Say) -> None:
    with Listener(None) as listener:
        assert "it speaks no TLS at that port; correct scheme and port" in say("127.0.0.1", listener.port)


def test_a_silent_server(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("exchange.CONNECT_SECONDS", "obstacles.CONNECT_SECONDS"):
        monkeypatch.setattr(f"commerce_pipelines.core.{name}", 0.5)
    monkeypatch.setattr(exchange.exchange, "__kwdefaults__", {**KEYWORDS, "read_seconds": 0.5})
    monkeypatch.setitem(SECONDS, "odoo", 1)
    monkeypatch.setitem(SECONDS, "alert", 0.5)
    with Listener(None, silent=True) as listener:
        sentence = say("127.0.0.1", listener.port)
        assert "time-out)" in sentence
        assert "overloaded" in sentence or "firewall" in sentence


@pytest.mark.parametrize(
    ("host", "until", "called", "clause"),
    [
        ("localhost", datetime(2021, 1, 1, tzinfo=UTC), "localhost", "has expired"),
        ("elsewhere.example", datetime(2999, 1, 1, tzinfo=UTC), "localhost", "is for another host name"),
        ("localhost", datetime(2999, 1, 1, tzinfo=UTC), "127.0.0.1", "is for no IP address"),
    ],
)
def test_a_certificate_of_a_known_authority_that_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, until: datetime, called: str, clause: str
) -> None:
    """The bundle that the fix names is the one that is read."""
    certificate = make_certificate(tmp_path, host, until)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    exchange._read_environment.cache_clear()
    with Listener(certificate) as listener:
        assert f"its certificate {clause} (TLS)" in say_odoo("json2")(called, listener.port)
    exchange._read_environment.cache_clear()


def test_what_is_no_trouble_of_a_connection_has_no_obstacle() -> None:
    assert find_obstacle(ValueError("no JSON")) is None
    assert find_obstacle(KeyError("x")) is None
