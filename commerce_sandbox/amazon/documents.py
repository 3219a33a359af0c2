"""Documents of reports and feeds: served under URLs that are valid for five minutes, as in Amazon's object store.

What belongs here: URLs, uploads, downloads. What does not: what is in a document (reports.py, feeds.py).
"""

from __future__ import annotations

import gzip
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..server import Call, Reply

LIFE = timedelta(minutes=5)
PATH = "/documents/"


@dataclass
class Document:
    """signatures: of the URLs that were given out, each with its end."""

    body: bytes = b""
    content_type: str = ""
    signatures: dict[str, datetime] = field(default_factory=dict)


class Documents:
    """base: the host of the URLs: the stand-in itself, unless a test has set a second server."""

    def __init__(self) -> None:
        self.base = ""
        self.documents: dict[str, Document] = {}

    def new(self, body: bytes = b"", content_type: str = "", *, deflate: bool = False) -> str:
        """The id of a new document."""
        name = f"amzn1.spdoc.1.4.eu.{secrets.token_hex(12)}"
        self.documents[name] = Document(gzip.compress(body, mtime=0) if deflate else body, content_type)
        return name

    def url(self, name: str, now: datetime) -> str:
        """A new URL; those given before work until their own end, so that two runs may read at once."""
        signature = secrets.token_hex(16)
        self.documents[name].signatures[signature] = now + LIFE
        return f"{self.base}{PATH}{name}?X-Amz-Expires=300&X-Amz-Signature={signature}"

    def serve(self, call: Call, now: datetime) -> Reply:
        """GET and PUT of a signed URL. A request with an access token is refused, because the token would be given
        away."""
        document = self.documents.get(call.path.removeprefix(PATH))
        end = document.signatures.get(call.parameter("X-Amz-Signature")) if document else None
        if document is None or end is None or end <= now:
            return _deny("Request has expired")
        if "x-amz-access-token" in call.headers:
            return _deny("Only one auth mechanism allowed")
        if call.method == "PUT":
            if call.headers.get("content-type") != document.content_type:
                return _deny("SignatureDoesNotMatch")
            document.body = call.body
            return Reply(200, b"")
        return Reply(200, document.body, {"Content-Type": document.content_type or "binary/octet-stream"})


def _deny(why: str) -> Reply:
    body = f"<Error><Code>AccessDenied</Code><Message>{why}</Message></Error>".encode()
    return Reply(403, body, {"Content-Type": "application/xml"})
