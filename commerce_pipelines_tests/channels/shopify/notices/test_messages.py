"""Webhooks of a shop: which are believed, and what is kept of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.channels.shopify.notices.messages import PRIVACY_TOPICS, ShopifyNotices
from commerce_pipelines.core.errors import ForgedMessage
from commerce_pipelines.core.topics import Topic
from commerce_pipelines_tests.doubles.notices import ORDER, SECRET, SHOP, Signed, by_shopify

NOTICES = ShopifyNotices(SHOP, [SECRET])
REDACT = {
    "shop_id": 954889, "shop_domain": SHOP, "orders_to_redact": [299938, 280263],
    "customer": {"id": 191167, "email": "John@Example.com", "phone": "555-625-1199"},
}  # fmt: skip
REQUESTED = {
    "shop_id": 954889, "shop_domain": SHOP, "orders_requested": [299938],
    "customer": {"id": 191167, "email": "john@example.com"}, "data_request": {"id": 9999},
}  # fmt: skip


def read(signed: Signed, notices: ShopifyNotices = NOTICES) -> Any:
    return notices.read(signed.headers, signed.body)


def test_g104_the_signature_is_over_the_raw_bytes() -> None:
    raw = r'{"id":820982911946154508,"email":"jürgen.müller@example.com","note":"Straße & \u00e9"}'.encode()
    assert len(raw) == 89
    signed = by_shopify(raw, "orders/create")
    assert signed.headers["x-shopify-hmac-sha256"] == "ZK1dA8XgEVi6xUdltlu65sfs7SgegciKjPdXYdZn5O0="
    notice = read(signed)
    assert (notice.topic, notice.record_id) == (Topic.ORDERS, "820982911946154508")
    assert "example.com" not in str(notice)
    redumped = json.dumps(json.loads(raw)).encode()
    for body in (raw.replace(b"8209", b"8208"), redumped, b""):
        with pytest.raises(ForgedMessage):
            read(Signed(body, signed.headers))
    for header in (None, "", "not base64", "ZK1d", signed.headers["x-shopify-hmac-sha256"][:-4]):
        headers = {**signed.headers, "x-shopify-hmac-sha256": header}
        with pytest.raises(ForgedMessage):
            read(Signed(raw, {name: value for name, value in headers.items() if value is not None}))


def test_while_a_secret_is_rotated_both_sign() -> None:
    rotating = ShopifyNotices(SHOP, ["new", SECRET])
    assert read(by_shopify(ORDER), rotating).record_id == read(by_shopify(ORDER, secret="new"), rotating).record_id
    with pytest.raises(ForgedMessage):
        read(by_shopify(ORDER, secret="older"), rotating)


@pytest.mark.parametrize(
    "change", [{"shop": "fr.myshopify.com"}, {"delivery": ""}, {"delivery": "a b"}, {"delivery": "x" * 101}]
)
def test_another_shop_and_a_message_without_id_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(ForgedMessage):
        read(by_shopify(ORDER, **change))


def test_a_repetition_hours_later_is_honest_and_tells_only_the_id() -> None:
    notice = read(by_shopify({**ORDER, "total_price": "1.00"}, **{"x-shopify-triggered-at": "2020-01-01T00:00:00Z"}))
    assert notice.record_id == str(ORDER["id"])
    assert "1.00" not in str(notice)


@pytest.mark.parametrize(
    ("event", "topic"), [("refunds/create", Topic.REFUNDS), ("order_transactions/create", Topic.ORDERS)]
)
def test_what_is_about_an_order_names_the_order(event: str, topic: Topic) -> None:
    notice = read(by_shopify({"id": 1, "order_id": 77}, event))
    assert (notice.topic, notice.record_id) == (topic, "77")


def test_an_event_that_nobody_follows_is_accepted_and_says_nothing() -> None:
    notice = read(by_shopify({"id": 5}, "products/update"))
    assert (notice.topic, notice.record_id, notice.event) == (None, "", "other")


def test_newer_headers_without_x_are_read() -> None:
    signed = by_shopify(ORDER)
    headers = {name.removeprefix("x-"): value for name, value in signed.headers.items()}
    assert read(Signed(signed.body, headers)) == read(signed)


def test_privacy_messages_name_persons_and_orders() -> None:
    erase = read(by_shopify(REDACT, "customers/redact"))
    assert (erase.asks, erase.persons) == ("erase", ("email:john@example.com", "shopify:191167"))
    assert erase.orders == ("299938", "280263")
    export = read(by_shopify(REQUESTED, "customers/data_request"))
    assert (export.asks, export.orders, export.record_id, export.persons) == ("export", ("299938",), "9999", ())
    shop = read(by_shopify({"shop_id": 1, "shop_domain": SHOP}, "shop/redact"))
    assert (shop.asks, shop.persons) == ("erase_shop", ())


@pytest.mark.parametrize("event", PRIVACY_TOPICS)
@pytest.mark.parametrize("body", [REDACT, REQUESTED, {"shop_id": 1, "shop_domain": SHOP}, ORDER])
def test_a_caught_message_passes_for_no_other_topic(event: str, body: dict[str, Any]) -> None:
    """The topic is not signed: a request for data must not come back as one to erase."""
    own = {
        "customers/redact": REDACT,
        "customers/data_request": REQUESTED,
        "shop/redact": {"shop_id": 1, "shop_domain": SHOP},
    }
    if body == own[event]:
        read(by_shopify(body, event))
    else:
        with pytest.raises(ForgedMessage):
            read(by_shopify(body, event))


@pytest.mark.parametrize("event", PRIVACY_TOPICS)
def test_a_privacy_message_of_another_shop_of_the_app_is_refused(event: str) -> None:
    body = {
        **(
            REDACT
            if event == "customers/redact"
            else REQUESTED
            if event == "customers/data_request"
            else {"shop_id": 1}
        ),
        "shop_domain": "fr.myshopify.com",
    }
    with pytest.raises(ForgedMessage):
        read(by_shopify(body, event))


@given(
    st.binary(max_size=200), st.sampled_from(["orders/create", "refunds/create", "products/update", *PRIVACY_TOPICS])
)
def test_a_signed_body_of_any_bytes_is_a_notice_or_refused(raw: bytes, topic: str) -> None:
    try:
        notice = read(by_shopify(raw, topic))
    except ForgedMessage:
        return
    assert notice.record_id == "" or notice.record_id.isdigit()
