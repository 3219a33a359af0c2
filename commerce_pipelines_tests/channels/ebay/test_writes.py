"""Writes to eBay that must not happen twice: what of its answers leaves open whether it did its work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from commerce_pipelines.channels.ebay.api.account import Account
from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.http.session import Repeat
from commerce_pipelines.core.errors import CredentialError, PermanentError, TransientError, UnknownOutcome
from commerce_sandbox.ebay import EbayStandIn
from commerce_sandbox.server import Fault

from .account import NOW, channel

XML = {"Content-Type": "text/xml"}


@pytest.fixture
def ebay() -> Iterator[EbayStandIn]:
    with EbayStandIn(now=lambda: NOW) as stand_in:
        yield stand_in


@pytest.fixture
def account(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch) -> Account:
    shop: EbayChannel = channel(ebay, monkeypatch)
    return shop.account._account


def answered(ebay: EbayStandIn, *bodies: bytes) -> None:
    ebay.faults += [Fault(match="/ws/api.dll", body=body, headers=XML) for body in bodies]


def body(ack: str, code: str) -> bytes:
    error = f"<Errors><ErrorCode>{code}</ErrorCode><SeverityCode>Error</SeverityCode></Errors>"
    return (
        f'<ReviseInventoryStatusResponse xmlns="urn:x"><Ack>{ack}</Ack>{error}</ReviseInventoryStatusResponse>'.encode()
    )


@pytest.mark.parametrize("answer", [body("Failure", "248"), body("PartialFailure", "37"), b"<Half", b"<Other/>"])
def test_what_may_have_been_done_is_not_sent_again(ebay: EbayStandIn, account: Account, answer: bytes) -> None:
    answered(ebay, answer, answer)
    with pytest.raises(UnknownOutcome, match="may have done its work"):
        account.trading("ReviseInventoryStatus", {}, repeat=Repeat.NEVER)
    assert len([call for call in ebay.calls if call.path == "/ws/api.dll"]) == 1


@pytest.mark.parametrize(("code", "meaning"), [
    ("518", TransientError), ("37", PermanentError), ("16110", CredentialError),
])  # fmt: skip
def test_a_refusal_is_a_refusal(ebay: EbayStandIn, account: Account, code: str, meaning: type[Exception]) -> None:
    answered(ebay, body("Failure", code), body("Failure", code))
    with pytest.raises(meaning):
        account.trading("ReviseInventoryStatus", {}, repeat=Repeat.NEVER)


def test_a_lost_answer_of_the_sell_apis_is_an_unknown_outcome(ebay: EbayStandIn, account: Account) -> None:
    path = "/sell/inventory/v1/bulk_update_price_quantity"
    ebay.faults.append(Fault(match=path, drop=True, after=True))
    with pytest.raises(UnknownOutcome):
        account.post("bulkUpdatePriceQuantity", path, {"requests": []}, repeat=Repeat.NEVER)
    assert len([call for call in ebay.calls if call.path == path]) == 1
