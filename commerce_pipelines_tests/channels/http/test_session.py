"""The HTTP core against a real server on loopback that misbehaves by script."""

from __future__ import annotations

import gzip
import itertools
import logging
import pickle
import socket
import threading
import traceback
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.http.session import HttpSession, Redact, Repeat, Response, StaticAuth, TokenAuth, pages
from commerce_pipelines.channels.http.throttle import Rate
from commerce_pipelines.core.errors import (
    CommerceError,
    CredentialError,
    PermanentError,
    ProtocolError,
    TransientError,
)

from ...doubles.vendor import Clock, Handler, Step, Vendor, answer, broken_chunks, drip, hang_up, reset, told_by


def get(session: HttpSession, vendor: Vendor, **options: Any) -> Response:
    return session.get(f"http://{vendor.origin}/orders", operation="searchOrders", **options)


def test_an_answer_is_status_headers_and_exact_json(vendor: Vendor, session: HttpSession) -> None:
    vendor.script = [answer(200, b'{"amount": 12.30}', X_Rate="0.0056")]
    response = get(session, vendor, params={"a": "b c"}, headers={"X-Own": "1"})
    assert (response.status, response.headers["x-rate"], str(response.json()["amount"])) == (200, "0.0056", "12.30")
    method, path, headers, _ = vendor.calls[0]
    assert (method, path, headers["X-Own"]) == ("GET", "/orders?a=b+c", "1")
    assert headers["User-Agent"] == "commerce-pipelines/0.1 (Language=Python)"


def test_a_json_body_is_sent_as_json_and_empty_answers_pass(vendor: Vendor, session: HttpSession) -> None:
    vendor.script = [answer(204, b"")]
    url = f"http://{vendor.origin}/orders"
    sent = session.send("POST", url, operation="o", repeat=Repeat.STATE, json={"q": "ü"}, ok=(204,))
    assert sent.body == b""
    assert vendor.calls[0][3] == '{"q":"ü"}'.encode()
    assert vendor.calls[0][2]["Content-Type"] == "application/json"


def test_connections_are_kept_alive_and_netrc_is_not_read(
    vendor: Vendor, session: HttpSession, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for _ in range(5):
        get(session, vendor)
    assert len(vendor.peers) == 1
    assert "Authorization" not in vendor.calls[0][2]


@pytest.mark.parametrize("step", [
    answer(500), answer(502), answer(503), answer(504), answer(408), answer(425), answer(429),
    reset, broken_chunks, hang_up,
    answer(200, b'{"orders": [{"id": 1'),
    answer(200, b"<html>down</html>", Content_Type="text/html"),
    answer(200, gzip.compress(b'{"fine": true}')[:-9], Content_Encoding="gzip"),
    answer(200, b"not gzip", Content_Encoding="gzip"),
], ids=["500", "502", "503", "504", "408", "425", "429", "reset", "chunks", "hang-up", "cut json", "html", "cut gzip",
        "no gzip"])  # fmt: skip
def test_passing_faults_are_ridden_out(vendor: Vendor, session: HttpSession, clock: Clock, step: Step) -> None:
    vendor.script = [step, step, step]
    assert get(session, vendor).json() == {"fine": True}
    assert len(vendor.calls) == 4
    assert clock.slept == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(("step", "error"), [
    (answer(500), TransientError), (reset, TransientError),
    (answer(200, b"<p>", Content_Type="text/html"), ProtocolError),
])  # fmt: skip
def test_lasting_faults_end_after_four_retries(
    vendor: Vendor, session: HttpSession, step: Step, error: type[Exception]
) -> None:
    vendor.script = [step] * 20
    with pytest.raises(error, match="amazon_de: searchOrders"):
        get(session, vendor)
    assert len(vendor.calls) == 5


@pytest.mark.parametrize(("status", "error", "calls"), [
    (400, PermanentError, 1), (403, CredentialError, 1), (404, ProtocolError, 1), (422, PermanentError, 1),
    (301, ProtocolError, 1), (202, ProtocolError, 1), (401, CredentialError, 1),
])  # fmt: skip
def test_refusals_are_final_and_name_the_vendors_code_while_its_words_are_sealed(
    vendor: Vendor, session: HttpSession, status: int, error: type[CommerceError], calls: int
) -> None:
    refusal = {"errors": [{"code": "InvalidInput", "message": "no order of Anna, Weg 1"}]}
    vendor.script = [answer(status, refusal, Location=f"http://{vendor.origin}/elsewhere")] * 3
    with pytest.raises(error) as caught:
        get(session, vendor)
    assert type(caught.value) is error
    assert "InvalidInput (a value is wrong)" in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.args)
    assert "Anna" not in shown
    assert caught.value.words.reveal() == "no order of Anna, Weg 1"
    assert repr(caught.value.words) == "Words(…)"
    assert b"Anna" not in pickle.dumps(caught.value)
    assert len(vendor.calls) == calls


def test_a_code_that_is_a_sentence_is_not_named(vendor: Vendor, session: HttpSession) -> None:
    vendor.script = [answer(400, {"errors": [{"code": "Anna lives in Weg 1", "message": ""}]})]
    with pytest.raises(PermanentError, match="got 400: the request is refused"):
        get(session, vendor)


def test_a_url_with_its_signature_is_in_no_error(session: HttpSession) -> None:
    """requests names the whole URL, and Dagster would store the chain."""
    with closing(socket.socket()) as taken:  # bound, and listening to nobody
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/document?X-Amz-Signature=c0ffee"
        session._allowed |= {url.partition("/document")[0].removeprefix("http://")}
        with pytest.raises(TransientError) as caught:
            session.get(url, operation="getReportDocumentContents", deadline=0.5)
    assert "c0ffee" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None


def test_a_status_may_be_welcome(vendor: Vendor, session: HttpSession) -> None:
    vendor.script = [answer(404, {"errors": []})]
    assert get(session, vendor, ok=(200, 404)).status == 404


def test_an_error_answer_in_an_unknown_shape_is_still_an_error(vendor: Vendor, session: HttpSession) -> None:
    vendor.script = [answer(400, b"\xff\xfe")]
    with pytest.raises(PermanentError, match="got 400: the request is refused"):
        get(session, vendor)


def test_retry_after_is_kept_to_the_second(vendor: Vendor, session: HttpSession, clock: Clock) -> None:
    """G108."""
    vendor.script = [answer(429, Retry_After="7")]
    assert get(session, vendor, rate=Rate(2, 40)).status == 200
    assert clock.slept == [7.0]


def test_retry_after_may_be_a_date_on_the_vendors_clock(vendor: Vendor, session: HttpSession, clock: Clock) -> None:
    def step(to: Handler) -> None:
        there = datetime(2031, 1, 1, tzinfo=UTC)  # years off ours
        to.send_response_only(503)
        to.send_header("Date", format_datetime(there, usegmt=True))
        to.send_header("Retry-After", format_datetime(there + timedelta(seconds=11), usegmt=True))
        to.send_header("Content-Length", "0")
        to.end_headers()

    vendor.script = [step]
    get(session, vendor)
    assert clock.slept == [11.0]


def test_advice_beyond_the_deadline_is_handed_to_the_caller(vendor: Vendor, session: HttpSession, clock: Clock) -> None:
    vendor.script = [answer(429, Retry_After="120")]
    with pytest.raises(TransientError) as caught:
        get(session, vendor)
    assert caught.value.wait == 120
    assert clock.slept == []


def test_a_refusal_closes_the_bucket_for_everybody(vendor: Vendor, session: HttpSession, clock: Clock) -> None:
    vendor.script = [answer(429, Retry_After="120")]
    with pytest.raises(TransientError):
        get(session, vendor, rate=Rate(0.5, 20))
    began = clock.now
    get(session, vendor, rate=Rate(0.5, 20))
    get(session, vendor, rate=Rate(0.5, 20))
    assert clock.now - began == pytest.approx(122)


def test_a_refusal_without_advice_waits_for_the_next_token(vendor: Vendor, session: HttpSession, clock: Clock) -> None:
    vendor.script = [answer(429)]
    get(session, vendor, rate=Rate(0.0056, 20))
    assert sum(clock.slept) == pytest.approx(1 / 0.0056)


def test_a_gateways_hiccup_costs_a_pause_and_no_quota(vendor: Vendor, clock: Clock) -> None:
    session = HttpSession(
        "vendor", [vendor.origin], MemoryBuckets(clock), told_by(clock), used_up=lambda response: False
    )
    vendor.script = [answer(429)]
    began, slow = clock.now, Rate(1 / 266, 5)
    for _ in range(4):
        get(session, vendor, rate=slow)
    assert clock.now - began <= 1


def test_twenty_five_calls_of_a_slow_bucket_take_their_time(vendor: Vendor, session: HttpSession, clock: Clock) -> None:
    """G106."""
    began = clock.now
    for _ in range(25):
        get(session, vendor, rate=Rate(0.0167, 20))
    assert 299.4 <= clock.now - began < 299.5


def test_the_wait_for_the_bucket_is_outside_the_deadline_but_bounded(
    vendor: Vendor, session: HttpSession, clock: Clock
) -> None:
    slow = Rate(0.01, 1)
    get(session, vendor, rate=slow)
    get(session, vendor, rate=slow, deadline=5.0)
    session.max_wait = 50
    for _ in range(30):  # refused calls take no place
        with pytest.raises(TransientError) as caught:
            get(session, vendor, rate=slow)
        assert caught.value.wait == pytest.approx(100)
    clock.now += 100
    assert get(session, vendor, rate=slow).status == 200


@pytest.mark.parametrize("where", ["body", "headers"])
def test_a_dripping_answer_meets_the_total_deadline(
    vendor: Vendor, session: HttpSession, clock: Clock, where: str
) -> None:
    vendor.script = [drip(where, lambda: clock.sleep(1))]
    with pytest.raises(TransientError, match="amazon_de: searchOrders"):
        get(session, vendor, deadline=40)
    assert len(vendor.calls) == 1


def test_size_is_capped_before_and_after_inflation(vendor: Vendor, session: HttpSession) -> None:
    bomb = gzip.compress(b"[" + b"0" * 30_000_000)
    vendor.script = [answer(200, bomb, Content_Encoding="gzip"), answer(200, b" " * 2_000_000)]
    for _ in range(2):
        with pytest.raises(ProtocolError, match="more than 1000000 bytes"):
            get(session, vendor, max_bytes=1_000_000)
    vendor.script = [answer(200, gzip.compress(b"[1]"), Content_Encoding="gzip")]
    assert get(session, vendor).json() == [1]
    assert len(vendor.calls) == 3


def test_json_that_is_none_names_operation_and_size_but_not_the_body(vendor: Vendor, session: HttpSession) -> None:
    vendor.script = [answer(200, b"Anna Schmidt", Content_Type="text/Anna")]
    with pytest.raises(ProtocolError, match=r"searchOrders .* 200 with 12 bytes") as caught:
        get(session, vendor).json()
    assert "Anna" not in str(caught.value)


@pytest.mark.parametrize("url", [
    "https://evil.example/orders", "http://127.0.0.1:1/", "https://api.ebay.com.evil.example/", "file:///etc/passwd",
    "http://api.ebay.com/", "https://user@api.ebay.com/", "https://api.ebay.com:8443/", "https:///x",
])  # fmt: skip
def test_only_the_channels_own_hosts_are_called(clock: Clock, url: str) -> None:
    session = HttpSession("ebay_de", ["api.ebay.com", "https://apiz.ebay.com/x"], MemoryBuckets(clock), told_by(clock))
    with pytest.raises(PermanentError):
        session.get(url, operation="getOrders")


def test_a_token_refused_halfway_is_renewed_once(vendor: Vendor, session: HttpSession, clock: Clock) -> None:
    minted = (f"t{n}" for n in itertools.count())
    auth = TokenAuth(MemoryTokens(clock), "k", lambda: (next(minted), 3600), "Authorization", "Bearer ")
    vendor.script = [answer(200), answer(401), answer(200), answer(401), answer(401)]
    get(session, vendor, auth=auth)
    get(session, vendor, auth=auth)
    assert [call[2]["Authorization"] for call in vendor.calls] == ["Bearer t0", "Bearer t0", "Bearer t1"]
    with pytest.raises(CredentialError, match="refused"):
        get(session, vendor, auth=auth)
    assert len(vendor.calls) == 5
    assert next(minted) == "t3"


def test_a_static_token_is_not_tried_twice(vendor: Vendor, session: HttpSession) -> None:
    vendor.script = [answer(401)]
    with pytest.raises(CredentialError):
        get(session, vendor, auth=StaticAuth("X-Shopify-Access-Token", "shpat_1"))
    assert len(vendor.calls) == 1


@pytest.mark.parametrize("status", [400, 401])
def test_a_revoked_refresh_token_is_loud_after_one_call(
    vendor: Vendor, session: HttpSession, clock: Clock, status: int
) -> None:
    def mint() -> tuple[str, float]:
        body = session.send(
            "POST", f"http://{vendor.origin}/token", operation="token", repeat=Repeat.STATE, data=b"x"
        ).json()
        return body["access_token"], body["expires_in"]

    auth = TokenAuth(MemoryTokens(clock), "amazon_de", mint, "x-amz-access-token")
    vendor.script = [answer(status, {"error": "invalid_grant"})] * 9
    with pytest.raises(CredentialError):
        get(session, vendor, auth=auth)
    assert [call[1] for call in vendor.calls] == ["/token"]


def test_many_threads_mint_one_token() -> None:
    calls = []
    tokens = MemoryTokens()

    def mint() -> tuple[str, float]:
        calls.append(1)
        return f"t{len(calls)}", 3600

    def work() -> None:
        first = tokens.get("k", mint)
        assert tokens.get("k", mint, rejected="t1" if first == "t1" else "other")

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 2


def test_a_token_is_renewed_before_it_expires(clock: Clock) -> None:
    tokens = MemoryTokens(clock)
    tokens.get("k", lambda: ("old", 3600))
    clock.now += 3539
    assert tokens.get("k", lambda: ("new", 3600)) == "old"
    clock.now += 2
    assert tokens.get("k", lambda: ("new", 3600)) == "new"


def test_pages_follow_tokens_and_refuse_a_circle() -> None:
    table: dict[str | None, tuple[int, str | None]] = {None: (1, "a"), "a": (2, "b"), "b": (3, None)}
    assert list(pages(table.__getitem__)) == [1, 2, 3]
    assert list(pages(table.__getitem__, "a")) == [2, 3]
    for loop in ("a", "b"):
        circle = pages((table | {"b": (3, loop)}).__getitem__)
        assert [next(circle), next(circle)] == [1, 2]
        with pytest.raises(ProtocolError, match="repeats a page token"):
            next(circle)


SECRETS = [
    "Atza|IwEBIA-secret", "Atzr|IwEBIA_secret", "shpat_5ec2e7", "shpss_5ec2e7", "v^1.1#i^1#secret==",
    "Bearer abcdefghsecret", "Basic YWxhZGRpbjpzZWNyZXQ=", "anna.o'secret@example.co.uk", "client_secret=5ec2e7",
    '"refresh_token": "5ec2e7secret"', "PRD-5ec2e7a6b8c3-4b2d-4d5c", "amzn1.oa2-cs.v1.5ec2e7a6b8c3",
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_and_addresses_never_reach_a_log(secret: str) -> None:
    try:
        raise ValueError(f"seen {secret}")
    except ValueError as error:
        record = logging.LogRecord("x", logging.INFO, "", 0, "got %s", (secret,), (ValueError, error, None))
    assert Redact().filter(record)
    text = logging.Formatter().format(record)
    assert "***" in text
    for leak in ("secret", "5ec2e7", "YWxh", "example.co.uk"):
        assert leak not in text.replace("client_secret", "")


def test_each_call_is_one_line_without_query_or_body(
    vendor: Vendor, session: HttpSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.script = [answer(503)]
    get(session, vendor, params={"paginationToken": "opaque"}, auth=StaticAuth("Authorization", "Bearer hidden-token"))
    ours = [r.getMessage() for r in caplog.records if r.name == "commerce_pipelines.http"]
    assert ours == [
        "amazon_de searchOrders status=503 ms=0 bytes=4 attempt=1",
        "amazon_de searchOrders status=200 ms=0 bytes=14 attempt=2",
    ]
    assert not any(r.name.startswith(("urllib3", "requests")) for r in caplog.records)
    assert "opaque" not in caplog.text
    assert "hidden" not in caplog.text
