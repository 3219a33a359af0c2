"""The address at which messages come in: who is believed, what is kept, and that nobody else learns anything."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from commerce_pipelines.cli.message_server import BODY_BYTES, PLACES_A_PEER, REQUEST_BYTES, Places, Writer
from commerce_pipelines.core.errors import CommerceError
from commerce_pipelines.flows.notices.listeners import RECEIVER
from commerce_pipelines.warehouse.shared import hints, notifications
from commerce_pipelines.warehouse.shared.conditions import Heartbeat, heartbeats
from commerce_pipelines.warehouse.shared.notifications import Row
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY
from commerce_pipelines_tests.doubles.notices import (
    ORDER,
    SHOP,
    Signed,
    by_shopify,
    receiving,
)
from commerce_pipelines_tests.doubles.ports import find_port
from commerce_pipelines_tests.doubles.receiver import HINT_SECRET, PATH, PATIENCE_SECONDS, Door, hinted, rows


@pytest.fixture
def door(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setenv("HINT_SECRET", HINT_SECRET)
    door = Door(warehouse)
    with receiving(door.connections):
        yield door


def test_a_webhook_is_kept_by_its_id_alone_however_often_it_comes(door: Door, warehouse: Warehouse) -> None:
    """G35: the same delivery days later is accepted and is nothing new."""
    whole = by_shopify({**ORDER, "email": "anna@example.com", "total_price": "12.00"}, "orders/create")
    assert [door.shopify(whole) for _ in range(3)] == [204] * 3
    assert rows(warehouse) == [("shop_de", "orders/create", "orders", str(ORDER["id"]), "", [], [])]
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT n::text FROM commerce.notifications n")
        assert "anna" not in str(cursor.fetchall())


def test_a_caught_webhook_under_another_delivery_id_is_nothing_new(door: Door, warehouse: Warehouse) -> None:
    assert [door.shopify(by_shopify(ORDER, delivery=delivery)) for delivery in ("one", "two")] == [204, 204]
    assert len(rows(warehouse)) == 1


def test_the_receiver_shows_signs_of_life(door: Door, warehouse: Warehouse) -> None:
    """Of itself, as long as its loop turns; nobody has to send anything."""
    while not (beats := _read_beats(warehouse)):
        assert door.send("/health", method="GET")[0] == 204
    assert [(beat.name, beat.problem) for beat in beats] == [(RECEIVER, "")]


def _read_beats(warehouse: Warehouse) -> list[Heartbeat]:
    with warehouse.transaction() as connection:
        return heartbeats(connection)


def test_messages_of_ebay_come_by_challenge_and_signature(door: Door, warehouse: Warehouse) -> None:
    status, body = door.send("/notices/ebay_de?challenge_code=abc", method="GET")
    assert status == 200
    assert list(json.loads(body)) == ["challengeResponse"]
    for delivery in ("first-line", "second-line", "first-line"):
        order = door.ebay.send("ORDER_CONFIRMATION", {"order": {"orderId": "12-345"}}, delivery=delivery)
        assert door.send("/notices/ebay_de", order) == (204, b"")
    assert [row[3] for row in rows(warehouse)] == ["12-345", "12-345"]


def test_whom_to_erase_is_kept_as_a_hash(door: Door, warehouse: Warehouse) -> None:
    body = {
        "shop_id": 1,
        "shop_domain": SHOP,
        "customer": {"id": 7, "email": "Anna@Example.com"},
        "orders_to_redact": [5],
    }
    assert door.shopify(by_shopify(body, "customers/redact")) == 204
    deleted = door.ebay.send("MARKETPLACE_ACCOUNT_DELETION", {"username": "anna_b", "userId": "x1"})
    assert door.send("/notices/ebay_de", deleted) == (204, b"")
    shopify, ebay = rows(warehouse)
    vault = door.connections.vault
    assert shopify[4:] == (
        "erase",
        [vault.subject_id(f"{who}").hex() for who in ("email:anna@example.com", "shopify:7")],
        ["5"],
    )
    assert ebay[4:] == ("erase", [vault.subject_id(who).hex() for who in ("ebay:anna_b", "ebay:x1")], [])


FORGED = by_shopify(ORDER, secret="guess")
HONEST = by_shopify(ORDER)
REFUSED: dict[str, tuple[str, str, Signed]] = {
    "an unknown path": ("POST", "/notices/shop_fr", HONEST),
    "a path of another service": ("POST", "/wp-login.php", HONEST),
    "the root": ("GET", "/", Signed(b"", {})),
    "a forged webhook": ("POST", "/notices/shop_de", FORGED),
    "no signature": ("POST", "/notices/shop_de", Signed(HONEST.body, {})),
    "a changed byte": ("POST", "/notices/shop_de", Signed(HONEST.body.replace(b"8", b"9", 1), HONEST.headers)),
    "another shop": ("POST", "/notices/shop_de", by_shopify(ORDER, shop="fr.myshopify.com")),
    "signed, but no JSON": ("POST", "/notices/shop_de", by_shopify(b"{", "orders/create")),
    "signed, but no order": ("POST", "/notices/shop_de", by_shopify({"id": "x"}, "orders/create")),
    "a challenge where nobody asks": ("GET", "/notices/shop_de?challenge_code=abc", Signed(b"", {})),
    "two challenges": ("GET", "/notices/ebay_de?challenge_code=a&challenge_code=b", Signed(b"", {})),
    "Shopify's at eBay's address": ("POST", "/notices/ebay_de", HONEST),
    "another method": ("PUT", "/notices/shop_de", HONEST),
    "a hint with another secret": ("POST", "/hint/stock/" + "x" * len(HINT_SECRET), HONEST),
    "the beginning of the secret": ("POST", PATH[:-1], HONEST),
    "more than the secret": ("POST", PATH + "1", HONEST),
    "the secret in the query": ("POST", f"/hint/stock/?secret={HINT_SECRET}", HONEST),
    "another topic": ("POST", f"/hint/orders/{HINT_SECRET}", HONEST),
    "a hint by GET": ("GET", PATH, Signed(b"", {})),
    "health by POST": ("POST", "/health", HONEST),
    "too much, signed": ("POST", "/notices/shop_de", by_shopify(json.dumps(ORDER).encode() + b" " * BODY_BYTES)),
    "a length that would be too much": ("POST", "/notices/shop_de", Signed(b"", {"content-length": "999999999"})),
    "an absurd length": ("POST", "/notices/shop_de", Signed(b"", {**HONEST.headers, "content-length": "9" * 5000})),
    "a negative length": ("POST", PATH, Signed(b"", {"content-length": "-1"})),
}


REFUSED["two signatures, the last of which is right"] = (
    "POST", "/notices/shop_de",
    Signed(HONEST.body, {"X-Shopify-Hmac-Sha256": FORGED.headers["x-shopify-hmac-sha256"], **HONEST.headers}),
)  # fmt: skip


def build_request(method: str, path: str, signed: Signed) -> bytes:
    headers = {"host": "x", "connection": "close", "content-length": str(len(signed.body)), **signed.headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + signed.body


def test_whatever_is_refused_gets_one_answer_and_leaves_nothing_behind(
    door: Door, warehouse: Warehouse, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    answers = {case: door.raw(build_request(*request)) for case, request in REFUSED.items()}
    nonsense = (
        f"POST {PATH} and more HTTP/1.1",
        f"POST {PATH} HTTP/9",
        f"FETCH {PATH} HTTP/1.1",
        PATH,
        "POST /\xff HTTP/1.1",
    )
    answers |= {line: door.raw(line.encode("latin-1") + b"\r\n\r\n") for line in nonsense}
    answer = answers["an unknown path"]
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert answer.endswith(b"\r\n\r\n")
    assert {case: other for case, other in answers.items() if other != answer} == {}
    assert rows(warehouse) == []
    assert hinted(warehouse) is None
    assert "canary" not in caplog.text + "".join(capfd.readouterr())


def test_health_says_nothing(door: Door) -> None:
    assert door.send("/health", method="GET") == (204, b"")


def test_what_is_not_committed_is_not_accepted(
    door: Door, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = Warehouse(f"postgresql://nobody@127.0.0.1:{find_port()}/none", MASTER_KEY)
    real = notifications.store

    def store(connection: Any, kept: Any) -> None:
        real(connection, kept)
        with away.transaction():
            pass

    monkeypatch.setattr(notifications, "store", store)
    monkeypatch.setattr(hints, "hint", lambda connection, topic: store(connection, []))
    assert (door.shopify(HONEST), door.send(PATH)[0]) == (503, 503)
    assert rows(warehouse) == []
    assert "its sender was told so" in caplog.text
    monkeypatch.undo()
    assert door.shopify(HONEST) == 204
    assert len(rows(warehouse)) == 1


def test_a_burst_shares_few_commits_and_loses_nothing(
    door: Door, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    real, gate = notifications.store, threading.Event()

    def store(connection: Any, kept: Any) -> None:
        written.append(len(kept))
        gate.wait()
        real(connection, kept)

    monkeypatch.setattr(notifications, "store", store)
    answers: list[int] = []
    messages = [by_shopify({"id": number}, delivery=f"d{number}") for number in range(1, 31)]
    senders = [threading.Thread(target=lambda m=message: answers.append(door.shopify(m))) for message in messages]
    for sender in senders:
        sender.start()
    assert answers == []  # nobody is answered before the commit
    gate.set()
    for sender in senders:
        sender.join()
    assert answers == [204] * 30
    assert sum(written) == 30
    assert len(rows(warehouse)) == 30


def test_what_odoos_hint_says_is_not_looked_at(door: Door, warehouse: Warehouse) -> None:
    assert door.send(PATH, Signed(b"not JSON \xff at all", {})) == (204, b"")
    first = hinted(warehouse)
    assert door.send(PATH, Signed(b'{"_model": "stock.quant", "_id": 1}', {})) == (204, b"")
    second = hinted(warehouse)
    assert first is not None
    assert second is not None
    assert second > first


def test_a_flood_of_hints_is_few_writes(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[float] = []
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def flood() -> None:
        writer = Writer(warehouse)
        monkeypatch.setattr(writer, "_store_hint", lambda: writes.append(0.0))
        for _ in range(2):  # those who come before a write share it; the next write waits for its turn
            await asyncio.gather(*(writer.hint() for _ in range(50)))
        writer.close()

    monkeypatch.setattr("commerce_pipelines.cli.message_server.HINTS_A_SECOND", 0.001)
    monkeypatch.setattr(asyncio, "sleep", pause)
    asyncio.run(flood())
    assert len(writes) == 2
    assert len(pauses) == 2
    assert 900 < pauses[1] <= 1000


def test_what_waits_for_the_database_is_bounded(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, row = threading.Event(), Row(channel="a", delivery_id="1", digest=b"1", event="e", topic="orders")
    stored: list[int] = []

    def store(rows: list[Row]) -> None:
        gate.wait()
        stored.append(len(rows))

    async def fill() -> None:
        writer = Writer(warehouse)
        monkeypatch.setattr(writer, "_store", store)
        tasks = [asyncio.create_task(writer.write(row))]
        while writer._waiting or writer._work is None:  # until the first is with the database
            await asyncio.sleep(0)
        tasks += [asyncio.create_task(writer.write(row)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(CommerceError, match="Too many messages wait"):
            await writer.write(row)
        gate.set()
        await asyncio.gather(*tasks)
        writer.close()

    monkeypatch.setattr("commerce_pipelines.cli.message_server.WAITING_ROWS", 2)
    asyncio.run(fill())
    assert stored == [1, 2]


def test_a_silent_sender_holds_up_nobody(door: Door) -> None:
    with socket.create_connection(("127.0.0.1", door.port)) as silent:
        silent.sendall(b"POST /hint")
        assert door.send(PATH)[0] == 204


def test_one_address_never_takes_every_place() -> None:
    places = Places()
    assert [places.enter("a") for _ in range(PLACES_A_PEER + 2)] == [True] * PLACES_A_PEER + [False, False]
    assert places.enter("b")
    places.leave("a")
    assert places.enter("a")


def test_who_has_no_place_is_hung_up_on(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commerce_pipelines.cli.message_server.PLACES_A_PEER", 1)
    with socket.create_connection(("127.0.0.1", door.port)) as first:
        first.sendall(b"POST /hint")
        with socket.create_connection(("127.0.0.1", door.port), timeout=PATIENCE_SECONDS) as second:
            assert read_or_reset(second) == b""


def read_or_reset(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    "beginning", [b"POST /notices/shop_de HTTP/1.1\r\nContent-Le", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1"]
)
def test_a_dripping_sender_is_hung_up_on(door: Door, monkeypatch: pytest.MonkeyPatch, beginning: bytes) -> None:
    monkeypatch.setattr("commerce_pipelines.cli.message_server.REQUEST_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", door.port), timeout=PATIENCE_SECONDS) as dripping:
        dripping.sendall(beginning)
        assert read_or_reset(dripping) == b""


def test_endless_headers_are_cut_off_and_not_only_late(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commerce_pipelines.cli.message_server.REQUEST_SECONDS", 3600)
    with socket.create_connection(("127.0.0.1", door.port), timeout=PATIENCE_SECONDS) as connection:
        answer = b""
        try:
            connection.sendall(b"POST /notices/shop_de HTTP/1.1\r\nHost: x\r\nX: " + b"y" * (REQUEST_BYTES + 100))
            answer = connection.recv(12)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert answer in (b"", b"HTTP/1.1 401")


@pytest.mark.parametrize(
    "what",
    [b"X: " + b"y" * REQUEST_BYTES, b"Transfer-Encoding: chunked\r\n\r\n" + b"5000\r\n" + b"y" * 0x5000 + b"\r\n"],
)
def test_endless_headers_and_chunks_end(door: Door, what: bytes) -> None:
    with socket.create_connection(("127.0.0.1", door.port), timeout=PATIENCE_SECONDS) as connection:
        answer = b""
        try:
            connection.sendall(b"POST /notices/shop_de HTTP/1.1\r\nHost: x\r\n" + what)
            for _ in range(40):
                connection.sendall(b"5000\r\n" + b"y" * 0x5000 + b"\r\n")
            answer = connection.recv(12)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert answer in (b"", b"HTTP/1.1 401")
