"""A message reaches every target: over HTTP, by SMTP as mail; none silences another, and no secret is told."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import pytest

from commerce_pipelines.core.section import Secret
from commerce_pipelines.resources.alerts import alert, find_host
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
        monkeypatch.setenv("CHAT", f"json{chat.url.removeprefix('http')}/hook/s3cret")
        yield chat


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    with Mailbox() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        port = server.server_address[1]
        monkeypatch.setenv("MAIL", f"mailto://127.0.0.1:{port}?from=shop@example.com&to=ops@example.com")
        yield server
        server.shutdown()


BOTH = (Secret(env="CHAT"), Secret(env="MAIL"))


def test_every_target_is_told(chat: Chat, mailbox: Mailbox) -> None:
    assert alert(BOTH, "A run failed", "Odoo is down, Größe 9 <b>\nsecond line") == []
    body = chat.calls[0].json()
    assert (body["title"], body["message"]) == ("A run failed", "Odoo is down, Größe 9 <b>\nsecond line")
    (mail,) = mailbox.received
    assert "Subject: A run failed" in mail
    assert "ops@example.com" in mail


@pytest.mark.parametrize("wrong", ["no url at all", "", "unknown://x", None])
def test_a_broken_target_is_named_and_does_not_silence_the_others(
    chat: Chat, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], wrong: str | None
) -> None:
    if wrong is None:
        chat.faults.append(Fault(status=500, body=b"CANARY of the other side", times=9))
    else:
        monkeypatch.setenv("CHAT", wrong)
    (problem,) = alert(BOTH, "A run failed", "text")
    assert "CHAT" in problem
    assert len(mailbox.received) == 1
    shown = problem + "".join(capfd.readouterr())
    assert [secret for secret in ("s3cret", "CANARY", "unknown://") if secret in shown] == []


def test_nothing_configured_is_nothing_sent() -> None:
    assert alert((), "subject", "text") == []


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("workflows://prod-1.westeurope.logic.azure.com/WORKFLOW1/SIGNATURE1", "prod-1.westeurope.logic.azure.com"),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", "hooks.slack.com"),
        ("mailtos://user:secret@smtp.example.com:587?from=a@example.com&to=b@example.com", "smtp.example.com"),
        ("mailto://user:secret@gmail.com", "smtp.gmail.com"),
        ("ntfys://topic-s3cret", "ntfy.sh"),
        ("ntfys://ntfy.example.com/topic", "ntfy.example.com"),
        ("json://chat.example.com/s3cret", "chat.example.com"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", "api.telegram.org"),
        ("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", "discord.com"),
        ("nothing", ""),
    ],
)
def test_the_host_of_a_target_is_told_and_no_token_is_taken_for_one(
    url: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT", url)
    assert find_host(Secret(env="CHAT")) == host
