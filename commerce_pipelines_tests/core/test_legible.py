"""What a strict reader refuses in a text becomes U+FFFD, and everything else stays as it was."""

from __future__ import annotations

import json
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.channels.ebay.api import xml
from commerce_pipelines.core.errors import ProtocolError
from commerce_pipelines.core.legible import decode_as, decode_json, legible_json, legible_xml, says

ANYTHING: msgspec.json.Decoder[object] = msgspec.json.Decoder()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb'"a\ud83d"', "a\ufffd"),
        (rb'"a\ud83dx\ud83d\ude00"', "a\ufffdx\U0001f600"),
        (rb'"\ude00b"', "\ufffdb"),
        (rb'"\\ud83d"', r"\ud83d"),
        (rb'"\ud83d\n"', "\ufffd\n"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (b'"a\x01b\tc\nd"', "a\ufffdb\tc\nd"),
        (b'"a\xffb"', "a\ufffdb"),
        (b'"a\xed\xa0\xbdb"', "a\ufffd\ufffd\ufffdb"),
        (rb'"a\xb"', "a\ufffdxb"),
        (rb'"a\u12"', "a\ufffd12"),
        (b'\xef\xbb\xbf"a"', "a"),
    ],
)
def test_what_json_forbids_in_a_text_becomes_a_blot(body: bytes, text: str) -> None:
    assert decode_json(ANYTHING, body) == text


JSON = st.recursive(
    st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(JSON)
def test_sound_json_stays_itself(value: object) -> None:
    for ascii_only in (True, False):
        body = json.dumps(value, ensure_ascii=ascii_only).encode()
        assert json.loads(legible_json(body)) == json.loads(body)


@given(st.binary())
def test_no_bytes_in_a_text_stop_a_page(garbage: bytes) -> None:
    inner = garbage.replace(b"\\", b"").replace(b'"', b"")
    page = b'[{"title":"' + inner + b'"},{"title":"neighbour"}]'
    assert decode_json(ANYTHING, page)[1] == {"title": "neighbour"}  # type: ignore[index]


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        (b"a&#xD83D;b", "a\ufffdb"),
        (b"a&#1;b", "a\ufffdb"),
        (b"a\x01b", "a\ufffdb"),
        (b"a\xffb", "a\ufffdb"),
        (b"a&nbsp;b&eacute;", "a\xa0b\xe9"),
        (b"a & b &amp; c &#228;", "a & b & c \xe4"),
        (b"a < 5 W", "a < 5 W"),
        (b"<![CDATA[a & b\x02]]>", "a & b\ufffd"),
        (b"&nobody; knows", "&nobody; knows"),
    ],
)
def test_what_xml_forbids_in_a_text_becomes_a_blot(inside: bytes, text: str) -> None:
    for declaration in (b"", b'<?xml version="1.0" encoding="UTF-8"?>'):
        root = xml.parse(declaration + b'<a xmlns="urn:x"><Title>' + inside + b"</Title></a>")
        assert root.findtext("Title") == text


def test_a_latin_declaration_is_believed() -> None:
    body = '<?xml version="1.0" encoding="ISO-8859-1"?><a><T>ä&#1;</T></a>'.encode("latin-1")
    assert legible_xml(body).decode() == "<a><T>ä\ufffd</T></a>"


def test_a_document_type_is_refused_all_the_same() -> None:
    with pytest.raises(ProtocolError):
        xml.parse(b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;\x01</a>')


class _Shape(msgspec.Struct):
    state: Literal["OPEN"] = "OPEN"
    count: int = 0


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"state":"HALF_OPEN"}', "HALF_OPEN is no value that we know - at `$.state`"),
        (b'{"state":"Ada <ada@example.com>"}', "Invalid enum value - at `$.state`"),
        (b'{"count":"Ada"}', "Expected `int`, got `str` - at `$.count`"),
    ],
)
def test_a_word_of_the_vendors_own_is_named_and_nothing_else(body: bytes, sentence: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.json.decode(body, type=_Shape)
    assert says(refused.value) == sentence


def test_a_nest_without_a_bottom_is_an_answer_that_cannot_be_read() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_as(dict[str, Any], b'{"a":' + b"[" * 200_000)
