"""An answer, JSON or XML, as a tree of dicts, lists and plain values.

What belongs here: decoding without knowing what an answer means. What does not: what its fields mean (channels/).
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET  # only for types; defusedxml reads

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ...core.legible import decode_json, legible_xml

_json = msgspec.json.Decoder(object)
_DEPTH = 64


def read_document(raw: bytes) -> Any | None:
    """The tree; None for what is neither JSON nor XML that may be read. An XML element's children are lists, because
    one alone says nothing of how many there may be; its attributes are `@name`, its text beside them `#text`."""
    try:
        if raw.lstrip()[:1] == b"<":
            return _read_element(_parse(raw), _DEPTH)
        return decode_json(_json, raw)
    except (msgspec.DecodeError, UnicodeDecodeError, ET.ParseError, DefusedXmlException, ValueError, LookupError):
        return None


def _parse(raw: bytes) -> ET.Element:
    try:
        return fromstring(raw, forbid_dtd=True)
    except (ET.ParseError, ValueError, LookupError):
        return fromstring(legible_xml(raw), forbid_dtd=True)


def _read_element(element: ET.Element, depth: int) -> Any:
    text = (element.text or "").strip()
    if not depth or not (len(element) or element.attrib):
        return text
    members: dict[str, Any] = {f"@{name.rpartition('}')[2]}": value for name, value in element.attrib.items()}
    for child in element:
        members.setdefault(child.tag.rpartition("}")[2], []).append(_read_element(child, depth - 1))
    return members | {"#text": text} if text else members
