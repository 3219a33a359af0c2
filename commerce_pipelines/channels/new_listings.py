"""What a marketplace can do about listings that are not there yet: a capability (capabilities.py) with a module of its
own.

What belongs here: that protocol, and what an error means for one listing. What does not: its shapes
(domain/content/new_listings.py), the marketplaces' calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from ..core.errors import CredentialError, PermanentError, ProtocolError, RateLimited, TransientError, UnknownOutcome
from ..core.reasons import Reason
from ..domain.content.listings import PictureSource
from ..domain.content.new_listings import THERE, MadeListing, SentListing, Shape
from ..domain.content.products import Product


class NewListings(Protocol):
    """Listings made of products. Never one whose SKU the marketplace has, and without stock until stock is published;
    with Shape.needs_stock it offers one unit, if there is one."""

    def read_shape(self) -> Shape:
        """What the marketplace makes of products; asks it for its currency where that is needed."""
        ...

    def find_more(self, products: Sequence[Product]) -> Mapping[int, dict[str, str] | Reason]:
        """What the marketplace needs besides the fields of products, by their ids: such as a page of its catalogue; or
        why that cannot be had."""
        return {}

    def verify(self) -> Iterator[str]:
        """What the settings name and the marketplace does not have, a sentence each."""
        return iter(())

    def send(self, listings: Sequence[SentListing], pictures: PictureSource) -> Iterator[MadeListing]:
        """Make these, one outcome for each, as soon as it is known. Each SKU is looked up first: one that is there is
        refused with THERE, unless an earlier attempt of ours made it, which is gone on with. Raises only what stops all
        of them."""
        ...

    def look(self, listings: Sequence[SentListing]) -> Iterator[MadeListing]:
        """What is there of listings whose outcome is not known: `accepted`, or `absent` for one that is not there or is
        not complete. None for one of which the marketplace could not be asked."""
        ...


def attempt(sent: SentListing, work: Callable[[], MadeListing]) -> MadeListing:
    """What `work` says of one listing; an error that concerns it alone is an outcome, too. Raises what stops all."""
    try:
        return work()
    except (CredentialError, RateLimited):
        raise
    except (UnknownOutcome, TransientError, ProtocolError) as error:
        return MadeListing(key=sent.key, status="unknown", code="no_answer", message=str(error)[:300])
    except PermanentError as error:
        return MadeListing(
            key=sent.key, status="refused", code="refused", message=str(error)[:300], words=error.words
        )  # fmt: skip


def list_seen(outcomes: Iterable[MadeListing]) -> Iterator[MadeListing]:
    """Of a look: without listings that could not be read, because those were not looked at."""
    return (outcome for outcome in outcomes if outcome.status in ("accepted", "absent") or outcome.code == THERE)
