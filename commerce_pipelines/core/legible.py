"""Answers made legible: a character that JSON or XML forbids becomes U+FFFD, so that one title spoils no page.

What belongs here: the characters that a marketplace may send and a strict reader refuses (half an emoji, control
characters, bytes that are not UTF-8), and reading such an answer all the same. What does not: what an answer means, and
broken structure, because nobody can say where one record ends and the next begins.

The strict reader tries first, so a sound answer costs nothing extra.
"""

from __future__ import annotations

import re
from functools import cache
from html.entities import html5
from typing import TypeVar

import msgspec

T = TypeVar("T")

BLOT = "\ufffd"
_BLOT_ESCAPE = rb"\ufffd"
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_PATH = re.compile(r" - at `[$\w.\[\]-]{1,200}`\Z")
_ENUM = re.compile(r"Invalid enum value '([^']*)'\Z")
# What a decoder says without a value of the answer in it: names of types and fields between backticks are our own.
_BARE = re.compile(r"(?:[A-Za-z0-9 ,.:()<>=|+-]|`[\w., |\[\]-]{1,80}`){1,200}\Z")
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)  # control characters, escape sequences' first sign, marks that turn the direction of a line
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
# What to look at inside a JSON string: a pair of surrogates, any other escape, or a control character.
_JSON_PART = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u([0-9a-fA-F]{4})|\\([^u])|\\u|[\x00-\x1f]",
    re.DOTALL,
)
_KEPT_ESCAPES = frozenset(rb'"\/bfnrt')
_SPACES = {b"\t": rb"\t", b"\n": rb"\n", b"\r": rb"\r"}
# What to look at inside XML: a CDATA section, a reference, or a `&` or `<` that belongs to no markup.
_XML_PART = re.compile(
    r"<!\[CDATA\[.*?\]\]>|&(?:#(\d{1,9})|#[xX]([0-9a-fA-F]{1,8})|(\w{1,40}));|&|<(?![A-Za-z_/!?])", re.DOTALL
)
_XML_FORBIDS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_XML_ENTITIES = frozenset(("amp", "lt", "gt", "quot", "apos"))
_DECLARED = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([\w.:-]+)[\"']")


def decode_json(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    """The body decoded; it is mended only where the strict reader refuses it. Raises what the decoder raises."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except RecursionError:
        raise msgspec.DecodeError("The JSON is nested too deeply to be read.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return decoder.decode(legible_json(bytes(body)))


def decode_as(shape: type[T], body: bytes) -> T:
    """As `decode_json`, by type."""
    decoded: T = decode_json(_build_decoder(shape), body)  # type: ignore[arg-type]
    return decoded


@cache
def _build_decoder(shape: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(shape)


def one_word(text: object) -> str:
    """A word of a vendor's own lists (a code, a status, a field) that may be named in a sentence of ours; '' for
    anything else, which may be a sentence about somebody."""
    return text if isinstance(text, str) and _WORD.fullmatch(text) else ""


def says(error: Exception) -> str:
    """A decoder's message without the values that it quotes, because they may be personal data. An unknown word of a
    vendor's own list of words stays in the message: it is no personal data."""
    text = str(error)
    path = _PATH.search(text)
    bare = text[: path.start()] if path else text
    place = path[0] if path else ""
    if enum := _ENUM.match(bare):
        word = one_word(enum[1])
        return (f"{word} is no value that we know" if word else "Invalid enum value") + place
    if _BARE.match(bare):
        return bare + place
    for beginning in ("Invalid enum value", "Invalid value", "Expected `str` matching regex"):
        if bare.startswith(beginning):
            return beginning + place
    return "it does not have the shape that we know" + place


def where(error: Exception, otherwise: str = "its beginning") -> str:
    """The path at which a decoder found something wrong; it names fields and positions, never a value."""
    return says(error).partition(" - at `")[2].rstrip("`") or otherwise


def printable(text: str) -> str:
    """The text as a terminal may show it: control characters but tabs and line ends, and what turns the direction of
    writing, become U+FFFD. An escape sequence in a title could else hide or overwrite what stands beside it."""
    return _UNPRINTABLE.sub(BLOT, text)


def legible_json(body: bytes) -> bytes:
    """The same JSON with U+FFFD for halves of surrogate pairs, control characters, unknown escapes and bytes that are
    not UTF-8. Tabs and line ends inside a string become their escapes; a byte order mark is dropped."""
    text = body.decode("utf-8-sig", "replace").encode()
    return _STRING.sub(lambda string: _JSON_PART.sub(_replace_json_part, string[0]), text)


def _replace_json_part(part: re.Match[bytes]) -> bytes:
    whole, code, escaped = part[0], part[1], part[2]
    if code is not None:
        return _BLOT_ESCAPE if 0xD800 <= int(code, 16) <= 0xDFFF else whole
    if escaped is not None:
        return whole if escaped[0] in _KEPT_ESCAPES else _BLOT_ESCAPE + escaped
    if whole[:1] == b"\\":
        # A `\u` that is cut off is replaced, a whole pair of surrogates stays.
        return _BLOT_ESCAPE if whole == rb"\u" else whole
    return _SPACES.get(whole, _BLOT_ESCAPE)


def legible_xml(body: bytes) -> bytes:
    """The same XML, in UTF-8 without a declaration. A character that XML forbids, written out or by reference, becomes
    U+FFFD; an entity of HTML becomes its character; a `&` or `<` that belongs to no markup is escaped."""
    declared = _DECLARED.match(body.lstrip()[:200])
    try:
        text = body.decode(declared[1].decode() if declared else "utf-8-sig", "replace")
    except LookupError:
        text = body.decode("utf-8-sig", "replace")
    text = re.sub(r"\A\s*<\?xml[^>]*\?>", "", text)
    return _XML_PART.sub(_replace_xml_part, _XML_FORBIDS.sub(BLOT, text)).encode()


def _replace_xml_part(part: re.Match[str]) -> str:
    whole, decimal, digits, name = part[0], part[1], part[2], part[3]
    if whole.startswith("<!"):
        return whole
    if whole in ("&", "<"):
        return {"&": "&amp;", "<": "&lt;"}[whole]
    if name:
        character = html5.get(f"{name};", "")
        return whole if name in _XML_ENTITIES else character or f"&amp;{name};"
    number = int(decimal) if decimal else int(digits, 16)
    legal = number <= 0x10FFFF and not _XML_FORBIDS.match(chr(number))
    return whole if legal else BLOT
