"""Which messages are kept: the way of one request from its path to a row, without HTTP.

    size (cli/receive.py) ──▶ path ──▶ signature over the bytes ──▶ ids ──▶ row, committed ──▶ answer

Whatever is refused gets the same answer: a path that nobody has, a forged message, one that cannot be read. Only a
signed message learns whether the database took it. Odoo's webhook can set neither headers nor a signature, so its
secret is the last part of the path, and a hint says nothing.

What belongs here: these decisions, hashing whom a request is about. What does not: HTTP and time limits
(cli/receive.py), signatures (channels/<kind>/notices/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import msgspec

from ...core.errors import ForgedMessage, SettingsError
from ...core.topics import Topic
from ...resources.connections import Connections
from ...settings.file import Listen
from ...warehouse.shared import hints
from ...warehouse.shared.notifications import Row

if TYPE_CHECKING:
    from ...channels.capabilities import Notice, Notices
    from ...warehouse.landing.vault import Vault

SECRET_CHARACTERS = 24
HEALTH, PREFIX = "/health", "/notices/"
CHALLENGE_CHARACTERS = 200


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One request. headers: by lower-case name."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a request. row, hints: to be on record before a message that is kept is answered. answer: the
    body of the answer, JSON."""

    kept: bool = False
    row: Row | None = None
    hints: bool = False
    answer: bytes = b""


REFUSED = Verdict()


class Reception:
    """Opens the channels that receive, and reads their secrets. Raises SettingsError for a secret that is too weak."""

    def __init__(self, connections: Connections) -> None:
        self._vault = connections.vault
        listen = connections.settings.listen
        if listen is None:
            raise SettingsError("listen is missing in commerce.yaml: it names the address, see commerce.example.yaml.")
        self._addresses: dict[str, str] = {}
        self._notices: dict[str, Notices] = {}
        for channel in connections.settings.channels:
            notices = connections.channel(channel.name).notices if channel.receives else None
            if notices is not None:
                self._notices[channel.name] = notices
                self._addresses[channel.name] = listen.address_of(channel.name)
        self._hint_path = build_hint_path(listen)

    def judge(self, message: Message) -> Verdict:
        """Raises TransientError where a signature cannot be verified for now."""
        if message.path == HEALTH and message.method == "GET":
            return Verdict(kept=True)
        if self._hint_path and compare_digest(message.path.encode("utf-8", "replace"), self._hint_path):
            return Verdict(kept=True, hints=True) if message.method == "POST" else REFUSED
        name = message.path.removeprefix(PREFIX)
        notices = self._notices.get(name) if message.path.startswith(PREFIX) else None
        if notices is None:
            return REFUSED
        if message.method == "GET":
            return self._answer_challenge(name, notices, message.query)
        if message.method != "POST":
            return REFUSED
        try:
            notice = notices.read(message.headers, message.body)
        except ForgedMessage:
            return REFUSED
        return Verdict(kept=True, row=build_row(self._vault, name, notice, message.body))

    def _answer_challenge(self, name: str, notices: Notices, query: str) -> Verdict:
        codes = parse_qs(query).get("challenge_code", [])
        if len(codes) != 1 or not re.fullmatch(rf"[\x21-\x7e]{{1,{CHALLENGE_CHARACTERS}}}", codes[0]):
            return REFUSED
        answer = notices.answer_challenge(codes[0], self._addresses[name])
        return Verdict(kept=True, answer=answer) if answer else REFUSED


def build_row(vault: Vault, name: str, notice: Notice, body: bytes) -> Row | None:
    """What is kept of a message; None for an event that nobody follows."""
    if notice.topic is None:
        return None
    return Row(
        channel=name,
        delivery_id=notice.delivery_id,
        digest=vault.digest(body)[:16],
        event=notice.event,
        topic=str(notice.topic),
        record_id=notice.record_id,
        changed_at=notice.changed_at,
        asks=notice.asks,
        subjects=tuple(vault.subject_id(person).hex() for person in notice.persons),
        orders=notice.orders if notice.topic is Topic.PRIVACY else (),
    )


def build_hint_path(listen: Listen) -> bytes:
    """The path of Odoo's webhook, b'' where it may not hint. Raises SettingsError for a weak secret."""
    if listen.secret is None:
        return b""
    secret = listen.secret.value()
    if not re.fullmatch(rf"[A-Za-z0-9_-]{{{SECRET_CHARACTERS},}}", secret):
        raise SettingsError(
            f"listen.secret: {listen.secret.env} must be at least {SECRET_CHARACTERS} letters, digits, - or _, "
            "because it is part of a URL; `openssl rand -hex 24` makes one."
        )
    return f"/hint/{hints.STOCK}/{secret}".encode()
