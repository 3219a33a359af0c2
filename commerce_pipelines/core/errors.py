"""The error tree of the whole project.

    CommerceError
    ├── PermanentError      trying again changes nothing: a person, a setting or a record has to change
    │   ├── SettingsError   commerce.yaml or the environment is wrong; names the key and the fix
    │   ├── CredentialError a marketplace or Odoo refuses who we are; names the credential and the fix
    │   ├── ProtocolError   the other side answered something that its own contract does not allow
    │   ├── ForgedMessage   a message was not sent by whom it names, or cannot be read: nothing of it is kept
    │   └── RecordError     one record cannot go on; becomes a row in `exceptions`, the others go on
    ├── TransientError      the same call may succeed later; carries the wait that the other side asked for
    │   └── RateLimited     the vendor's or our own rate limit refused the call: nothing is wrong, it only has to wait
    └── UnknownOutcome      the call may have done its work, and doing it twice would be wrong: look, then decide

An error says our own sentence, with code, model and field where they are known. What the other side said in its own
words may quote anybody, so it travels beside that sentence, as `words` (words.py).

What belongs here: classes that more than one room raises or catches. What does not: marketplace error codes
(each channel maps its own) and Dagster's Failure (`assets/` translates: Permanent -> no retries).
"""

from __future__ import annotations

from .reasons import Reason
from .words import NO_WORDS, Words

# What a translation raises for a value that nobody foresaw. Such an order waits in the exceptions; the others go on.
STUMBLES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class CommerceError(Exception):
    """Anything we raise on purpose. The message is one sentence that a merchant can act on, without personal data.

    words: what the other side said, to be sealed under whom it is about, or dropped.
    """

    def __init__(self, message: str = "", *, words: Words = NO_WORDS) -> None:
        super().__init__(message)
        self.words = words


class PermanentError(CommerceError):
    """Trying again changes nothing."""


class SettingsError(PermanentError):
    """A setting is missing or wrong: the message names its path in commerce.yaml and the fix."""


class CredentialError(PermanentError):
    """The other side refuses our credentials or their rights: the message names the credential."""


class ProtocolError(PermanentError):
    """An answer breaks the vendor's contract (not JSON, wrong type, repeated page token)."""


class ForgedMessage(PermanentError):
    """A message that came in bears no valid signature of its sender, or is not shaped as the sender's are."""


class RecordError(PermanentError):
    """One record cannot be processed; all others can. Its code, message, fix and subject are a Reason (reasons.py)."""

    def __init__(self, code: str, message: str, *, fix: str, subject: str = "", words: Words = NO_WORDS) -> None:
        super().__init__(message, words=words)
        self.code = code
        self.message = message
        self.fix = fix
        self.subject = subject

    @property
    def reason(self) -> Reason:
        return Reason(self.code, self.message, self.fix, self.subject)


class TransientError(CommerceError):
    """The same call may succeed later. wait: the seconds that the other side asks us to wait, if it says so."""

    def __init__(self, message: str, *, wait: float | None = None, words: Words = NO_WORDS) -> None:
        super().__init__(message, words=words)
        self.wait = wait


class RateLimited(TransientError):
    """A rate limit refused the call before it did anything. A poller waits and does not count it as a failure."""


class UnknownOutcome(CommerceError):
    """A call that must not happen twice was sent, and its answer was lost: the call may have done its work.

    This error is neither permanent nor transient, so that no retry policy repeats the call. The sender looks at the
    other side first: what is there was done; what is not there may be sent again; where the other side cannot tell, a
    person decides.
    """
