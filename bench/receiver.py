"""receiver: 100,000 webhooks at 500 a second, and kill -9 in the middle.

**What is measured.** `commerce-pipelines receive` as a process of its own, with a database of its own, both on this
machine. Shopify's signed webhooks are due at even moments, 500 a second, whether earlier ones are answered or not, over
32 connections. Half-way the receiver is killed by SIGKILL and started again at once. A message without an answer of
success is sent again after a second, as marketplaces do more slowly. Each message is another order's.

`receiver_p99_ms` is the 99th percentile of the time from the moment a message was due until its answer, of the messages
that were due while the receiver listened; the kill's are left out, and counted in the note. The figure is wall time,
and the sender shares the processors: on a busy machine it says little.

`receiver_lost` counts messages that were answered with success and are not in the database, or never were answered.

**The baseline** of the first is the median.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2

from commerce_pipelines.warehouse.server.server import libpq_url

from .database import MASTER_KEY_TEXT, server
from .demo import describe_load
from .figures import Figure, Skipped

MESSAGES, PER_SECOND, CONNECTIONS = 100_000, 500, 32
AGAIN_SECONDS, READY_SECONDS, LATEST_SECONDS = 1.0, 60.0, 120.0
SECRET, TOKEN = b"hush", "shpat_bench"
SETTINGS = """
odoo: {{url: 'http://127.0.0.1:8069', database: shop, username: bot, password: {{env: BENCH_PASSWORD}}}}
listen: {{port: {port}, public_url: 'https://hooks.example.com'}}
channels:
  - {{name: shop, kind: shopify, shop: de.myshopify.com, credentials: {{access_token: {{env: BENCH_TOKEN}}}},
     notifications: {{enabled: true, secret: {{env: BENCH_SECRET}}}}}}
"""


class Receiver:
    """`commerce-pipelines receive` in a folder of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        (folder / "commerce.yaml").write_text(SETTINGS.format(port=self.port), encoding="utf-8")
        self._folder = folder
        self._environ = {
            **os.environ, "COMMERCE_DATABASE_URL": url, "COMMERCE_MASTER_KEY": MASTER_KEY_TEXT, "BENCH_PASSWORD": "x",
            "BENCH_TOKEN": TOKEN, "BENCH_SECRET": SECRET.decode(),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")))),
        }  # fmt: skip
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "commerce_pipelines.cli.main", "receive"]
        with (self._folder / "receive.log").open("ab") as log:
            return subprocess.Popen(command, cwd=self._folder, env=self._environ, stdout=log, stderr=log)  # noqa: S603

    def wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.listens():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise Skipped("the receiver did not begin:\n" + (self._folder / "receive.log").read_text()[-800:])
            time.sleep(0.05)

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self, sign: signal.Signals) -> None:
        self.process.send_signal(sign)
        self.process.wait(timeout=30)


class Sender:
    """Sends every message until it is answered with success."""

    def __init__(self, port: int, count: int, tell: Callable[[str], None]) -> None:
        self._port, self._count, self._tell = port, count, tell
        self._queue: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
        self.began = 0.0
        self.answered: dict[int, tuple[float, float]] = {}  # by message: when it was due, when it was answered
        self.repeated = 0

    async def send_all(self) -> None:
        self.began = time.perf_counter()
        workers = [asyncio.create_task(self._work()) for _ in range(CONNECTIONS)]
        for number in range(self._count):
            due = self.began + number / PER_SECOND
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            self._queue.put_nowait((number, due))
            if number % 5_000 == 0:
                self._tell(f"{number} of {self._count} messages")
        deadline = time.perf_counter() + LATEST_SECONDS
        while len(self.answered) < self._count and time.perf_counter() < deadline:
            await asyncio.sleep(0.1)
        for worker in workers:
            worker.cancel()

    async def _work(self) -> None:
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while True:
            number, due = await self._queue.get()
            try:
                connection = connection or await asyncio.open_connection("127.0.0.1", self._port)
                reader, writer = connection
                writer.write(build_request(number))
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 204"):
                    raise ConnectionError(head.split(b"\r\n", 1)[0])
                self.answered[number] = (due, time.perf_counter())
            except (OSError, EOFError, asyncio.IncompleteReadError):
                if connection is not None:
                    connection[1].close()
                connection = None
                self.repeated += 1
                asyncio.get_running_loop().call_later(AGAIN_SECONDS, self._queue.put_nowait, (number, due))


def build_request(number: int) -> bytes:
    """A webhook about an order of its own, by its id only, as a subscription with `include_fields` sends it."""
    body = b'{"id":%d,"updated_at":"2026-11-20T10:00:00+01:00"}' % (5_000_000_000 + number)
    signature = base64.b64encode(hmac.digest(SECRET, body, hashlib.sha256))
    return (
        b"POST /notices/shop HTTP/1.1\r\nhost: hooks.example.com\r\ncontent-type: application/json\r\n"
        b"x-shopify-topic: orders/updated\r\nx-shopify-shop-domain: de.myshopify.com\r\n"
        b"x-shopify-webhook-id: %032d\r\nx-shopify-hmac-sha256: %b\r\ncontent-length: %d\r\n\r\n%b"
        % (number, signature, len(body), body)
    )


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    count = max(round(MESSAGES * size), 50)
    before = describe_load()
    with tempfile.TemporaryDirectory(prefix="commerce-bench-") as folder, server() as database:
        url = database.fresh()
        receiver = Receiver(Path(folder).resolve(), url)
        try:
            receiver.wait_until_it_listens()
            sender = Sender(receiver.port, count, tell)
            down, up = asyncio.run(_send_and_kill(sender, receiver, count / PER_SECOND / 2))
        finally:
            receiver.end(signal.SIGTERM)
        stored = _read_stored(url)
    return _build_figures(sender, stored, count, (down, up), before)


async def _send_and_kill(sender: Sender, receiver: Receiver, after: float) -> tuple[float, float]:
    """When the receiver was killed, and when it listened again."""

    async def kill() -> tuple[float, float]:
        await asyncio.sleep(after)
        down = time.perf_counter()
        receiver.end(signal.SIGKILL)
        receiver.process = receiver.start()
        while not receiver.listens():
            await asyncio.sleep(0.05)
        return down, time.perf_counter()

    killing = asyncio.create_task(kill())
    await sender.send_all()
    return await killing


def _read_stored(url: str) -> set[int]:
    with psycopg2.connect(libpq_url(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT record_id::bigint - 5000000000 FROM commerce.notifications")
        return {number for (number,) in cursor.fetchall()}


def _build_figures(
    sender: Sender, stored: set[int], count: int, outage: tuple[float, float], before: str
) -> list[Figure]:
    down, up = outage
    # What was due shortly before the kill, and what waited at its end, was repeated.
    calm = [
        answered - due for due, answered in sender.answered.values()
        if answered < down or due > up + 2 * AGAIN_SECONDS
    ]  # fmt: skip
    calm.sort()
    p99, middle = calm[int(len(calm) * 0.99)] * 1000, calm[len(calm) // 2] * 1000
    lost = len(set(range(count)) - (stored & sender.answered.keys()))
    return [
        Figure(
            name="receiver_p99_ms", value=p99, unit="ms", baseline=middle, target=25.0, judged="value", at="most",
            note=f"{len(calm)} of {count} messages at {PER_SECOND} a second, longest {calm[-1] * 1000:.0f} ms; killed, "
            f"and listening again after {up - down:.1f} s; {before} before, {describe_load()} after",
        ),
        Figure(
            name="receiver_lost", value=lost, unit="messages", baseline=count, target=0, judged="value", at="most",
            note=f"of {count}; {sender.repeated} times a message was sent again, {len(stored)} are on record",
        ),
    ]  # fmt: skip
