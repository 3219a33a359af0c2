"""A failed run reaches people: over HTTP to a webhook, by SMTP as mail, and neither silences the other."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import dagster as dg
import pytest

from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.core.lanes import run_tags
from commerce_pipelines.core.section import Secret
from commerce_pipelines.resources.alerts import alert
from commerce_pipelines.sensors.failures import run_failures
from commerce_pipelines.settings.file import Alerts, Mail
from commerce_sandbox.server import Call, Fault, Reply, StandIn


class Chat(StandIn):
    def handle(self, call: Call) -> Reply:
        return Reply(body=b"ok")


class Mailbox(socketserver.ThreadingTCPServer):
    """As much of SMTP (RFC 5321) as one message needs."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        self.received: list[str] = []
        super().__init__(("127.0.0.1", 0), _Session)


class _Session(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self.wfile.write(b"220 mailbox\r\n")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    text += part
                self.server.received.append(text.decode())
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    with Chat() as chat:
        monkeypatch.setenv("WEBHOOK", f"{chat.url}/hook/s3cret")
        yield chat


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with Mailbox() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


def _alerts(mailbox: Mailbox) -> Alerts:
    mail = Mail(to=("ops@example.com",), sender="shop@example.com", port=mailbox.server_address[1])
    return Alerts(webhook=Secret(env="WEBHOOK"), mail=mail)


def test_both_ways_out_are_taken(chat: Chat, mailbox: Mailbox) -> None:
    assert alert(_alerts(mailbox), "A run failed", "Odoo is down, Größe 9") == []
    assert chat.calls[0].json() == {"text": "A run failed\nOdoo is down, Größe 9"}
    (mail,) = mailbox.received
    assert "Subject: A run failed" in mail
    assert "To: ops@example.com" in mail


def test_a_broken_way_out_is_told_and_does_not_silence_the_other(chat: Chat, mailbox: Mailbox) -> None:
    chat.faults.append(Fault(status=500))
    (problem,) = alert(_alerts(mailbox), "A run failed", "text")
    assert problem.startswith("post")
    assert "s3cret" not in problem
    assert len(mailbox.received) == 1


def test_nothing_configured_is_nothing_sent() -> None:
    assert alert(Alerts(), "subject", "text") == []


def test_a_failed_run_is_told_with_its_days_and_reason_and_without_a_traceback(chat: Chat) -> None:
    @dg.asset(partitions_def=dg.DailyPartitionsDefinition(start_date="2025-11-01"))
    def asset() -> None:
        secret = "CANARY anna@example.com"  # noqa: F841 - in the frame of the traceback only
        raise dg.Failure(description="Odoo refuses the login of 'bot'.", allow_retries=False)

    @dg.asset
    def crash() -> None:
        raise ValueError("CANARY anna@example.com")

    @dg.asset
    def busy() -> None:
        raise TransientError("Odoo was busy.")

    with dg.DagsterInstance.ephemeral() as instance:
        for one, key in ((asset, "2025-11-02"), (crash, None), (busy, None)):
            result = dg.materialize(
                [one], instance=instance, partition_key=key, raise_on_error=False, tags=run_tags("shop_de", "orders")
            )
            (event,) = [
                one
                for one in instance.all_logs(result.run_id)
                if one.dagster_event_type == dg.DagsterEventType.RUN_FAILURE
            ]
            context = dg.build_run_status_sensor_context(
                sensor_name="run_failures", dagster_instance=instance, dagster_run=result.dagster_run,
                dagster_event=event.dagster_event,
            ).for_run_failure()  # fmt: skip
            run_failures(Alerts(webhook=Secret(env="WEBHOOK")))(context)
    known, bug, passing = (call.json()["text"] for call in chat.calls)
    assert "orders of shop_de failed at asset\n" in known
    assert "channel shop_de, flow orders" in known
    assert "2025-11-02" in known
    assert "asset: Odoo refuses the login of 'bot'." in known
    assert "crash: ValueError" in bug
    assert "busy: Odoo was busy." in passing
    assert "CANARY" not in known + bug
    assert "Traceback" not in known + bug


def test_a_run_that_a_person_started_is_told_by_channel_flow_and_step_too(chat: Chat) -> None:
    @dg.asset(key=["my__shop", "published_inventory"])
    def refused() -> None:
        raise dg.Failure(description="The token is too old.", allow_retries=False)

    @dg.asset(key=["odoo", "stock_levels"])
    def stock() -> None: ...

    job = dg.Definitions(assets=[refused, stock]).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        for selection in (list(job.asset_layer.executable_asset_keys), None):
            result = job.execute_in_process(instance=instance, asset_selection=selection, raise_on_error=False)
            (event,) = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
            context = dg.build_run_status_sensor_context(
                sensor_name="run_failures", dagster_instance=instance, dagster_run=result.dagster_run,
                dagster_event=event.dagster_event,
            ).for_run_failure()  # fmt: skip
            run_failures(Alerts(webhook=Secret(env="WEBHOOK")))(context)
    for call in chat.calls:
        text = call.json()["text"]
        assert text.startswith("commerce_pipelines: stock of my__shop failed at publishing quantities\n")
        assert "channel my__shop, flow inventory" in text
        assert "my__shop__published_inventory: The token is too old." in text
