"""The search for persons in dumps and files finds them however they are written, and nobody else."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile
import zlib

import pytest

from commerce_pipelines_tests.doubles.traces import find_texts, tables_of

TEXT = "canary4711road"
SAID = b"Dear Canary4711Road, goodbye"
WIDE = SAID.decode().encode("utf-16")


def _pack_zip(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", content)
    return packed.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        SAID, WIDE, base64.b64encode(SAID), base64.b64encode(b"x" + SAID), base64.urlsafe_b64encode(b"\xff" + WIDE),
        b"1\t\\\\x" + SAID.hex().upper().encode(), gzip.compress(SAID), base64.b64encode(gzip.compress(SAID)),
        b"1\t\\\\x" + gzip.compress(WIDE).hex().encode(), b"%PDF-1.7\nstream\n" + zlib.compress(SAID), _pack_zip(SAID),
        b"Dear Canary47=\r\n11Road", b"Dear Canary47=\\n11Road", "".join(f"&#{ord(c)};" for c in TEXT).encode(),
    ],
)  # fmt: skip
def test_a_person_is_found_however_they_are_written(content: bytes) -> None:
    assert find_texts(content, [TEXT, "canary4711street"]) == {TEXT}


def test_a_dump_tells_the_rows() -> None:
    head = b"COPY public.res_partner (id, name) FROM stdin;\n7\t"
    dump = b"CREATE TABLE x;\n" + head + SAID + b"\n8\tAnna\n\\.\n\nCOPY commerce.notes (id, n) FROM stdin;\n3\tBen\n"
    assert tables_of(dump, [TEXT]) == {("res_partner", "7")}
