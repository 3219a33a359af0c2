"""Paying back on eBay over HTTP: signed, once, never beyond what was paid; eBay's contract judges."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from commerce_pipelines.channels.ebay.api.signature import Signer, build_base, digest_body
from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.ebay.settings import SigningKey
from commerce_pipelines.core.errors import CredentialError, SettingsError, TransientError
from commerce_pipelines.core.section import Secret
from commerce_pipelines.domain.outbox.effects import Outcome
from commerce_pipelines.domain.refunding.buyer_refunds import BuyerRefund, PaidLine, SentRefund
from commerce_pipelines.domain.returns.records import RefundKind, RefundState
from commerce_sandbox.ebay.making import Remitted, Sold, make_order
from commerce_sandbox.ebay.refunding import refund_lines, refund_order, settle
from commerce_sandbox.server import Call, Fault

from ..account import BUYER, NOW, channel, settings
from ..contract import Judged

GOODS, SHIPPING, GOODWILL = RefundKind.GOODS, RefundKind.SHIPPING, RefundKind.GOODWILL
KEY = {"signature": {"private_key": {"env": "TEST_EBAY_KEY"}, "jwe": {"env": "TEST_EBAY_JWE"}}}
REFUNDING = {"returns": {"enabled": True}, "refunding": {"enabled": True, "since": "2026-01-01"}}
TWO = (Sold("A", "Mug", 1_000, 3), Sold("B", "Pot", 500))  # 30.00 and 5.00, with 5.90 for delivery


@pytest.fixture
def ebay(monkeypatch: pytest.MonkeyPatch) -> Iterator[Judged]:
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    monkeypatch.setenv("TEST_EBAY_KEY", pem)
    monkeypatch.setenv("TEST_EBAY_JWE", "eyJ6aXAi.abc")
    with Judged(now=lambda: NOW) as stand_in:
        stand_in.issuing.key = private.public_key()
        yield stand_in
        stand_in.judge()


@pytest.fixture
def seller(ebay: Judged, monkeypatch: pytest.MonkeyPatch) -> EbayChannel:
    return channel(ebay, monkeypatch, **KEY)


def add_order(ebay: Judged, *sold: Sold, **more: Any) -> dict[str, Any]:
    ebay.add(make_order(1, NOW - timedelta(days=3), list(sold or TWO), BUYER, delivery=590, **more))
    [order] = ebay.orders.values()
    return order


def refund(order: dict[str, Any], *lines: PaidLine, key: str = "7", **more: Any) -> SentRefund:
    """One mug, unless other lines are given."""
    first = order["lineItems"][0]["lineItemId"]
    lines = lines or (PaidLine(kind=GOODS, amount=1000, order_line_id=first, quantity=1),)
    body = BuyerRefund(order_id=order["orderId"], currency=more.pop("currency", "EUR"), lines=lines,
                       total=sum(line.amount for line in lines))  # fmt: skip
    return SentRefund(**{"key": key, "refund": body, "token": f"{int(key):032x}", "name": "RINV/7", **more})


def send(seller: EbayChannel, *refunds: SentRefund) -> list[Outcome]:
    assert seller.buyer_refunds is not None
    return list(seller.buyer_refunds.send(refunds))


def look(seller: EbayChannel, sent: SentRefund) -> tuple[str, str]:
    assert seller.buyer_refunds is not None
    [seen] = seller.buyer_refunds.look([sent])
    return seen.status, seen.reference


def is_issue(call: Call) -> bool:
    return call.path.endswith("/issue_refund")


def list_requests(ebay: Judged) -> list[dict[str, Any]]:
    return [call.json() for call in ebay.calls if is_issue(call)]


def test_lines_go_back_by_line_and_are_reported_as_the_same_refund(ebay: Judged, seller: EbayChannel) -> None:
    order = add_order(ebay)
    [outcome] = send(seller, refund(order))
    assert (outcome.status, outcome.reference) == ("accepted", f"{order['orderId']}:9000001")
    [request] = list_requests(ebay)
    assert request == {
        "reasonForRefund": "OTHER_ADJUSTMENT", "comment": "Credit note RINV/7",
        "refundItems": [{"refundAmount": {"currency": "EUR", "value": "10.00"},
                         "lineItemId": order["lineItems"][0]["lineItemId"]}],
    }  # fmt: skip
    settle(order, 9_000_001, NOW)
    assert seller.refunds is not None
    raw = seller.refunds.fetch(outcome.reference)
    assert raw is not None
    reported = seller.refunds.translate(raw)
    assert (reported.refund_id, reported.total, reported.state) == (outcome.reference, 1000, RefundState.DONE)


@pytest.mark.parametrize(("kinds", "reason", "value"), [
    ([(SHIPPING, 590)], "SHIPPING_DISCOUNT", "5.90"),
    ([(GOODS, 1000), (SHIPPING, 590), (GOODWILL, -120)], "OTHER_ADJUSTMENT", "14.70"),
    ([(GOODWILL, 4090)], "OTHER_ADJUSTMENT", "40.90"),
])  # fmt: skip
def test_what_is_not_for_lines_alone_goes_back_for_the_order(
    ebay: Judged, seller: EbayChannel, kinds: list[tuple[RefundKind, int]], reason: str, value: str
) -> None:
    order = add_order(ebay)
    lines = [PaidLine(kind=kind, amount=amount, order_line_id="1") for kind, amount in kinds]
    assert send(seller, refund(order, *lines))[0].status == "accepted"
    [request] = list_requests(ebay)
    assert (request["reasonForRefund"], request["orderLevelRefundAmount"]["value"]) == (reason, value)
    assert "refundItems" not in request


def test_never_more_than_was_paid_and_nothing_beside_an_unknown_refund(ebay: Judged, seller: EbayChannel) -> None:
    order = add_order(ebay)
    refund_order(order, 1000, number=5, at=NOW)
    accounted = frozenset({f"{order['orderId']}:5"})
    assert send(seller, refund(order))[0].code == "other_refund"
    too_much = PaidLine(kind=GOODWILL, amount=3091)
    assert send(seller, refund(order, too_much, accounted=accounted))[0].code == "exceeds_payment"
    order["paymentSummary"]["refunds"].append(
        {"amount": {"value": "1.00", "currency": "EUR"}, "refundStatus": "PENDING"}
    )
    assert send(seller, refund(order, accounted=accounted))[0].code == "other_refund"  # it has no name yet
    assert list_requests(ebay) == []


def test_a_refund_that_cannot_be_read_stops_everything_until_a_person_has_credited_it(
    ebay: Judged, seller: EbayChannel
) -> None:
    order = add_order(ebay)
    refund_lines(order, {0: 900}, number=8, at=NOW)
    refund_order(order, 1_400, number=8, at=NOW)  # of the same refund another amount
    assert send(seller, refund(order))[0].code == "other_refund"
    assert look(seller, refund(order))[0] == "unknown"
    accounted = frozenset({f"{order['orderId']}:8"})
    assert send(seller, refund(order, accounted=accounted))[0].status == "accepted"


def test_a_lost_answer_is_never_repeated_and_found_by_a_look(ebay: Judged, seller: EbayChannel) -> None:
    order = add_order(ebay)
    sent = refund(order)
    assert look(seller, sent) == ("absent", "")
    ebay.faults.append(Fault(match=is_issue, after=True, drop=True))
    assert [(outcome.status, outcome.code) for outcome in send(seller, sent)] == [("unknown", "no_answer")]
    assert (len(list_requests(ebay)), look(seller, sent)) == (1, ("accepted", f"{order['orderId']}:9000001"))
    refund_order(order, 300, number=6, at=NOW)
    assert look(seller, sent)[0] == "unknown"  # who knows which of them
    ebay.faults.append(Fault(match=is_issue, status=500, times=2))
    accounted = frozenset({f"{order['orderId']}:9000001", f"{order['orderId']}:6"})
    with pytest.raises(TransientError):
        send(seller, *(refund(order, key=key, accounted=accounted) for key in ("8", "9")))


def test_what_ebay_refuses_is_refused_with_its_code(ebay: Judged, seller: EbayChannel) -> None:
    order = add_order(ebay)
    body = b'{"errors": [{"errorId": 34929, "domain": "API_FULFILLMENT", "message": "not yet for Ada"}]}'
    ebay.faults.append(Fault(match=is_issue, status=409, body=body))
    [outcome] = send(seller, refund(order))
    assert (outcome.status, outcome.code, "Ada" in outcome.message) == ("refused", "34929", False)
    ebay.faults.append(Fault(match=is_issue, status=409, body=b""))
    assert send(seller, refund(order))[0].status == "unknown"  # a conflict without a reason may be our own call
    assert send(seller, refund(order, currency="USD"))[0].code == "other_currency"


def test_tax_that_ebay_collected_is_for_a_person(ebay: Judged, seller: EbayChannel) -> None:
    order = add_order(ebay, remitted=Remitted("VAT", 19))
    assert send(seller, refund(order))[0].code == "collected_tax"


def test_a_signature_of_another_key_is_refused_by_ebay(
    ebay: Judged, seller: EbayChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = add_order(ebay)
    ebay.issuing.key = Ed25519PrivateKey.generate().public_key()
    with pytest.raises(CredentialError):
        send(seller, refund(order))
    monkeypatch.setenv("TEST_EBAY_KEY", "nonsense")
    with pytest.raises(CredentialError, match=r"signature\.private_key \(TEST_EBAY_KEY\) is no private key"):
        send(seller, refund(order))
    assert ebay.issuing.made == []


def test_the_signed_text_is_ebays_own() -> None:
    assert digest_body(b'{"hello": "world"}') == "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
    base, parameters = build_base({"@method": "POST", "@path": "/a"}, 1_658_440_308)
    assert parameters == '("@method" "@path");created=1658440308'
    assert base == f'"@method": POST\n"@path": /a\n"@signature-params": {parameters}'


def test_a_key_may_be_base64_alone_or_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    monkeypatch.setenv("JWE", "a.b")
    signer = Signer(SigningKey(private_key=Secret(env="PEM"), jwe=Secret(env="JWE")),
                    lambda: datetime(2026, 1, 1, tzinfo=UTC), "channels[x].signature")  # fmt: skip
    signed = []
    for text in (pem, pem.replace("\n", "\\n"), "".join(pem.splitlines()[1:-1])):
        monkeypatch.setenv("PEM", text)
        signed.append(signer.sign("POST", "api.ebay.com", "/x", b"{}")["Signature"])
    assert len(set(signed)) == 1
    assert len(base64.b64decode(signed[0].removeprefix("sig1=:").removesuffix(":"))) == 64


def test_the_settings_name_what_is_missing(ebay: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="signature is missing"):
        settings(ebay.url, **REFUNDING)
    assert settings(ebay.url, marketplace="EBAY_US", **REFUNDING).signature is None
    with pytest.raises(SettingsError, match="needs orders_api: fulfillment"):
        settings(ebay.url, orders_api="trading", **REFUNDING, **KEY)
    [lacks] = channel(ebay, monkeypatch, **REFUNDING, **KEY).account.lacks()
    assert "sell.finances" in lacks
