"""The search for persons in dumps and files finds them however they are written, and nobody else."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile
import zlib

import pytest

from commerce_pipelines_tests.doubles.traces import find_rows, find_texts, list_tables

TEXT = "canary4711road"
SAID = b"Dear Canary4711Road, goodbye"
WIDE = SAID.decode().encode("utf-16")


def _pack_zip(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", content)
    return packed.getvalue()


WAYS = {
    "plain": SAID, "utf-16": WIDE, "base64": base64.b64encode(SAID), "base64 amid": base64.b64encode(b"x" + SAID),
    "base64 for urls": base64.urlsafe_b64encode(b"\xff" + WIDE), "bytea": b"1\t\\\\x" + SAID.hex().upper().encode(),
    "gzip": gzip.compress(SAID), "gzip in base64": base64.b64encode(gzip.compress(SAID)),
    "gzip in bytea": b"1\t\\\\x" + gzip.compress(WIDE).hex().encode(), "zip": _pack_zip(SAID),
    "pdf": b"%PDF-1.7\nstream\n" + zlib.compress(SAID), "quoted": b"Dear Canary47=\r\n11Road",
    "quoted in a dump": b"Dear Canary47=\\n11Road", "html": "".join(f"&#{ord(letter)};" for letter in TEXT).encode(),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_person_is_found_however_they_are_written(way: str) -> None:
    assert find_texts(WAYS[way], [TEXT, "canary4711street"]) == {TEXT}


def test_a_dump_tells_the_rows() -> None:
    head = b"COPY public.res_partner (id, name) FROM stdin;\n7\t"
    dump = b"CREATE TABLE x;\n" + head + SAID + b"\n8\tAnna\n\\.\n\nCOPY commerce.notes (id, n) FROM stdin;\n3\tBen\n"
    assert find_rows(dump, [TEXT]) == {("res_partner", "7"): {TEXT}}
    assert list_tables(dump, "Canary4711Road") == {"res_partner"}
