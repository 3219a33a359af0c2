"""Documents of Amazon's returns reports -> records, each the bytes of one return.

What belongs here: the three documents, their columns and elements, and dividing them. What does not: requesting them
(return_reports.py), what a record means (return_translate.py).

A document comes from outside: XML is read without document types and entities, and sizes are bounded. Columns are found
by their names; a document that lacks a needed column is refused as a whole, because nobody can tell what is in which.
Of the FBA report's columns `customer-comments` is never read: buyers write into it what they like.
"""

from __future__ import annotations

import codecs
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET  # only for types; defusedxml reads

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from ....core.errors import ProtocolError
from ....core.legible import legible_xml, one_word
from ..api.documents import Fetched, contents
from ..api.reports import BadRow, read_rows
from .return_payloads import FbaReturn, MerchantItem, MerchantReturn, Unreadable

XML, FLAT = "GET_XML_RETURNS_DATA_BY_RETURN_DATE", "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE"
FBA = "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA"
MOST_XML = 96 << 20  # bytes; a return has two kilobytes
MOST_ITEMS = 500  # of one return
LONGEST_TEXT = 200
DEFAULT_CHARSET = "cp1252"  # of a flat file whose Content-Type names none


def _list_spellings(name: str) -> tuple[str, ...]:
    """The ways in which reports spell a column's name, in lower case."""
    return name.replace("_", " "), name.replace("_", "-"), name


_FLAT_COLUMNS = {
    **{
        name: _list_spellings(name)
        for name in (
            "order_id", "amazon_rma_id", "return_request_date", "return_request_status", "return_delivery_date",
            "order_quantity", "tracking_id", "merchant_sku", "return_quantity", "resolution",
        )
    },
    "return_reason_code": (*_list_spellings("return_reason"), *_list_spellings("return_reason_code")),
}  # fmt: skip
_FLAT_NEEDED = ("order_id", "amazon_rma_id", "return_request_date", "return_request_status", "merchant_sku",
                "return_quantity")  # fmt: skip
_FBA_COLUMNS = {
    name: _list_spellings(name)[1:]
    for name in (
        "order_id", "return_date", "sku", "quantity", "fulfillment_center_id", "detailed_disposition", "reason",
        "status", "license_plate_number",
    )
}  # fmt: skip
_FBA_NEEDED = ("order_id", "return_date", "sku", "quantity", "detailed_disposition", "license_plate_number")
_OF_RETURN = ("order_id", "amazon_rma_id", "return_request_date", "return_request_status", "return_delivery_date",
              "order_quantity")  # fmt: skip
_OF_ITEM = MerchantItem.__struct_fields__


def divide(kind: str, document: Fetched) -> list[bytes]:
    """The records of a document. Raises ProtocolError for a document that is not a report of this kind."""
    if kind == XML:
        return _encode(_merge(_read_xml(contents(document, MOST_XML))))
    charset = _find_charset(document.charset, kind)
    if kind == FLAT:
        return _encode(_merge(_read_flat(read_rows(document, kind, _FLAT_COLUMNS, _FLAT_NEEDED), charset)))
    return _encode(_keep_newest(_read_fba(read_rows(document, kind, _FBA_COLUMNS, _FBA_NEEDED), charset)))


def _encode(records: Iterable[MerchantReturn | FbaReturn | Unreadable]) -> list[bytes]:
    return [msgspec.json.encode(record) for record in records]


def _read_xml(content: bytes) -> list[MerchantReturn]:
    try:
        return _parse(content)
    except (ET.ParseError, DefusedXmlException, ValueError, LookupError):
        pass
    try:  # characters that XML forbids are no reason to lose every return
        return _parse(legible_xml(content))
    except (ET.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ProtocolError(f"The {XML} is not XML that may be read ({type(error).__name__}).") from None


def _parse(content: bytes) -> list[MerchantReturn]:
    records: list[MerchantReturn] = []
    parents: list[ET.Element] = []
    for event, element in iterparse(io.BytesIO(content), events=("start", "end"), forbid_dtd=True):
        if event == "start":
            parents.append(element)
            continue
        parents.pop()
        if _read_tag(element) == "return_details":
            records.append(_read_return(element))
            if parents:
                parents[-1].clear()  # the document is not kept while it is read
    return records


def _read_return(element: ET.Element) -> MerchantReturn:
    values = _read_texts(element)
    items = [_read_texts(part) for part in element if _read_tag(part) == "item_details"][:MOST_ITEMS]
    labels = [_read_texts(part).get("tracking_id", "") for part in element if _read_tag(part) == "label_details"]
    return MerchantReturn(
        **{name: values.get(name, "") for name in _OF_RETURN},
        tracking_ids=tuple(dict.fromkeys(label for label in labels if label)),
        items=tuple(MerchantItem(**{name: item.get(name, "") for name in _OF_ITEM}) for item in items),
    )


def _read_texts(element: ET.Element) -> dict[str, str]:
    return {_read_tag(part): (part.text or "").strip()[:LONGEST_TEXT] for part in element if not len(part)}


def _read_tag(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2].lower()


def _read_flat(rows: Iterable[dict[str, bytes] | BadRow], charset: str) -> Iterator[MerchantReturn | Unreadable]:
    for row in rows:
        if isinstance(row, BadRow):
            yield _mark_unreadable(row)
            continue
        values = _decode(row, charset)
        tracking = values["tracking_id"]
        yield MerchantReturn(
            **{name: values[name] for name in _OF_RETURN},
            tracking_ids=(tracking,) if tracking else (),
            items=(MerchantItem(**{name: values[name] for name in _OF_ITEM}),),
        )


def _read_fba(rows: Iterable[dict[str, bytes] | BadRow], charset: str) -> Iterator[FbaReturn | Unreadable]:
    for row in rows:
        yield _mark_unreadable(row) if isinstance(row, BadRow) else FbaReturn(**_decode(row, charset))


def _mark_unreadable(row: BadRow) -> Unreadable:
    return Unreadable(why="its columns are not those of the header", row_sha256=hashlib.sha256(row.raw).hexdigest())


def _merge(records: Iterable[MerchantReturn | Unreadable]) -> Iterator[MerchantReturn | Unreadable]:
    """One record per RMA and order: the flat file has a row for each item, and rows need not lie together."""
    merged: dict[tuple[str, str], MerchantReturn] = {}
    for record in records:
        if isinstance(record, Unreadable):
            yield record
            continue
        key = (record.order_id, record.amazon_rma_id or record.return_request_date)
        if before := merged.get(key):
            record = msgspec.structs.replace(
                record,
                items=(*before.items, *record.items)[:MOST_ITEMS],
                tracking_ids=tuple(dict.fromkeys((*before.tracking_ids, *record.tracking_ids))),
                return_delivery_date=max(before.return_delivery_date, record.return_delivery_date),
            )
        merged[key] = record
    for record in merged.values():
        # In one order, so that the same return is the same bytes however Amazon sorts its items.
        items = sorted(record.items, key=lambda item: (item.merchant_sku, item.return_quantity, item.resolution))
        yield msgspec.structs.replace(record, items=tuple(items), tracking_ids=tuple(sorted(record.tracking_ids)))


def _keep_newest(records: Iterable[FbaReturn | Unreadable]) -> Iterator[FbaReturn | Unreadable]:
    """One record per unit: a unit that is listed again, as when Amazon pays for it later, counts as listed last. Units
    without a license plate that nothing tells apart are counted together."""
    units: dict[tuple[str, str, str], FbaReturn] = {}
    for record in records:
        if isinstance(record, Unreadable):
            yield record
            continue
        plate = record.license_plate_number
        key = (record.order_id, plate, "") if plate else (record.order_id, record.sku, record.return_date)
        before = units.get(key)
        if before and not plate and before.quantity.isdecimal() and record.quantity.isdecimal():
            record = msgspec.structs.replace(record, quantity=str(int(before.quantity) + int(record.quantity)))
        if before is None or not plate or record.return_date >= before.return_date:
            units[key] = record
    yield from units.values()


def _decode(row: Mapping[str, bytes], charset: str) -> dict[str, Any]:
    """The texts as UTF-8 if their bytes are valid UTF-8, whatever charset Amazon names, because text of another charset
    is practically never valid UTF-8; otherwise in the named charset."""
    texts = {}
    for name, value in row.items():
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            text = value.decode(charset, "replace")
        texts[name] = text.strip().strip('"')[:LONGEST_TEXT]
    return texts


def _find_charset(named: str, kind: str) -> str:
    try:
        return codecs.lookup(named or DEFAULT_CHARSET).name
    except LookupError:
        raise ProtocolError(f"The {kind} is written in {one_word(named) or 'a charset'} that nobody knows.") from None
