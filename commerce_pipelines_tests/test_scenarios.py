"""Every case about orders, stock, shipments, refunds, content and personal data is proved by a test of its name."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

# A group of later work: payouts.
LATER_GROUPS = ("L ",)


def test_every_case_is_named_by_a_test() -> None:
    specs = os.environ.get("COMMERCE_SPECS")
    file = Path(specs or "").parent / "scenarios.json"
    if not specs or not file.exists():
        pytest.skip("needs the business cases: set COMMERCE_SPECS to the folder beside scenarios.json")
    cases = json.loads(file.read_text(encoding="utf-8"))
    wanted = {case["id"] for case in cases if not case["group"].startswith(LATER_GROUPS)}
    named = {
        f"G{number}"
        for test in Path(__file__).parent.rglob("test_*.py")
        for number in re.findall(r"(?:\bG|_g)(\d{2,3})(?![0-9])", test.read_text(encoding="utf-8"))
    }
    assert wanted - named == set()
