"""A server that never comes to an end is left, by both transports: what stands at odoo.url may be anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from commerce_pipelines.core.errors import ProtocolError, TransientError
from commerce_pipelines.core.section import Secret
from commerce_pipelines.odoo.rpc import bounded
from commerce_pipelines.odoo.rpc.client import OdooClient, connect
from commerce_pipelines.odoo.rpc.settings import OdooSettings
from commerce_pipelines_tests.doubles.vendor import Vendor, answer, drip, hang_up


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    server = Vendor()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.done.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def patience() -> int:
    """Seconds that Odoo is waited for: enough for every machine."""
    return 240


@pytest.fixture(params=["jsonrpc", "json2"])
def client(request: pytest.FixtureRequest, vendor: Vendor, patience: int) -> OdooClient:
    settings = OdooSettings(
        url=f"http://{vendor.origin}", database="x", username="y", password=Secret(env="X"), transport=request.param,
        timeout_seconds=patience,
    )  # fmt: skip
    return connect(settings, "z")


@pytest.mark.parametrize("patience", [1])
@pytest.mark.parametrize("where", ["body", "headers"])
def test_a_dripping_answer_meets_the_total_deadline(vendor: Vendor, client: OdooClient, where: str) -> None:
    vendor.script = [drip(where)] * 9
    with pytest.raises(TransientError, match="did not answer"):
        client.version()


def test_an_endless_answer_is_not_kept(vendor: Vendor, client: OdooClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "ANSWER_BYTES", 1000)
    vendor.script = [answer(200, {"result": "x" * 2000})]
    with pytest.raises(ProtocolError, match="larger than any that is read"):
        client.version()


def test_a_nest_without_a_bottom_and_a_cut_connection_are_told(vendor: Vendor, client: OdooClient) -> None:
    vendor.script = [answer(200, b'{"a":' + b"[" * 200_000)]
    with pytest.raises((ProtocolError, TransientError)):
        client.version()
    vendor.script = [hang_up]
    with pytest.raises(TransientError, match="did not answer"):
        client.version()
