"""XML of the Trading API, read without trust and written without string formatting.

What belongs here: bytes to a tree and back, a tree as the mapping that msgspec checks. What does not: what calls and
elements mean (account.py, trading_payloads.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET  # only for building and writing; defusedxml reads

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ....core.errors import ProtocolError
from ....core.legible import legible_xml

NAMESPACE = "urn:ebay:apis:eBLBaseComponents"
# Attributes of amounts and of eBayReference; all others are ignored, as unknown elements are.
_ATTRIBUTES = ("currencyID", "name")
_DEPTH = 64
TOO_DEEP = "TooDeep"


def parse(content: bytes) -> ET.Element:
    """The root element, with tags without namespace. Entities, document types and external references are refused.

    Characters that XML forbids become U+FFFD. Elements nested deeper than any of eBay's are replaced by one element
    TOO_DEEP. Raises ProtocolError; never quotes the content.
    """
    try:
        root = _parse_tree(content)
    except (ET.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ProtocolError(f"eBay's answer is not XML that may be read ({type(error).__name__}).") from None
    _strip(root, _DEPTH)
    return root


def _parse_tree(content: bytes) -> ET.Element:
    try:
        return fromstring(content, forbid_dtd=True)
    except (ET.ParseError, ValueError, LookupError):
        return fromstring(legible_xml(content), forbid_dtd=True)


def _strip(element: ET.Element, depth: int) -> None:
    """Removes the namespaces, and cuts off elements that are nested too deep, so that one such record does not spoil
    the page."""
    if depth == 0:
        element.clear()
        element.tag = TOO_DEEP
        return
    element.tag = element.tag.rpartition("}")[2]
    for child in element:
        _strip(child, depth - 1)


def write(root: ET.Element) -> bytes:
    """UTF-8 bytes of a tree whose tags have no namespace, with eBay's as the default namespace. Equal trees give equal
    bytes."""
    root.set("xmlns", NAMESPACE)
    return ET.tostring(root, encoding="utf-8", xml_declaration=False)


class Money(NamedTuple):
    """An element with an amount and its currency."""

    value: str
    currency: str


def build(tag: str, content: Mapping[str, Any]) -> bytes:
    """A request: a mapping becomes nested elements, a sequence repeated elements, anything else its text; None is left
    out."""
    root = ET.Element(tag)
    _fill(root, content)
    root.set("xmlns", NAMESPACE)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def _fill(parent: ET.Element, content: Mapping[str, Any]) -> None:
    for name, value in content.items():
        for item in value if isinstance(value, Sequence) and not isinstance(value, str | Money) else (value,):
            if item is None:
                continue
            element = ET.SubElement(parent, name)
            if isinstance(item, Money):
                element.text = item.value
                element.set("currencyID", item.currency)
            elif isinstance(item, Mapping):
                _fill(element, item)
            else:
                element.text = ("true" if item else "false") if isinstance(item, bool) else str(item)


def as_mapping(element: ET.Element, repeated: frozenset[str]) -> dict[str, Any]:
    """The children by name. Empty elements are left out. A leaf is its stripped text, or, with known attributes, a
    mapping of these and `value`. Names in `repeated` give lists; of any other name the first element counts."""
    result: dict[str, Any] = {}
    for child in element:
        if len(child):
            value: Any = as_mapping(child, repeated)
        else:
            value = (child.text or "").strip()
            if not value:
                continue
            if attributes := {name: child.attrib[name] for name in _ATTRIBUTES if name in child.attrib}:
                value = {**attributes, "value": value}
        if child.tag in repeated:
            result.setdefault(child.tag, []).append(value)
        else:
            result.setdefault(child.tag, value)
    return result
