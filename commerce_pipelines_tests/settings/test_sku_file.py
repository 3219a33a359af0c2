"""A table of aliases as spreadsheets save it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce_pipelines.core.errors import SettingsError
from commerce_pipelines.domain.sales.rules import Pack
from commerce_pipelines.settings.sku_file import read_sku_file

TABLE = [["SKU", "product", "quantity"], ["KÄSE-6", "KÄSE", "6"], ["", "", ""], ["ONE", "TEA, green; loose", ""]]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_spreadsheets_way_of_saving_is_read(tmp_path: Path, separator: str, encoding: str, end: str) -> None:
    lines = [separator.join(f'"{cell}"' if separator in cell else cell for cell in row) for row in TABLE]
    file = tmp_path / "skus.csv"
    file.write_bytes((end.join(lines) + end).encode(encoding))
    skus = read_sku_file(file, "sku_file", False)
    assert skus == {"KÄSE-6": Pack(product="KÄSE", quantity=6), "ONE": Pack(product="TEA, green; loose")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the first line of .* is empty; it must name the columns sku and product"),
        ("artikel;menge\nA;1\n", "the first line of .* is 'artikel', 'menge'"),
        ("sku,product,colour\nA,B,red\n", "'colour'"),
        ("sku,product,quantity\nA,B,1\nA,C,1\n", "line 3 gives the SKU 'A' a second time"),
        ("sku,product,quantity\nA,B,zwei\n", "line 2 needs"),
        ("sku,product,quantity\nA,B,²\n", "line 2 needs"),
        (f"sku,product\n{'A' * 200_000},B\n", "line 2 cannot be read as a row"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "skus.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=says):
        read_sku_file(file, "channels[shop_de].sku_file", False)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused_with_its_setting(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "skus.csv"
    file.write_bytes(raw)
    with contextlib.suppress(SettingsError):
        read_sku_file(file, "channels[shop_de].sku_file", True)
