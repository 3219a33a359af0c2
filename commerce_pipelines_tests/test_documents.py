"""The documents against the code: links lead somewhere, and every reason that an order can wait for is explained."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from commerce_pipelines.odoo.reference.names import KINDS

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8"))
    assert [one for one in targets if "://" not in one and not (document.parent / one).exists()] == []


def test_every_reason_code_is_explained() -> None:
    codes = {code for path in ROOT.glob("commerce_pipelines/**/*.py") for code in _codes(ast.parse(path.read_text()))}
    codes |= {kind.code for kind in KINDS.values()}
    assert len(codes) > 30
    explained = set(re.findall(r"`([a-z_]+)`", (ROOT / "docs/exceptions.md").read_text(encoding="utf-8")))
    assert codes - explained == set()


def _codes(tree: ast.Module) -> list[str]:
    """The reason codes that a module writes out: RecordError("code", …)."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    first = [call.args[0] for call in calls if _name(call) == "RecordError" and call.args]
    return [node.value for node in first if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _name(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))
