"""Documents of Amazon's reports and feeds: which addresses are called, what is inflated."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

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
            assert {each.status for each in channel.quantities.push(pushes(channel, 30))} == {"accepted"}
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
        ],
    )  # fmt: skip
    def test_what_is_no_public_address_is_never_called(
        self, amazon: Recorded, clock: Clock, monkeypatch: pytest.MonkeyPatch, url: str
    ) -> None:
        real = connect(amazon, clock).account._api
        real.settings = Settings(name="a", credentials=real.settings.credentials)
        with pytest.raises(ProtocolError, match="no public https address"):
            documents.checked(real, url)

    def test_a_public_address_is_called_and_loopback_only_beside_a_stand_in(
        self, amazon: Recorded, clock: Clock
    ) -> None:
        beside = connect(amazon, clock).account._api
        for url in ("https://tortuga-prod-eu.s3-eu-west-1.amazonaws.com/x?X-Amz-Signature=a",
                    "https://d34o8swod1owfl.cloudfront.net/Report.txt"):  # fmt: skip
            assert documents.checked(beside, url) == url
        assert documents.checked(beside, "http://127.0.0.1:1/x")

    def test_a_private_address_in_an_answer_is_refused_before_anything_is_sent(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        fill(amazon, 1100)
        amazon.documents.base = "https://169.254.169.254"
        with pytest.raises(ProtocolError, match=r"169\.254\.169\.254, which is no public"):
            read(channel)

    def test_a_bomb_is_not_inflated(self) -> None:
        bomb = documents.Fetched(gzip.compress(b"\0" * (64 << 20)), "")
        with pytest.raises(ProtocolError, match="inflates to more than 100 times"):
            list(documents.lines(bomb))

    def test_a_cut_or_damaged_document_is_loud(self) -> None:
        whole = gzip.compress(b"a\tb\r\nc\td\n" * 1000)
        assert list(documents.lines(documents.Fetched(whole + gzip.compress(b"end"), "")))[-2:] == [b"c\td", b"end"]
        for broken in (whole[:-9], whole[:20] + b"\xff\xff" + whole[22:]):
            with pytest.raises(ProtocolError, match=r"cut off|does not inflate"):
                list(documents.lines(documents.Fetched(broken, "")))
        assert list(documents.lines(documents.Fetched(b"a\nb", ""))) == [b"a", b"b"]
