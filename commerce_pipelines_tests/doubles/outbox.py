"""A marketplace that is as bad as a marketplace may be, and the door to it: for tests of the outbox.

What belongs here: a server over real HTTP that carries out every POST it gets, tokens or not, and loses answers; a door
that speaks to it. What does not: assertions.
"""

from __future__ import annotations

import http.client
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from commerce_pipelines.core.failpoints import arm, failpoint
from commerce_pipelines.domain.outbox.effects import Effect, Kind, Manner, Outcome
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_sandbox.server import Call, Fault, Reply, StandIn

LATE = "late"  # a fault: no answer, and the work is done when `Market.catch_up` is called


class Market(StandIn):
    """POST /acts makes an act, every time. PUT /states/KEY sets a state. GET /acts?token= tells which acts there are.

    acts: (key, token) in the order they were made. parked: requests that will take effect late.
    """

    def __init__(self) -> None:
        super().__init__()
        self.acts: list[tuple[str, str]] = []
        self.states: dict[str, Any] = {}
        self.late = 0
        self.parked: list[Call] = []
        self.tells = True  # whether a look can tell

    def handle(self, call: Call) -> Reply:
        if call.method == "GET":
            number = next((at for at, (_, token) in enumerate(self.acts) if token == call.parameter("token")), None)
            return Reply(200, {"tells": self.tells, "reference": "" if number is None else f"act-{number}"})
        if self.late > 0:
            self.late -= 1
            self.parked.append(call)
            return Reply(200, {"reference": ""})
        return self.work(call)

    def work(self, call: Call) -> Reply:
        effect = call.json()
        if call.method == "PUT":
            self.states[effect["key"]] = effect["body"]
            return Reply(200, {"reference": ""})
        self.acts.append((effect["key"], effect["token"]))
        return Reply(200, {"reference": f"act-{len(self.acts) - 1}"})

    def fail(self, fault: str) -> None:
        """The next call that changes something: `none`, `lost before` or `lost after` the work, `error after` it, or
        LATE."""
        if fault == "none":
            return
        self.late = 1 if fault == LATE else 0
        self.faults.append(
            Fault(
                match=lambda call: call.method != "GET",
                drop=fault != "error after",
                status=500 if fault == "error after" else None,
                after=fault != "lost before",
            )
        )

    def catch_up(self) -> None:
        """What was parked takes effect now."""
        with self.lock:
            for call in self.parked:
                self.work(call)
            self.parked.clear()

    def made(self) -> Counter[str]:
        return Counter(key for key, _ in self.acts)


class MarketDoor:
    """The door to a Market, of either manner. A failpoint stands where a request is out and its answer is not in."""

    batch = 1

    def __init__(self, url: str, kind: Kind) -> None:
        self._host, self._kind = urlsplit(url).netloc, kind

    def send(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        for effect in effects:
            message = {"key": effect.key, "body": effect.body, "token": effect.token}
            way = ("POST", "/acts") if self._kind.manner is Manner.ONCE else ("PUT", f"/states/{effect.key}")
            try:
                status, answer = self._call(*way, message)
            except (OSError, http.client.HTTPException):
                yield Outcome(key=effect.key, status="unknown", code="lost")
                continue
            if status == 200:
                yield Outcome(key=effect.key, status="accepted", reference=answer["reference"])
            else:
                yield Outcome(key=effect.key, status="unknown", code=str(status))

    def look(self, effects: Sequence[Effect]) -> Iterator[Outcome]:
        for effect in effects:
            _, answer = self._call("GET", f"/acts?token={effect.token}", None)
            if answer["reference"]:
                yield Outcome(key=effect.key, status="accepted", reference=answer["reference"])
            else:
                yield Outcome(key=effect.key, status="absent" if answer["tells"] else "unknown")

    def _call(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        with closing(http.client.HTTPConnection(self._host, timeout=240)) as connection:
            connection.request(method, path, msgspec.json.encode(body))
            if method != "GET":
                failpoint("effect_sent")
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, msgspec.json.decode(content) if content else {"reference": ""}


def forked(warehouse: Warehouse, work: Callable[[Warehouse], Any], point: str = "") -> int:
    """Work in a process of its own that a failpoint may kill; its id."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        arm(point)
        work(Warehouse(warehouse.url, warehouse.master_key))
        code = 0
    finally:
        os._exit(code)


def ended(process: int) -> int:
    """The exit code of a process when it has ended, negative for the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def later(warehouse: Warehouse, by: timedelta = timedelta(minutes=6)) -> None:
    """Everything on record of effects happened that much earlier."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commerce.attempts SET started_at = started_at - %s, settled_at = settled_at - %s", (by, by)
        )
        cursor.execute("UPDATE commerce.effects SET sent_at = sent_at - %s", (by,))


def statuses(warehouse: Warehouse) -> list[tuple[str, str, str]]:
    """Key, status and reference of every effect."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT key, status, reference FROM commerce.effects ORDER BY sequence")
        return cursor.fetchall()
