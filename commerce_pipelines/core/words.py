"""What the other side said in its own words: carried beside our sentence, shown to nobody by accident.

An error text of Odoo or of a marketplace may quote anybody: the buyer, another contact found by e-mail, a token. So it
never becomes part of a message. It travels as Words to where it is sealed under its subject
(warehouse/landing/words.py), and is shown by `commerce-pipelines trace CHANNEL ORDER --personal`. Words about a
call that concerns no record have no subject, so they are dropped where their error ends; the other side's own log has
them.

What belongs here: that envelope. What does not: sealing it, and what of a text may be named (legible.py).
"""

from __future__ import annotations

MOST = 4000  # characters that are kept


class Words:
    """A text that neither print, log, traceback, JSON nor pickle shows; `reveal` says who reads it."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text.strip()[:MOST]

    def reveal(self) -> str:
        """The text, for sealing it and for a person who asked for personal data."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Words(…)" if self._text else "Words()"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[type[Words], tuple[()]]:
        return Words, ()


NO_WORDS = Words()
