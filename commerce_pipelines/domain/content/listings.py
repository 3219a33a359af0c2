"""What a listing shows of a product, and a change of it: the shapes that a channel and the flow share.

What belongs here: those shapes. What does not: what Odoo says (products.py), whether they differ (comparison.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

import msgspec

from ...core.words import NO_WORDS, Words
from .fields import IMAGES

# The code of a refusal because the listing is not there any more: it is deleted when a reading shows the listing again.
GONE = "gone"
# Puts on record, by the changes' keys, the reference under which a later look finds them: before a call that makes many
# changes at once, so that they are not made again after a crash.
Note = Callable[[Mapping[str, str]], None]


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture in Odoo. checksum: SHA-1 of its bytes, by which it is told from others and never read twice.
    attachment: the record id of its ir.attachment. mime: `image/png` and such."""

    checksum: str
    attachment: int
    mime: str
    size: int = 0


class ShownPicture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of a listing. id: the channel's own. checksum: of the picture of Odoo's that it certainly is, where its
    file name tells; '' otherwise. ready: the channel is not at work on it. address: where buyers see it, '' where that
    is not known; nobody here ever fetches it."""

    id: str
    checksum: str = ""
    ready: bool = True
    address: str = ""


class ShownListing(msgspec.Struct, frozen=True, kw_only=True):
    """What a listing shows. key: unique within the channel. skus: of everything that it offers: one, or those of all
    variants that share its text.

    values: by field (fields.py), as text, '' where it shows nothing. A field that is missing here is none that this
    listing has, so it is never written. Weights are whole grams, countries ISO 3166-1 alpha-2. pictures: in the order
    that buyers see; None where this listing has none of its own. version: changes with every change of the listing, ''
    where the channel has no such thing. reference: what this channel's calls need to name it; nobody else reads it.
    """

    key: str
    skus: tuple[str, ...]
    values: dict[str, str]
    pictures: tuple[ShownPicture, ...] | None = None
    version: str = ""
    title: str = ""
    reference: dict[str, str] = {}


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A place of a picture: 0 is the main one. replaces: the channel's id of the picture whose content it replaces, ''
    to add one. kept: the listing shows it already."""

    place: int
    picture: Picture
    replaces: str = ""
    kept: bool = False


class SentChange(msgspec.Struct, frozen=True, kw_only=True):
    """One field of one listing that shall be `after`. before: what it showed when that was decided: a channel that
    finds another value writes nothing and answers `stale`. slots: of the field `images`, all of them.

    key: of its effect. token: the same for every attempt at it. listing: as it was read last. reference: what an
    earlier attempt was answered with. targets: what stock would show now of listings with these SKUs, by the key that
    stock has for each, None for one that is not its; empty where stock may not publish.
    """

    key: str
    token: str
    listing: ShownListing
    field: str
    before: str
    after: str
    slots: tuple[Slot, ...] = ()
    reference: str = ""
    targets: dict[str, int | None] = {}


class ContentOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one change. stale: the listing showed another value than `before`, so nothing was written.
    pending: the channel is at work on it; `reference` tells a later look which work.

    shown: what the listing shows now, as in `ShownListing.values`; None where the answer does not tell. pictures: of
    the field `images`, the channel's id by place, of those that are certainly there. code is the channel's, message our
    sentence, words the channel's.
    """

    key: str
    status: Literal["accepted", "refused", "stale", "pending", "unknown"]
    code: str = ""
    message: str = ""
    words: Words = NO_WORDS
    reference: str = ""
    shown: str | None = None
    pictures: dict[int, str] = {}


class PictureSource(Protocol):
    """Pictures of Odoo's for a channel, and where it has them already."""

    def open(self, picture: Picture) -> bytes:
        """Read its bytes from Odoo. Raises RecordError where they are not what the checksum says."""
        ...

    def find(self, picture: Picture) -> str:
        """The address under which the channel was given these bytes lately; '' for none."""
        ...

    def keep(self, picture: Picture, address: str, id_: str) -> None:
        """Remember where the channel has these bytes, before a listing is told of it: so a listing that shows `id_`
        after a lost answer is known to show this picture."""
        ...


def effect_key(listing: str, field: str) -> str:
    """The key of the effect for one field of one listing."""
    return f"{listing}|{field}"


def picture_name(picture: Picture) -> str:
    """The file name of a picture on a channel: its checksum, by which it is recognised after a lost answer."""
    return f"odoo-{picture.checksum}.{picture.mime.partition('/')[2].partition('+')[0] or 'bin'}"


def is_as_planned(change: SentChange, now: ShownListing) -> bool:
    """Whether the field shows what it showed when the change was decided, so that it may be written."""
    return show_field(now, change.field) == change.before


def show_field(listing: ShownListing, field: str) -> str | None:
    """What a field shows, the ids of its pictures for `images`; None for a field that the listing does not have."""
    if field == IMAGES:
        return None if listing.pictures is None else ",".join(picture.id for picture in listing.pictures)
    return listing.values.get(field)
