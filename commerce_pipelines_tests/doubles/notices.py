"""Messages as marketplaces sign them, and a server that receives them.

What belongs here: building messages, a receiver in a thread. What does not: expectations.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from uvicorn import Server

from commerce_pipelines.cli.message_server import bind, build_server
from commerce_pipelines.resources.connections import Connections

SHOP, SECRET = "de.myshopify.com", "hush"
KEY_ID = "9936261a-7d7b-4621-a0f1-96ccb428af49"
NUMBER = 820982911946154508
ORDER = {
    "id": NUMBER,
    "updated_at": "2026-11-29T10:00:00+01:00",
    "admin_graphql_api_id": f"gid://shopify/Order/{NUMBER}",
}


class Signed(NamedTuple):
    body: bytes
    headers: dict[str, str]


def by_shopify(
    body: bytes | dict[str, Any],
    topic: str = "orders/updated",
    *,
    delivery: str = "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
    secret: str = SECRET,
    shop: str = SHOP,
    **more: str,
) -> Signed:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = base64.b64encode(hmac.digest(secret.encode(), raw, hashlib.sha256)).decode()
    return Signed(raw, {
        "x-shopify-hmac-sha256": signature, "x-shopify-topic": topic, "x-shopify-shop-domain": shop,
        "x-shopify-webhook-id": delivery, **more,
    })  # fmt: skip


class Ebay:
    """Signs as eBay does: ECDSA over SHA-1 of the compact JSON."""

    def __init__(self) -> None:
        self.key: EllipticCurvePrivateKey = generate_private_key(SECP256R1())
        self.asked: list[str] = []

    def ask(self, key_id: str) -> tuple[str, str]:
        self.asked.append(key_id)
        raw = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"-----BEGIN PUBLIC KEY-----{base64.b64encode(raw).decode()}-----END PUBLIC KEY-----", "SHA1"

    def send(
        self, topic: str, data: dict[str, Any], *, delivery: str = "49feeaeb-4982-42d9-a377-9645b8479411",
        key_id: str = KEY_ID,
    ) -> Signed:  # fmt: skip
        message = {
            "metadata": {"topic": topic, "schemaVersion": "1.0", "deprecated": False},
            "notification": {
                "notificationId": delivery, "eventDate": "2026-11-29T09:00:00.000Z",
                "publishDate": "2026-11-29T09:00:01.000Z", "publishAttemptCount": 1, "data": data,
            },
        }  # fmt: skip
        return self.sign(json.dumps(message, separators=(",", ":")).encode(), key_id)

    def sign(self, raw: bytes, key_id: str = KEY_ID) -> Signed:
        signature = base64.b64encode(self.key.sign(raw, ECDSA(SHA1()))).decode()  # noqa: S303 - as eBay does
        claimed = {"alg": "ecdsa", "kid": key_id, "signature": signature, "digest": "SHA1"}
        return Signed(raw, {"x-ebay-signature": base64.b64encode(json.dumps(claimed).encode()).decode()})


@contextlib.contextmanager
def receiving(connections: Connections) -> Iterator[Server]:
    """The server at the address of `listen`, in a thread."""
    listen = connections.settings.listen
    assert listen is not None
    server, writer = build_server(connections)
    bound = bind(listen)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.should_exit = True
        thread.join()
        writer.close()
        bound.close()
