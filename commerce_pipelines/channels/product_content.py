"""What a marketplace can do about the content of listings: a capability (capabilities.py) with a module of its own.

What belongs here: that protocol, and an answer to a change. What does not: its shapes (domain/content/), the
marketplaces' calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from ..domain.content.fields import Limit
from ..domain.content.listings import (
    ContentOutcome,
    PictureSource,
    SentChange,
    ShownListing,
    is_as_planned,
    show_field,
)


class Content(Protocol):
    """What listings show of products: reading it, and changing single fields. Never stock, and nothing of a listing
    that is not among the changes.

    writes_stock: its calls write a quantity too, so that nobody may change quantities meanwhile. It is never above what
    was read right before, and never above `SentChange.targets`.
    settles_after: how long after the channel accepted a text it may still show the one from before.
    """

    writes_stock: bool = False
    settles_after: timedelta = timedelta(0)

    def limits(self, listing: ShownListing) -> Mapping[str, Limit]:
        """What the channel takes in each field of this listing, by the field's name (domain/content/fields.py), for
        translations as for their field. A field that is missing is one that the channel cannot be told. May read a
        product type's definition once; raises RecordError where this listing's cannot be had."""
        ...

    def includes_tax(self) -> bool | None:
        """Whether the account's prices hold tax, asked of the channel; None where it does not tell."""
        return None

    def read(self) -> Iterator[tuple[ShownListing, ...]]:
        """Every listing that is offered, page by page, by the channel's way for bulk reading. A record that cannot be
        read is left out: whatever it shows stays."""
        ...

    def reread(self, listings: Sequence[ShownListing]) -> Iterator[ShownListing]:
        """These as they are now, in any order; without those that are gone."""
        ...

    def send(self, changes: Sequence[SentChange], pictures: PictureSource) -> Iterator[ContentOutcome]:
        """Make the changes; one outcome for each, as soon as it is known. Changes of one listing go together, in the
        fewest calls.

        Reads each listing before it writes, and answers `stale` for a field that shows something else than `before`
        (`is_as_planned`), and `accepted` without a call for one that shows `after` already. A picture is read from Odoo
        only when it is sent. Raises only what stops every change; RecordError of a picture refuses its change.
        """
        ...

    def look(self, changes: Sequence[SentChange]) -> Iterator[ContentOutcome]:
        """What became of changes that were `pending`, by their `reference`; none for those that are not known."""
        return iter(())


def build_outcome(change: SentChange, status: Any, code: str, message: str, **more: Any) -> ContentOutcome:
    """The outcome of a change that was not simply made. message: a sentence of our own. more: further fields."""
    return ContentOutcome(key=change.key, status=status, code=code, message=message[:300], **more)


def judge_before_writing(
    change: SentChange, shown: ShownListing | None, gone: str, moved: str, *, may_be_there: bool = True
) -> ContentOutcome | None:
    """The outcome of a change that is not to be made any more, None for one that is. shown: the listing right before,
    None for one that is not there. gone, moved: sentences of our own for a listing that is not there, and for a field
    that shows something else than when the change was decided. may_be_there: whether a field that shows the text
    already needs no call."""
    if shown is None:
        return build_outcome(change, "refused", "gone", gone)
    if may_be_there and show_field(shown, change.field) == change.after:
        return ContentOutcome(key=change.key, status="accepted", shown=change.after)
    if not is_as_planned(change, shown):
        return build_outcome(change, "stale", "moved", moved, shown=show_field(shown, change.field))
    return None
