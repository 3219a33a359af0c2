"""Documents of Amazon's reports and feeds: which addresses are called, what is inflated."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.channels.amazon.api import documents
from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.amazon.settings import Settings
from commerce_pipelines.core.errors import ProtocolError
from commerce_sandbox.server import Call, Reply, StandIn

from ..catalogue import SELLER, fill, pushes, read
from ..contract import Clock, Recorded, connect, judged


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(clock, monkeypatch) as stand_in:
        yield stand_in


@pytest.fixture
def channel(amazon: Recorded, clock: Clock) -> AmazonChannel:
    return connect(amazon, clock, seller_id=SELLER, marketplaces=("DE", "FR"))


class Elsewhere(StandIn):
    """Another host that keeps the documents of a stand-in."""

    def __init__(self, amazon: Recorded) -> None:
        super().__init__()
        self.amazon = amazon

    def handle(self, call: Call) -> Reply:
        return self.amazon.documents.serve(call, self.amazon.now())


class TestDocuments:
    def test_they_lie_on_hosts_of_their_own_and_get_no_token(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 1100)
        with Elsewhere(amazon) as store:
            amazon.documents.base = store.url
            assert {outcome.status for outcome in channel.quantities.push(pushes(channel, 30))} == {"accepted"}
            assert {call.method for call in store.calls} == {"GET", "PUT"}
            assert not any("x-amz-access-token" in call.headers for call in store.calls)

    @pytest.mark.parametrize(
        "url",
        [
            "http://bucket.s3.eu-west-1.amazonaws.com/x", "https://169.254.169.254/latest", "https://10.0.0.7/x",
            "https://[::1]/x", "https://127.0.0.1/x", "https://localhost/x", "https://db.internal/x",
            "https://user@s3.amazonaws.com/x", "https://s3.amazonaws.com:8443/x", "https://2130706433/x",
            "https://0x7f.1/x", "ftp://s3.amazonaws.com/x", "file:///etc/passwd", "https:///x", "//s3.amazonaws.com/x",
            "https://s3.amazonaws.com:99999/x", "https://s3.amazonaws.com./x",
            "https://d34o8swod1owfl.cloudfront.net/x", "https://s3.amazonaws.com.evil.example/x",
            "https://evils3.amazonaws.com/x", "https://ec2-1-2-3-4.compute.amazonaws.com/x",
        ],
    )  # fmt: skip
    def test_what_is_no_public_address_is_never_called(
        self, amazon: Recorded, clock: Clock, monkeypatch: pytest.MonkeyPatch, url: str
    ) -> None:
        real = connect(amazon, clock).account._api
        real.settings = Settings(name="a", credentials=real.settings.credentials)
        with pytest.raises(ProtocolError, match="no https address of its storage"):
            documents.checked(real, url)

    def test_a_public_address_is_called_and_loopback_only_beside_a_stand_in(
        self, amazon: Recorded, clock: Clock
    ) -> None:
        beside = connect(amazon, clock).account._api
        for url in ("https://tortuga-prod-eu.s3-eu-west-1.amazonaws.com/x?X-Amz-Signature=a",
                    "https://s3.eu-west-1.amazonaws.com/bucket/Report.txt",
                    "https://bucket.with.dots.s3.dualstack.eu-west-1.amazonaws.com/Report.txt"):  # fmt: skip
            assert documents.checked(beside, url) == url
        assert documents.checked(beside, "http://127.0.0.1:1/x")

    def test_a_private_address_in_an_answer_is_refused_before_anything_is_sent(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        fill(amazon, 1100)
        amazon.documents.base = "https://169.254.169.254"
        with pytest.raises(ProtocolError, match=r"169\.254\.169\.254, which is no https"):
            read(channel)

    def test_a_bomb_is_not_inflated(self) -> None:
        bomb = documents.Fetched(gzip.compress(b"\0" * (64 << 20)), "")
        with pytest.raises(ProtocolError, match="inflates to more than 100 times"):
            list(documents.lines(bomb))

    @given(st.lists(st.binary(max_size=50).map(lambda line: line.replace(b"\r", b"")), max_size=30), st.integers(1, 9))
    def test_lines_are_the_same_however_the_bytes_come(self, texts: list[bytes], size: int) -> None:
        body = b"\r\n".join(texts)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(documents, "CHUNK_BYTES", size)
            read = list(documents.lines(documents.Fetched(gzip.compress(body), "")))
        expected = [line.rstrip(b"\r") for line in body.split(b"\n")]
        assert read == (expected if expected[-1] else expected[:-1])

    def test_a_line_without_an_end_is_refused_in_linear_time(self) -> None:
        body = gzip.compress(random.Random(7).randbytes(1 << 20).replace(b"\n", b"") * 17)  # noqa: S311
        with pytest.raises(ProtocolError, match=r"a line of more than 16 MB"):
            list(documents.lines(documents.Fetched(body, "")))

    def test_a_cut_or_damaged_document_is_loud(self) -> None:
        whole = gzip.compress(b"a\tb\r\nc\td\n" * 1000)
        assert list(documents.lines(documents.Fetched(whole + gzip.compress(b"end"), "")))[-2:] == [b"c\td", b"end"]
        for broken in (whole[:-9], whole[:20] + b"\xff\xff" + whole[22:]):
            with pytest.raises(ProtocolError, match=r"cut off|does not inflate"):
                list(documents.lines(documents.Fetched(broken, "")))
        assert list(documents.lines(documents.Fetched(b"a\nb", ""))) == [b"a", b"b"]
