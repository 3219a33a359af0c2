"""Pictures on the merchant's own web server, from where Amazon fetches them.

What belongs here: putting a file there, its public address. What does not: which picture goes where
(domain/content/comparison.py), the attributes that name addresses (shown.py).

Amazon takes no pictures of listings, only addresses. A file is put under its checksum (decision 18), so the same name
always holds the same bytes: putting it again changes nothing, and nobody has to look whether it is there.
"""

from __future__ import annotations

from ....core.errors import CommerceError, PermanentError
from ....core.instruments import Instruments
from ....domain.content.listings import Picture, PictureSource, picture_name
from ....domain.content.rules import ImageHost as Rules
from ...http.session import HttpSession, Repeat
from ...http.throttle import BucketStore

LARGEST = 10_000_000  # bytes of one picture, Seller Central, "Product image requirements"
KINDS = frozenset(f"image/{kind}" for kind in ("jpeg", "png", "gif", "tiff"))


class Unreachable(Exception):
    """The merchant's server took no picture; whatever it is, the marketplace is not to blame."""


class ImageHost:
    """The folder of one channel's pictures."""

    def __init__(self, name: str, rules: Rules, buckets: BucketStore, instruments: Instruments) -> None:
        self._rules = rules
        self._session = HttpSession(name, (rules.put,), buckets, instruments, named=(rules.put,))

    def publish(self, picture: Picture, source: PictureSource) -> str:
        """The public address of a picture, which is put there unless it was lately. Raises PermanentError for what
        Amazon does not take, RecordError where it is gone from Odoo, Unreachable, and SettingsError without the
        secret."""
        if picture.mime not in KINDS:
            raise PermanentError(f"A picture is {picture.mime}; Amazon takes {', '.join(sorted(KINDS))}.")
        if picture.size > LARGEST:
            raise PermanentError(f"A picture has {picture.size} bytes, Amazon takes {LARGEST}.")
        address = f"{self._rules.public.rstrip('/')}/{picture_name(picture)}"
        if source.find(picture) == address:
            return address
        content, secret = source.open(picture), self._rules.secret.value()
        try:
            self._session.send(
                "PUT", f"{self._rules.put.rstrip('/')}/{picture_name(picture)}", operation="putPicture",
                repeat=Repeat.STATE, data=content, ok=(200, 201, 204), deadline=120.0,
                headers={"Content-Type": picture.mime, self._rules.header: secret},
            )  # fmt: skip
        except CommerceError:
            raise Unreachable from None
        source.keep(picture, address, address)
        return address
