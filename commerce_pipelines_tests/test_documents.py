"""The documents against the code: links lead somewhere, and every reason that an order can wait for is explained."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from commerce_pipelines.core.reasons import EXCEPTIONS_PAGE, RULES

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "commerce_pipelines/core/reasons.py"
HEADINGS = (
    (
        "The order is not in Odoo",
        "The channel is not told of a parcel",
        "A refund or a return is not in Odoo",
        "A credit note is not paid back",
        "A listing is not changed",
        "An order is not invoiced, or its payment is not registered",
        "The marketplace's warehouses",
    ),
    ("The order is in Odoo, and a person should look",),
)  # of blocking reasons, and of notes
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8"))
    assert [target for target in targets if "://" not in target and not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_document_says_a_thing_twice(document: Path) -> None:
    """A heading or a row of a table: a merge once left three copies of a page in one."""
    lines = document.read_text(encoding="utf-8").splitlines()
    generated = document.name == "records_of_processing.md"  # whose tables name the same fields for several answers
    rows = [line for line in lines if line.startswith("## " if generated else ("## ", "| `"))]
    assert [line for line in set(rows) if rows.count(line) > 1] == []


def test_every_reason_is_explained_where_its_rule_says_and_no_other() -> None:
    text = (ROOT / EXCEPTIONS_PAGE).read_text(encoding="utf-8")
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    headings = dict(zip(parts[1::2], parts[2::2], strict=True))
    blocking, notes = (
        re.findall(r'<a id="([a-z_]+)"></a>`\1`', "".join(headings[heading] for heading in kind)) for kind in HEADINGS
    )
    assert sorted(blocking) == sorted(code for code, rule in RULES.items() if rule.blocks)
    assert sorted(notes) == sorted(code for code, rule in RULES.items() if not rule.blocks)
    assert all(rule.page == f"{EXCEPTIONS_PAGE}#{code}" for code, rule in RULES.items())


def test_the_table_of_reasons_holds_the_codes_that_are_raised_and_no_other() -> None:
    written, raised, flagged = set[object](), set[str](), set[str]()
    for path in ROOT.glob("commerce_pipelines/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text() if path != TABLE else "")):
            if isinstance(node, ast.Constant):
                written.add(node.value)
            elif isinstance(node, ast.Call) and _name(node) == "RecordError":
                raised |= _read_code(node)
            elif isinstance(node, ast.Call) and _name(node) in ("Flag", "_Kind", "_after"):
                flagged |= _read_code(node)
    assert len(raised) > 30
    assert {code for code in raised if code not in RULES or not RULES[code].blocks} == set()
    assert {code for code in flagged if code not in RULES or RULES[code].blocks} == set()
    assert {code for code in RULES if code not in written} == set()


def test_no_rule_hangs_on_the_spelling_of_a_code() -> None:
    undocumented = [
        f"{path.name}: {ast.unparse(node)}"
        for path in ROOT.glob("commerce_pipelines/**/*.py")
        if "channels" not in path.parts  # a vendor's codes are spelled by the vendor
        if "swith(" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and _name(node) in ("startswith", "endswith") and "code" in ast.unparse(node.func)
    ]
    assert undocumented == []


def _read_code(call: ast.Call) -> set[str]:
    """The reason code that a call writes out: RecordError("code", …)."""
    first = call.args[0] if call.args else None
    return {first.value} if isinstance(first, ast.Constant) and isinstance(first.value, str) else set()


def _name(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))
