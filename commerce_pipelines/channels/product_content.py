"""What a marketplace can do about the content of listings: a capability (capabilities.py) with a module of its own.

What belongs here: that protocol, an answer to a change, what an error means for a change, listings as they are right
before they are written. What does not: its shapes (domain/content/), the marketplaces' calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from ..core.errors import (
    CommerceError,
    CredentialError,
    PermanentError,
    RateLimited,
    SettingsError,
    TransientError,
    UnknownOutcome,
)
from ..domain.content.fields import Limit
from ..domain.content.listings import (
    GONE,
    ContentOutcome,
    Note,
    PictureSource,
    SentChange,
    ShownListing,
    is_as_planned,
    show_field,
)
from .reach import Reach

# Seconds after which a reading is too old to write by: what somebody changes on the channel since then is overwritten.
MOST_AGE = 10.0
STOPS = (CredentialError, SettingsError, RateLimited)  # errors that are about every change
FAILED = "failed"  # the code of an outcome that an error has
Failed = dict[str, CommerceError]
Read = Callable[[Sequence[ShownListing], Failed], Iterable[ShownListing]]


def forget(references: Mapping[str, str]) -> None:
    """A Note that nobody needs."""


class Content(Protocol):
    """What listings show of products: reading it, and changing single fields. Never stock, and nothing of a listing
    that is not among the changes.

    writes_stock: its calls write a quantity too, so that nobody may change quantities meanwhile. It is never above what
    was read right before, and never above `SentChange.targets`.
    settles_after: how long after the channel accepted a text it may still show the one from before.
    picture_hosts: domains of the channel's own pictures; a person's browser is shown no others.
    details_a_night: how many listings `read_details` may be asked for in a night.
    """

    writes_stock: bool = False
    settles_after: timedelta = timedelta(0)
    picture_hosts: Sequence[str] = ()

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

    @property
    def details_a_night(self) -> int:
        return 0

    def lacks_details(self, listing: ShownListing) -> bool:
        """Whether `read` shows a listing without fields that `read_details` shows, one listing a call; `reference` then
        tells under `detailed` when that was, '' for never."""
        return False

    def read_details(self, listings: Sequence[ShownListing]) -> Iterator[ShownListing]:
        """These with the fields that no list shows; without those that cannot be read now."""
        return iter(())

    def reread(self, listings: Sequence[ShownListing]) -> Iterator[ShownListing]:
        """These as they are now, in any order; without those that are gone."""
        ...

    def send(
        self, changes: Sequence[SentChange], pictures: PictureSource, note: Note = forget
    ) -> Iterator[ContentOutcome]:
        """Make the changes; one outcome for each, as soon as it is known. Changes of one listing go together, in the
        fewest calls.

        Reads each listing before it writes, and answers `stale` for a field that shows something else than `before`
        (`is_as_planned`), and `accepted` without a call for one that shows `after` already. A picture is read from Odoo
        only when it is sent. Raises only what stops every change; RecordError of a picture refuses its change. note:
        called before a call that makes many changes, of which nobody could tell afterwards whether they were made.
        """
        ...

    def look(self, changes: Sequence[SentChange]) -> Iterator[ContentOutcome]:
        """What became of changes that were `pending`, or that were noted, by their `reference`; none for those that
        are not known, or that cannot be looked at now. Of one whose listing is not known any more it may have the key
        alone."""
        return iter(())


def build_outcome(change: SentChange, status: Any, code: str, message: str, **more: Any) -> ContentOutcome:
    """The outcome of a change that was not simply made. message: a sentence of our own. more: further fields."""
    return ContentOutcome(key=change.key, status=status, code=code, message=message[:300], **more)


def build_failed(change: SentChange, error: CommerceError) -> ContentOutcome:
    """The outcome of a change that an error kept from being made: the next run tries again, unless trying again changes
    nothing."""
    status = "refused" if type(error) is PermanentError else "unknown"
    return build_outcome(change, status, FAILED, str(error), words=error.words)


def attempt(changes: Sequence[SentChange], outcomes: Iterable[ContentOutcome]) -> Iterator[ContentOutcome]:
    """The outcomes; an error is the outcome of every change that has none yet. Raises what is about every change."""
    return Attempts().make("", changes, outcomes)


class Attempts:
    """Changes that are made group by group: what fails for one group is that group's alone. Too many groups in a row
    that get no answer mean that the channel cannot be reached, which is raised. ask: as of Reach."""

    def __init__(self, ask: Callable[[], object] | None = None) -> None:
        self._lost: set[str] = set()
        self._reach = Reach(ask)

    def make(
        self, group: str, changes: Sequence[SentChange], outcomes: Iterable[ContentOutcome]
    ) -> Iterator[ContentOutcome]:
        """The outcomes of some changes of a group; an error is the outcome of every one that has none yet. Raises what
        is about every change."""
        done: set[str] = set()
        try:
            for outcome in outcomes:
                done.add(outcome.key)
                yield outcome
            self._note_answer()
        except STOPS:
            raise
        except (TransientError, UnknownOutcome) as error:
            is_new = group not in self._lost
            self._lost.add(group)
            if is_new and self._reach.is_lost():
                raise TransientError(str(error), words=error.words) from None
            yield from (build_failed(change, error) for change in changes if change.key not in done)
        except PermanentError as error:
            self._note_answer()
            yield from (build_failed(change, error) for change in changes if change.key not in done)

    def _note_answer(self) -> None:
        self._lost.clear()
        self._reach.note_answer()


class FreshListings:
    """Listings as they were at most MOST_AGE seconds ago, for a run that writes one after another: they are read many
    at once. Where a group's reading is too old to write by, that group and those after it are read again.

    channel: its name in sentences. read: reads listings; it may put the error of a group that it fails at into its
    second argument, and raises what stops all that it was asked for. groups: the listings that are written together,
    in the order in which they are. at_once: groups of one reading. ask: as of Reach.
    """

    def __init__(
        self, channel: str, read: Read, clock: Callable[[], float], groups: Mapping[str, Sequence[ShownListing]],
        at_once: int, ask: Callable[[], object] | None = None,
    ) -> None:  # fmt: skip
        self._channel, self._read, self._clock, self._groups, self._at_once = channel, read, clock, groups, at_once
        self._order = list(groups)
        self._places = {name: place for place, name in enumerate(self._order)}
        self._read_at: dict[str, float] = {}
        self._shown: dict[str, ShownListing] = {}
        self._failed: Failed = {}
        self._alone: set[str] = set()  # groups of readings that failed: which of them is to blame is seen one by one
        self._reach = Reach(ask)

    def show(self, group: str) -> Mapping[str, ShownListing]:
        """The listings of a group by their keys, without those that are gone. Raises the error of a reading that failed
        for it; that reading is not made again. Where so many of them in a row fail that the channel counts as out of
        reach, nothing is read any more: the error is raised for every group that would have to be."""
        is_old = group not in self._read_at or self._clock() - self._read_at[group] >= MOST_AGE
        if is_old:
            self._read_at.pop(group, None)
        if is_old and group not in self._failed:
            self._read_from(group)
        if group in self._failed and group not in self._read_at:
            raise self._failed[group]
        keys = [listing.key for listing in self._groups[group]]
        return {key: self._shown[key] for key in keys if key in self._shown}

    def find(self, key: str) -> ShownListing | None:
        """A listing as it was read last; None for one that is gone."""
        return self._shown.get(key)

    def judge(
        self, group: str, change: SentChange, *, field_there: str = "", may_be_there: bool = True
    ) -> ContentOutcome | None:
        """The outcome of a change that is not to be made any more, or whose listing cannot be read; None for one that
        is to be made. field_there: the key in `reference` without which the listing does not have the field.
        may_be_there: whether a field that shows the text already needs no call. Raises what is about every change."""
        try:
            shown = self.show(group).get(change.listing.key)
        except STOPS:
            raise
        except (TransientError, PermanentError) as error:
            return build_failed(change, error)
        if shown is None or (field_there and field_there not in shown.reference):
            return build_outcome(change, "refused", GONE, f"{self._channel} does not show this listing any more.")
        if may_be_there and show_field(shown, change.field) == change.after:
            return ContentOutcome(key=change.key, status="accepted", shown=change.after)
        if not is_as_planned(change, shown):
            moved = f"The listing was changed on {self._channel} since it was read."
            return build_outcome(change, "stale", "moved", moved, shown=show_field(shown, change.field))
        return None

    def _read_from(self, group: str) -> None:
        """Read a group and those after it; each of them alone where that fails."""
        place = self._places[group]
        after = [] if group in self._alone else self._order[place + 1 : place + self._at_once]
        some = [group, *(name for name in after if name not in self._failed and name not in self._alone)]
        listings = [listing for name in some for listing in self._groups[name]]
        failed: Failed = {}
        try:
            now = {listing.key: listing for listing in self._read(listings, failed)}
        except STOPS:
            raise
        except (TransientError, PermanentError) as error:
            self._alone.update(some)
            if self._note_failure(error) or len(some) == 1:
                self._failed.setdefault(group, error)
            else:
                self._read_from(group)
            return
        for listing in listings:
            self._shown.pop(listing.key, None)
        self._shown |= now
        self._read_at |= dict.fromkeys((name for name in some if name not in failed), self._clock())
        self._failed |= failed
        if len(failed) < len(some):
            self._reach.note_answer()
            return
        for reason in failed.values():
            if self._note_failure(reason):
                return

    def _note_failure(self, error: CommerceError) -> bool:
        """One more reading that failed; whether the channel is out of reach by now: then every group that is not read
        yet has failed. Raises what is about every reading."""
        lost = self._reach.is_lost()
        if lost:
            self._failed = dict.fromkeys(self._order, error) | self._failed
        return lost
