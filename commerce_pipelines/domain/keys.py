"""Keys that people type and systems compare: one spelling of each, made by the same function on both sides.

What belongs here: when two SKUs, internal references, aliases, names or e-mail addresses are the same, and how a
message shows invisible characters in them. What does not: looking them up (odoo/, settings/), what they stand for.

Two keys are the same when they look the same. Blanks around them, runs of blanks, kinds of blanks, characters without a
shape (zero width, byte order mark, soft hyphen) and the encoding of accents do not count. Upper and lower case count,
unless the caller folds them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

# Characters without a shape that Unicode does not put in the category of format characters: joiners, fillers, variation
# selectors.
_SHAPELESS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u3164\uffa0") | frozenset(
    map(chr, range(0xFE00, 0xFE10))
)
# LIKE patterns that find internal references which Odoo holds in another spelling than their key. Odoo stores what is
# imported unchanged, and its search compares letter by letter.
ODD_SPELLINGS = (
    *(" %", "% ", "%  %", "%\t%", "%\n%", "%\r%", "%\u00a0%", "%\u2007%", "%\u2009%", "%\u202f%", "%\u3000%"),
    *("%\u00ad%", "%\u200b%", "%\u200c%", "%\u200d%", "%\u200e%", "%\u200f%", "%\u2060%", "%\ufeff%"),
)
_SIGNS = {" ": "␠", "\t": "␉", "\n": "␤", "\r": "␍"}
_REMEMBERED = 4_096  # characters; texts from outside must not fill the memory


class _Shapes(dict[int, int | str | None]):
    """What `key` makes of a character, for `str.translate`: a blank, nothing, or itself. Found out once."""

    def __missing__(self, code: int) -> int | str | None:
        char = chr(code)
        shape = None if _is_shapeless(char) else " " if _is_blank(char) else code
        if len(self) < _REMEMBERED:
            self[code] = shape
        return shape


_SHAPES = _Shapes()


def key(text: str) -> str:
    """The spelling by which keys are compared."""
    if text.isascii() and text.isprintable() and text[:1] != " " and text[-1:] != " " and "  " not in text:
        return text
    seen = unicodedata.normalize("NFC", text).translate(_SHAPES)
    return unicodedata.normalize("NFC", " ".join(seen.split()))


def fold(text: str) -> str:
    """As `key`, without regard to upper and lower case."""
    return key(key(text).lower())


def key_of(text: str, fold_case: bool) -> str:
    return fold(text) if fold_case else key(text)


def spellings(keys: Iterable[str]) -> Iterator[str]:
    """Each key as a system stores it that writes accents as separate characters. ODD_SPELLINGS covers the rest."""
    for text in keys:
        yield from dict.fromkeys((text, unicodedata.normalize("NFD", text)))


def shown(text: str) -> str:
    """The text for a message: in quotes, with visible signs for its invisible characters, if it has any."""
    if key(text) == text:
        return text
    composed = unicodedata.normalize("NFC", text) == text
    signs = []
    for place, char in enumerate(text):
        edge = not text[:place].strip() or not text[place:].strip()
        if char == " ":
            signs.append("␠" if edge or text[place - 1] == " " else " ")
        elif _is_blank(char) or _is_shapeless(char) or (not composed and unicodedata.combining(char)):
            signs.append(_SIGNS.get(char, f"<U+{ord(char):04X}>"))
        else:
            signs.append(char)
    return f'"{"".join(signs)}"'


def email_key(email: str) -> str:
    """The comparable form of an e-mail address: as any key, in lower case, an international domain in its own letters.
    '' for a text that is no address ('Invalid Request')."""
    address = fold(email)
    if address.count("@") != 1 or len(address.split()) != 1:
        return ""
    local, _, domain = address.partition("@")
    if not local or "." not in domain:
        return ""
    return f"{local}@{'.'.join(_decode_letters(label) for label in domain.split('.'))}"


def email_spellings(address: str) -> Iterator[str]:
    """The forms in which Odoo's email_normalized may hold an address of `email_key`: the domain in its own letters or
    as IDNA."""
    local, _, domain = address.partition("@")
    yield address
    encoded = ".".join(
        label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in domain.split(".")
    )
    if encoded != domain:
        yield f"{local}@{encoded}"


# Domains under which a marketplace forwards mail. It may end such an address at any time and give it to another buyer.
_RELAYS = ("marketplace.amazon.", "members.ebay.", "relay.walmart.", "user.allegromail.", "clemarche.")


def is_relay(email: str) -> bool:
    """Whether an address is a marketplace's forwarding address, which identifies nobody on any channel."""
    return fold(email.partition("@")[2]).startswith(_RELAYS)


def _decode_letters(label: str) -> str:
    """A label of a domain in its own letters: `xn--mller-kva` is `müller`."""
    if not label.startswith("xn--"):
        return label
    try:
        return fold(label[4:].encode("ascii").decode("punycode"))
    except UnicodeError:
        return label


def _is_blank(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) == "Cc"


def _is_shapeless(char: str) -> bool:
    return char in _SHAPELESS or unicodedata.category(char) == "Cf"
