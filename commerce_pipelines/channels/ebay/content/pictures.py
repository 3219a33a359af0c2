"""Pictures of eBay's listings: uploaded by the Media API, then named in the list of a listing's pictures.

What belongs here: an upload, which address stands at which place afterwards. What does not: which picture goes where
(domain/content/comparison.py), how the list is written (revising.py).

eBay keeps no file name, so an address is remembered before a listing is told of it (`PictureSource.keep`): the upload
may be repeated, as eBay drops after 30 days what no listing shows, and a listing never shows the same picture twice.
Nobody fetches anything: the bytes come from Odoo. Source: Media API v1_beta, createImageFromFile.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from urllib3.filepost import encode_multipart_formdata

from ....core.errors import PermanentError
from ....domain.content.listings import Picture, PictureSource, SentChange, picture_name
from ..api.account import Account
from .payloads import Uploaded

UPLOAD = "/commerce/media/v1_beta/image/create_image_from_file"
LARGEST = 12_000_000  # bytes of one picture, eBay's "Image requirements"
MOST = 24  # of one listing
KINDS = frozenset(f"image/{kind}" for kind in ("jpeg", "gif", "png", "bmp", "tiff", "avif", "heic", "webp"))
# An address of eBay's picture service names the picture in it; what follows is one of its sizes.
_NAMED = re.compile(r"/z/([^/]+)/")


class Arranged(msgspec.Struct, frozen=True, kw_only=True):
    """The pictures of a listing as they shall be. addresses: all of them, in their order. placed: the ids of ours by
    place."""

    addresses: tuple[str, ...]
    placed: dict[int, str]


def name_picture(address: str) -> str:
    """The id of a picture: what all addresses of its sizes share."""
    named = _NAMED.search(address)
    return named.group(1) if named else address.partition("?")[0]


def arrange(account: Account, change: SentChange, addresses: Sequence[str], source: PictureSource) -> Arranged:
    """The pictures that a listing shows (addresses) with those of the change in their places; uploads what eBay does
    not have yet. Raises PermanentError for what eBay does not take, RecordError where a picture is gone from Odoo."""
    ids = list(map(name_picture, addresses))
    arranged, placed = list(addresses), {}
    due = [slot for slot in change.slots if not slot.kept]
    if len(addresses) + sum(slot.replaces not in ids for slot in due) > MOST:
        raise PermanentError(f"The listing would have more than the {MOST} pictures that eBay takes.")
    for slot in due:
        address = upload(account, slot.picture, source)
        placed[slot.place] = name_picture(address)
        if slot.replaces in ids:
            arranged[ids.index(slot.replaces)] = address
        else:
            arranged.append(address)
    return Arranged(addresses=tuple(arranged), placed=placed)


def upload(account: Account, picture: Picture, source: PictureSource) -> str:
    """eBay's address of a picture; it is uploaded unless eBay was given it lately."""
    if address := source.find(picture):
        return address
    if picture.mime not in KINDS:
        raise PermanentError(f"A picture is {picture.mime}; eBay takes {', '.join(sorted(KINDS))}.")
    if picture.size > LARGEST:
        raise PermanentError(f"A picture has {picture.size} bytes, eBay takes {LARGEST}.")
    field = {"image": (picture_name(picture), source.open(picture), picture.mime)}
    body, kind = encode_multipart_formdata(field)
    address = account.decode(account.upload("createImageFromFile", UPLOAD, body, kind), Uploaded).image_url
    source.keep(picture, address, name_picture(address))
    return address
