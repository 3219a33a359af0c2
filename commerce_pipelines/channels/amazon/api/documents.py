"""Documents of reports and feeds, which lie on other hosts than the API: fetched and sent by the URLs that Amazon
names.

What belongs here: which URLs may be called, inflating with its limits, lines. What does not: what a document says
(reports.py, inventory/quantities.py).

Such a URL comes from an answer, so it is not trusted: it must be https on a bucket of Amazon's own storage, and the
access token is never sent to it. It may be plain http on loopback if the API's own endpoint is on loopback (a
stand-in).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from ....core.errors import ProtocolError
from ....core.legible import one_word
from ....core.urls import LOOPBACK
from ...http.session import Repeat
from .api import Api
from .payloads import Document

# A bucket of S3, by its name (tortuga-prod-eu.s3-eu-west-1.amazonaws.com) or by its path (s3.eu-west-1.amazonaws.com).
# The samples of the API's description name a host of CloudFront, where anybody can have one; Amazon itself sends hosts
# of S3.
BUCKET_HOST = re.compile(r"(?:[a-z0-9][a-z0-9.-]*\.)?s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?\Z")
DOCUMENT_BYTES = 256 << 20  # bytes, before inflating
LINE_BYTES = 16 << 20  # a row of a report has a few kilobytes
# Listings shrink to about an eighth, a zip bomb to a thousandth. The first megabyte is not checked, because small
# documents may shrink more.
MOST_RATIO, FREE_BYTES = 100, 1 << 20
CHUNK_BYTES = 1 << 16
GZIP = b"\x1f\x8b"


class Fetched(NamedTuple):
    """A document as it was sent, and its Content-Type."""

    body: bytes
    content_type: str

    @property
    def charset(self) -> str:
        """The charset that the Content-Type names (Amazon writes Cp1252), '' if it names none."""
        hit = re.search(r"charset\s*=\s*\"?([\w.:-]+)", self.content_type, re.IGNORECASE)
        return hit[1] if hit else ""


def fetch(api: Api, operation: str, document: Document) -> Fetched:
    response = api.session(checked(api, document.url)).get(
        document.url, operation=f"{operation}Contents", headers={"Accept": "*/*"}, max_bytes=DOCUMENT_BYTES
    )
    return Fetched(response.body, response.headers.get("Content-Type", ""))


def send(api: Api, operation: str, url: str, body: bytes, content_type: str) -> None:
    """Upload a document to a URL that createFeedDocument gave. Repeating the upload writes the same document again."""
    api.session(checked(api, url)).send(
        "PUT",
        url,
        operation=f"{operation}Contents",
        repeat=Repeat.STATE,
        headers={"Content-Type": content_type},
        data=body,
    )


def checked(api: Api, url: str) -> str:
    """The URL itself. Raises ProtocolError for a URL that cannot be one of Amazon's documents."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    ours = (urlsplit(api.settings.base_url).hostname or "") in LOOPBACK
    if ours and host in LOOPBACK and parts.scheme in ("http", "https"):
        return url
    if parts.scheme != "https" or parts.username or not BUCKET_HOST.match(host) or _read_port(url) not in (None, 443):
        raise ProtocolError(
            f"{api.name}: Amazon names a document at {one_word(host) or 'no host'}, which is no https address of its "
            "storage; nothing is fetched from there."
        )
    return url


def _read_port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        return -1


def lines(document: Fetched) -> Iterator[bytes]:
    """The document's lines without their line ends, inflated while reading if the document is compressed.

    Raises ProtocolError for a document that breaks off or inflates beyond the limits.
    """
    begun, size = [], 0  # the pieces of a line that is not finished yet; they are joined once
    for chunk in _inflate(document.body):
        first, *others = chunk.split(b"\n")
        begun.append(first)
        size += len(first)
        if size > LINE_BYTES:
            raise ProtocolError(
                f"A document of Amazon's has a line of more than {LINE_BYTES >> 20} MB; it is not read."
            )
        if not others:
            continue
        yield b"".join(begun).rstrip(b"\r")
        *whole, rest = others
        for line in whole:
            yield line.rstrip(b"\r")
        begun, size = [rest], len(rest)
    if size:
        yield b"".join(begun).rstrip(b"\r")


def contents(document: Fetched, most: int = DOCUMENT_BYTES) -> bytes:
    """The whole document, inflated. Raises ProtocolError as `lines` does, and for more than `most` bytes."""
    chunks, size = [], 0
    for chunk in _inflate(document.body):
        chunks.append(chunk)
        size += len(chunk)
        if size > most:
            raise ProtocolError(f"A document of Amazon's has more than {most >> 20} MB; it is not read.")
    return b"".join(chunks)


def _inflate(body: bytes) -> Iterator[bytes]:
    """Inflate a body that begins like gzip, whatever Amazon says of it, because a proxy may have inflated it
    already."""
    if not body.startswith(GZIP):
        yield body
        return
    limit = FREE_BYTES + MOST_RATIO * len(body)
    while body:  # gzip allows several streams in a row
        inflate = zlib.decompressobj(31)
        while body and not inflate.eof:
            try:
                chunk = inflate.decompress(body, CHUNK_BYTES)
            except zlib.error:
                raise ProtocolError("A document of Amazon's is damaged: it does not inflate.") from None
            body, limit = inflate.unconsumed_tail, limit - len(chunk)
            if limit < 0:
                raise ProtocolError(
                    f"A document of Amazon's inflates to more than {MOST_RATIO} times its size; it is not read."
                )
            yield chunk
        if not inflate.eof:
            raise ProtocolError("A document of Amazon's is cut off.")
        body = inflate.unused_data
