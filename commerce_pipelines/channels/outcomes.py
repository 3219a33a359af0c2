"""What became of effects that are sent one call each: the outcome of an error, and when to stop sending.

What belongs here: what every marketplace does alike with parcels and refunds. What does not: the calls, what a
marketplace's refusal means (each marketplace's fulfilment/ and refunding/), recording outcomes (flows/outbox/).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from ..core.errors import (
    CommerceError,
    CredentialError,
    PermanentError,
    ProtocolError,
    RateLimited,
    RecordError,
    TransientError,
    UnknownOutcome,
)
from ..core.words import NO_WORDS
from ..domain.outbox.effects import Outcome


class Keyed(Protocol):
    """What is sent. key: of its effect."""

    @property
    def key(self) -> str: ...


K = TypeVar("K", bound=Keyed)


def build_outcome(sent: Keyed, status: Any, code: str, message: str | CommerceError) -> Outcome:
    """message: a sentence of ours; of an error also the words that are kept in the vault."""
    words = message.words if isinstance(message, CommerceError) else NO_WORDS
    return Outcome(key=sent.key, status=status, code=code, message=str(message)[:300], words=words)


def send_each(items: Iterable[K], send: Callable[[K], Outcome]) -> Iterator[Outcome]:
    """An outcome of each. Two in a row without an answer mean that the marketplace cannot be reached, which is
    raised, as are credentials and limits that stop everything."""
    lost = False
    for sent in items:
        try:
            yield send(sent)
            lost = False
        except (CredentialError, RateLimited):
            raise
        except (UnknownOutcome, TransientError) as error:
            if lost:
                raise TransientError(str(error), words=error.words) from None
            lost = True
            yield build_outcome(sent, "unknown", "no_answer", error)
        except (ProtocolError, RecordError) as error:
            yield build_outcome(sent, "unknown", "bad_answer", error)
        except PermanentError as error:
            yield build_outcome(sent, "refused", "refused", error)
