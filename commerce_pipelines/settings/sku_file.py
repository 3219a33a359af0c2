"""The file behind `sku_file`: a table of aliases as a spreadsheet saves it.

What belongs here: reading it, whatever spreadsheet wrote it, and naming the line that is wrong. What does not: what an
alias means (domain/sales/mapping.py).
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ..core.errors import SettingsError
from ..domain.keys import key_of
from ..domain.sales.rules import Pack

COLUMNS = ("sku", "product", "quantity", "unit")
SEPARATORS = ",;\t"  # a German Excel saves semicolons, its "Unicode text" has tabs
MOST_BYTES = 64 * 1024 * 1024


def read_sku_file(file: Path, where: str, fold_case: bool) -> dict[str, Pack]:
    """Aliases by their SKU. where: the setting, for messages. Raises SettingsError that names the line or the
    header."""
    text = _decode(file, where)
    header = text.partition("\n")[0]
    separator = max(SEPARATORS, key=header.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    names = [(name or "").strip().lower() for name in rows.fieldnames or ()]
    if "sku" not in names or not {"product", "unit"} & set(names) or set(names) - {*COLUMNS, ""}:
        raise SettingsError(
            f"{where}: the first line of {file} is {', '.join(map(repr, names)) or 'empty'}; it must name the columns "
            "sku and product, and may name quantity and unit."
        )
    rows.fieldnames = names
    try:
        return _read_rows(rows, where, fold_case)
    except csv.Error:
        raise SettingsError(f"{where}: line {rows.line_num + 1} cannot be read as a row; save the file anew.") from None


def _read_rows(rows: csv.DictReader[str], where: str, fold_case: bool) -> dict[str, Pack]:
    aliases: dict[str, Pack] = {}
    for row in rows:
        own, product, quantity, unit = (str(row.get(column) or "").strip() for column in COLUMNS)
        if not any((own, product, quantity, unit)):
            continue  # a spreadsheet also saves the empty rows below its table
        number = rows.line_num
        if not own or not (product or unit) or not (quantity or "1").isdecimal() or int(quantity or 1) < 1:
            raise SettingsError(
                f"{where}: line {number} needs sku, product or unit and, if given, a quantity of at least 1."
            )
        sku = key_of(own, fold_case)
        if sku in aliases:
            raise SettingsError(f"{where}: line {number} gives the SKU {sku!r} a second time.")
        aliases[sku] = Pack(product=product or own, quantity=int(quantity or 1), unit=unit)
    return aliases


def _decode(file: Path, where: str) -> str:
    """The text: UTF-8, UTF-16 with its mark (Excel's Unicode text), else Windows-1252 (a German Excel's CSV)."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise SettingsError(f"{where}: {file} has more than {MOST_BYTES // 1024**2} MB; it is no list of SKUs.")
        raw = file.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{where}: {file} cannot be read ({type(error).__name__}); check the path and its permissions."
        ) from None
    encodings = ("utf-16",) if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SettingsError(f"{where}: {file} is neither UTF-8 nor Windows-1252 text; save it as CSV UTF-8.")
