"""Pictures for a channel without an Odoo: a PictureSource of domain/content/listings.py in memory."""

from __future__ import annotations

import hashlib

from commerce_pipelines.domain.content.listings import Picture

PNG = b"\x89PNG, as far as anybody looks"


class MemoryPictures:
    """contents: bytes by checksum. kept: (address, id) by checksum. opened: how many pictures were read."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.kept: dict[str, tuple[str, str]] = {}
        self.opened = 0

    def add(self, mark: bytes, mime: str = "image/png") -> Picture:
        """A picture that differs from others by this mark."""
        content = PNG + mark
        checksum = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        self.contents[checksum] = content
        return Picture(checksum=checksum, attachment=len(self.contents), mime=mime, size=len(content))

    def open(self, picture: Picture) -> bytes:
        self.opened += 1
        return self.contents[picture.checksum]

    def find(self, picture: Picture) -> str:
        return self.kept.get(picture.checksum, ("", ""))[0]

    def keep(self, picture: Picture, address: str, id_: str) -> None:
        self.kept[picture.checksum] = (address, id_)
