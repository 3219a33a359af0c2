"""eBay's digital signatures, which calls that move money of EU and UK sellers must carry.

What belongs here: the headers of a signed call, the seller's key. What does not: which calls are signed (account.py).

The signed text (RFC 9421) names each component in a line, then its parameters; blanks and quotes count, and the body is
signed by its digest, so that exactly these bytes must be sent. The key and its JWE come from eBay's Key Management API,
which shows the private key once.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime

from ....core.errors import CredentialError
from ..settings import SigningKey


def digest_body(body: bytes) -> str:
    """The header Content-Digest."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def build_base(components: dict[str, str], created: int) -> tuple[str, str]:
    """(the text to be signed, its parameters)."""
    names = " ".join([f'"{name}"' for name in components])
    parameters = f"({names});created={created}"
    lines = [f'"{name}": {value}' for name, value in components.items()]
    return "\n".join([*lines, f'"@signature-params": {parameters}']), parameters


class Signer:
    """Signs calls of one seller. where: the setting of the key, for errors."""

    def __init__(self, key: SigningKey, now: Callable[[], datetime], where: str) -> None:
        self._key, self._now, self._where = key, now, where

    def sign(self, method: str, host: str, path: str, body: bytes) -> dict[str, str]:
        """The headers that sign a call with a body. path: without a query. Raises CredentialError for a key that cannot
        be read."""
        digest, jwe = digest_body(body), self._key.jwe.value().strip()
        components = {
            "content-digest": digest, "x-ebay-signature-key": jwe, "@method": method, "@path": path,
            "@authority": host,
        }  # fmt: skip
        base, parameters = build_base(components, int(self._now().timestamp()))
        signature = base64.b64encode(self._compute(base.encode())).decode()
        return {
            "Content-Digest": digest,
            "x-ebay-signature-key": jwe,
            "Signature-Input": f"sig1={parameters}",
            "Signature": f"sig1=:{signature}:",
        }

    def find_problem(self) -> str:
        """What is wrong with the key, and the fix; '' where calls can be signed. Raises SettingsError for an
        environment variable that is not set."""
        try:
            self.sign("POST", "api.ebay.com", "/", b"{}")
        except CredentialError as error:
            return str(error)
        return ""

    def _compute(self, text: bytes) -> bytes:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(_write_pem(self._key.private_key.value()), password=None)
        except (ValueError, TypeError):
            raise CredentialError(
                f"{self._where}.private_key ({self._key.private_key.env}) is no private key in PEM: store it as eBay's "
                "Key Management showed it, or make a new one there."
            ) from None
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(text)
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        raise CredentialError(
            f"{self._where}.private_key ({self._key.private_key.env}) is of a kind that eBay does not take: make one "
            "of the kind ED25519 by its Key Management API."
        )


def _write_pem(text: str) -> bytes:
    """PEM with its own line ends, also of a key that an environment holds in one line."""
    text = text.strip().replace("\\n", "\n")
    if "-----BEGIN" not in text:
        text = f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----"
    return text.encode() + b"\n"
