"""What no linter counts: the lengths of functions and files, so that each can be read in one sitting.

What belongs here: rules of style that ruff has no rule for. What does not: those it has (pyproject.toml), import rules.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACES = ("commerce_pipelines", "commerce_sandbox", "commerce_pipelines_tests", "bench")
FUNCTION_LINES, FILE_LINES = 50, 400
WRITTEN_OUT = ("make_order",)  # the stand-ins' makers: one payload of the vendor, every field of it


def test_every_function_can_be_read_in_one_sitting() -> None:
    assert [text for path in _files(*PLACES) for text in _long_functions(path)] == []


def test_every_file_can_be_read_in_one_sitting() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in _files(*PLACES)}
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > FILE_LINES} == {}


def _files(*places: str) -> Iterator[Path]:
    for place in places:
        yield from sorted((ROOT / place).rglob("*.py"))


def _long_functions(path: Path) -> Iterator[str]:
    """A function's lines are those from `def` to its end. Lines of a function inside it count there alone: an asset's
    factory is as long as its assets."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [
                child
                for child in ast.walk(node)
                if child is not node and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            ]
            within = {line for child in inner for line in range(_first_line(child), (child.end_lineno or 0) + 1)}
            length = len(set(range(node.lineno, (node.end_lineno or 0) + 1)) - within)
            if length > FUNCTION_LINES and node.name not in WRITTEN_OUT:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {length} lines"


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
