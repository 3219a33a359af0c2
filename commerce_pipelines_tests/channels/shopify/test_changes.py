"""Mutations that must not happen twice: what of Shopify's answers leaves open whether it did its work."""

from __future__ import annotations

import json
from typing import Any

import pytest

from commerce_pipelines.channels.http.session import Repeat
from commerce_pipelines.channels.shopify.api.graphql import GraphQL
from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.core.errors import CredentialError, PermanentError, TransientError, UnknownOutcome
from commerce_sandbox.server import Fault

from .contract import Recorded
from .orders.test_reading import channel, clock, shop

__all__ = ["channel", "clock", "shop"]  # fixtures

CREATE = "mutation Create { fulfillmentCreate { userErrors { message } } }"
DONE: dict[str, Any] = {"data": {"fulfillmentCreate": {"userErrors": []}}}


def error(code: str, *path: str, data: Any = None) -> dict[str, Any]:
    return {"errors": [{"message": "x", "path": path, "extensions": {"code": code} if code else {}}], "data": data}


def send(shop: Recorded, channel: ShopifyChannel, *bodies: Any) -> Any:
    """The answer to a mutation whose answers on the wire are these, in turn; then it is done."""
    shop.faults += [Fault(match="graphql", body=body if isinstance(body, bytes) else json.dumps(body).encode())
                    for body in (*bodies, DONE)]  # fmt: skip
    graphql: GraphQL = channel.orders._graphql
    return graphql.change(CREATE, {}, dict, repeat=Repeat.NEVER)


@pytest.mark.parametrize("body", [
    error("INTERNAL_SERVER_ERROR"),
    error("TIMEOUT", "fulfillmentCreate"),
    error("", "fulfillmentCreate", "fulfillment", "order"),
    error("ACCESS_DENIED", "fulfillmentCreate", "fulfillment", "order", data=DONE["data"]),
    {"errors": [error("THROTTLED")["errors"][0], error("INTERNAL_SERVER_ERROR")["errors"][0]]},
    {"data": None},
    {},
    b"[]",
    b'{"data": ',
])  # fmt: skip
def test_what_may_have_been_done_is_not_sent_again(shop: Recorded, channel: ShopifyChannel, body: Any) -> None:
    with pytest.raises(UnknownOutcome, match="may have done its work"):
        send(shop, channel, body)
    assert len(shop.calls) == 1


def test_what_was_throttled_is_sent_again(shop: Recorded, channel: ShopifyChannel) -> None:
    assert send(shop, channel, error("THROTTLED"), error("THROTTLED")) == DONE["data"]
    assert len(shop.calls) == 3


@pytest.mark.parametrize(("body", "meaning"), [
    (error("ACCESS_DENIED", "fulfillmentCreate"), CredentialError),
    (error("SHOP_INACTIVE"), CredentialError),
    (error(""), PermanentError),
    ({"errors": "Not Found"}, PermanentError),
    (error("THROTTLED"), TransientError),
])  # fmt: skip
def test_a_refusal_is_a_refusal(shop: Recorded, channel: ShopifyChannel, body: Any, meaning: type[Exception]) -> None:
    with pytest.raises(meaning):
        send(shop, channel, *[body] * 8)


def test_a_mutation_cannot_pass_for_a_query(channel: ShopifyChannel) -> None:
    with pytest.raises(TypeError, match="use change"):
        channel.orders._graphql.ask(CREATE, {}, dict)
