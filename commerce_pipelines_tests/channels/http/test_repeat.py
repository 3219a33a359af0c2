"""Writes whose answer is lost, over real HTTP: which are sent again, which are never, and that each says so.

What belongs here: the rule of HttpSession, and that nobody goes around it. What does not: what a marketplace does after
an unknown outcome (its own tests).
"""

from __future__ import annotations

import ast
import inspect
import itertools
import socket
import threading
from pathlib import Path

import dagster as dg
import pytest

import commerce_pipelines.channels
from commerce_pipelines.assets.common import failures
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.http.session import HttpSession, Repeat, Response, TokenAuth
from commerce_pipelines.core.errors import (
    CredentialError,
    PermanentError,
    ProtocolError,
    TransientError,
    UnknownOutcome,
)

from ...doubles.vendor import Clock, Handler, Step, Vendor, answer, broken_chunks, drip, hang_up, reset, told_by

# The server has done its work by then: it counts a call as soon as it has read it.
LOST: dict[str, Step] = {
    "hang-up": hang_up,
    "reset": reset,
    "broken chunks": broken_chunks,
    "408": answer(408),
    "500": answer(500),
    "502": answer(502),
    "503": answer(503),
    "503 with advice": answer(503, Retry_After="1"),
    "504": answer(504),
    "cut json": answer(200, b'{"orders": [{"id": 1'),
    "html": answer(200, b"<html>ok</html>", Content_Type="text/html"),
}
WRITES = frozenset(("send", "post", "put", "patch", "delete", "change", "trading", "request"))


def write(session: HttpSession, vendor: Vendor, repeat: Repeat) -> Response:
    url = f"http://{vendor.origin}/order/1/shipping_fulfillment"
    return session.send("POST", url, operation="createShippingFulfillment", repeat=repeat, json={})


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("repeat", [Repeat.STATE, Repeat.TOKEN])
def test_a_write_of_which_twice_is_once_rides_lost_answers_out(
    vendor: Vendor, session: HttpSession, lost: str, repeat: Repeat
) -> None:
    vendor.script = [LOST[lost]] * 2
    assert write(session, vendor, repeat).status == 200
    assert len(vendor.calls) == 3


@pytest.mark.parametrize("lost", LOST)
def test_a_write_that_must_not_happen_twice_takes_effect_once(vendor: Vendor, session: HttpSession, lost: str) -> None:
    vendor.script = [LOST[lost]] * 9
    with pytest.raises(UnknownOutcome, match=r"amazon_de: createShippingFulfillment got .*may have done its work"):
        write(session, vendor, Repeat.NEVER)
    assert len(vendor.calls) == 1


def test_a_success_that_the_operation_does_not_know_or_that_is_too_large_is_one_all_the_same(
    vendor: Vendor, session: HttpSession
) -> None:
    url = f"http://{vendor.origin}/"
    vendor.script = [answer(202), answer(200, b" " * 2_000)]
    for _ in range(2):
        with pytest.raises(UnknownOutcome):
            session.send("POST", url, operation="o", repeat=Repeat.NEVER, max_bytes=1_000)
    assert len(vendor.calls) == 2


def test_an_answer_that_comes_too_late_is_lost(vendor: Vendor, session: HttpSession, clock: Clock) -> None:
    vendor.script = [drip("body", lambda: clock.sleep(1))]
    with pytest.raises(UnknownOutcome):
        write(session, vendor, Repeat.NEVER)
    assert len(vendor.calls) == 1


@pytest.mark.parametrize("status", [425, 429])
def test_what_was_certainly_not_done_is_sent_again(vendor: Vendor, session: HttpSession, status: int) -> None:
    vendor.script = [answer(status)] * 2
    assert write(session, vendor, Repeat.NEVER).status == 200
    assert len(vendor.calls) == 3


def test_a_token_refused_on_the_way_is_renewed_and_the_write_sent_again(
    vendor: Vendor, session: HttpSession, clock: Clock
) -> None:
    minted = (f"t{n}" for n in itertools.count())
    auth = TokenAuth(MemoryTokens(clock), "k", lambda: (next(minted), 3600), "Authorization")
    vendor.script = [answer(401)]
    url = f"http://{vendor.origin}/"
    assert session.send("POST", url, operation="o", repeat=Repeat.NEVER, auth=auth).status == 200
    assert [call[2]["Authorization"] for call in vendor.calls] == ["t0", "t1"]


def test_a_kept_connection_that_the_other_side_has_closed_meanwhile_is_not_written_to(
    vendor: Vendor, session: HttpSession
) -> None:
    """Every write after a pause would end as an unknown outcome otherwise."""
    closed = threading.Event()

    def close_afterwards(to: Handler) -> None:
        answer(200, {})(to)
        to.wfile.flush()
        hang_up(to)
        closed.set()

    vendor.script = [close_afterwards]
    session.get(f"http://{vendor.origin}/", operation="o")
    assert closed.wait(240)
    assert write(session, vendor, Repeat.NEVER).status == 200
    assert len(vendor.peers) == 2


def test_a_rate_limit_that_stays_used_up_is_no_unknown_outcome(vendor: Vendor, session: HttpSession) -> None:
    vendor.script = [answer(429, Retry_After="120")]
    with pytest.raises(TransientError) as caught:
        write(session, vendor, Repeat.NEVER)
    assert caught.value.wait == 120


def test_a_refused_connection_is_tried_again(clock: Clock) -> None:
    with socket.socket() as taken:  # bound, and listening to nobody
        taken.bind(("127.0.0.1", 0))
        origin = f"127.0.0.1:{taken.getsockname()[1]}"
        session = HttpSession("x", [origin], MemoryBuckets(clock), told_by(clock))
        with pytest.raises(TransientError, match="no answer"):
            session.send("POST", f"http://{origin}/", operation="o", repeat=Repeat.NEVER)
    assert len(clock.slept) == 4


@pytest.mark.parametrize(("status", "error"), [
    (400, PermanentError), (401, CredentialError), (403, CredentialError), (404, ProtocolError), (409, PermanentError),
    (422, PermanentError), (301, ProtocolError),
])  # fmt: skip
def test_a_refusal_is_a_refusal(vendor: Vendor, session: HttpSession, status: int, error: type[Exception]) -> None:
    vendor.script = [answer(status)] * 2
    with pytest.raises(error):
        write(session, vendor, Repeat.NEVER)
    assert len(vendor.calls) == 1


def test_an_unknown_outcome_is_retried_by_nobody() -> None:
    assert not issubclass(UnknownOutcome, TransientError | PermanentError)
    with pytest.raises(dg.Failure) as caught, failures():
        raise UnknownOutcome("It may have done its work.")
    assert not caught.value.allow_retries


def test_every_write_says_whether_it_may_be_repeated() -> None:
    """By type, at run time, and by reading the code: of all methods that write, `repeat` is named at the call."""
    assert inspect.signature(HttpSession.send).parameters["repeat"].default is inspect.Parameter.empty
    silent = []
    for path in Path(commerce_pipelines.channels.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
                # A capability's own `send`, called on itself, is no call over HTTP.
                own = (
                    isinstance(node.func.value, ast.Name) and node.func.value.id == "self" and node.func.attr == "send"
                )
                if not own and "repeat" not in {keyword.arg for keyword in node.keywords}:
                    silent.append(f"{path.name}:{node.lineno}")
    assert silent == []
